"""Single-shot detector (Liu et al., 2016) on ResNet-50 without its last stage, third stage at stride 8."""

import torch
from torch import nn

from .resnet import ResNetFeatures

BOXES_PER_CELL = (4, 6, 6, 6, 4, 4)


def extra_level(inputs: int, inner: int, outputs: int, halve: bool) -> nn.Sequential:
    """Halves the map by a padded, strided 3x3 convolution, or shrinks it by 2 with an unpadded one."""
    geometry = {"stride": 2, "padding": 1} if halve else {}
    return nn.Sequential(
        nn.Conv2d(inputs, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(),
        nn.Conv2d(inner, outputs, 3, bias=False, **geometry), nn.BatchNorm2d(outputs), nn.ReLU(),
    )


class SingleShotDetector(nn.Module):
    """Outputs: box offsets (batch, 4, boxes) and class scores (batch, classes, boxes) over six maps."""

    def __init__(self, width: int = 64, classes: int = 81):
        super().__init__()
        self.features = ResNetFeatures(50, width, strides=(1, 2, 1))
        channels = [width * factor for factor in (16, 8, 8, 4, 4, 4)]
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
