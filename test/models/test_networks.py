"""The zoo's networks, at their small scale, through plans: against ONNX Runtime in fp32, and OpenVINO's bf16; and what
a run asks of the system."""

import functools
import json
import subprocess
from pathlib import Path

import pytest
from accuracy import relative_error, signal_to_noise
from catalog import INPUT, NETWORKS, graph_file
from fill import fill
from plans import ROOT, build_engine, needs_bf16, needs_fp16, needs_module, run_engine
from references import IMAGES, onnxruntime_session, random_images, run_each, run_session

LARGEST_ERROR = 1e-4
LARGEST_LOSS_DB = 2.0
BATCHES = (1, 2, 8)
FREE = (None, None)
OTHER_SIZES = {
    "resnet50_224": (64, 120),
    "depth_r18_256x512": (96, 160),
    "depth_r50_256x512": (96, 160),
    "ssd300_r50": (320, 364),
    "swiftnet_r18_512x1024": (320, 448),
    "detr_r50_800x1066": (128, 190),
    "mtmi_b0_1024": (160, 96),
}
RECORDED = json.loads(Path(__file__).with_name("openvino_bf16.json").read_text())["decibels"]

pytestmark = needs_module


def networks(names=NETWORKS):
    return pytest.mark.parametrize("network", [NETWORKS[name] for name in names], ids=lambda network: network.name)


def with_form(form):
    return [name for name in OTHER_SIZES if graph_file(NETWORKS[name].graph, "small", form).exists()]


def profile(network, largest_batch, *sizes, usual_batch=1):
    """Smallest, usual and largest input shape."""
    heights, widths = zip(network.small_size, *sizes)
    return {INPUT: ((1, 3, min(heights), min(widths)), (usual_batch, 3, *network.small_size),
                    (largest_batch, 3, max(heights), max(widths)))}


def check(engine, model, batch, size):
    images = random_images(batch, size)
    expected = run_session(onnxruntime_session(model), images)
    results = run_engine(engine, INPUT, images)
    assert results.keys() == expected.keys()
    for name, reference in expected.items():
        assert relative_error(results[name], reference) <= LARGEST_ERROR, f"output '{name}' at batch {batch}, size {size}"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Builds a network for one image of its small size, once a precision: its model, its engine, and the plan's file."""

    @functools.cache
    def build(network, precision):
        model, folder = fill(network, "small"), tmp_path_factory.mktemp(network.name)
        return model, build_engine(model, folder, precision), folder / "network.plan"

    return build


@networks()
def test_fixed_shape(network, built):
    model, engine, _ = built(network, "fp32")
    check(engine, model, 1, network.small_size)


@networks()
def test_dynamic_batch(network, tmp_path):
    model = fill(network, "small", batch=None)
    engine = build_engine(model, tmp_path, "fp32", profiles=profile(network, 8))
    for batch in BATCHES:
        check(engine, model, batch, network.small_size)


@networks()
def test_tuned_for_the_largest_batch(network, tmp_path):
    model = fill(network, "small", batch=None)
    engine = build_engine(model, tmp_path, "fp32", profiles=profile(network, 4, usual_batch=4))
    for batch in (1, 2, 4):
        check(engine, model, batch, network.small_size)


@networks(OTHER_SIZES)
def test_dynamic_size(network, tmp_path):
    model = fill(network, "small", batch=None, size=FREE)
    other = OTHER_SIZES[network.name]
    engine = build_engine(model, tmp_path, "fp32", profiles=profile(network, 2, other))
    check(engine, model, 1, network.small_size)
    check(engine, model, 2, other)


@networks(with_form("static"))
def test_static_trace(network, tmp_path):
    model = fill(network, "small", "static")
    check(build_engine(model, tmp_path, "fp32"), model, 1, network.small_size)


@networks(with_form("raw"))
@pytest.mark.parametrize("batch", BATCHES)
def test_unsimplified_with_fixed_batch(network, batch, tmp_path):
    model = fill(network, "small", "raw", batch=batch)
    check(build_engine(model, tmp_path, "fp32"), model, batch, network.small_size)


@networks(with_form("raw"))
def test_unsimplified_with_dynamic_batch_and_size(network, tmp_path):
    model = fill(network, "small", "raw", batch=None, size=FREE)
    other = OTHER_SIZES[network.name]
    engine = build_engine(model, tmp_path, "fp32", profiles=profile(network, 8, other))
    for batch in BATCHES:
        check(engine, model, batch, network.small_size)
    check(engine, model, 2, other)


@needs_bf16
@networks()
def test_bf16_is_as_exact_as_openvino(network, built):
    check_noise(network, "bf16", LARGEST_LOSS_DB, built)


@needs_fp16
@networks()
def test_fp16_is_more_exact_than_openvino_in_bf16(network, built):
    check_noise(network, "fp16", 0, built)


def check_noise(network, precision, largest_loss, built):
    model, engine, _ = built(network, precision)
    images = random_images(IMAGES, network.small_size)
    session = onnxruntime_session(model)
    expected = run_each(lambda image: run_session(session, image), images)
    results = run_each(lambda image: run_engine(engine, INPUT, image), images)
    for name, reference in expected.items():
        decibels = signal_to_noise(results[name], reference)
        assert decibels >= RECORDED[network.name][name] - largest_loss, f"output '{name}'"


@networks()
@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=needs_bf16)])
def test_run_allocates_and_locks_nothing_of_its_own(network, precision, built):
    _, _, plan = built(network, precision)
    counted = json.loads(subprocess.check_output([ROOT / "build/bin/count_calls", plan], text=True))
    assert [calls["threads"] for calls in counted] == [1, 2]
    for calls in counted:
        assert calls["own_allocations"] == [0, 0], calls
        assert calls["own_locks"] == [0, 0], calls
        first, second = calls["library_allocations"]
        assert first == second, calls
