"""The zoo's networks on the first GPU: small ones against ONNX Runtime, trained ones by what they see. Plans are not tuned."""

from itertools import islice

import pytest
from accuracy import signal_to_noise
from catalog import INPUT, NETWORKS
from fill import fill
from plans import build_engine, gpus, needs_module, run_engine
from references import IMAGES, onnxruntime_session, random_images, run_session
from test_networks import FREE, LARGEST_LOSS_DB, OTHER_SIZES, RECORDED, check, networks, profile

TARGET = "cuda:0"
# Decibels that may be lost against OpenVINO in bf16, which keeps 8 bits; TF32 and fp16 keep 11.
LARGEST_LOSS = {"tf32": 0, "bf16": LARGEST_LOSS_DB, "fp16": 0}
FRAMES = 8
# Of what ONNX Runtime in fp32 reaches: mAP, mIoU or abs_rel.
LARGEST_CHANGE = {"fp32": 0.002, "tf32": 0.01, "bf16": 0.03, "fp16": 0.01}

pytestmark = [needs_module, pytest.mark.skipif(not gpus(), reason="skipped: no GPU")]


def build(model, folder, precision, **options):
    return build_engine(model, folder, precision, threads=0, target=TARGET, tune=False, **options)


@networks()
def test_fp32_at_each_batch(network, tmp_path):
    model = fill(network, "small", batch=None)
    engine = build(model, tmp_path, "fp32", profiles=profile(network, 8))
    for batch in (1, 2, 8):
        check(engine, model, batch, network.small_size)


@networks(OTHER_SIZES)
def test_fp32_at_other_sizes(network, tmp_path):
    model = fill(network, "small", batch=None, size=FREE)
    other = OTHER_SIZES[network.name]
    engine = build(model, tmp_path, "fp32", profiles=profile(network, 2, other))
    check(engine, model, 1, network.small_size)
    check(engine, model, 2, other)


@networks()
@pytest.mark.parametrize("precision", LARGEST_LOSS)
def test_noise(network, precision, tmp_path):
    model = fill(network, "small", batch=None)
    engine = build(model, tmp_path, precision, profiles=profile(network, IMAGES))
    images = random_images(IMAGES, network.small_size)
    expected = run_session(onnxruntime_session(model), images)
    results = run_engine(engine, INPUT, images)
    for name, reference in expected.items():
        decibels = signal_to_noise(results[name], reference)
        assert decibels >= RECORDED[network.name][name] - LARGEST_LOSS[precision], f"output '{name}'"


def test_two_runs_give_the_same_bits(tmp_path):
    network = NETWORKS["swiftnet_r18_512x1024"]
    engine = build(fill(network, "small"), tmp_path, "fp16")
    images = random_images(1, network.small_size)
    first, second = (run_engine(engine, INPUT, images) for _ in range(2))
    for name, values in first.items():
        assert values.tobytes() == second[name].tobytes(), f"output '{name}'"


def trained():
    demo = pytest.importorskip("demo_roads", reason="the Python module is not built: run scripts/build")
    return demo.trained_networks()


@pytest.mark.parametrize("network", trained() if gpus() else [], ids=lambda network: network.name)
def test_trained_network_sees_what_onnxruntime_sees(network, tmp_path):
    import demo_roads as demo

    frames = list(islice(demo.roads.load(demo.SCENES, "frames"), FRAMES))
    pixels = network.contract.prepare(frames[0].image)
    runners, _ = demo.prepare(network, pixels, 0, tmp_path, tuple(LARGEST_CHANGE), TARGET)
    found = demo.accuracies(network, runners, pixels, frames)
    for precision, change in LARGEST_CHANGE.items():
        for exact, own in zip(found[demo.PEER], found[f"fovea {precision}"], strict=True):
            assert abs(own.figure() - exact.figure()) <= change, f"{own.name} in {precision}: {own.figure():.3f}"
