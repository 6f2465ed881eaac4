"""Detection transformer (Carion et al., 2020): ResNet-50, six encoder and six decoder layers, 100 object queries."""

import math

import torch
from torch import nn

from .layers import attend
from .resnet import FrozenBatchNorm, ResNetFeatures


class Attention(nn.Module):
    """Multi-head attention with projections of queries, keys, values and of the result."""

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (nn.Linear(channels, channels) for _ in range(4))

    def forward(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        return self.output(attend(self.query(query), self.key(key), self.value(value), self.heads))


class FeedForward(nn.Module):
    def __init__(self, channels: int, inner: int):
        super().__init__()
        self.expand, self.reduce = nn.Linear(channels, inner), nn.Linear(inner, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.reduce(self.expand(x).relu())


class EncoderLayer(nn.Module):
    def __init__(self, channels: int, heads: int, inner: int):
        super().__init__()
        self.attention, self.feed_forward = Attention(channels, heads), FeedForward(channels, inner)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))

    def forward(self, x: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        placed = x + positions
        x = self.norms[0](x + self.attention(placed, placed, x))
        return self.norms[1](x + self.feed_forward(x))


class DecoderLayer(nn.Module):
    def __init__(self, channels: int, heads: int, inner: int):
        super().__init__()
        self.self_attention, self.cross_attention = Attention(channels, heads), Attention(channels, heads)
        self.feed_forward = FeedForward(channels, inner)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))

    def forward(self, x: torch.Tensor, memory: torch.Tensor, positions: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        placed = x + queries
        x = self.norms[0](x + self.self_attention(placed, placed, x))
        x = self.norms[1](x + self.cross_attention(x + queries, memory + positions, memory))
        return self.norms[2](x + self.feed_forward(x))


def waves(coordinates: torch.Tensor, channels: int) -> torch.Tensor:
    """Sines and cosines, alternating, of a (height, width) grid: (height, width, channels)."""
    index = torch.arange(channels, device=coordinates.device)
    wavelengths = 10000 ** (2 * torch.div(index, 2, rounding_mode="floor").float() / channels)
    angles = coordinates[..., None] / wavelengths
    return torch.stack((angles[..., 0::2].sin(), angles[..., 1::2].cos()), 3).flatten(2)


def sine_positions(height: int, width: int, channels: int, device: torch.device) -> torch.Tensor:
    """Position of each cell of a map as (1, height * width, channels): half of the channels for y, half for x."""
    rows = torch.arange(1, height + 1, device=device).float()[:, None].expand(height, width)
    columns = torch.arange(1, width + 1, device=device).float()[None].expand(height, width)
    rows = rows / (rows[-1:, :] + 1e-6) * (2 * math.pi)
    columns = columns / (columns[:, -1:] + 1e-6) * (2 * math.pi)
    return torch.cat((waves(rows, channels // 2), waves(columns, channels // 2)), 2).flatten(0, 1)[None]


class DetectionTransformer(nn.Module):
    """Outputs: class logits (batch, queries, classes), the last class being "no object", and boxes (batch, queries, 4),
    centre and size in [0, 1]. Training from scratch wants `norm=nn.BatchNorm2d`."""

    def __init__(self, depth: int = 50, width: int = 64, channels: int = 256, heads: int = 8, inner: int = 2048, layers: int = 6,
                 queries: int = 100, classes: int = 92, norm=FrozenBatchNorm):
        super().__init__()
        self.channels, self.query_count, self.activation = channels, queries, "softmax"
        self.features = ResNetFeatures(depth, width, norm=norm)
        self.project = nn.Conv2d(self.features.channels[-1], channels, 1)
        self.encoder = nn.ModuleList(EncoderLayer(channels, heads, inner) for _ in range(layers))
        self.decoder = nn.ModuleList(DecoderLayer(channels, heads, inner) for _ in range(layers))
        self.norm = nn.LayerNorm(channels)
        self.queries = nn.Parameter(torch.empty(queries, channels))
        self.classifier = nn.Linear(channels, classes)
        self.box = nn.Sequential(
            nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, 4)
        )

    def initialise_heads(self) -> None:
        nn.init.normal_(self.queries)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.project(self.features(image)[-1])
        batch, _, height, width = features.shape
        positions = sine_positions(height, width, self.channels, features.device)
        if positions.dtype != features.dtype:  # tested, so that exported f32 graphs have no cast
            positions = positions.to(features.dtype)
        memory = features.flatten(2).transpose(1, 2)
        for layer in self.encoder:
            memory = layer(memory, positions)
        queries = self.queries[None].expand(batch, -1, -1)
        x = torch.zeros_like(queries)
        for layer in self.decoder:
            x = layer(x, memory, positions, queries)
        x = self.norm(x)
        return self.classifier(x), self.box(x).sigmoid()
