"""Installs fovea, builds the 30-line example against the installed package and runs it."""

import pathlib
import subprocess

import numpy as np
import onnx
import onnx.helper as oh
import onnx.numpy_helper as nh

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*command, cwd=None):
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_outside_project_finds_links_and_runs_fovea(tmp_path):
    prefix, build = tmp_path / "prefix", tmp_path / "build"
    run("cmake", "--install", ROOT / "build", "--prefix", prefix)
    run("cmake", "-G", "Ninja", "-S", pathlib.Path(__file__).parent, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DEXAMPLE={ROOT / 'examples' / 'classify.cpp'}")
    run("cmake", "--build", build)

    weights = np.arange(12, dtype=np.float32).reshape(3, 4)
    graph = oh.make_graph(
        [oh.make_node("MatMul", ["x", "w"], ["y"], name="product")], "net",
        [oh.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3])],
        [oh.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 4])], [nh.from_array(weights, "w")])
    model = tmp_path / "net.onnx"
    onnx.save(oh.make_model(graph, opset_imports=[oh.make_opsetid("", 17)], ir_version=8), model)
    expected = 0.5 * weights.sum(axis=0)
    assert run(build / "classify", model) == f"4 values, the largest is number 3: {expected[3]:g}\n"
    failed = subprocess.run([build / "classify", tmp_path / "missing.onnx"], capture_output=True, text=True)
    assert failed.returncode == 5 and "missing.onnx" in failed.stderr
