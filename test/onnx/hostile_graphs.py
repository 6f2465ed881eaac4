"""Broken graphs, operators with senseless arguments, and small files that stand for much."""

import functools

import numpy as np
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from hostile_cases import BOOL, F32, I64, VALID, add, case, field, model, node, relu, value


# --- graphs ----------------------------------------------------------------------------------------------------------

def graph(name, *nodes, **options):
    add(name, lambda: model(list(nodes), **options))


graph("undefined_input", relu("nowhere"))
graph("cycle_of_one", relu("y"))
graph("cycle_of_two", relu("b", "a"), relu("a", "b"), relu("a"))
graph("cycle_of_thousand", *[relu(f"t{i}", f"t{(i + 1) % 1000}") for i in range(1000)], relu("t0"))
graph("two_producers", relu(), relu())
graph("output_replaces_input", relu("x", "x"), relu())
graph("no_operator", helper.make_node("", ["x"], ["y"]))
graph("unknown_operator", helper.make_node("Frobnicate", ["x"], ["y"]))
graph("custom_domain", helper.make_node("Relu", ["x"], ["y"], domain="com.example"))
graph("node_without_outputs", helper.make_node("Relu", ["x"], []), relu())
graph("too_many_inputs", helper.make_node("Relu", ["x", "x"], ["y"]))
graph("too_few_inputs", helper.make_node("Conv", ["x"], ["y"]))
graph("omitted_required_input", helper.make_node("Conv", ["x", ""], ["y"]))
REQUIRED_INPUTS = {  # how many inputs the operator requires; a variadic operator is given three
    "Equal": 2, "Add": 2, "Where": 3, "Conv": 2, "MatMul": 2, "Gemm": 2, "Reshape": 2, "Slice": 3, "Gather": 2, "ScatterND": 3,
    "BatchNormalization": 5, "LayerNormalization": 2, "Concat": 3, "Max": 3, "Expand": 2, "TopK": 2, "QLinearConv": 8, "Attention": 3,
    "LSTM": 3, "GridSample": 2, "RoiAlign": 3, "OneHot": 3, "Range": 3, "Pad": 2, "DequantizeLinear": 2, "Einsum": 3, "Relu": 1}
