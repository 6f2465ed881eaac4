"""Segmentation and depth from one mix transformer: two light decoders on the same four maps."""

import torch
from torch import nn

from .layers import resize_bilinear
from .mix_transformer import MixTransformer


def conv_norm_relu(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class SegmentationHead(nn.Module):
    """Resizes the four maps to the first one's size, joins them, and classifies each cell."""

    def __init__(self, inputs: tuple[int, ...], channels: int, classes: int):
        super().__init__()
        self.laterals = nn.ModuleList(conv_norm_relu(c, channels, 1) for c in inputs)
        self.fuse = conv_norm_relu(len(inputs) * channels, channels, 1)
        self.classifier = nn.Conv2d(channels, classes, 1)

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        size = maps[0].shape[2:]
        resized = [resize_bilinear(lateral(x), size) for lateral, x in zip(self.laterals, maps)]
        return self.classifier(self.fuse(torch.cat(resized, 1)))


class DepthHead(nn.Module):
    """Adds the four maps from coarse to fine and predicts one value in (0, 1) for each pixel."""

    def __init__(self, inputs: tuple[int, ...], channels: int):
        super().__init__()
        self.laterals = nn.ModuleList(conv_norm_relu(c, channels, 1) for c in inputs)
        self.blends = nn.ModuleList(conv_norm_relu(channels, channels, 3) for _ in inputs)
        self.output = nn.Conv2d(channels, 1, 3, padding=1)

    def forward(self, maps: list[torch.Tensor], image_size) -> torch.Tensor:
        x = self.blends[-1](self.laterals[-1](maps[-1]))
        for i in range(len(maps) - 2, -1, -1):
            x = self.blends[i](resize_bilinear(x, maps[i].shape[2:]) + self.laterals[i](maps[i]))
        return self.output(resize_bilinear(x, image_size)).sigmoid()


class MultiTaskNetwork(nn.Module):
    """Outputs: labels (batch, 1, height / 4, width / 4) of int32 and depth (batch, 1, height, width) in (0, 1)."""

    def __init__(self, encoder: MixTransformer, channels: int = 64, classes: int = 19):
        super().__init__()
        self.encoder = encoder
        self.segmentation = SegmentationHead(encoder.channels, channels, classes)
        self.depth = DepthHead(encoder.channels, channels)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        maps = self.encoder(image)
        labels = self.segmentation(maps).argmax(1, keepdim=True).int()
        return labels, self.depth(maps, image.shape[2:])
