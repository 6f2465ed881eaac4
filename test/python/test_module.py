"""The Python module as users call it: build, save, load, inspect, run on NumPy arrays and through DLPack."""

import json
import threading
import tracemalloc

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import fovea

WEIGHTS = np.arange(12, dtype=np.float32).reshape(3, 4)


def model(op="MatMul", shape=("n", 3), constants=(WEIGHTS,), outputs=1, **attributes):
    names = [f"constant{i}" for i in range(len(constants))]
    graph = helper.make_graph(
        [helper.make_node(op, ["x", *names], ["y"], name="only", **attributes)], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in zip(names, constants)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


@pytest.fixture(scope="module")
def plan():
    return fovea.build(model(), profiles={"x": ([1, 3], [2, 3], [8, 3])}, threads=1)


class OnlyDlpack:
    """What a tensor of another framework offers."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


def test_a_plan_survives_its_file(plan, tmp_path):
    x = np.ones((2, 3), np.float32)
    plan.save(tmp_path / "a.plan")
    fovea.load(tmp_path / "a.plan").save(str(tmp_path / "b.plan"))
    assert (tmp_path / "a.plan").read_bytes() == (tmp_path / "b.plan").read_bytes()
    for source in (plan, tmp_path / "a.plan", str(tmp_path / "b.plan")):
        np.testing.assert_array_equal(fovea.Engine(source, threads=1).run({"x": x})["y"], x @ WEIGHTS)


def test_a_model_may_be_a_path_or_bytes(tmp_path):
    (tmp_path / "m.onnx").write_bytes(model(shape=(1, 3)))
    plans = [fovea.build(source) for source in (tmp_path / "m.onnx", str(tmp_path / "m.onnx"), model(shape=(1, 3)))]
    assert len({json.dumps(json.loads(plan.to_json())["profile"]) for plan in plans}) == 1


def test_inspection(plan):
    engine = fovea.Engine(plan)
    assert [(row["name"], row["dtype"]) for row in engine.inputs + engine.outputs] == [("x", "f32"), ("y", "f32")]
    seen = json.loads(plan.to_json())
    (target,) = seen["targets"]
    assert [kernel["nodes"] for kernel in target["kernels"]] == [["only"]]
    assert target["certificate"]["outputs"][0]["subject"] == "y"


def test_target_names_the_device():
    x = np.ones((2, 3), np.float32)
    reference = fovea.build(model(), shapes={"x": [2, 3]}, target="reference")
    assert json.loads(reference.to_json())["targets"][0]["backend"] == "reference"
    np.testing.assert_allclose(fovea.Engine(reference, target="reference").run({"x": x})["y"], x @ WEIGHTS)
    for build in (lambda device: fovea.build(model(), target=device), lambda device: fovea.Engine(reference, target=device)):
        with pytest.raises(fovea.Error, match='no device "cuda:31"; it has cpu, reference'):
            build("cuda:31")


def test_a_plan_gets_a_section_for_another_device(plan, tmp_path):
    x = np.ones((2, 3), np.float32)
    plan.save(tmp_path / "one.plan")
    both = fovea.build(tmp_path / "one.plan", target="reference")
    assert [target["backend"] for target in json.loads(both.to_json())["targets"]] == ["cpu", "reference"]
    for device in ("cpu", "reference"):
        np.testing.assert_allclose(fovea.Engine(both, target=device).run({"x": x})["y"], x @ WEIGHTS)
    with pytest.raises(fovea.Error, match="a plan keeps its precision"):
        fovea.build(tmp_path / "one.plan", target="reference", precision="fp32")


@pytest.mark.parametrize("make", [
    lambda x: x,
    lambda x: np.asfortranarray(x),
    lambda x: np.repeat(x, 2, axis=0)[::2],
    lambda x: x.astype(">f4"),
    lambda x: x.tolist() and np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape),
    OnlyDlpack,
    lambda x: OnlyDlpack(np.repeat(x, 2, axis=1)[:, ::2]),
], ids=["dense", "fortran", "strided", "swapped", "unaligned", "dlpack", "dlpack_strided"])
def test_any_array_is_read(plan, make):
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(fovea.Engine(plan).run({"x": make(x.copy())})["y"], x @ WEIGHTS)


def test_outputs_are_arrays_of_their_own(plan):
    engine = fovea.Engine(plan)
    first = engine.run({"x": np.ones((2, 3), np.float32)})["y"]
    kept = first.copy()
    engine.run({"x": np.zeros((2, 3), np.float32)})
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(np.from_dlpack(first), kept)


@pytest.mark.parametrize("wrap", [lambda x: x, OnlyDlpack], ids=["numpy", "dlpack"])
def test_dense_inputs_are_not_copied(wrap):
    x = np.ones((64, 1024, 64), np.float32)
    engine = fovea.Engine(fovea.build(model("ReduceMax", x.shape, (), keepdims=0), gate="off"))
    engine.run({"x": wrap(x)})
    tracemalloc.start()
    assert engine.run({"x": wrap(x)})["y"] == 1
    assert tracemalloc.get_traced_memory()[1] < x.nbytes / 100
    tracemalloc.stop()


def test_engines_run_in_many_threads(plan):
    x = np.arange(24, dtype=np.float32).reshape(8, 3)
    results = [None] * 4

    def work(i):
        engine = fovea.Engine(plan, threads=1)
        results[i] = [engine.run({"x": x[: 1 + n % 8]})["y"] for n in range(40)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(results))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        for n, y in enumerate(result):
            np.testing.assert_array_equal(y, x[: 1 + n % 8] @ WEIGHTS)


@pytest.mark.parametrize("inputs, message", [
    ({}, 'x'),
    ({"z": np.ones((2, 3), np.float32)}, '"?z"?'),
    ({"x": np.ones((9, 3), np.float32)}, "x.*9"),
    ({"x": np.ones((2, 4), np.float32)}, "x.*4"),
    ({"x": np.ones((2, 3, 1), np.float32)}, "x"),
    ({"x": np.ones((2, 3), np.int64)}, "x.*i64"),
    ({"x": np.array(["a"])}, "not supported"),
], ids=["missing", "unknown", "out_of_range", "wrong_size", "wrong_rank", "wrong_type", "text"])
def test_wrong_inputs_are_refused_by_name(plan, inputs, message):
    with pytest.raises(fovea.Error, match=message):
        fovea.Engine(plan).run(inputs)


def test_outputs_into_given_arrays(plan):
    engine = fovea.Engine(plan)
    y = np.empty((2, 4), np.float32)
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert engine.run({"x": x}, {"y": y})["y"] is y
    np.testing.assert_allclose(y, x @ WEIGHTS)
    assert engine.run({"x": x})["y"] is not y
    for array, message in ((np.empty((3, 4), np.float32), r"output y › bound as f32\[3, 4\], the output has f32\[2, 4\]"),
                           (np.empty((2, 8), np.float32)[:, ::2], "not dense"),
                           (np.empty((2, 4), np.int8), "output y › bound as i8")):
        with pytest.raises(fovea.Error, match=message):
            engine.run({"x": x}, {"y": array})


def test_streams_and_gpus_are_refused_on_the_cpu(plan):
    engine = fovea.Engine(plan)
    with pytest.raises(fovea.Error, match="runs on the CPU, which has no"):
        engine.run({"x": np.ones((2, 3), np.float32)}, stream=0)
    assert isinstance(engine.run({"x": np.ones((2, 3), np.float32)}, device=True)["y"], np.ndarray)
