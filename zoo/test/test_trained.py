"""The shipped networks on the first frames of the validation set, through ONNX Runtime and their contracts."""

from pathlib import Path

import numpy as np
import pytest

from fovea_zoo import roads
from fovea_zoo.evaluate import VALIDATION, evaluate
from fovea_zoo.evaluation import decode_ssd, resize_bilinear, suppress

TRAINED = Path(__file__).resolve().parent.parent / "trained"
FRAMES = 16
# What must hold on these few frames; zoo/README.md has the figures on all of them.
FLOORS = {"miou": 0.6, "map": 0.3, "delta_1.25": 0.85}


@pytest.fixture(scope="module")
def frames() -> list:
    return [frame for frame, _ in zip(roads.load(VALIDATION, "frames"), range(FRAMES))]


@pytest.mark.parametrize("model", sorted(TRAINED.glob("*.onnx")), ids=lambda model: model.stem)
def test_a_shipped_network_reaches_its_figures(model, frames):
    figures = evaluate(model, frames)
    measured = [name for name in FLOORS if name in figures]
    assert measured
    for name in measured:
        assert figures[name] >= FLOORS[name], figures
    assert figures.get("abs_rel", 0) <= 0.12


def test_five_networks_are_shipped_in_24_megabytes():
    files = list(TRAINED.glob("*.onnx"))
    assert len(files) == 5
    assert sum(file.stat().st_size for file in files) <= 24_000_000


def test_resizing_twice_as_large_interpolates_between_centres():
    image = np.array([[0.0, 4.0]])
    np.testing.assert_allclose(resize_bilinear(image, 1, 4), [[0, 1, 3, 4]])
    np.testing.assert_allclose(resize_bilinear(image[..., None], 2, 2)[..., 0], [[0, 4], [0, 4]])


def test_suppression_keeps_the_best_of_overlapping_boxes():
    corners = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10.0]])
    assert suppress(corners, np.array([0.6, 0.9, 0.5])).tolist() == [1, 2]


def test_ssd_decoding_of_one_default_box():
    defaults = np.array([[0.5, 0.5, 0.2, 0.4], [0.1, 0.1, 0.1, 0.1]])
    loc = np.zeros((4, 2))
    loc[:, 0] = [1, 0, 5 * np.log(2), 0]
    conf = np.array([[0.0, 9.0], [0.0, 0.0], [5.0, 0.0]])
    found = decode_ssd(loc, conf, defaults, 100, 200)
    np.testing.assert_allclose(found["boxes"][0], [200 * (0.52 - 0.2), 30, 80, 40], rtol=1e-6)
    assert found["classes"][0] == 1 and found["scores"][0] == pytest.approx(np.exp(5) / (np.exp(5) + 2))
