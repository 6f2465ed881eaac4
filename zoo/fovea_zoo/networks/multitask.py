"""Segmentation and depth from one mix transformer: two light decoders on the same four maps."""

import torch
from torch import nn

from .layers import depth_in_metres, disparity_start, resize_bilinear
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
    """Adds the four maps from coarse to fine and predicts one value for each pixel: in (0, 1), or in `metres`."""

    def __init__(self, inputs: tuple[int, ...], channels: int, metres: tuple[float, float] | None):
        super().__init__()
        self.metres = metres
        self.laterals = nn.ModuleList(conv_norm_relu(c, channels, 1) for c in inputs)
        self.blends = nn.ModuleList(conv_norm_relu(channels, channels, 3) for _ in inputs)
        self.output = nn.Conv2d(channels, 1, 3, padding=1)

    def initialise_heads(self) -> None:
        if self.metres:
            nn.init.constant_(self.output.bias, disparity_start(*self.metres))

    def forward(self, maps: list[torch.Tensor], image_size) -> torch.Tensor:
        x = self.blends[-1](self.laterals[-1](maps[-1]))
        for i in range(len(maps) - 2, -1, -1):
            x = self.blends[i](resize_bilinear(x, maps[i].shape[2:]) + self.laterals[i](maps[i]))
        disparity = self.output(resize_bilinear(x, image_size)).sigmoid()
        return depth_in_metres(disparity, *self.metres) if self.metres else disparity


class MultiTaskNetwork(nn.Module):
    """Outputs: segmentation at a quarter of the image's size and depth (batch, 1, height, width).

    The segmentation is (batch, classes, ...) logits, or with `labels` (batch, 1, ...) int32. The depth is in metres
    between the two `metres`, or a disparity in (0, 1) without them.
    """

    def __init__(self, encoder: MixTransformer, channels: int = 64, classes: int = 19, labels: bool = False,
                 metres: tuple[float, float] | None = (0.1, 100.0)):
        super().__init__()
        self.labels = labels
        self.encoder = encoder
        self.segmentation = SegmentationHead(encoder.channels, channels, classes)
        self.depth = DepthHead(encoder.channels, channels, metres)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        maps = self.encoder(image)
        segmentation = self.segmentation(maps)
        if self.labels:
            segmentation = segmentation.argmax(1, keepdim=True).int()
        return segmentation, self.depth(maps, image.shape[2:])
