"""What the importer makes of a model, checked by the results: against ONNX Runtime where it can run the same file."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import fovea

RANDOM = np.random.default_rng(7)
F32, I64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
X = RANDOM.standard_normal((2, 3, 4, 6)).astype(np.float32)


def value(name, dtype=F32, shape=None):
    return helper.make_tensor_value_info(name, dtype, shape)


def model(nodes, inputs, outputs, initializers=(), opset=21, functions=(), ir_version=10):
    graph = helper.make_graph(nodes, "g", inputs, outputs,
                              [numpy_helper.from_array(np.asarray(array), name) for name, array in initializers])
    imports = [helper.make_opsetid("", opset)] + [helper.make_opsetid(f.domain, 1) for f in functions]
    return helper.make_model(graph, opset_imports=imports, ir_version=ir_version, functions=functions)


def compare_with_onnx_runtime(proto, inputs, **tolerance):
    found = fovea.evaluate(proto.SerializeToString(), inputs)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    for output, expected in zip(session.get_outputs(), session.run(None, inputs), strict=True):
        assert found[output.name].dtype == expected.dtype
        np.testing.assert_allclose(found[output.name], expected, **{"rtol": 1e-5, "atol": 1e-5, **tolerance})


# --- older operator sets ---------------------------------------------------------------------------------------------

ONES = np.ones(3, np.float32)
BOXES = np.array([[0, 0, 3, 3], [1, 0, 5, 2]], np.float32)
GRID = RANDOM.uniform(-1.2, 1.2, (2, 5, 5, 2)).astype(np.float32)
LSTM = [RANDOM.standard_normal(s).astype(np.float32) for s in ((1, 16, 6), (1, 16, 4))]

# (operator, operator set, constant inputs, attributes, number of outputs)
OLD = [
    *[(op, opset, [], {"axis": axis}, 1) for op in ("Softmax", "LogSoftmax", "Hardmax") for opset in (7, 11)
      for axis in (0, 1, 2, 3)],
    ("Softmax", 12, [], {}, 1),
    ("Softmax", 11, [], {"axis": -2}, 1),
    ("Clip", 7, [], {"min": -0.5, "max": 0.25}, 1),
    ("Clip", 10, [], {"max": 0.25}, 1),
    ("Pad", 7, [], {"pads": [0, 0, 1, 2, 0, 0, 0, 1], "value": 2.5}, 1),
    ("Pad", 10, [], {"pads": [0, 0, 1, 2, 0, 0, 0, 1], "mode": "reflect"}, 1),
    ("Slice", 9, [], {"starts": [1, -4], "ends": [9, -1], "axes": [2, 3]}, 1),
    ("Slice", 7, [], {"starts": [1], "ends": [2]}, 1),
    ("Split", 11, [], {"axis": 3, "split": [1, 5]}, 2),
    ("Split", 11, [], {"axis": -1}, 3),
    ("Split", 13, [], {"axis": 1}, 3),
    ("TopK", 9, [], {"axis": 3, "k": 2}, 2),
    ("Unsqueeze", 11, [], {"axes": [0, -1]}, 1),
    *[(f"Reduce{kind}", opset, [], {"axes": [1, 3], "keepdims": keep}, 1)
      for kind in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSumExp") for opset in (7, 12)
      for keep in (0, 1)],
    ("ReduceMean", 17, [], {"axes": [-1]}, 1),
    ("ReduceSum", 12, [], {}, 1),
    ("Upsample", 7, [], {"scales": [1.0, 1.0, 2.0, 3.0]}, 1),
    ("Upsample", 7, [], {"scales": [1.0, 1.0, 2.0, 2.0], "mode": "linear"}, 1),
    ("Upsample", 9, [np.array([1, 1, 2, 2], np.float32)], {"mode": "nearest"}, 1),
    ("Resize", 10, [np.array([1, 1, 2.5, 2], np.float32)], {"mode": "linear"}, 1),
    ("Resize", 10, [np.array([1, 1, 2, 2], np.float32)], {}, 1),
    ("Resize", 11, [np.zeros(0, np.float32), np.array([1, 1, 2, 3], np.float32)],
     {"coordinate_transformation_mode": "tf_half_pixel_for_nn", "nearest_mode": "floor"}, 1),
    ("BatchNormalization", 7, [ONES, ONES / 2, ONES / 4, ONES * 2], {}, 1),
    ("BatchNormalization", 9, [ONES, ONES / 2, ONES / 4, ONES * 2], {"momentum": 0.8}, 1),
    ("Dropout", 7, [], {"ratio": 0.3}, 1),
    ("Dropout", 10, [], {"ratio": 0.3}, 1),
    ("GridSample", 16, [GRID], {"mode": "bicubic"}, 1),
    ("GridSample", 16, [GRID], {"mode": "bilinear", "padding_mode": "border"}, 1),
    ("RoiAlign", 10, [BOXES, np.array([0, 1])], {"output_height": 2, "output_width": 2}, 1),
    ("ScatterElements", 11, [np.zeros((1, 1, 1, 2), np.int64), np.ones((1, 1, 1, 2), np.float32)], {"axis": -1}, 1),
    ("Scatter", 9, [np.zeros((1, 1, 1, 2), np.int64), np.ones((1, 1, 1, 2), np.float32)], {"axis": 3}, 1),
    ("MaxPool", 8, [], {"kernel_shape": [2, 2], "strides": [2, 2]}, 2),
    ("AveragePool", 7, [], {"kernel_shape": [2, 3], "pads": [1, 1, 0, 1]}, 1),
    ("Flatten", 8, [], {"axis": 2}, 1),
    ("Gather", 10, [np.array([1, 0])], {"axis": 3}, 1),
    ("ArgMax", 7, [], {"axis": 1, "keepdims": 0}, 1),
    ("Cast", 7, [], {"to": TensorProto.INT32}, 1),
    ("PRelu", 7, [ONES.reshape(3, 1, 1) / 3], {}, 1),
    ("Elu", 7, [], {"alpha": 0.5}, 1),
    ("DepthToSpace", 7, [], {"blocksize": 1}, 1),
    ("LRN", 7, [], {"size": 3}, 1),
    ("InstanceNormalization", 7, [ONES, ONES], {}, 1),
]


@pytest.mark.parametrize(("op", "opset", "constants", "attributes", "outputs"), OLD,
                         ids=[f"{case[0]}-{case[1]}-{index}" for index, case in enumerate(OLD)])
def test_older_operator_set(op, opset, constants, attributes, outputs):
    names = [f"y{i}" for i in range(outputs)]
    tensors = [(f"c{i}", constant) for i, constant in enumerate(constants)]
    dtype = {"ArgMax": I64, "Cast": TensorProto.INT32}.get(op, F32)
    types = [dtype] + [I64 if op in ("TopK", "MaxPool") else dtype] * (outputs - 1)
    proto = model([helper.make_node(op, ["x"] + [name for name, _ in tensors], names, **attributes)],
                  [value("x", shape=X.shape)], list(map(value, names, types)), tensors, opset, ir_version=8)
    compare_with_onnx_runtime(proto, {"x": X})


@pytest.mark.parametrize("opset", [7, 13])
def test_older_recurrent_network(opset):
    proto = model([helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=4)], [value("x", shape=[5, 2, 6])],
                  [value("y")], [("w", LSTM[0]), ("r", LSTM[1])], opset)
    compare_with_onnx_runtime(proto, {"x": RANDOM.standard_normal((5, 2, 6)).astype(np.float32)})


def test_squeeze_with_axes_as_attribute():
    proto = model([helper.make_node("Squeeze", ["x"], ["y"], axes=[1])], [value("x", shape=[2, 1, 3])], [value("y")], opset=11)
    compare_with_onnx_runtime(proto, {"x": RANDOM.standard_normal((2, 1, 3)).astype(np.float32)})


@pytest.mark.parametrize("opset", [7, 10])
def test_mask_of_an_old_dropout(opset):
    proto = model([helper.make_node("Dropout", ["x"], ["y", "mask"])], [value("x", shape=X.shape)],
                  [value("y"), value("mask", F32 if opset < 10 else BOOL)], opset=opset)
    found = fovea.evaluate(proto.SerializeToString(), {"x": X})
    np.testing.assert_array_equal(found["y"], X)
    assert found["mask"].dtype == (np.float32 if opset < 10 else np.bool_)
    assert found["mask"].all() and found["mask"].shape == X.shape


def test_group_normalization_with_scales_of_groups():
    x = RANDOM.standard_normal((2, 4, 5)).astype(np.float32)
    scale, bias = np.array([1, 3], np.float32), np.array([0, -2], np.float32)
    proto = model([helper.make_node("GroupNormalization", ["x", "scale", "bias"], ["y"], num_groups=2)],
                  [value("x", shape=x.shape)], [value("y")], [("scale", scale), ("bias", bias)], opset=18)
    groups = x.reshape(2, 2, -1)
    expected = (groups - groups.mean(2, keepdims=True)) / np.sqrt(groups.var(2, keepdims=True) + 1e-5)
    expected = expected * scale[:, None] + bias[:, None]
    found = fovea.evaluate(proto.SerializeToString(), {"x": x})["y"]
    np.testing.assert_allclose(found, expected.reshape(x.shape), rtol=1e-4, atol=1e-5)


# --- constants -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("attribute", "expected"), [
    ({"value": numpy_helper.from_array(np.arange(3, dtype=np.int16))}, np.arange(3, dtype=np.int16)),
    ({"value_int": 7}, np.array(7)), ({"value_ints": [7, 8]}, np.array([7, 8])),
    ({"value_float": 0.5}, np.array(0.5, np.float32)), ({"value_floats": [0.5, 1]}, np.array([0.5, 1], np.float32)),
], ids=["value", "value_int", "value_ints", "value_float", "value_floats"])
def test_constant_nodes(attribute, expected):
    dtype = helper.np_dtype_to_tensor_dtype(expected.dtype)
    proto = model([helper.make_node("Constant", [], ["c"], **attribute), helper.make_node("Identity", ["c"], ["y"])],
                  [], [value("y", dtype)])
    found = fovea.evaluate(proto.SerializeToString(), {})["y"]
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["float32", "float64", "float16", "int8", "uint8", "int16", "uint16", "int32",
                                  "uint32", "int64", "uint64", "bool", "bfloat16", "float8_e4m3fn", "float8_e5m2",
                                  "int4", "uint4", "int2", "uint2", "float4_e2m1fn"])
@pytest.mark.parametrize("raw", [True, False])
def test_types_of_initializers(name, raw):
    import ml_dtypes

    dtype = np.dtype(getattr(ml_dtypes, name, name))
    array = np.array([[0, 1, 1], [0, 1, 0], [1, 0, 1]]).astype(dtype)
    tensor = numpy_helper.from_array(array, "w")
    if not raw:
        numbers = array.astype(np.float32).ravel().tolist()
        tensor = helper.make_tensor("w", tensor.data_type, array.shape, numbers)
    proto = model([helper.make_node("Identity", ["w"], ["y"])], [], [value("y", tensor.data_type)], opset=25, ir_version=13)
    proto.graph.initializer.append(tensor)
    found = fovea.evaluate(proto.SerializeToString(), {})["y"]
    assert found.dtype == dtype
    np.testing.assert_array_equal(found.astype(np.float32), array.astype(np.float32))
    again = onnx.load_from_string(fovea.convert(proto.SerializeToString()))
    np.testing.assert_array_equal(numpy_helper.to_array(again.graph.initializer[0]), array)


def test_initializer_listed_as_input():
    weight = np.full((1,), 2, np.float32)
    proto = model([helper.make_node("Mul", ["x", "w"], ["y"])], [value("x", shape=[3]), value("w", shape=[1])],
                  [value("y")], [("w", weight)], ir_version=3, opset=9)
    found = fovea.evaluate(proto.SerializeToString(), {"x": np.arange(3, dtype=np.float32)})
    np.testing.assert_array_equal(found["y"], [0, 2, 4])


def save_with_external_data(folder):
    weight = RANDOM.standard_normal((3, 400)).astype(np.float32)
    proto = model([helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", shape=[2, 3])], [value("y")], [("w", weight)])
    path = folder / "model.onnx"
    onnx.save_model(proto, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (folder / "weights.bin").stat().st_size >= weight.nbytes
    return path, weight


def test_external_data(tmp_path):
    path, weight = save_with_external_data(tmp_path)
    x = RANDOM.standard_normal((2, 3)).astype(np.float32)
    np.testing.assert_allclose(fovea.evaluate(path, {"x": x})["y"], x @ weight, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fovea.evaluate(str(path), {"x": x})["y"], x @ weight, rtol=1e-5, atol=1e-6)


def test_external_data_of_a_model_in_memory(tmp_path):
    path, _ = save_with_external_data(tmp_path)
    with pytest.raises(fovea.Error, match="no folder"):
        fovea.evaluate(path.read_bytes(), {"x": np.zeros((2, 3), np.float32)})


# --- shapes and names ------------------------------------------------------------------------------------------------

def test_shape_override_replaces_a_wrong_declaration():
    proto = model([helper.make_node("Relu", ["x"], ["y"])], [value("x", shape=[10, 3, 32, 32])], [value("y", shape=[10, 3, 32, 32])])
    again = onnx.load_from_string(fovea.convert(proto.SerializeToString(), shapes={"x": [1, 3, 48, 64]}))
    for tensor in (again.graph.input[0], again.graph.output[0]):
        assert [d.dim_value for d in tensor.type.tensor_type.shape.dim] == [1, 3, 48, 64]


def test_shape_override_of_an_unknown_input():
    proto = model([helper.make_node("Relu", ["x"], ["y"])], [value("x", shape=[2])], [value("y")])
    with pytest.raises(fovea.Error, match='shape is given for "z"'):
        fovea.convert(proto.SerializeToString(), shapes={"z": [1]})


def test_symbolic_sizes_are_kept():
    proto = model([helper.make_node("Relu", ["x"], ["y"])], [value("x", shape=["batch", 3, None])], [value("y")])
    again = onnx.load_from_string(fovea.convert(proto.SerializeToString()))
    dims = again.graph.output[0].type.tensor_type.shape.dim
    assert (dims[0].dim_param, dims[1].dim_value, dims[2].WhichOneof("value")) == ("batch", 3, None)


def test_nodes_in_any_order():
    proto = model([helper.make_node("Relu", ["t"], ["y"]), helper.make_node("Neg", ["x"], ["t"])], [value("x", shape=[2])], [value("y")])
    found = fovea.evaluate(proto.SerializeToString(), {"x": np.array([1, -2], np.float32)})
    np.testing.assert_array_equal(found["y"], [0, 2])


def test_output_that_is_an_input_or_a_constant():
    proto = model([], [value("x", shape=[2])], [value("x", shape=[2]), value("c")], [("c", np.ones(1, np.float32))])
    for content in (proto.SerializeToString(), fovea.convert(proto.SerializeToString())):
        found = fovea.evaluate(content, {"x": np.array([1, -2], np.float32)})
        np.testing.assert_array_equal(found["x"], [1, -2])
        np.testing.assert_array_equal(found["c"], [1])


# --- bodies and functions --------------------------------------------------------------------------------------------

def graph(nodes, inputs, outputs, initializers=()):
    return helper.make_graph(nodes, "body", inputs, outputs,
                             [numpy_helper.from_array(np.asarray(array), name) for name, array in initializers])


def both(proto, inputs):
    """Compares the model, and what it becomes when it is exported again, with ONNX Runtime."""
    compare_with_onnx_runtime(proto, inputs)
    again = fovea.convert(proto.SerializeToString())
    onnx.checker.check_model(again, full_check=True)
    compare_with_onnx_runtime(onnx.load_from_string(again), inputs)


@pytest.mark.parametrize("condition", [True, False])
def test_if_reads_its_surroundings(condition):
    inner = [graph([helper.make_node("Add", ["x", constant], [f"{name}_1"]), helper.make_node("Mul", [f"{name}_1", other], [f"{name}_2"])],
                   [], [value(f"{name}_2", shape=[3])], [("own", np.ones(1, np.float32))] if constant == "own" else [])
             for name, constant, other in (("a", "own", "t"), ("b", "k", "u"))]
    proto = model([helper.make_node("Neg", ["x"], ["t"]), helper.make_node("Abs", ["x"], ["u"]),
                   helper.make_node("If", ["c"], ["z"], then_branch=inner[0], else_branch=inner[1]),
                   helper.make_node("Add", ["z", "t"], ["y"])],
                  [value("x", shape=[3]), value("c", BOOL, [])], [value("y", shape=[3])], [("k", np.full(1, 5, np.float32))])
    both(proto, {"x": np.array([1, -2, 3], np.float32), "c": np.array(condition)})


def test_if_in_if():
    leaf = [graph([helper.make_node(op, ["t"], [f"leaf_{op}"])], [], [value(f"leaf_{op}", shape=[3])]) for op in ("Neg", "Abs")]
    inner = graph([helper.make_node("If", ["d"], ["inner"], then_branch=leaf[0], else_branch=leaf[1])], [], [value("inner", shape=[3])])
    other = graph([helper.make_node("Identity", ["x"], ["other"])], [], [value("other", shape=[3])])
    proto = model([helper.make_node("Exp", ["x"], ["t"]), helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=other)],
                  [value("x", shape=[3]), value("c", BOOL, []), value("d", BOOL, [])], [value("y", shape=[3])])
    for c in (True, False):
        for d in (True, False):
            both(proto, {"x": np.array([1, -2, 3], np.float32), "c": np.array(c), "d": np.array(d)})


def test_constant_condition_reads_one_branch():
    good = graph([helper.make_node("Relu", ["x"], ["good"])], [], [value("good", shape=[4])])
    bad = graph([helper.make_node("Reshape", ["x", "five"], ["bad"])], [], [value("bad", shape=[5])], [("five", np.array([5]))])
    proto = model([helper.make_node("If", ["c"], ["y"], then_branch=good, else_branch=bad)], [value("x", shape=[4])], [value("y", shape=[4])],
                  [("c", np.array(True))])
    x = np.array([1, -2, 3, -4], np.float32)
    np.testing.assert_array_equal(fovea.evaluate(proto.SerializeToString(), {"x": x})["y"], np.maximum(x, 0))


def test_loop_reads_its_surroundings():
    body = graph([helper.make_node("Add", ["sum", "scaled"], ["sum_out"]), helper.make_node("Identity", ["go"], ["go_out"]),
                  helper.make_node("Mul", ["sum_out", "w"], ["row"])],
                 [value("i", I64, []), value("go", BOOL, []), value("sum", shape=[3])],
                 [value("go_out", BOOL, []), value("sum_out", shape=[3]), value("row", shape=[3])])
    proto = model([helper.make_node("Mul", ["x", "w"], ["scaled"]), helper.make_node("Loop", ["n", "", "x"], ["y", "rows"], body=body)],
                  [value("x", shape=[3]), value("n", I64, [])], [value("y", shape=[3]), value("rows", shape=[None, 3])],
                  [("w", np.full(1, 0.5, np.float32))])
    both(proto, {"x": np.array([1, -2, 3], np.float32), "n": np.array(4)})


def test_scan_reads_its_surroundings():
    body = graph([helper.make_node("Add", ["state", "row"], ["state_out"]), helper.make_node("Mul", ["state_out", "factor"], ["out"])],
                 [value("state", shape=[3]), value("row", shape=[3])], [value("state_out", shape=[3]), value("out", shape=[3])])
    proto = model([helper.make_node("Neg", ["x"], ["factor"]), helper.make_node("Scan", ["x", "rows"], ["y", "outs"], body=body, num_scan_inputs=1)],
                  [value("x", shape=[3]), value("rows", shape=[5, 3])], [value("y", shape=[3]), value("outs", shape=[5, 3])])
    both(proto, {"x": np.array([1, -2, 3], np.float32), "rows": RANDOM.standard_normal((5, 3)).astype(np.float32)})


def function(name, inputs, outputs, nodes, opset=21, attributes=(), defaults=()):
    return helper.make_function("test", name, inputs, outputs, nodes,
                                [helper.make_opsetid("", opset), helper.make_opsetid("test", 1)], list(attributes), list(defaults))


def with_reference(node, key, to, kind):
    node.attribute.append(onnx.AttributeProto(name=key, ref_attr_name=to, type=kind))
    return node


def test_functions():
    elu = with_reference(helper.make_node("Elu", ["a"], ["e"]), "alpha", "slope", onnx.AttributeProto.FLOAT)
    squash = function("Squash", ["a"], ["b"], [elu, helper.make_node("Tanh", ["e"], ["b"])], attributes=["slope"])
    twice = function("Twice", ["a"], ["b"], [
        with_reference(helper.make_node("Squash", ["a"], ["t"], domain="test"), "slope", "factor", onnx.AttributeProto.FLOAT),
        helper.make_node("Squash", ["t"], ["b"], domain="test", slope=2.0)], defaults=[helper.make_attribute("factor", 0.25)])
    proto = model([helper.make_node("Twice", ["x"], ["t"], domain="test"), helper.make_node("Twice", ["t"], ["y"], domain="test", factor=3.0)],
                  [value("x", shape=[4])], [value("y", shape=[4])], functions=[squash, twice])
    both(proto, {"x": np.array([1, -2, 3, -0.5], np.float32)})


def test_function_of_an_older_operator_set():
    softmax = function("Flat", ["a"], ["b"], [helper.make_node("Softmax", ["a"], ["b"], axis=1)], opset=11)
    proto = model([helper.make_node("Flat", ["x"], ["y"], domain="test")], [value("x", shape=X.shape)], [value("y")], functions=[softmax])
    flat = np.exp(X.reshape(2, -1))
    expected = (flat / flat.sum(1, keepdims=True)).reshape(X.shape)
    np.testing.assert_allclose(fovea.evaluate(proto.SerializeToString(), {"x": X})["y"], expected, rtol=1e-5)


def test_function_with_omitted_input_and_body():
    branch = [graph([helper.make_node(op, ["t"], [op])], [], [value(op)]) for op in ("Neg", "Abs")]
    choose = function("Choose", ["a", "c", "low"], ["b"], [
        helper.make_node("Clip", ["a", "low"], ["t"]), helper.make_node("If", ["c"], ["b"], then_branch=branch[0], else_branch=branch[1])])
    for low in ("", "low"):
        proto = model([helper.make_node("Choose", ["x", "c", low], ["y"], domain="test")], [value("x", shape=[3]), value("c", BOOL, [])],
                      [value("y", shape=[3])], [("low", np.array(0, np.float32))], functions=[choose])
        for c in (True, False):
            both(proto, {"x": np.array([1, -2, 3], np.float32), "c": np.array(c)})
