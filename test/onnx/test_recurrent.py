"""RNN, GRU and LSTM with all their inputs and attributes against ONNX Runtime."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

import fovea

SIZES = {"steps": 5, "batch": 3, "inputs": 4, "hidden": 6}
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int32): TensorProto.INT32}


def operands(op, directions, random):
    gates, hidden = GATES[op] * SIZES["hidden"], SIZES["hidden"]
    shapes = {"X": (SIZES["steps"], SIZES["batch"], SIZES["inputs"]), "W": (directions, gates, SIZES["inputs"]),
              "R": (directions, gates, hidden), "B": (directions, 2 * gates), "lengths": None,
              "h": (directions, SIZES["batch"], hidden)}
    if op == "LSTM":
        shapes |= {"c": (directions, SIZES["batch"], hidden), "P": (directions, 3 * hidden)}
    tensors = {name: shape and random.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    tensors["lengths"] = np.array([2, 5, 3], np.int32)
    return tensors


def run(op, given, attributes):
    outputs = ["Y", "Y_h", "Y_c"][: 3 if op == "LSTM" else 2]
    names = [name if tensor is not None else "" for name, tensor in given.items()]
    feeds = {name: tensor for name, tensor in given.items() if tensor is not None}
    node = helper.make_node(op, names, outputs, hidden_size=SIZES["hidden"], **attributes)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info(name, TYPES[tensor.dtype], tensor.shape) for name, tensor in feeds.items()],
                              [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()
    expected = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, feeds)
    found = fovea.evaluate(model, feeds)
    for name, value in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("op", GATES)
def test_every_input(op, direction):
    given = operands(op, 2 if direction == "bidirectional" else 1, np.random.default_rng(1))
    run(op, given, {"direction": direction})


@pytest.mark.parametrize("omitted", ["B", "lengths", "h"])
@pytest.mark.parametrize("op", GATES)
def test_omitted_inputs(op, omitted):
    given = operands(op, 1, np.random.default_rng(2))
    given[omitted] = None
    run(op, given, {})


@pytest.mark.parametrize("functions", [["HardSigmoid", "Softsign", "LeakyRelu"], ["Softplus", "Elu", "Relu"]])
@pytest.mark.parametrize("op", GATES)
def test_activations_consume_their_parameters(op, functions):
    count = {"RNN": 1, "GRU": 2, "LSTM": 3}[op]
    given = operands(op, 1, np.random.default_rng(3))
    run(op, given, {"activations": functions[:count], "activation_alpha": [0.3, 0.1], "activation_beta": [0.4]})


@pytest.mark.parametrize("attributes", [("GRU", {"linear_before_reset": 1}), ("LSTM", {"input_forget": 1}), ("LSTM", {"clip": 0.3}),
                                        ("GRU", {"clip": 0.3}), ("RNN", {"clip": 0.3})], ids=str)
def test_attributes(attributes):
    op, values = attributes
    run(op, operands(op, 1, np.random.default_rng(4)), values)
