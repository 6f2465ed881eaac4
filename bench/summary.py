"""Medians, ratios of medians and geometric means, with bootstrap confidence intervals."""

from dataclasses import dataclass

import numpy as np

RESAMPLES = 4000
CONFIDENCE = 95.0


@dataclass(frozen=True)
class Ratio:
    """A ratio of times with its confidence interval; below 1 the first one is faster."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def interval(value: float, samples: np.ndarray) -> Ratio:
    tail = (100.0 - CONFIDENCE) / 2
    low, high = np.percentile(samples, [tail, 100.0 - tail])
    return Ratio(float(value), float(low), float(high))


def resampled_ratios(ours: np.ndarray, peer: np.ndarray, seed: int) -> np.ndarray:
    """Ratios of medians over resampled rounds; both sides keep their rounds together."""
    picks = np.random.default_rng(seed).integers(0, len(ours), (RESAMPLES, len(ours)))
    return np.median(ours[picks], axis=1) / np.median(peer[picks], axis=1)


def ratio_of_medians(ours: np.ndarray, peer: np.ndarray) -> Ratio:
    return interval(np.median(ours) / np.median(peer), resampled_ratios(ours, peer, seed=0))


def geometric_mean(pairs: list[tuple[np.ndarray, np.ndarray]]) -> Ratio:
    """Geometric mean over networks of the ratio of medians."""
    values = [np.median(ours) / np.median(peer) for ours, peer in pairs]
    samples = np.stack([resampled_ratios(ours, peer, seed) for seed, (ours, peer) in enumerate(pairs)])
    return interval(np.exp(np.mean(np.log(values))), np.exp(np.log(samples).mean(axis=0)))


def fastest(times: dict[str, np.ndarray], names: tuple[str, ...]) -> str | None:
    """The contestant among `names` with the lowest median, of those that were measured."""
    present = [name for name in names if name in times]
    return min(present, key=lambda name: np.median(times[name])) if present else None
