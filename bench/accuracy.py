"""How far two results are apart: the two measures that this project's claims are stated in."""

import math

import numpy as np


def relative_error(result: np.ndarray, reference: np.ndarray) -> float:
    """max|a - b| / max|b|; infinite where the shapes differ or a value is not a number.

    Of whole numbers (class labels), whose size means nothing: the share of elements that differ.
    """
    if result.shape != reference.shape:
        return math.inf
    if not np.issubdtype(reference.dtype, np.floating):
        return float(np.mean(result != reference))
    difference = np.abs(result.astype(np.float64) - reference.astype(np.float64)).max()
    if not np.isfinite(difference):
        return math.inf
    return float(difference / max(np.abs(reference.astype(np.float64)).max(), np.finfo(np.float32).tiny))


def varying_part(reference: np.ndarray) -> np.ndarray:
    """What is left after each channel's mean is removed.

    Channels are the second or the last axis, whichever leaves less (images have the one, sequences the other).
    Where every channel has a single value, the mean of all values is removed.
    """
    candidates = []
    for axis in {1, reference.ndim - 1}:
        others = tuple(i for i in range(reference.ndim) if i != axis)
        if reference.size > reference.shape[axis]:
            candidates.append(reference - reference.mean(axis=others, keepdims=True))
    return min(candidates or [reference - reference.mean()], key=lambda part: np.square(part).sum())


def signal_to_noise(result: np.ndarray, reference: np.ndarray) -> float:
    """Decibels between the varying part of the reference and the difference of the two."""
    if result.shape != reference.shape:
        return -math.inf
    reference = reference.astype(np.float64)
    noise = np.square(result.astype(np.float64) - reference).sum()
    signal = np.square(varying_part(reference)).sum()
    if not np.isfinite(noise) or signal == 0:
        return -math.inf
    return math.inf if noise == 0 else float(10 * math.log10(signal / noise))
