"""fovea profile, compare and doctor."""

import json
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from conftest import BINARY, random


def test_profile_table(fovea, files):
    text = fovea("profile", files / "model.plan", "--runs", "3")
    assert "conv, relu" in text and "GFLOP/s; memory" in text and "what the roofline allows" in text


def test_profile_json(fovea, files):
    result = fovea.json("profile", files / "model.plan", "--runs", "5")
    kernels = result["kernels"]
    assert {"conv", "relu", "pool", "classifier"} <= {node for kernel in kernels for node in kernel["nodes"]}
    assert sum(kernel["flops"] for kernel in kernels) > 800_000
    for kernel in kernels:
        assert kernel["us"] > 0 and kernel["bytes"] > 0 and kernel["bound"] in ("compute", "memory")
        assert kernel["gap"] == pytest.approx(kernel["us"] / kernel["limit_us"])
    peaks = result["peak_flops_per_second"]
    assert peaks["f32"] > 1e9 and all(rate >= 0.5 * peaks["f32"] for rate in peaks.values())
    assert [level["bytes"] for level in result["memory"]] == sorted(level["bytes"] for level in result["memory"])


def test_profile_at_another_shape(fovea, files):
    small, large = (fovea.json("profile", files / "dynamic.plan", "--runs", "1", "--shape", f"image=1x3x{side}x{side}") for side in (8, 32))
    assert sum(k["flops"] for k in large["kernels"]) == pytest.approx(16 * sum(k["flops"] for k in small["kernels"]))


def test_profile_files(fovea, files):
    fovea("profile", files / "model.plan", "--runs", "2", "--trace", "trace.json", "--html", "profile.html")
    events = [e for e in json.loads((fovea.folder / "trace.json").read_text())["traceEvents"] if e["ph"] == "X"]
    assert "conv, relu" in [event["name"] for event in events]
    ends = [event["ts"] + event["dur"] for event in events]
    assert all(later["ts"] >= end - 0.01 for end, later in zip(ends, events[1:]))
    page = (fovea.folder / "profile.html").read_text()
    assert page.startswith("<!doctype html>") and "conv, relu" in page and "http" not in page


def test_compare_outputs(fovea, files):
    for oracle in ("reference", "unfused"):
        result = fovea.json("compare", files / "model.plan", "--model", files / "model.onnx", "--against", oracle, "--random", "3", "--tolerance", "1e-4")
        (row,) = result["outputs"]
        assert row["name"] == "scores" and row["inputs"] == 3 and row["worst_input"] in ("random 1", "random 2", "random 3")
        assert 0 <= row["mean_error"] <= row["worst_error"] < 1e-4 and row["worst_snr_db"] > 60


def test_compare_with_onnxruntime(fovea, files):
    pytest.importorskip("onnxruntime")
    folder = fovea.folder / "inputs"
    folder.mkdir()
    for i in range(2):
        np.savez(folder / f"{i}.npz", image=np.full((1, 3, 32, 32), i, np.float32))
    result = fovea.json("compare", files / "model.plan", "--model", files / "model.onnx", "--against", "onnxruntime", "--python", sys.executable,
                        "--inputs", folder, "--tolerance", "1e-4")
    assert result["inputs"] == 2 and result["outputs"][0]["worst_error"] <= 1e-4


def test_compare_without_onnxruntime(fovea, files):
    arguments = ("compare", files / "model.plan", "--model", files / "model.onnx", "--against", "onnxruntime", "--python")
    assert "could not be started" in fovea(*arguments, "no-such-python", code=4)
    message = fovea(*arguments, "false", code=4)
    assert "--python" in message and message.startswith("fovea: false › ONNX Runtime gave no result")


