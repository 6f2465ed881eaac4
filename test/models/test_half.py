"""Models stored in f16, as exporters' half modes write them: computed in the precision asked for."""

import json

import numpy as np
import onnx
import pytest
from accuracy import relative_error
from catalog import INPUT, NETWORKS
from fill import fill
from onnx import TensorProto, numpy_helper
from plans import THREADS, lacks_fp16, needs_bf16, needs_fp16, needs_module
from references import onnxruntime_session, random_images, run_session

# Weights, image and result are rounded to 11 bits once each.
LARGEST_ERROR = 2e-3

pytestmark = needs_module


def halve(tensor):
    if tensor.data_type == TensorProto.FLOAT:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))


def in_half(model):
    """The model with every f32 tensor declared f16, but for the scales of Resize, which are f32 in every operator set."""
    result = onnx.ModelProto.FromString(model.SerializeToString())
    scales = {node.input[2] for node in result.graph.node if node.op_type == "Resize" and len(node.input) > 2}
    for tensor in result.graph.initializer:
        if tensor.name not in scales:
            halve(tensor)
    for node in result.graph.node:
        if not scales.isdisjoint(node.output):
            continue
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                halve(attribute.t)
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16
    for value in [*result.graph.input, *result.graph.output, *result.graph.value_info]:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
    return result


def types(kernels):
    """Of the kernels that compute: neither casts nor changes of layout."""
    return {kernel["type"] for kernel in kernels if kernel["pattern"] not in ("cast", "convert")}


def build(model, folder, precision):
    import fovea

    file = folder / "half.onnx"
    onnx.save(model, file)
    return fovea.build(str(file), precision=precision, threads=THREADS)


@pytest.fixture(params=["depth_r18_256x512", "ssd300_r50"])
def network(request):
    return NETWORKS[request.param]


def test_computes_in_fp32(network, tmp_path):
    import fovea

    model = fill(network, "small")
    plan = build(in_half(model), tmp_path, "fp32")
    kernels = json.loads(plan.to_json())["targets"][0]["kernels"]
    assert not [kernel for kernel in kernels if kernel["pattern"] == "reference"]
    assert types(kernels) == {"f32"}
    assert any("f16 in the model" in row["reason"] for row in json.loads(plan.to_json())["types"])
    images = random_images(1, network.small_size)
    expected = run_session(onnxruntime_session(model), images)
    results = fovea.Engine(plan, threads=THREADS).run({INPUT: images.astype(np.float16)})
    for name, reference in expected.items():
        assert results[name].dtype == np.float16
        assert relative_error(np.array(results[name]), reference) <= LARGEST_ERROR, f"output '{name}'"


@needs_bf16
def test_computes_in_bf16_when_asked(network, tmp_path):
    kernels = json.loads(build(in_half(fill(network, "small")), tmp_path, "bf16").to_json())["targets"][0]["kernels"]
    assert {"bf16"} <= types(kernels) <= {"bf16", "f32"}


@needs_fp16
def test_computes_in_fp16_when_asked(network, tmp_path):
    kernels = json.loads(build(in_half(fill(network, "small")), tmp_path, "fp16").to_json())["targets"][0]["kernels"]
    assert {"f16"} <= types(kernels) <= {"f16", "f32"}


@lacks_fp16
def test_refuses_the_precision_with_the_alternative(network, tmp_path):
    import fovea

    with pytest.raises(fovea.Error, match="f16 is not offered.*no AVX-512 FP16 instructions; use fp32 or bf16"):
        build(fill(network, "small"), tmp_path, "fp16")
