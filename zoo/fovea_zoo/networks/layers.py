"""Steps that several families share."""

import math

import torch
import torch.nn.functional as functional


def resize_bilinear(x: torch.Tensor, size) -> torch.Tensor:
    """Resizes (batch, channels, height, width) to `size` with half-pixel centres."""
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, heads: int) -> torch.Tensor:
    """Scaled dot-product attention of projected (batch, length, channels) tensors, split into heads and joined again."""
    split = [x.reshape(x.shape[0], -1, heads, x.shape[2] // heads).transpose(1, 2) for x in (query, key, value)]
    mixed = functional.scaled_dot_product_attention(*split)
    return mixed.transpose(1, 2).reshape(query.shape)


def depth_in_metres(disparity: torch.Tensor, nearest: float, farthest: float) -> torch.Tensor:
    """Depth of a disparity in (0, 1), 0 standing for the farthest distance: linear in 1 / depth."""
    lowest, highest = 1 / farthest, 1 / nearest
    return 1 / (lowest + (highest - lowest) * disparity)


def disparity_start(nearest: float, farthest: float) -> float:
    """The bias before the sigmoid at which `depth_in_metres` is the geometric mean of its bounds."""
    middle = (math.sqrt(1 / (nearest * farthest)) - 1 / farthest) / (1 / nearest - 1 / farthest)
    return math.log(middle / (1 - middle))
