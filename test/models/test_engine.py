"""What the Python engine returns."""

import numpy as np
from onnx import TensorProto, helper
from plans import build_engine, needs_module

pytestmark = needs_module


def negation():
    graph = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["y"])],
        "negation",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_outputs_are_new_arrays_or_views_that_the_next_run_writes(tmp_path):
    engine = build_engine(negation(), tmp_path, "fp32")
    first, second = np.arange(5, dtype=np.float32)[None], np.ones((1, 5), dtype=np.float32)
    kept = engine.run({"x": first})["y"]
    view = engine.run({"x": first}, copy=False)["y"]
    assert np.array_equal(kept, -first) and np.array_equal(view, -first)
    engine.run({"x": second})
    assert np.array_equal(kept, -first) and np.array_equal(view, -second)
    del engine
    assert np.array_equal(view, -second)
