"""The Python module on a GPU: arrays of other packages without copies, the caller's memory and streams, threads."""

import threading

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import fovea

RANDOM = np.random.default_rng(1)
WEIGHTS = RANDOM.standard_normal((16, 8, 3, 3), np.float32)


def model():
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]), helper.make_node("Relu", ["c"], ["y"]),
         helper.make_node("GlobalAveragePool", ["y"], ["z"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 8, 20, 20])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "yz"],
        [numpy_helper.from_array(WEIGHTS, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


PROFILE = {"x": ([1, 8, 20, 20], [2, 8, 20, 20], [4, 8, 20, 20])}


@pytest.fixture(scope="module")
def plan():
    try:
        return fovea.build(model(), profiles=PROFILE, target="cuda:0")
    except fovea.Error as error:
        pytest.skip(f"skipped: no GPU: {error}")


@pytest.fixture
def engine(plan):
    return fovea.Engine(plan)


@pytest.fixture
def torch():
    package = pytest.importorskip("torch", reason="skipped: no PyTorch")
    if not package.cuda.is_available():
        pytest.skip("skipped: PyTorch finds no GPU")
    return package


def image(batch=2, seed=1):
    return np.random.default_rng(seed).standard_normal((batch, 8, 20, 20), np.float32)


def expected(x):
    return fovea.Engine(fovea.build(model(), profiles=PROFILE, target="reference")).run({"x": x})


def assert_near(found, x):
    for name, wanted in expected(x).items():
        np.testing.assert_allclose(found[name], wanted, rtol=1e-4, atol=1e-4)


def test_numpy(engine):
    for batch in (1, 4, 2):
        assert_near(engine.run({"x": image(batch)}), image(batch))


def test_outputs_stay_what_they_are(engine):
    held = [(engine.run({"x": image(seed=seed)}), seed) for seed in range(8)]
    for outputs, seed in held:
        assert_near(outputs, image(seed=seed))


def test_torch_tensors_without_copies(engine, torch):
    x = torch.from_numpy(image()).cuda()
    outputs = engine.run({"x": x}, device=True)
    y = torch.from_dlpack(outputs["y"])
    assert y.is_cuda and y.device.index == 0
    assert_near({name: torch.from_dlpack(array).cpu().numpy() for name, array in outputs.items()}, image())
    again = torch.from_dlpack(engine.run({"x": x}, device=True)["y"])
    assert again.data_ptr() == y.data_ptr(), "the engine's own memory"
    assert outputs["y"].__dlpack_device__() == (2, 0)


def test_cupy_arrays(engine):
    cupy = pytest.importorskip("cupy", reason="skipped: no CuPy")
    outputs = engine.run({"x": cupy.asarray(image())}, device=True)
    assert_near({name: cupy.asnumpy(cupy.from_dlpack(array)) for name, array in outputs.items()}, image())


def test_outputs_into_the_callers_memory(engine, torch):
    y = torch.empty((2, 16, 20, 20), device="cuda")
    z = np.empty((2, 16, 1, 1), np.float32)
    for seed in range(4):
        outputs = engine.run({"x": image(seed=seed)}, {"y": y, "z": z})
        assert outputs["y"] is y and outputs["z"] is z
        assert_near({"y": y.cpu().numpy(), "z": z}, image(seed=seed))
    with pytest.raises(fovea.Error, match=r"output y › bound as f32\[2, 16, 20, 20\].*\[4, 16, 20, 20\]"):
        engine.run({"x": image(4)}, {"y": y})


def test_streams_of_the_caller(engine, torch):
    stream = torch.cuda.Stream()
    x = torch.empty((2, 8, 20, 20), device="cuda")
    with torch.cuda.stream(stream):
        for seed in range(10):
            x.copy_(torch.from_numpy(image(seed=seed)))
            for form in (stream, stream.cuda_stream):
                y = torch.from_dlpack(engine.run({"x": x}, device=True, stream=form)["y"])
            assert_near({"y": y.cpu().numpy(), "z": expected(image(seed=seed))["z"]}, image(seed=seed))
    np.testing.assert_allclose(engine.run({"x": x}, stream=stream)["y"], y.cpu().numpy())


def test_wrong_arrays(engine, torch):
    x = torch.from_numpy(image()).cuda()
    with pytest.raises(fovea.Error, match="not dense"):
        engine.run({"x": x.transpose(2, 3)})
    with pytest.raises(fovea.Error, match="input x › expected type f32, found f16"):
        engine.run({"x": x.half()})
    with pytest.raises(fovea.Error, match='no output "w"; its outputs are: y, z'):
        engine.run({"x": x}, {"w": x})
    host = fovea.Engine(fovea.build(model(), profiles=PROFILE))
    with pytest.raises(fovea.Error, match="runs on the CPU"):
        host.run({"x": x})


def test_threads_with_engines_of_their_own(plan):
    results = {}

    def work(seed):
        mine = fovea.Engine(plan)
        results[seed] = [mine.run({"x": image(seed=seed)}) for _ in range(10)]

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, runs in results.items():
        assert_near(runs[0], image(seed=seed))
        assert all((run["y"] == runs[0]["y"]).all() for run in runs)


def test_a_number_too_high(plan):
    with pytest.raises(fovea.Error, match='no device "cuda:31".*this machine has [0-9]+'):
        fovea.Engine(plan, target="cuda:31")
