#!/usr/bin/env python3
"""Makes test/vision/data/resize.txt: what Pillow 12 and OpenCV give for small images, one case a line:
rule, channels, width, height, new width, new height, pixels in hexadecimal. The image is `noise` of its size.

usage: test/vision/make_data.py    (needs pillow<13 and opencv-python-headless)
"""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

PILLOW = {"pillow_nearest": Image.NEAREST, "pillow_box": Image.BOX, "pillow_bilinear": Image.BILINEAR,
          "pillow_bicubic": Image.BICUBIC, "pillow_lanczos": Image.LANCZOS}
OPENCV = {"opencv_nearest": cv2.INTER_NEAREST, "opencv_linear": cv2.INTER_LINEAR, "opencv_area": cv2.INTER_AREA}
SIZES = [(16, 12, 8, 6), (16, 12, 4, 3), (16, 12, 7, 5), (7, 5, 16, 13), (9, 11, 9, 4), (13, 9, 20, 9), (10, 8, 20, 5),
         (5, 1, 9, 1), (1, 1, 3, 3), (37, 23, 10, 9)]


def noise(count):
    """The top bytes of a 32-bit linear congruential generator that starts at 1."""
    state, values = 1, []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append(state >> 24)
    return np.array(values, np.uint8)


def resized(rule, image, size):
    if rule in PILLOW:
        return np.asarray(Image.fromarray(image).resize(size, PILLOW[rule]))
    return cv2.resize(image, size, interpolation=OPENCV[rule])


def main():
    lines = []
    for rule in [*PILLOW, *OPENCV]:
        for width, height, new_width, new_height in SIZES:
            for channels in (1, 3):
                shape = (height, width) if channels == 1 else (height, width, 3)
                pixels = resized(rule, noise(width * height * channels).reshape(shape), (new_width, new_height))
                lines.append(f"{rule} {channels} {width} {height} {new_width} {new_height} {pixels.tobytes().hex()}\n")
    (Path(__file__).parent / "data/resize.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
