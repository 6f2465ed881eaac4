"""Losses of maps: segmentation with rare classes and borders weighted up, and depth in logarithms."""

import torch
import torch.nn.functional as functional

from .augment import UNLABELLED

NEAREST_METRES, FARTHEST_METRES = 0.5, 150.0
BORDER_WEIGHT = 2.0
MEAN_SHARE = 0.85
GRADIENT_LEVELS = 4


def class_weights(labels: torch.Tensor, classes: int) -> torch.Tensor:
    """1 / log(1.02 + share of the pixels) (Paszke et al., 2016), scaled to a mean of 1 over the pixels."""
    counts = torch.bincount(labels[labels != UNLABELLED].reshape(-1).long(), minlength=classes)[:classes].double()
    share = counts / counts.sum().clamp(min=1)
    weights = 1 / (1.02 + share).log()
    weights = weights.clamp(max=20)
    return (weights / (weights * share).sum().clamp(min=1e-9)).float()


def borders(labels: torch.Tensor, radius: int = 2) -> torch.Tensor:
    """Where another class lies within `radius` pixels."""
    values = labels.float()[:, None]
    window = 2 * radius + 1
    highest = functional.max_pool2d(values, window, 1, radius)
    lowest = -functional.max_pool2d(-values, window, 1, radius)
    return (highest != lowest)[:, 0]


def segmentation_loss(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Cross-entropy, averaged with `weights` of the classes and more weight at borders."""
    entropy = functional.cross_entropy(logits.float(), labels, weights, ignore_index=UNLABELLED, reduction="none")
    place = (1 + BORDER_WEIGHT * borders(labels)) * (labels != UNLABELLED)
    return (entropy * place).sum() / place.sum().clamp(min=1)


def depth_loss(depth: torch.Tensor, truth: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of (n, height, width) metres: distance of the logarithms, its scale-invariant form (Eigen et al., 2014), and its
    gradients at several scales (Li and Snavely, 2018)."""
    valid = (truth > NEAREST_METRES) & (truth < FARTHEST_METRES)
    error = (depth.float().clamp(min=1e-3).log() - truth.clamp(min=NEAREST_METRES).log()) * valid
    pixels = valid.sum((1, 2)).clamp(min=1)
    mean = error.sum((1, 2)) / pixels
    spread = ((error**2).sum((1, 2)) / pixels - MEAN_SHARE * mean**2).clamp(min=1e-8).sqrt().mean()
    gradient = error.new_zeros(())
    for level in range(GRADIENT_LEVELS):
        part, known = error[:, :: 2**level, :: 2**level], valid[:, :: 2**level, :: 2**level]
        both = (known[:, :, 1:] & known[:, :, :-1], known[:, 1:] & known[:, :-1])
        steps = ((part[:, :, 1:] - part[:, :, :-1]).abs(), (part[:, 1:] - part[:, :-1]).abs())
        gradient = gradient + sum((step * pair).sum() / pair.sum().clamp(min=1) for step, pair in zip(steps, both))
    return {"distance": error.abs().sum() / pixels.sum(), "spread": 0.5 * spread, "gradient": 0.25 * gradient}
