"""fovea simplify and fovea extract: what they write runs in ONNX Runtime and gives the same numbers."""

import numpy as np
import onnx
import onnxruntime
import pytest

from conftest import random


def run(model, outputs=None, **inputs):
    return onnxruntime.InferenceSession(str(model)).run(outputs, inputs)


def test_simplified_model_gives_the_same(fovea, files):
    text = fovea("simplify", files / "detector.onnx", "-o", "simple.onnx")
    assert text.startswith("simple.onnx: 7 nodes -> ")
    onnx.checker.check_model(str(fovea.folder / "simple.onnx"), full_check=True)
    for level in (5, 200):
        image = np.full((1, 3, 64, 64), level, np.float32)
        for ours, theirs in zip(run(fovea.folder / "simple.onnx", image=image), run(files / "detector.onnx", image=image)):
            np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_explanation_lists_every_rewrite(fovea, files):
    text = fovea("simplify", files / "model.onnx", "-o", "simple.onnx", "--explain")
    result = fovea.json("simplify", files / "model.onnx", "-o", "simple.onnx")
    assert [change["number"] for change in result["changes"]] == list(range(1, len(result["changes"]) + 1))
    assert sum(p["patches"] for p in result["passes"]) == len(result["changes"])
    for change in result["changes"]:
        assert change["pass"] + ": " in text
    assert "Found nothing: " in text


def test_explaining_needs_no_output(fovea, files):
    text = fovea("simplify", files / "model.onnx", "--explain")
    assert "nodes ->" in text and "what it does" in text
    assert not list(fovea.folder.glob("*.onnx"))
    assert "give --output, --explain or --json" in fovea("simplify", files / "model.onnx", code=2)


def test_stop_after_and_disable(fovea, files):
    whole = fovea.json("simplify", files / "model.onnx", "-o", "simple.onnx")
    assert len(whole["changes"]) >= 1
    assert fovea.json("simplify", files / "model.onnx", "-o", "simple.onnx", "--stop-after", "0")["changes"] == []
    name = whole["changes"][0]["pass"]
    assert name not in {c["pass"] for c in fovea.json("simplify", files / "model.onnx", "-o", "simple.onnx", "--disable", name)["changes"]}


def test_shape_of_simplified_model(fovea, files):
    fovea("simplify", files / "dynamic.onnx", "-o", "fixed.onnx", "--shape", "image=2x3x8x8")
    (found,) = run(fovea.folder / "fixed.onnx", image=random(2, 3, 8, 8))
    assert found.shape == (2, 4, 8, 8)


def test_parts_together_are_the_whole(fovea, files):
    fovea("extract", files / "model.onnx", "--to", "relu", "-o", "first.onnx")
    assert fovea.json("extract", files / "model.onnx", "--from", "relu", "-o", "second.onnx") == {
        "nodes": 3, "inputs": [{"name": "relu", "dtype": "f32", "shape": "[1, 16, 32, 32]"}],
        "outputs": [{"name": "scores", "dtype": "f32", "shape": "[1, 10]"}]}
    image = random(1, 3, 32, 32)
    (middle,) = run(fovea.folder / "first.onnx", image=image)
    (scores,) = run(fovea.folder / "second.onnx", relu=middle)
    np.testing.assert_allclose(scores, run(files / "model.onnx", image=image)[0], rtol=1e-5, atol=1e-6)


def test_node_names_stand_for_their_tensors(fovea, files):
    part = fovea.json("extract", files / "dynamic.onnx", "--from", "stem.relu", "--to", "head", "-o", "part.onnx")
    assert [t["name"] for t in part["inputs"]] == ["a"] and [t["name"] for t in part["outputs"]] == ["map"]
    onnx.checker.check_model(str(fovea.folder / "part.onnx"), full_check=True)


def test_several_cuts(fovea, files):
    part = fovea.json("extract", files / "detector.onnx", "--from", "factor", "--to", "heat,marks", "-o", "part.onnx")
    assert part["nodes"] == 2 and [t["name"] for t in part["outputs"]] == ["heat", "marks"]
    heat, marks = run(fovea.folder / "part.onnx", factor=np.ones((1, 1, 1, 1), np.float32))
    assert heat.max() == np.float32(0.9) and marks.shape == (1, 10, 16, 16)


@pytest.mark.parametrize("arguments, code, part", [
    (["extract", "{files}/model.onnx", "--from", "relo", "--to", "pool"], 2, "tensor relo › no tensor or node"),
    (["extract", "{files}/model.onnx", "--from", "pool", "--to", "relu"], 2, "tensor pool › the outputs do not depend on it"),
    (["extract", "{files}/model.onnx", "--from", "relu", "--to", "conv,pool"], 2, "tensor image › the outputs also depend on"),
    (["extract", "{files}/model.onnx", "--from", "relu", "--to", "relu"], 2, "input and output"),
    (["extract", "{files}/model.onnx", "--from", "conv_w", "--to", "relu"], 2, "it is a constant"),
    (["extract", "{files}/photo.png", "--to", "relu"], 3, "photo.png"),
    (["simplify", "missing.onnx"], 5, "missing.onnx"),
    (["simplify", "{files}/model.onnx", "--disable", "magic"], 2, "magic"),
])
def test_refusals(fovea, files, arguments, code, part):
    assert part in fovea(*[a.format(files=files) for a in arguments], "-o", "out.onnx", code=code)
    assert list(fovea.folder.iterdir()) == []
