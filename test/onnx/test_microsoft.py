"""Operators that ONNX Runtime's quantiser writes in its own domain, within one step of ONNX Runtime."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

import fovea

RANDOM = np.random.default_rng(5)
SHAPE = (2, 4, 6, 8)


def numbers(*shape, dtype=np.uint8):
    limits = np.iinfo(dtype)
    return RANDOM.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def f32(value):
    return np.asarray(value, np.float32)


Y = [("y_scale", f32(0.03)), ("y_zero", np.uint8(100))]
OTHER = [("b", numbers(*SHAPE)), ("b_scale", f32(0.01)), ("b_zero", np.uint8(130))]
WEIGHTS = [("w", numbers(8, 5, dtype=np.int8)), ("w_scale", f32([0.1, 0.2, 0.3, 0.4, 0.5])), ("w_zero", np.zeros(5, np.int8))]
BIAS = [("bias", np.arange(-50, 50, 20, np.int32))]
UNIT = [("y_scale", f32(1 / 256)), ("y_zero", np.uint8(0))]
FINE = [("y_scale", f32(0.002)), ("y_zero", np.uint8(100))]
WIDE = [("y_scale", f32(0.5)), ("y_zero", np.uint8(90))]

# operator, shape of the quantised input, inputs in front of it, inputs behind its scale and zero point, attributes
CASES = [
    ("QLinearAdd", SHAPE, [], OTHER + Y, {}),
    ("QLinearMul", SHAPE, [], OTHER + Y, {}),
    ("QLinearSigmoid", SHAPE, [], UNIT, {}),
    ("QLinearLeakyRelu", SHAPE, [], Y, {"alpha": 0.2}),
    ("QLinearSoftmax", SHAPE, [], UNIT, {"axis": 1, "opset": 13}),
    ("QLinearAveragePool", SHAPE, [], Y, {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]}),
    ("QLinearGlobalAveragePool", SHAPE, [], FINE, {}),
    ("QLinearConcat", SHAPE, Y, OTHER, {"axis": 1}),
    ("QLinearWhere", SHAPE, [("c", numbers(*SHAPE) > 100)], OTHER + Y, {}),
    ("QGemm", (6, 8), [], WEIGHTS + BIAS + WIDE, {}),
    ("QGemm", (6, 8), [], WEIGHTS + BIAS, {}),
    ("QGemm", (6, 8), [], [("w", numbers(5, 8, dtype=np.int8))] + WEIGHTS[1:] + BIAS + WIDE, {"transB": 1, "alpha": 0.5}),
    ("QuantizeLinear", None, [], [], {}),
    ("DequantizeLinear", SHAPE, [], [], {}),
]


def model(op, shape, before, behind, attributes):
    constants = before + [("x_scale", f32(0.02)), ("x_zero", np.uint8(120))] + behind
    names = [name for name, _ in before] + ["x", "x_scale", "x_zero"] + [name for name, _ in behind]
    kind = onnx.TensorProto.UINT8 if shape else onnx.TensorProto.FLOAT
    node = helper.make_node(op, names, ["y"], domain="com.microsoft", **attributes)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", kind, shape or SHAPE)],
                              [onnx.ValueInfoProto(name="y")],
                              [numpy_helper.from_array(np.asarray(value), name) for name, value in constants])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)],
                             ir_version=8).SerializeToString()


@pytest.mark.parametrize("op, shape, before, behind, attributes", CASES,
                         ids=[f"{i}_{case[0]}" for i, case in enumerate(CASES)])
def test_operator(op, shape, before, behind, attributes):
    data = model(op, shape, before, behind, attributes)
    x = numbers(*shape) if shape else RANDOM.uniform(-3, 3, SHAPE).astype(np.float32)
    expected = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
    found = fovea.evaluate(data, {"x": x})["y"]
    assert found.dtype == expected.dtype and found.shape == expected.shape
    step = 1 if expected.dtype == np.uint8 else 1e-6 * np.abs(expected).max()
    assert np.abs(found.astype(np.float64) - expected.astype(np.float64)).max() <= step
    assert np.ptp(found) > 20 * step, "the case shows nothing"


@pytest.mark.parametrize("op, shape, behind, attributes, rule", [
    ("QLinearGlobalAveragePool", SHAPE, Y, {"channels_last": 1}, 'attribute "channels_last": expected 0'),
    ("QLinearSoftmax", SHAPE, UNIT, {"opset": 11}, 'attribute "opset": expected 13 or newer'),
    ("QAttention", SHAPE, Y, {}, 'operators of the domain "com.microsoft" are not supported'),
    ("QLinearConcat", SHAPE, [], {}, "input"),
])
def test_refusal(op, shape, behind, attributes, rule):
    with pytest.raises(fovea.Error, match=rule):
        fovea.evaluate(model(op, shape, [], behind, attributes), {"x": numbers(*shape)})
