"""What the command line's tests share: the binary, and small models, plans and pictures in a folder of the session."""

import json
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from sample_files import make_model, make_photo

BINARY = Path(__file__).resolve().parents[2] / "build/bin/fovea"


class Tool:
    """Runs the command line in a folder."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def __call__(self, *arguments, code=0):
        """Standard output of a run, which must exit with `code`; of a failing one, standard error."""
        result = subprocess.run([BINARY, *map(str, arguments)], cwd=self.folder, text=True, capture_output=True, timeout=120)
        assert result.returncode == code, f"exit {result.returncode}\n{result.stdout}{result.stderr}"
        if code == 0:
            assert result.stderr == ""
            return result.stdout
        assert result.stdout == ""
        assert result.stderr.startswith("fovea: ")
        return result.stderr

    def json(self, *arguments):
        return json.loads(self(*arguments, "--json"))


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 0.3, shape).astype(np.float32)


def dynamic_model():
    """Two convolutions around a Relu; input `image` [batch, 3, height, width], output `map`."""
    nodes = [
        helper.make_node("Conv", ["image", "w1"], ["a"], name="stem", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="stem.relu"),
        helper.make_node("Conv", ["b", "w2"], ["map"], name="head"),
    ]
    graph = helper.make_graph(
        nodes, "dynamic",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, "height", "width"])],
        [helper.make_tensor_value_info("map", TensorProto.FLOAT, ["batch", 4, "height", "width"])],
        [numpy_helper.from_array(random(8, 3, 3, 3), "w1"), numpy_helper.from_array(random(4, 8, 1, 1), "w2")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def detector_model():
    """CenterFace's outputs from an image of 64x64: one face in a bright image's middle, drawn by constants."""
    heat = np.zeros((1, 1, 16, 16), np.float32)
    heat[0, 0, 8, 8] = 0.9
    outputs = {"heat": heat, "scale": np.full((1, 2, 16, 16), 1.5, np.float32),
               "offset": np.full((1, 2, 16, 16), 0.5, np.float32), "marks": np.full((1, 10, 16, 16), 0.5, np.float32)}
    nodes = [helper.make_node("ReduceMax", ["image"], ["top"], keepdims=1, name="brightest"),
             helper.make_node("Greater", ["top", "dark"], ["bright"], name="is_bright"),
             helper.make_node("Cast", ["bright"], ["factor"], to=TensorProto.FLOAT, name="factor")]
    weights = [numpy_helper.from_array(np.array(10, np.float32), "dark")]
    for name, value in outputs.items():
        nodes.append(helper.make_node("Mul", ["factor", name + "_map"], [name], name="draw_" + name))
        weights.append(numpy_helper.from_array(value, name + "_map"))
    graph = helper.make_graph(
        nodes, "detector", [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 64, 64])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(value.shape)) for name, value in outputs.items()], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


DETECTOR_CONTRACT = {
    "input": {"tensor": "image", "fit": "stretch", "resize": "opencv_linear", "color": "rgb"},
    "output": {"decoder": "centerface", "labels": ["face"],
               "tensors": {"heatmap": "heat", "scale": "scale", "offset": "offset", "landmarks": "marks"}},
}


def multitask_model():
    """From an image of 64x64: logits of two classes, the second where red is above 100, and red itself as depth."""
    nodes = [helper.make_node("Slice", ["image", "zero", "one", "axis"], ["depth"], name="red"),
             helper.make_node("Sub", ["depth", "level"], ["bright"], name="bright"),
             helper.make_node("Neg", ["bright"], ["dark"], name="dark"),
             helper.make_node("Concat", ["dark", "bright"], ["logits"], name="classes", axis=1)]
    weights = [numpy_helper.from_array(np.array([value], np.int64), name) for name, value in (("zero", 0), ("one", 1), ("axis", 1))]
    weights.append(numpy_helper.from_array(np.array(100, np.float32), "level"))
    graph = helper.make_graph(
        nodes, "multitask", [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 64, 64])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 2, 64, 64]),
         helper.make_tensor_value_info("depth", TensorProto.FLOAT, [1, 1, 64, 64])], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


MULTITASK_CONTRACT = {
    "input": {"tensor": "image"},
    "output": [{"decoder": "segmentation", "tensors": {"logits": "logits"}, "labels": ["road", "sky"], "palette": [[0, 0, 0], [255, 255, 255]]},
               {"decoder": "depth", "tensors": {"depth": "depth"}}],
}


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A folder with model.onnx, dynamic.onnx, detector.onnx, multitask.onnx, contract.json, photo.png, in.npz and the models' plans. Tests
    write elsewhere."""
    folder = tmp_path_factory.mktemp("cli")
    onnx.save(make_model(np.random.default_rng(0)), folder / "model.onnx")
    onnx.save(dynamic_model(), folder / "dynamic.onnx")
    onnx.save(detector_model(), folder / "detector.onnx")
    onnx.save(multitask_model(), folder / "multitask.onnx")
    (folder / "contract.json").write_text(json.dumps(DETECTOR_CONTRACT))
    (folder / "multitask.json").write_text(json.dumps(MULTITASK_CONTRACT))
    make_photo().save(folder / "photo.png")
    np.savez(folder / "in.npz", image=random(1, 3, 32, 32, seed=1))
    tool = Tool(folder)
    tool("build", "model.onnx", "-o", "model.plan")
    tool("build", "dynamic.onnx", "-o", "dynamic.plan", "--profile", "image=1x3x8x8:1x3x16x16:4x3x32x32", "--no-tune")
    tool("build", "detector.onnx", "-o", "detector.plan", "--contract", "contract.json", "--no-tune")
    tool("build", "multitask.onnx", "-o", "multitask.plan", "--contract", "multitask.json", "--no-tune")
    return folder


@pytest.fixture
def fovea(tmp_path):
    """The command line in an empty folder."""
    return Tool(tmp_path)
