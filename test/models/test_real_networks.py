"""Networks with real weights on a real photograph: against ONNX Runtime in fp32, and OpenVINO's bf16."""

import json
from pathlib import Path

import onnx
import pytest
from accuracy import relative_error, signal_to_noise
from plans import build_engine, needs_bf16, needs_module, run_engine
from real_networks import REAL_NETWORKS
from real_files import DownloadError, fetch
from references import IMAGES, onnxruntime_session, run_each, run_session

LARGEST_ERROR = 1e-4
LARGEST_LOSS_DB = 2.0
RECORDED = json.loads(Path(__file__).with_name("openvino_bf16.json").read_text())["decibels"]
# Smallest, usual and largest (batch, height, width) of the networks whose files leave them open.
PROFILES = {
    "text_detection": ((1, 160, 160), (1, 320, 320), (2, 320, 480)),
    "text_recognition": ((1, 48, 160), (1, 48, 320), (4, 48, 480)),
}

pytestmark = needs_module


@pytest.fixture(params=REAL_NETWORKS.values(), ids=lambda network: network.name)
def network(request):
    return downloaded(request.param)


@pytest.fixture(params=PROFILES)
def open_network(request):
    return downloaded(REAL_NETWORKS[request.param])


def downloaded(network):
    try:
        fetch(network.file), fetch("astronaut.png")
    except DownloadError as error:
        pytest.skip(str(error))
    return network


def original(network):
    return onnx.load(fetch(network.file))


def assert_exact(results, expected):
    assert results.keys() == expected.keys()
    for name, reference in expected.items():
        assert relative_error(results[name], reference) <= LARGEST_ERROR, f"output '{name}'"


def test_fixed_shape(network, tmp_path):
    """The shape given by the user counts, even where the file declares another (the face detector's is wrong)."""
    engine = build_engine(original(network), tmp_path, "fp32", shapes={network.input: network.shape})
    images = network.images(1)
    assert_exact(
        run_engine(engine, network.input, images), run_session(onnxruntime_session(network.reference_model()), images)
    )


def test_dynamic_shape(open_network, tmp_path):
    ranges = tuple((batch, 3, height, width) for batch, height, width in PROFILES[open_network.name])
    engine = build_engine(original(open_network), tmp_path, "fp32", profiles={open_network.input: ranges})
    session = onnxruntime_session(open_network.reference_model())
    for batch, _, height, width in ranges:
        images = open_network.images(batch, (height, width))
        assert_exact(run_engine(engine, open_network.input, images), run_session(session, images))


@needs_bf16
def test_bf16_is_as_exact_as_openvino(network, tmp_path):
    engine = build_engine(original(network), tmp_path, "bf16", shapes={network.input: network.shape})
    session = onnxruntime_session(network.reference_model())
    images = network.images(IMAGES)
    expected = run_each(lambda image: run_session(session, image), images)
    results = run_each(lambda image: run_engine(engine, network.input, image), images)
    for name, reference in expected.items():
        decibels = signal_to_noise(results[name], reference)
        assert decibels >= RECORDED[network.name][name] - LARGEST_LOSS_DB, f"output '{name}'"
