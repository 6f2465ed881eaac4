"""Which of several NaN ArgMax and ArgMin take, against ONNX's reference implementation."""

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import fovea

NAN = np.nan
ROWS = np.array([[1, NAN, 5, NAN, 2, 5], [NAN, 1, 2, 3, 1, 3], [0, 3, NAN, NAN, NAN, 3], [4, 4, 1, 0, 0, 4]], np.float32)


@pytest.mark.parametrize("target", ["cpu", "reference"])
@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("op", ["ArgMax", "ArgMin"])
def test_places(op, last, target):
    graph = helper.make_graph(
        [helper.make_node(op, ["x"], ["y"], axis=1, select_last_index=last)], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ROWS.shape)],
        [helper.make_tensor_value_info("y", TensorProto.INT64, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (expected,) = ReferenceEvaluator(model).run(None, {"x": ROWS})
    engine = fovea.Engine(fovea.build(model.SerializeToString(), target=target, threads=1), target=target)
    assert np.array_equal(engine.run({"x": ROWS})["y"], expected)