for operator, required in REQUIRED_INPUTS.items():
    for omitted in {0, required // 2}:
        def without(operator=operator, required=required, omitted=omitted):
            names = ["" if i == omitted else "one" for i in range(required)]
            return model([helper.make_node(operator, names, ["y"], name="bad")],
                         initializers=[numpy_helper.from_array(np.ones(1, np.float32), "one")])
        add(f"{operator}_without_input_{omitted}", without)
graph("unknown_attribute", relu(alpha=1.0))
graph("attribute_of_wrong_kind", helper.make_node("Concat", ["x", "x"], ["y"], axis="one"))
graph("long_tensor_name", relu("x", "n" * 100_000), relu("n" * 100_000))
graph("long_node_name", relu(name="n" * 100_000))
graph("reference_outside_function", helper.make_node("Elu", ["x"], ["y"]))
graph("200001_nodes", *[relu("x", f"t{i}") for i in range(200_001)], relu())
graph("199000_nodes_and_a_bad_one", *[relu("x", f"t{i}") for i in range(199_000)], relu("nowhere"))
graph("deep_chain_and_a_bad_end", *[relu(f"t{i}" if i else "x", f"t{i + 1}") for i in range(50_000)], relu("nowhere"))
graph("100000_outputs_and_a_bad_one", relu(), outputs=[value("y")] * 1 + [value(f"o{i}", ()) for i in range(100_000)])
add("200000_bad_initializers", lambda: model([relu()], initializers=[TensorProto(name=f"w{i}", data_type=F32, dims=[0]) for i in range(200_000)] + [TensorProto(name="w0")]))
add("many_captures", lambda: model(
    [relu("x", f"t{i}") for i in range(20_000)] + [helper.make_node("If", ["c"], ["y"], **{
        key: helper.make_graph([helper.make_node("Concat", [f"t{i}" for i in numbers], ["u"], axis=0), relu(end, "o")], "b", [], [value("o", None)])
        for key, numbers, end in (("then_branch", range(10_000), "u"), ("else_branch", range(10_000, 20_000), "nowhere"))})],
    inputs=[value("x"), value("c", (), BOOL)]))


def with_attribute(name, attribute):
    def make():
        bad = helper.make_node("Elu", ["x"], ["y"])
        attribute(bad.attribute.add())
        return model([bad])
    add(name, make)


def set_fields(proto, **fields):
    for key, content in fields.items():
        setattr(proto, key, content)


with_attribute("reference_outside_function", lambda a: set_fields(a, name="alpha", ref_attr_name="alpha", type=AttributeProto.FLOAT))
with_attribute("attribute_without_type", lambda a: set_fields(a, name="alpha", f=1.0))
with_attribute("attribute_without_name", lambda a: set_fields(a, type=AttributeProto.FLOAT, f=1.0))
with_attribute("attribute_of_unknown_type", lambda a: set_fields(a, name="alpha", type=AttributeProto.TYPE_PROTO))


@case
def attribute_twice(_):
    bad = helper.make_node("Elu", ["x"], ["y"], alpha=1.0)
    bad.attribute.append(bad.attribute[0])
    return model([bad])


def nested_ifs(depth):
    body = helper.make_graph([relu("x", "inner")], "leaf", [], [value("inner", None)])
    for level in range(depth):
        nodes = [helper.make_node("If", ["c"], [f"o{level}"], then_branch=body, else_branch=body if level < 3 else
                                  helper.make_graph([relu("x", f"e{level}")], "e", [], [value(f"e{level}", None)]))]
        body = helper.make_graph(nodes, "level", [], [value(f"o{level}", None)])
    return model(list(body.node) + [relu(f"o{depth - 1}")], inputs=[value("x"), value("c", (), BOOL)])


def nested_bytes(path, depth):
    content = b""
    for _ in range(depth):
        for number in path:
            content = field(number, content)
    return VALID[:2] + field(7, content)


add("if_in_20_levels", lambda: nested_ifs(20))
add("graphs_in_500_levels", lambda: nested_bytes((6, 5, 1), 500))
add("graphs_in_20000_levels", lambda: nested_bytes((6, 5, 1), 5000))
add("types_in_500_levels", lambda: VALID[:2] + field(7, field(11, field(2, functools.reduce(lambda c, _: field(4, field(1, c)), range(500), b"")))))


def branching(**options):
    branch = helper.make_graph([relu("x", "t")], "then", [], [value("t", None)])
    return model([helper.make_node("If", ["c"], ["y"], **{"then_branch": branch, "else_branch": branch, **options})],
                 inputs=[value("x"), value("c", (), options.pop("condition", BOOL))])


add("if_without_else", lambda: model([helper.make_node("If", ["c"], ["y"], then_branch=helper.make_graph(
    [relu("x", "t")], "then", [], [value("t", None)]))], inputs=[value("x"), value("c", (), BOOL)]))
add("if_branch_reads_nothing", lambda: branching(else_branch=helper.make_graph([relu("nowhere", "t")], "e", [], [value("t", None)])))
add("if_branch_with_two_outputs", lambda: branching(else_branch=helper.make_graph(
    [relu("x", "t"), relu("x", "u")], "e", [], [value("t", None), value("u", None)])))
add("if_branch_without_outputs", lambda: branching(else_branch=helper.make_graph([relu("x", "t")], "e", [], [])))
add("if_branch_is_a_number", lambda: branching(else_branch=1))
add("if_branch_reads_its_if", lambda: branching(else_branch=helper.make_graph([relu("y", "t")], "e", [], [value("t", None)])))


def body(nodes, inputs, outputs):
    return helper.make_graph(nodes, "body", [value(name, shape, kind) for name, shape, kind in inputs],
                             [value(name, shape, kind) for name, shape, kind in outputs])


NUMBER, GO, CARRIED = ("i", (), I64), ("go", (), BOOL), ("v", (1, 4, 8, 8), F32)
GO_ON, NEXT = ("go_out", (), BOOL), ("v_out", (1, 4, 8, 8), F32)
KEEP_GOING = helper.make_node("Identity", ["go"], ["go_out"])


def loop(content, inputs=("", "c", "x"), outputs=("y",), **attributes):
    attributes = attributes if content is None else {"body": content, **attributes}
    return model([helper.make_node("Loop", list(inputs), list(outputs), name="bad", **attributes)],
                 inputs=[value("x"), value("c", (), BOOL)])


def scan(content=None, inputs=("x",), outputs=("y",), **attributes):
    content = content or body([relu("v", "v_out")], [("v", (4, 8, 8), F32)], [("v_out", (4, 8, 8), F32)])
    return model([helper.make_node("Scan", list(inputs), list(outputs), name="bad", body=content, **attributes)])


add("loop_without_body", lambda: loop(None))
add("loop_body_is_a_number", lambda: loop(None, body=1))
add("loop_body_without_inputs", lambda: loop(body([relu("x", "v_out")], [], [GO_ON, NEXT])))
add("loop_body_with_too_many_inputs", lambda: loop(body([KEEP_GOING, relu("v", "v_out")], [NUMBER, GO, CARRIED, ("w", (), F32)], [GO_ON, NEXT])))
add("loop_body_without_condition", lambda: loop(body([relu("v", "v_out")], [NUMBER, GO, CARRIED], [NEXT])))
add("loop_body_without_outputs", lambda: loop(body([KEEP_GOING], [NUMBER, GO, CARRIED], [])))
add("loop_body_reads_nothing", lambda: loop(body([KEEP_GOING, relu("nowhere", "v_out")], [NUMBER, GO, CARRIED], [GO_ON, NEXT])))
add("loop_changes_the_type", lambda: loop(body([KEEP_GOING, helper.make_node("Cast", ["v"], ["v_out"], to=I64)], [NUMBER, GO, CARRIED], [GO_ON, ("v_out", None, I64)])))
add("loop_with_too_many_outputs", lambda: loop(body([KEEP_GOING, relu("v", "v_out")], [NUMBER, GO, CARRIED], [GO_ON, NEXT]), outputs=("y", "z")))
add("loop_carries_an_omitted_input", lambda: loop(body([KEEP_GOING, relu("v", "v_out")], [NUMBER, GO, CARRIED], [GO_ON, NEXT]), inputs=("", "c", "", "x")))
for count in (0, -1, 2, 1 << 62):
    add(f"scan_of_{count}_inputs", lambda count=count: scan(num_scan_inputs=count))
add("scan_without_number_of_inputs", lambda: scan())
add("scan_axis_out_of_range", lambda: scan(num_scan_inputs=1, scan_input_axes=[7]))
add("scan_output_axis_out_of_range", lambda: scan(num_scan_inputs=1, scan_output_axes=[-9]))
add("scan_with_two_axes_for_one_input", lambda: scan(num_scan_inputs=1, scan_input_axes=[0, 1]))
add("scan_direction_of_2", lambda: scan(num_scan_inputs=1, scan_input_directions=[2]))
add("scan_with_too_many_outputs", lambda: scan(num_scan_inputs=1, outputs=("y", "z")))
add("scan_omits_its_input", lambda: scan(num_scan_inputs=1, inputs=("",)))
add("scan_body_without_inputs", lambda: scan(body([relu("x", "v_out")], [], [NEXT]), num_scan_inputs=1))


# --- operators -------------------------------------------------------------------------------------------------------

WEIGHTS = np.zeros((4, 4, 3, 3), np.float32)
OPERATORS = {
    "conv_group_zero": lambda: node("Conv", WEIGHTS, group=0),
    "conv_group_negative": lambda: node("Conv", WEIGHTS, group=-4),
    "conv_group_huge": lambda: node("Conv", WEIGHTS, group=1 << 62),
    "conv_stride_zero": lambda: node("Conv", WEIGHTS, strides=[0, 1]),
    "conv_stride_negative": lambda: node("Conv", WEIGHTS, strides=[-1, 1]),
    "conv_dilation_zero": lambda: node("Conv", WEIGHTS, dilations=[0, 1]),
    "conv_dilation_huge": lambda: node("Conv", WEIGHTS, dilations=[1 << 62, 1 << 62]),
    "conv_pads_negative": lambda: node("Conv", WEIGHTS, pads=[-100, 0, 0, 0]),
    "conv_pads_huge": lambda: node("Conv", WEIGHTS, pads=[1 << 62] * 4),
    "conv_pads_too_few": lambda: node("Conv", WEIGHTS, pads=[1]),
    "conv_channels": lambda: node("Conv", np.zeros((4, 5, 3, 3), np.float32)),
    "conv_rank": lambda: node("Conv", np.zeros((4, 4), np.float32)),
    "conv_kernel_larger": lambda: node("Conv", np.zeros((4, 4, 9, 9), np.float32)),
    "max_pool_kernel_zero": lambda: node("MaxPool", kernel_shape=[0, 0]),
    "max_pool_kernel_huge": lambda: node("MaxPool", kernel_shape=[1 << 62, 1 << 62]),
    "max_pool_without_kernel": lambda: node("MaxPool"),
    "reshape_size": lambda: node("Reshape", np.array([3, 5])),
    "reshape_two_unknown": lambda: node("Reshape", np.array([-1, -1])),
    "reshape_negative": lambda: node("Reshape", np.array([-5])),
    "reshape_overflow": lambda: node("Reshape", np.array([1 << 62, 1 << 62, 1 << 62])),
    "transpose_repeats": lambda: node("Transpose", perm=[0, 0, 1, 2]),
    "transpose_out_of_range": lambda: node("Transpose", perm=[0, 1, 2, 9]),
    "concat_axis": lambda: node("Concat", np.zeros((1, 4, 8, 8), np.float32), axis=1 << 40),
    "concat_shapes": lambda: node("Concat", np.zeros((1, 4, 7, 8), np.float32), axis=1),
    "matmul_sizes": lambda: node("MatMul", np.zeros((7, 7), np.float32)),
    "add_broadcast": lambda: node("Add", np.zeros(7, np.float32)),
    "add_types": lambda: node("Add", np.zeros(8, np.int64)),
    "softmax_axis": lambda: node("Softmax", axis=4),
    "gather_axis": lambda: node("Gather", np.array([0]), axis=-9),
    "squeeze_size": lambda: node("Squeeze", np.array([1])),
    "unsqueeze_twice": lambda: node("Unsqueeze", np.array([0, 0])),
    "expand_huge": lambda: node("Expand", np.array([1 << 40, 4, 8, 8])),
    "expand_negative": lambda: node("Expand", np.array([-1, 4, 8, 8])),
    "tile_huge": lambda: node("Tile", np.array([1 << 40, 1, 1, 1])),
    "tile_negative": lambda: node("Tile", np.array([-1, 1, 1, 1])),
    "pad_huge": lambda: node("Pad", np.array([1 << 40] * 8)),
    "pad_overflow": lambda: node("Pad", np.array([(1 << 63) - 1] * 8)),
    "slice_step_zero": lambda: node("Slice", np.array([0]), np.array([1]), np.array([0]), np.array([0])),
    "slice_axes_twice": lambda: node("Slice", np.array([0, 0]), np.array([1, 1]), np.array([0])),
    "split_sizes": lambda: node("Split", np.array([3, 3]), axis=1, more=["z"]),
    "split_negative": lambda: node("Split", np.array([-4, 8]), axis=1, more=["z"]),
    "cast_to_unknown": lambda: node("Cast", to=99),
    "cast_to_text": lambda: node("Cast", to=TensorProto.STRING),
    "depth_to_space_zero": lambda: node("DepthToSpace", blocksize=0),
    "depth_to_space_negative": lambda: node("DepthToSpace", blocksize=-2),
    "lrn_size_zero": lambda: node("LRN", size=0),
    "one_hot_huge": lambda: node("OneHot", np.array(1 << 50), np.zeros(2, np.float32)),
    "top_k_too_many": lambda: node("TopK", np.array([99]), more=["z"]),
    "resize_zero": lambda: node("Resize", np.zeros(0, np.float32), np.array([0, 0, 0, 0], np.float32)),
    "resize_huge": lambda: node("Resize", np.zeros(0, np.float32), np.array([1, 1, 1e30, 1e30], np.float32)),
    "resize_nan": lambda: node("Resize", np.zeros(0, np.float32), np.array([1, 1, np.nan, 1], np.float32)),
    "resize_too_few": lambda: node("Resize", np.zeros(0, np.float32), np.array([2, 2], np.float32)),
    "group_norm_zero": lambda: node("GroupNormalization", np.ones(4, np.float32), np.ones(4, np.float32), num_groups=0),
    "group_norm_uneven": lambda: node("GroupNormalization", np.ones(4, np.float32), np.ones(4, np.float32), num_groups=3),
    "batch_norm_sizes": lambda: node("BatchNormalization", *[np.ones(5, np.float32)] * 4),
    "gemm_sizes": lambda: model([helper.make_node("Gemm", ["x", "x"], ["y"])], inputs=[value("x", (2, 3))]),
    "flatten_axis": lambda: node("Flatten", axis=9),
    "constant_of_huge_shape": lambda: model([helper.make_node("ConstantOfShape", ["c"], ["y"])], initializers=[numpy_helper.from_array(np.array([1 << 50]), "c")]),
    "constant_of_negative_shape": lambda: model([helper.make_node("ConstantOfShape", ["c"], ["y"])], initializers=[numpy_helper.from_array(np.array([-1]), "c")]),
    "constant_without_value": lambda: model([helper.make_node("Constant", [], ["y"])]),
    "constant_with_two_values": lambda: model([helper.make_node("Constant", [], ["y"], value_int=1, value_float=1.0)]),
    "constant_of_text": lambda: model([helper.make_node("Constant", [], ["y"], value_string="text")]),
    "range_of_zero_steps": lambda: model([helper.make_node("Range", ["a", "b", "a"], ["y"])], initializers=[numpy_helper.from_array(np.array(0), "a"), numpy_helper.from_array(np.array(9), "b")]),
    "range_huge": lambda: model([helper.make_node("Range", ["a", "b", "c"], ["y"])], initializers=[numpy_helper.from_array(np.array(n), k) for k, n in (("a", 0), ("b", 1 << 60), ("c", 1))]),
}
for operator_case, maker in OPERATORS.items():
    add(operator_case, maker)


# --- small files that stand for much -----------------------------------------------------------------------------------

def chain(make_node, length=60):
    nodes = [make_node(f"t{i}", f"t{i + 1}") for i in range(length)]
    start = numpy_helper.from_array(np.zeros((1, 16), np.float32), "t0")
    extra = [numpy_helper.from_array(np.array([1, 4]), "repeats")]
    return model(nodes + [relu(f"t{length}")], initializers=[start] + extra)


add("bomb_of_concats", lambda: chain(lambda x, y: helper.make_node("Concat", [x, x], [y], axis=0)))
add("bomb_of_products", lambda: products(5000, 64))
add("bomb_of_many_labels", lambda: einsum("ab,cd,ef,gh,ij->aj"))
add("bomb_of_endless_loop", lambda: endless_loop())
add("bomb_of_tiles", lambda: chain(lambda x, y: helper.make_node("Tile", [x, "repeats"], [y])))


def products(length, size):
    """Products of constants, each small, that folding would spend minutes on."""
    nodes = [helper.make_node("MatMul", [f"t{i}", "t0"], [f"t{i + 1}"]) for i in range(length)]
    return model(nodes + [relu("nowhere")], initializers=[numpy_helper.from_array(np.eye(size, dtype=np.float32), "t0")])


def einsum(equation):
    count = equation.count(",") + 1
    return model([helper.make_node("Einsum", ["c"] * count, ["t"], equation=equation), relu("nowhere")],
                 initializers=[numpy_helper.from_array(np.ones((64, 64), np.float32), "c")])


def endless_loop():
    body = helper.make_graph([helper.make_node("Identity", ["go"], ["go_out"]), helper.make_node("Neg", ["v"], ["v_out"])], "body",
                             [value("i", (), I64), value("go", (), BOOL), value("v", (1,))],
                             [value("go_out", (), BOOL), value("v_out", (1,))])
    constants = [("n", np.array(1 << 60)), ("go0", np.array(True)), ("v0", np.ones(1, np.float32))]
    return model([helper.make_node("Loop", ["n", "go0", "v0"], ["t"], body=body), relu("nowhere")],
                 initializers=[numpy_helper.from_array(array, name) for name, array in constants])


def function(name, *nodes, inputs=("a",), outputs=("b",), opset=21):
    return helper.make_function("f", name, list(inputs), list(outputs), list(nodes), [helper.make_opsetid("", opset), helper.make_opsetid("f", 1)])


def call(name, x="x", y="y", **attributes):
    return helper.make_node(name, [x], [y], domain="f", **attributes)


def functions(name, *definitions, nodes=None):
    def make():
        result = model(nodes or [call("F0")], functions=list(definitions))
        result.opset_import.append(helper.make_opsetid("f", 1))
        return result
    add(f"function_{name}", make)


def exponential(levels, width):
    leaf = function(f"F{levels}", relu("a", "b"))
    return [function(f"F{i}", *[call(f"F{i + 1}", f"t{k}" if k else "a", f"t{k + 1}" if k + 1 < width else "b")
                                for k in range(width)]) for i in range(levels)] + [leaf]


functions("calls_itself", function("F0", call("F0", "a", "b")))
functions("calls_in_a_ring", function("F0", call("F1", "a", "b")), function("F1", call("F0", "a", "b")))
functions("expands_to_2_60", *exponential(12, 32))
functions("expands_to_10_6", *exponential(6, 10))
functions("in_20_levels", *exponential(20, 1))
functions("in_5000_levels", *exponential(5000, 1))
functions("defined_twice", function("F0", relu("a", "b")), function("F0", relu("a", "b")))
functions("without_its_output", function("F0", relu("a", "c")))
functions("reads_the_graph", function("F0", relu("x", "b")))
functions("undefined", function("F1", relu("a", "b")))
functions("called_with_two_inputs", function("F0", relu("a", "b")), nodes=[helper.make_node("F0", ["x", "x"], ["y"], domain="f")])
functions("called_for_two_outputs", function("F0", relu("a", "b")), nodes=[helper.make_node("F0", ["x"], ["y", "z"], domain="f")])
functions("of_opset_99", function("F0", relu("a", "b"), opset=99))
functions("with_a_cycle", function("F0", relu("c", "b"), relu("b", "c")))
functions("with_input_twice", function("F0", relu("a", "b"), inputs=("a", "a")), nodes=[helper.make_node("F0", ["x", "x"], ["y"], domain="f")])
functions("reads_an_omitted_input_in_a_body", function("F0", helper.make_node("If", ["c"], ["b"], **{
    key: helper.make_graph([relu("a", "t")], key, [], [value("t", None)]) for key in ("then_branch", "else_branch")}), inputs=("a", "c")),
    nodes=[helper.make_node("F0", ["", "x"], ["y"], domain="f")])
functions("with_an_unknown_operator", function("F0", helper.make_node("Frobnicate", ["a"], ["b"])))


@case
def function_of_long_names(_):
    name = "n" * 4000
    body = [helper.make_node("Relu", ["a" if i == 0 else f"{name}{i - 1}"], [f"{name}{i}" if i < 19 else "b"]) for i in range(20)]
    result = model([call("F0", "x" if i == 0 else f"t{i - 1}", f"t{i}") for i in range(5000)] + [helper.make_node("Frobnicate", ["t4999"], ["y"])], functions=[function("F0", *body)])
    result.opset_import.append(helper.make_opsetid("f", 1))
    return result
