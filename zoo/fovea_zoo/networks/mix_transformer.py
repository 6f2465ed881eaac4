"""Mix transformer, the encoder of SegFormer (Xie et al., 2021); B0 unless told otherwise."""

import torch
import torch.nn.functional as functional
from torch import nn

from .layers import attend

KEY_REDUCTIONS = (8, 4, 2, 1)


def to_sequence(x: torch.Tensor) -> torch.Tensor:
    """(batch, channels, height, width) to (batch, height * width, channels)."""
    return x.flatten(2).transpose(1, 2)


def to_map(x: torch.Tensor, height: int, width: int) -> torch.Tensor:
    return x.transpose(1, 2).reshape(x.shape[0], x.shape[2], height, width)


class EfficientAttention(nn.Module):
    """Attention whose keys and values come from a map shrunk by a strided convolution."""

    def __init__(self, channels: int, heads: int, reduction: int):
        super().__init__()
        self.heads, self.reduction = heads, reduction
        self.query, self.key_value, self.output = (nn.Linear(channels, n * channels) for n in (1, 2, 1))
        if reduction > 1:
            self.shrink = nn.Conv2d(channels, channels, reduction, reduction)
            self.shrink_norm = nn.LayerNorm(channels)

    def forward(self, x: torch.Tensor, height: int, width: int) -> torch.Tensor:
        source = x
        if self.reduction > 1:
            source = self.shrink_norm(to_sequence(self.shrink(to_map(x, height, width))))
        key, value = self.key_value(source).chunk(2, -1)
        return self.output(attend(self.query(x), key, value, self.heads))


class MixFeedForward(nn.Module):
    """Expands the channels four times, mixes neighbours by a depthwise 3x3 convolution, and reduces."""

    def __init__(self, channels: int):
        super().__init__()
        inner = 4 * channels
        self.expand, self.reduce = nn.Linear(channels, inner), nn.Linear(inner, channels)
        self.depthwise = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)

    def forward(self, x: torch.Tensor, height: int, width: int) -> torch.Tensor:
        x = to_sequence(self.depthwise(to_map(self.expand(x), height, width)))
        return self.reduce(functional.gelu(x))


class Block(nn.Module):
    def __init__(self, channels: int, heads: int, reduction: int, epsilon: float):
        super().__init__()
        self.attention_norm, self.feed_forward_norm = (nn.LayerNorm(channels, epsilon) for _ in range(2))
        self.attention = EfficientAttention(channels, heads, reduction)
        self.feed_forward = MixFeedForward(channels)

    def forward(self, x: torch.Tensor, height: int, width: int) -> torch.Tensor:
        x = x + self.attention(self.attention_norm(x), height, width)
        return x + self.feed_forward(self.feed_forward_norm(x), height, width)


class Stage(nn.Module):
    """Overlapping patch embedding, some blocks, and a norm; in and out are maps."""

    def __init__(self, inputs: int, channels: int, heads: int, reduction: int, kernel: int, stride: int, blocks: int,
                 epsilon: float):
        super().__init__()
        self.embed = nn.Conv2d(inputs, channels, kernel, stride, kernel // 2)
        self.embed_norm = nn.LayerNorm(channels)
        self.blocks = nn.ModuleList(Block(channels, heads, reduction, epsilon) for _ in range(blocks))
        self.norm = nn.LayerNorm(channels, epsilon)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x)
        height, width = x.shape[2:]
        x = self.embed_norm(to_sequence(x))
        for block in self.blocks:
            x = block(x, height, width)
        return to_map(self.norm(x), height, width)


class MixTransformer(nn.Module):
    """Returns the maps of four stages, at strides 4, 8, 16 and 32. `blocks` is one number, or one for each stage;
    `epsilon` belongs to the norms around the blocks."""

    def __init__(self, channels: tuple[int, ...] = (32, 64, 160, 256), heads: tuple[int, ...] = (1, 2, 5, 8),
                 blocks: int | tuple[int, ...] = 2, epsilon: float = 1e-6):
        super().__init__()
        self.channels = channels
        self.stages = nn.ModuleList()
        for i, (inputs, outputs) in enumerate(zip((3, *channels), channels)):
            kernel, stride = (7, 4) if i == 0 else (3, 2)
            count = blocks if isinstance(blocks, int) else blocks[i]
            self.stages.append(Stage(inputs, outputs, heads[i], KEY_REDUCTIONS[i], kernel, stride, count, epsilon))

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        maps = []
        for stage in self.stages:
            maps.append(stage(maps[-1] if maps else image))
        return maps
