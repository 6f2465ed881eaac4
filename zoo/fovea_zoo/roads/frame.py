"""What a frame holds."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

LABELS = ("road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain",
          "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle")
PALETTE = ((128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153), (153, 153, 153), (250, 170, 30),
           (220, 220, 0), (107, 142, 35), (152, 251, 152), (70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142),
           (0, 0, 70), (0, 60, 100), (0, 80, 100), (0, 0, 230), (119, 11, 32))
CATEGORIES = ("person", "cyclist", "car", "truck", "bus", "traffic light", "traffic sign")


class Box(NamedTuple):
    """A box around the visible pixels of an object, in whole pixels."""

    category: int    # index into CATEGORIES
    x: int
    y: int
    width: int
    height: int
    distance: float  # median depth of the visible pixels, metres
    visible: float   # share of the object's pixels in the image that nothing hides
    ignore: bool     # too small or too hidden to be asked for


class Camera(NamedTuple):
    """A pinhole camera: pixel (column, row) looks along ((column + 0.5 - cx) / fx, (row + 0.5 - cy) / fy, 1)."""

    fx: float
    fy: float
    cx: float
    cy: float
    height: float  # above the road, metres
    pitch: float   # radians, down is positive


@dataclass
class Frame:
    image: np.ndarray   # uint8, height x width x 3, RGB
    depth: np.ndarray   # float32, height x width: metres along the optical axis, 0 in the sky
    labels: np.ndarray  # uint8, height x width: index into LABELS, 255 where none fits
    boxes: list         # of Box
    camera: Camera
    pose: np.ndarray    # float64, 4 x 4: camera (x right, y down, z forward) to world, metres
    objects: np.ndarray | None = None  # int16, height x width: index into boxes, -1 elsewhere; not stored in files
