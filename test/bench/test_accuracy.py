import math

import numpy as np
import pytest
from accuracy import relative_error, signal_to_noise

RANDOM = np.random.default_rng(0)


def test_relative_error_is_the_largest_difference_over_the_largest_value():
    reference = np.array([1.0, -4.0, 2.0], np.float32)
    assert relative_error(reference + np.array([0, 0.5, 1.0], np.float32), reference) == pytest.approx(0.25)


def test_relative_error_refuses_shapes_and_values_that_cannot_be_compared():
    reference = np.ones((2, 3), np.float32)
    assert relative_error(np.ones((3, 2), np.float32), reference) == math.inf
    assert relative_error(np.full((2, 3), np.nan, np.float32), reference) == math.inf


@pytest.mark.parametrize("label", [0, 1, 255])
def test_relative_error_of_labels_is_the_share_that_differs(label):
    assert relative_error(np.array([label, 2, 2, 2], np.uint8), np.array([2, 2, 2, 2], np.uint8)) == pytest.approx(0.25)


def test_signal_to_noise_of_known_noise():
    signal = RANDOM.standard_normal((1, 4, 100, 100))
    assert signal_to_noise(signal + 0.01 * RANDOM.standard_normal(signal.shape), signal) == pytest.approx(40, abs=0.3)


@pytest.mark.parametrize("axis", [1, 2])
def test_constant_channels_do_not_flatter(axis):
    """Neither images (channels second) nor sequences (channels last) gain by a large mean of each channel."""
    signal = RANDOM.standard_normal((1, 50, 50))
    offsets = 1000 * RANDOM.standard_normal(50)
    shifted = signal + (offsets[None, :, None] if axis == 1 else offsets[None, None, :])
    noise = 0.1 * RANDOM.standard_normal(signal.shape)
    assert signal_to_noise(shifted + noise, shifted) == pytest.approx(20, abs=0.5)


def test_single_values_lose_their_common_mean():
    logits = np.array([[5.0, 6.0, 7.0]])
    assert signal_to_noise(logits + 0.1, logits) == pytest.approx(10 * math.log10(2 / 0.03))


def test_exact_and_broken_results():
    reference = RANDOM.standard_normal((1, 2, 3, 3))
    assert signal_to_noise(reference, reference) == math.inf
    assert signal_to_noise(reference * np.nan, reference) == -math.inf
    assert signal_to_noise(reference[..., :2], reference) == -math.inf
