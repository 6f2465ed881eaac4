"""SwiftNet (Orsic et al., 2019): ResNet-18, spatial pyramid pooling and a light decoder of lateral additions."""

import torch
import torch.nn.functional as functional
from torch import nn

from .layers import resize_bilinear
from .resnet import ResNetFeatures

PYRAMID_GRIDS = ((8, 16), (4, 8), (2, 4))


def normalised_convolution(inputs: int, outputs: int, kernel: int, bias: bool = False) -> nn.Sequential:
    """Batch norm, ReLU, convolution: the order of pre-activation networks."""
    return nn.Sequential(
        nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)
    )


class PyramidPooling(nn.Module):
    """Averages over grids of about 8x16, 4x8 and 2x4 cells, and mixes them with the map itself.

    The pooling windows follow from the map's size, so an exported graph holds those of the size it was traced at.
    """

    def __init__(self, inputs: int, channels: int):
        super().__init__()
        branch = channels // len(PYRAMID_GRIDS)
        self.reduce = normalised_convolution(inputs, channels, 1)
        self.branches = nn.ModuleList(normalised_convolution(channels, branch, 1) for _ in PYRAMID_GRIDS)
        self.mix = normalised_convolution(channels + branch * len(PYRAMID_GRIDS), channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.reduce(x)
        size = x.shape[2:]
        levels = [x]
        for branch, grid in zip(self.branches, PYRAMID_GRIDS):
            window = tuple(max(1, int(length) // cells) for length, cells in zip(size, grid))
            levels.append(resize_bilinear(branch(functional.avg_pool2d(x, window, window)), size))
        return self.mix(torch.cat(levels, 1))


class SwiftNet(nn.Module):
    """Input: sides divisible by 32. Output: (batch, classes, height, width) logits.

    The published network takes its lateral maps `before_relu` and its classifier has a bias.
    """

    def __init__(self, width: int = 64, classes: int = 19, channels: int | None = None, before_relu: bool = True,
                 bias: bool = True):
        super().__init__()
        self.encoder = ResNetFeatures(18, width, before_relu=before_relu)
        channels = channels or 2 * width
        laterals = self.encoder.channels[-2:0:-1]
        self.pyramid = PyramidPooling(self.encoder.channels[-1], channels)
        self.laterals = nn.ModuleList(normalised_convolution(c, channels, 1) for c in laterals)
        self.blends = nn.ModuleList(normalised_convolution(channels, channels, 3) for _ in laterals)
        self.classifier = normalised_convolution(channels, classes, 1, bias)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        _, *laterals, x = self.encoder(image)
        x = self.pyramid(x)
        for lateral, blend, skip in zip(self.laterals, self.blends, reversed(laterals)):
            x = blend(resize_bilinear(x, skip.shape[2:]) + lateral(skip))
        return resize_bilinear(self.classifier(x), image.shape[2:])
