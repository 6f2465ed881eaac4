import numpy as np
import pytest
from gpu_point import Point
from gpu_report import PointResult, as_json, format_results, wrong_results

RANDOM = np.random.default_rng(0)


def result(times, precision="fp16", **fields):
    return PointResult(name="resnet50_224", precision=precision, batch=1, times={k: np.array(v) for k, v in times.items()},
                       build_seconds={}, notes={}, kernels={"fovea": 50}, **fields)


def noisy(reference, decibels):
    return {name: value + 10 ** (-decibels / 20) * value.std() * RANDOM.standard_normal(value.shape) for name, value in reference.items()}


def judged(ours_db, theirs_db, precision="fp16"):
    reference = {"map": RANDOM.standard_normal((2, 4, 32, 32))}
    outputs = {"fovea": noisy(reference, ours_db), "torch-graph": noisy(reference, theirs_db)}
    times = {"fovea": [1e-3] * 3, "torch-graph": [2e-3] * 3, "torch-compile": [1.5e-3] * 3}
    point = result(times, precision).compared()
    for contestant, values in outputs.items():
        point.judge(contestant, values, reference)
    return point


def test_ratio_is_to_the_fastest_peer():
    one = judged(60, 60)
    assert one.peer == "torch-compile" and one.ratio.value == pytest.approx(2 / 3)
    assert "0.67 [0.67, 0.67]" in format_results([one], "a GPU", markdown=True)
    assert as_json([one], "a GPU")["points"][0]["median_ms"] == pytest.approx({"fovea": 1, "torch-graph": 2, "torch-compile": 1.5})


def test_images_are_judged_by_themselves():
    image = RANDOM.standard_normal((1, 1000))
    reference = {"logits": np.concatenate([image, image + 1e-3 * RANDOM.standard_normal((1, 1000))])}
    noisier = reference["logits"] + np.array([[1e-4], [1e-3]]) * RANDOM.standard_normal((2, 1000))
    found = result({"fovea": [1e-3]})
    found.judge("fovea", {"logits": noisier}, reference)
    assert found.decibels["fovea"]["logits"] == pytest.approx(60, abs=1)


def test_at_most_two_decibels_below_pytorch():
    assert wrong_results([judged(59, 60)]) == []
    (line,) = wrong_results([judged(57, 60)])
    assert "resnet50_224 fp16 batch 1, output 'map'" in line and "PyTorch has" in line


def test_fp32_must_be_exact():
    assert wrong_results([judged(110, 110, "fp32")]) == []
    assert any("at most 1e-04" in line for line in wrong_results([judged(60, 60, "fp32")]))


def test_a_missing_peer_is_no_fault():
    alone = result({"fovea": [1e-3]}).compared()
    assert alone.ratio is None and wrong_results([alone]) == []
    assert "resnet50_224" in format_results([alone], "a GPU", markdown=False)


def test_large_images_run_in_smaller_batches():
    assert Point("swiftnet_r18_1024x2048", "fp16", 16).shape == (4, 3, 1024, 2048)
    assert Point("resnet50_224", "fp16", 16).shape == (16, 3, 224, 224)
    assert Point("resnet50_224", "fp16", 16).checked_images == [0, 15] and Point("resnet50_224", "fp16", 1).checked_images == [0]
    image = Point("resnet50_224", "fp16", 2).image()
    assert (image == image.astype(np.float16)).all() and image.dtype == np.float32
