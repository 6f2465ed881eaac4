"""Networks quantised by ONNX Runtime's own quantiser: they run in 8 bits, within one quantisation step of ONNX Runtime."""

import json

import numpy as np
import onnx
import pytest
from accuracy import relative_error, signal_to_noise
from catalog import INPUT, NETWORKS
from fill import fill
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from plans import THREADS, needs_module, run_engine
from references import onnxruntime_session, random_images, run_each, run_session

LARGEST_ERROR = 0.05
LARGEST_LOSS_DB = 1.0
KINDS = {"u8s8": QuantType.QUInt8, "s8s8": QuantType.QInt8}

pytestmark = needs_module


class Samples(CalibrationDataReader):
    def __init__(self, samples):
        self._left = [{INPUT: sample} for sample in samples]

    def get_next(self):
        return self._left.pop(0) if self._left else None


def quantise(model, samples, kind, per_channel, folder, form=QuantFormat.QDQ):
    source, prepared, target = (folder / name for name in ("float.onnx", "prepared.onnx", "quantised.onnx"))
    onnx.save(model, source)
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    quantize_static(prepared, target, Samples(samples), quant_format=form, activation_type=KINDS[kind],
                    weight_type=QuantType.QInt8, per_channel=per_channel)
    return onnx.load(target)


def build(model, folder):
    """The engine, and the kernels of the plan by pattern."""
    import fovea

    file = folder / "network.onnx"
    onnx.save(model, file)
    plan = fovea.build(str(file), precision="fp32", threads=THREADS)
    plan.save(str(folder / "network.plan"))
    kernels = json.loads(plan.to_json())["targets"][0]["kernels"]
    return fovea.Engine(str(folder / "network.plan"), threads=THREADS), kernels


def output_step(model):
    """Scale of the DequantizeLinear that makes the output."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    last = next(node for node in model.graph.node if model.graph.output[0].name in node.output)
    assert last.op_type == "DequantizeLinear"
    return float(constants[last.input[1]])


def random_values(shape, seed):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def one_operator(op, shape, constants=(), inputs=(INPUT,), **attributes):
    """`op` of the network's input, its Relu or its Sigmoid, and constants."""
    names = [f"constant{i}" for i in range(len(constants))]
    nodes = [helper.make_node(op, [*inputs, *names], ["y"], **attributes)]
    nodes = [helper.make_node(name.capitalize(), [INPUT], [name]) for name in inputs if name != INPUT] + nodes
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in zip(names, constants)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


