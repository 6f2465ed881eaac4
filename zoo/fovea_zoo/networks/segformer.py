"""SegFormer (Xie et al., 2021): mix transformer and a decoder of linear layers."""

import torch
from torch import nn

from .layers import resize_bilinear
from .mix_transformer import MixTransformer, to_map, to_sequence


class SegFormer(nn.Module):
    """Output: (batch, classes, height / 4, width / 4) logits."""

    def __init__(self, encoder: MixTransformer, channels: int = 256, classes: int = 19):
        super().__init__()
        self.encoder = encoder
        self.laterals = nn.ModuleList(nn.Linear(c, channels) for c in encoder.channels)
        self.fuse = nn.Sequential(
            nn.Conv2d(channels * len(encoder.channels), channels, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()
        )
        self.classifier = nn.Conv2d(channels, classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        maps = self.encoder(image)
        size = maps[0].shape[2:]
        resized = [
            resize_bilinear(to_map(lateral(to_sequence(x)), *x.shape[2:]), size) for lateral, x in zip(self.laterals, maps)
        ]
        return self.classifier(self.fuse(torch.cat(resized[::-1], 1)))
