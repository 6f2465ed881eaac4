import pytest
from onnx import TensorProto, helper
from roofline import GPUS, Product, far_kernels, limit_us, network_table, products, shapes_of, weightless


def tensor(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def make_model(nodes, inputs, output):
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_operations_and_elements_of_products():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "conv", group=2, strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["a"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "m"], ["y"], "gemm", transB=1),
    ]
    model = make_model(nodes, [tensor("x", 1, 4, 8, 8), tensor("w", 6, 2, 3, 3), tensor("m", 10, 6)], "y")
    assert products(model) == [
        Product("conv", 2 * (6 * 4 * 4) * (2 * 9), 4 * 64 + 6 * 18 + 6 * 16),
        Product("gemm", 2 * 10 * 6, 6 + 60 + 10),
    ]


def test_shapes_that_are_computed_from_shapes():
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Constant", [], ["two"], value=helper.make_tensor("t", TensorProto.INT64, [4], [1, 1, 2, 3])),
        helper.make_node("Mul", ["s", "two"], ["sizes"]),
        helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], mode="nearest"),
    ]
    assert shapes_of(make_model(nodes, [tensor("x", 1, 2, 5, 7)], "y"))["y"] == (1, 2, 10, 21)


def test_each_product_is_bound_by_one_of_the_two():
    bytes_bound, compute_bound = Product("a", 1, 2.4e12), Product("b", 989e12, 1)
    assert limit_us([bytes_bound], GPUS["h200"], "fp16") == pytest.approx(1e6)
    assert limit_us([compute_bound], GPUS["h200"], "fp16") == pytest.approx(1e6)
    assert limit_us([bytes_bound, compute_bound], GPUS["h200"], "tf32") == pytest.approx(2e6 + 989 / 495 * 1e6)


def test_resnet50():
    assert sum(part.operations for part in products(weightless("resnet50_224", 2))) / 2 == pytest.approx(8.2e9, rel=0.01)
    row = network_table([("resnet50_224", "fp16", 1, 0.2)], GPUS["h200"])[1]
    assert float(row[-1]) == pytest.approx(0.2 / float(row[-3]), rel=0.05)


def test_kernels_that_cost_much_and_reach_little():
    def kernel(name, us, gap):
        return {"kernel": name, "nodes": [name], "type": "f16", "us": us, "gap": gap, "limit_us": us / gap, "bound": "memory"}

    rows = far_kernels({"kernels": [kernel("small", 4, 50), kernel("good", 46, 3.9), kernel("bad", 20, 4.1), kernel("worst", 30, 9)]})
    assert [row[0] for row in rows[1:]] == ["worst", "bad"]