IMAGE = (2, 24, 11, 13)
OPERATORS = {
    "conv": ("quantised_conv", one_operator(
        "Conv", IMAGE, (random_values((40, 24, 3, 3), 1), random_values((40,), 2)), pads=[1, 1, 1, 1], strides=[2, 2])),
    "grouped_conv": ("quantised_conv", one_operator(
        "Conv", IMAGE, (random_values((48, 12, 3, 3), 1), random_values((48,), 2)), group=2, pads=[1, 0, 0, 1])),
    "matmul": ("quantised_matmul", one_operator("MatMul", (2, 9, 40), (random_values((40, 24), 1),))),
    "gemm": ("quantised_matmul", one_operator(
        "Gemm", (9, 40), (random_values((24, 40), 1), random_values((24,), 2)), transB=1)),
    "add": ("quantised_add", one_operator("Add", IMAGE, inputs=(INPUT, "relu"))),
    "average": ("quantised_pool", one_operator(
        "AveragePool", IMAGE, inputs=("sigmoid",), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])),
    "global_average": ("quantised_pool", one_operator("GlobalAveragePool", IMAGE, inputs=("sigmoid",))),
    "maximum": ("pool", one_operator("MaxPool", IMAGE, inputs=("sigmoid",), kernel_shape=[3, 3], strides=[2, 2])),
    "concat": ("concat", one_operator("Concat", IMAGE, inputs=(INPUT, "relu"), axis=1)),
    "sigmoid": ("quantised_table", one_operator("Sigmoid", IMAGE)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("per_channel", [False, True], ids=["per_tensor", "per_channel"])
@pytest.mark.parametrize("form", QuantFormat, ids=lambda form: form.name)
@pytest.mark.parametrize("name", OPERATORS)
def test_operator_is_within_one_step(name, form, per_channel, kind, tmp_path):
    pattern, model = OPERATORS[name]
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    sample = random_values(shape, 3)
    quantised = quantise(model, [sample], kind, per_channel, tmp_path, form)
    engine, kernels = build(quantised, tmp_path)
    assert {kernel["type"] for kernel in kernels if kernel["pattern"] == pattern} == {kind[0].replace("s", "i") + "8"}
    expected = run_session(onnxruntime_session(quantised), sample)["y"]
    result = run_engine(engine, INPUT, sample)["y"]
    assert np.abs(result - expected).max() <= output_step(quantised) * 1.001


PRODUCTS = {"Conv", "Gemm", "MatMul", "QLinearConv", "QGemm", "QLinearMatMul"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", QuantFormat, ids=lambda form: form.name)
@pytest.mark.parametrize("network, per_channel", [("resnet50_224", True), ("swiftnet_r18_512x1024", False)])
def test_network(network, per_channel, form, kind, tmp_path):
    network = NETWORKS[network]
    model = fill(network, "small")
    images = random_images(4, network.small_size)
    quantised = quantise(model, images[:, None], kind, per_channel, tmp_path, form)
    engine, kernels = build(quantised, tmp_path)

    products = [kernel for kernel in kernels if PRODUCTS & set(kernel["operators"])]
    convolutions = sum(node.op_type in PRODUCTS for node in quantised.graph.node)
    assert sum(sum(op in PRODUCTS for op in kernel["operators"]) for kernel in products) == convolutions
    assert {kernel["type"] for kernel in products} == {kind[0].replace("s", "i") + "8"}
    assert all(kernel["pattern"].startswith("quantised") for kernel in products)
    assert not [kernel["operators"] for kernel in kernels if kernel["pattern"] == "reference"]

    exact, session = onnxruntime_session(model), onnxruntime_session(quantised)
    reference = run_each(lambda image: run_session(exact, image), images)
    expected = run_each(lambda image: run_session(session, image), images)
    results = run_each(lambda image: run_engine(engine, INPUT, image), images)
    for name, value in expected.items():
        assert relative_error(results[name], value) <= LARGEST_ERROR, f"output '{name}'"
        loss = signal_to_noise(value, reference[name]) - signal_to_noise(results[name], reference[name])
        assert loss <= LARGEST_LOSS_DB, f"output '{name}'"


@pytest.mark.parametrize("name", ["conv", "grouped_conv", "matmul", "gemm"])
@pytest.mark.parametrize("per_channel", [False, True], ids=["per_tensor", "per_channel"])
def test_dynamic_quantisation(name, per_channel, tmp_path):
    """Each run finds its own scales. The products run in f32, on which the rounding of the operands leaves its mark."""
    _, model = OPERATORS[name]
    source, target = tmp_path / "float.onnx", tmp_path / "dynamic.onnx"
    onnx.save(model, source)
    # ONNX Runtime has no ConvInteger of signed weights.
    kind = QuantType.QUInt8 if "conv" in name else QuantType.QInt8
    quantize_dynamic(source, target, weight_type=kind, per_channel=per_channel and "conv" not in name)
    quantised = onnx.load(target)
    engine, kernels = build(quantised, tmp_path)
    assert not [kernel["operators"] for kernel in kernels if kernel["pattern"] == "reference"]
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    for seed, scale in ((3, 1), (4, 20)):
        sample = random_values(shape, seed) * np.float32(scale)
        expected = run_session(onnxruntime_session(quantised), sample)["y"]
        assert relative_error(run_engine(engine, INPUT, sample)["y"], expected) <= 1e-5
        assert relative_error(expected, run_session(onnxruntime_session(model), sample)["y"]) > 1e-4