def test_compare_over_a_folder(fovea, files):
    folder = fovea.folder / "inputs"
    folder.mkdir()
    np.savez(folder / "b.npz", image=random(2, 3, 10, 12))
    np.save(folder / "a.npy", random(1, 3, 32, 32))
    (folder / "notes.txt").write_text("not an input")
    text = fovea("compare", files / "dynamic.plan", "--model", files / "dynamic.onnx", "--inputs", folder)
    assert "2 inputs" in text and "by reference kernels" in text


def test_compare_images(fovea, files):
    (fovea.folder / "inputs").mkdir()
    shutil.copy(files / "photo.png", fovea.folder / "inputs/photo.png")
    result = fovea.json("compare", files / "detector.plan", "--model", files / "detector.onnx", "--inputs", "inputs")
    assert {row["name"] for row in result["outputs"]} == {"heat", "scale", "offset", "marks"}
    assert all(row["worst_error"] < 1e-5 for row in result["outputs"])


def test_compare_kernels(fovea, files):
    result = fovea.json("compare", files / "model.plan", "--kernels", "--all", "--random", "2")
    rows = {row["name"]: row for row in result["kernels"]}
    assert rows["conv, relu"]["inputs"] == 2
    assert all(row["worst_error"] <= row["tolerance"] for row in rows.values())


def wrong_model(files, path):
    """model.onnx with one weight changed."""
    model = onnx.load(files / "model.onnx")
    (weight,) = [w for w in model.graph.initializer if w.name == "fc_w"]
    values = numpy_helper.to_array(weight).copy()
    values[:, 3] += 1
    weight.CopyFrom(numpy_helper.from_array(values, "fc_w"))
    onnx.save(model, path)


def test_compare_finds_a_difference(fovea, files):
    wrong_model(files, fovea.folder / "wrong.onnx")
    result = subprocess.run([BINARY, "compare", files / "model.plan", "--model", fovea.folder / "wrong.onnx", "--tolerance", "1e-3", "--json"],
                            capture_output=True, text=True)
    assert result.returncode == 9
    assert result.stderr.startswith("fovea: output scores › error ")
    assert json.loads(result.stdout)["outputs"][0]["worst_error"] > 1e-3


@pytest.mark.parametrize("arguments, code, part", [
    (["compare", "{files}/model.plan"], 2, "--model MODEL"),
    (["compare", "{files}/model.plan", "--model", "{files}/dynamic.onnx", "--against", "unfused"], 2, "output scores › the model has no such output"),
    (["compare", "{files}/model.plan", "--model", "{files}/model.onnx", "--inputs", "missing"], 5, "missing"),
    (["compare", "{files}/model.plan", "--model", "{files}/model.onnx", "--inputs", "{files}"], 2, "contract"),
    (["profile", "{files}/model.plan", "--shape", "image=1x3x8x8"], 7, "outside the plan's profile"),
    (["profile", "{files}/model.plan", "--html", "missing/x.html", "--runs", "1"], 5, "missing/x.html"),
])
def test_refusals(fovea, files, arguments, code, part):
    assert part in fovea(*[a.format(files=files) for a in arguments], code=code)
    assert list(fovea.folder.iterdir()) == []


def test_doctor(fovea):
    text = fovea("doctor")
    assert "processor" in text and "oneDNN 3." in text and "backend       reference" in text


def test_doctor_json(fovea):
    facts = fovea.json("doctor")
    assert facts["cores"]["allowed"] >= facts["cores"]["physical"] >= 1
    assert facts["memory_bytes"] > facts["available_bytes"] > 0
    assert [backend["name"] for backend in facts["backends"][:2]] == ["cpu", "reference"]
    gpus = facts["backends"][2:]
    assert gpus and all(gpu["name"].startswith("cuda") and gpu["library"] for gpu in gpus), "a GPU, or why there is none"
    assert all(finding["found"] and finding["remedy"] for finding in facts["findings"])
    assert facts["peak_flops_per_second"] == {}
    assert fovea.json("doctor", "--measure")["peak_flops_per_second"]["f32"] > 1e9
