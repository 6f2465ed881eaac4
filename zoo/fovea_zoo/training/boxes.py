"""Boxes as tensors. `cxcywh` is centre and size, `corners` is left, top, right, bottom; the last dimension holds the four."""

import torch


def to_corners(boxes: torch.Tensor) -> torch.Tensor:
    centre, size = boxes[..., :2], boxes[..., 2:]
    return torch.cat((centre - size / 2, centre + size / 2), -1)


def to_cxcywh(corners: torch.Tensor) -> torch.Tensor:
    low, high = corners[..., :2], corners[..., 2:]
    return torch.cat(((low + high) / 2, high - low), -1)


def area(corners: torch.Tensor) -> torch.Tensor:
    return (corners[..., 2:] - corners[..., :2]).clamp(min=0).prod(-1)


def intersection_over_union(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Of every box in `a` (..., n, 4) with every one in `b` (..., m, 4), both as corners: (..., n, m)."""
    a, b = a.unsqueeze(-2), b.unsqueeze(-3)
    shared = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    return shared / (area(a) + area(b) - shared).clamp(min=1e-9)


def generalized_overlap(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Generalized intersection over union (Rezatofighi et al., 2019) of boxes as corners; shapes broadcast."""
    shared = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    joined = (area(a) + area(b) - shared).clamp(min=1e-9)
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1).clamp(min=1e-9)
    return shared / joined - (hull - joined) / hull
