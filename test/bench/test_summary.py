import numpy as np
import pytest
from summary import fastest, geometric_mean, ratio_of_medians


def times(median, spread=0.01, count=40, seed=0):
    return median * (1 + spread * np.random.default_rng(seed).standard_normal(count))


def test_interval_holds_the_ratio_and_narrows_with_rounds():
    few = ratio_of_medians(times(8.0, 0.1, 30, seed=1), times(10.0, 0.1, 30, seed=2))
    many = ratio_of_medians(times(8.0, 0.1, 3000, seed=1), times(10.0, 0.1, 3000, seed=2))
    assert few.low < 0.8 < few.high
    assert many.low < 0.8 < many.high
    assert many.high - many.low < (few.high - few.low) / 3


def test_rounds_are_resampled_together():
    """A slow phase of the machine that meets both sides in the same rounds must not widen the interval."""
    peer = times(10.0, 0.5, 31)
    ratio = ratio_of_medians(peer / 2, peer)
    assert (ratio.low, ratio.value, ratio.high) == pytest.approx((0.5, 0.5, 0.5))


def test_geometric_mean():
    mean = geometric_mean([(times(2.0, seed=1), times(1.0)), (times(1.0, seed=2), times(8.0))])
    assert mean.value == pytest.approx(0.5, rel=0.01)
    assert mean.low < mean.value < mean.high


def test_fastest_ignores_what_was_not_measured():
    measured = {"a": times(2.0), "b": times(1.0)}
    assert fastest(measured, ("a", "b", "c")) == "b"
    assert fastest(measured, ("c",)) is None
