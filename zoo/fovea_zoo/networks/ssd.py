"""Single-shot detector (Liu et al., 2016) on a ResNet without its last stage, third stage at stride 8.

Default boxes: each cell of a map has a square of that map's scale, a square of the geometric mean of its scale and the
next one, and two boxes for each aspect ratio. A map's boxes are ordered by kind, then row, then column.
"""

import numpy as np
import torch
from torch import nn

from .resnet import ResNetFeatures

IMAGE_SIZE = 300
MAP_SIZES = (38, 19, 10, 5, 3, 1)
STEPS = (8, 16, 32, 64, 100, 300)
ASPECT_RATIOS = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))
BOXES_PER_CELL = tuple(2 + 2 * len(ratios) for ratios in ASPECT_RATIOS)
SCALES = (21, 45, 99, 153, 207, 261, 315)
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2


def default_boxes(scales: tuple[float, ...] = SCALES) -> np.ndarray:
    """(8732, 4) float32: centre x, centre y, width, height as fractions of the image, clipped to [0, 1].

    `scales` are pixels of the 300-pixel image, one for each map and one more. An offset (x, y, w, h) of the network
    stands for the centre `default centre + 0.1 offset * default size` and the size `default size * exp(0.2 offset)`.
    """
    boxes = []
    for cells, step, ratios, scale, following in zip(MAP_SIZES, STEPS, ASPECT_RATIOS, scales, scales[1:]):
        kinds = [(scale, scale), (np.sqrt(scale * following),) * 2]
        for ratio in ratios:
            long, short = scale * np.sqrt(ratio), scale / np.sqrt(ratio)
            kinds += [(long, short), (short, long)]
        centres = (np.arange(cells) + 0.5) * step
        y, x = (grid.reshape(-1) for grid in np.meshgrid(centres, centres, indexing="ij"))
        boxes += [np.stack([x, y, np.full_like(x, width), np.full_like(x, height)], 1) for width, height in kinds]
    return np.clip(np.concatenate(boxes) / IMAGE_SIZE, 0, 1).astype(np.float32)


def extra_level(inputs: int, inner: int, outputs: int, halve: bool) -> nn.Sequential:
    """Halves the map by a padded, strided 3x3 convolution, or shrinks it by 2 with an unpadded one."""
    geometry = {"stride": 2, "padding": 1} if halve else {}
    return nn.Sequential(
        nn.Conv2d(inputs, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(),
        nn.Conv2d(inner, outputs, 3, bias=False, **geometry), nn.BatchNorm2d(outputs), nn.ReLU(),
    )


class SingleShotDetector(nn.Module):
    """Input: (batch, 3, 300, 300). Outputs: box offsets (batch, 4, 8732) and class scores (batch, classes, 8732), class 0
    being the background, over six maps; the default boxes are `default_boxes(scales)`."""

    def __init__(self, depth: int = 50, width: int = 64, classes: int = 81, scales: tuple[float, ...] = SCALES):
        super().__init__()
        self.scales = scales
        self.features = ResNetFeatures(depth, width, strides=(1, 2, 1))
        channels = [self.features.channels[-1], *(width * factor for factor in (8, 8, 4, 4, 2 if depth == 18 else 4))]
        inner = [width * factor for factor in (4, 4, 2, 2, 2)]
        self.extras = nn.ModuleList(
            extra_level(channels[i], inner[i], channels[i + 1], halve=i < 3) for i in range(len(inner))
        )
        levels = list(zip(channels, BOXES_PER_CELL))
        self.locations = nn.ModuleList(nn.Conv2d(c, boxes * 4, 3, padding=1) for c, boxes in levels)
        self.scores = nn.ModuleList(nn.Conv2d(c, boxes * classes, 3, padding=1) for c, boxes in levels)
        self.classes = classes

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        maps = [self.features(image)[-1]]
        for extra in self.extras:
            maps.append(extra(maps[-1]))
        return self.collect(self.locations, maps, 4), self.collect(self.scores, maps, self.classes)

    @staticmethod
    def collect(heads: nn.ModuleList, maps: list[torch.Tensor], rows: int) -> torch.Tensor:
        return torch.cat([head(x).reshape(x.shape[0], rows, -1) for head, x in zip(heads, maps)], 2)
