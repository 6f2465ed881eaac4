"""Exported models compute what the network computes, in every form, and their contracts say how they are used."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from fovea_zoo import networks
from fovea_zoo.__main__ import main
from fovea_zoo.errors import UserError
from fovea_zoo.onnx_file import to_onnx, write
from fovea_zoo.roads import CATEGORIES

SIZES = {None: (300, 300), 32: (64, 128), 1: (70, 90)}
NAMES = ("resnet18", "depth_r18_narrow", "ssd300_r18_narrow", "swiftnet_r18_narrow", "segformer_b0", "detr_r18",
         "rt_detr_r18_narrow", "mtmi_b0_slim")
# SwiftNet's pooling windows belong to one size.
RESIZABLE = tuple(name for name in NAMES if not name.startswith(("ssd", "swiftnet")))


def make(name):
    """With statistics and heads that are not those of a start, so that nothing cancels."""
    torch.manual_seed(0)
    network = networks.create(name)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return network.eval()


def run_both(network, model, batch, size):
    image = torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(1))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = network(image)
    expected = [expected] if isinstance(expected, torch.Tensor) else expected
    return session.run(None, {"image": image.numpy()}), [x.numpy() for x in expected]


def relative_error(result, expected):
    return np.linalg.norm(result.astype(np.float64) - expected) / np.linalg.norm(expected.astype(np.float64))


def assert_equal(name, results, expected, tolerance):
    """RT-DETR's queries come in the order of their scores, where rounding may swap near ties: they are paired first."""
    if name.startswith("rt_detr"):
        found, wanted = np.concatenate(results, 2), np.concatenate(expected, 2)
        pairs = np.abs(found[:, :, None] - wanted[:, None]).max(3).argmin(2)
        assert all(sorted(image) == list(range(pairs.shape[1])) for image in pairs)
        expected = [np.take_along_axis(x, pairs[:, :, None], 1) for x in expected]
    for result, reference in zip(results, expected, strict=True):
        assert relative_error(result, reference) < tolerance


@pytest.mark.parametrize("name", NAMES)
def test_export(name):
    """One model with a dynamic batch, at two batches."""
    network = make(name)
    size = SIZES[network.recipe.stride]
    model = to_onnx(network, None, size)
    for batch in (1, 3):
        assert_equal(name, *run_both(network, model, batch, size), 1e-5)


@pytest.mark.parametrize("name", RESIZABLE)
def test_dynamic_size(name):
    network = make(name)
    model = to_onnx(network, 1, (None, None))
    for size in ((64, 128), (96, 160)):
        assert_equal(name, *run_both(network, model, 1, size), 1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_half_weights(name):
    """Half the size; inputs, outputs and arithmetic in f32, so it equals the network with rounded weights."""
    network = make(name)
    size = SIZES[network.recipe.stride]
    single, half = to_onnx(network, 1, size), to_onnx(network, 1, size, half=True)
    assert half.ByteSize() < 0.55 * single.ByteSize()
    assert {value.type.tensor_type.elem_type for value in [*half.graph.input, *half.graph.output]} == {onnx.TensorProto.FLOAT}
    rounded = onnx.ModelProto()
    rounded.CopyFrom(single)
    for tensor in rounded.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > 64:
            tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16).astype(np.float32), tensor.name))
    results, _ = run_both(network, half, 1, size)
    expected, _ = run_both(network, rounded, 1, size)
    assert_equal(name, results, expected, 1e-6)


def test_contract_of_ssd(tmp_path):
    write(make("ssd300_r18_narrow"), tmp_path / "ssd.onnx", labels=["car", "person"])
    contract = json.loads((tmp_path / "ssd.json").read_text())
    assert contract["input"]["mean"] == [0.485, 0.456, 0.406] and contract["input"]["scale"] == 1 / 255
    boxes = contract["output"]["default_boxes"]
    kinds = [2 + 2 * len(level["aspect_ratios"]) for level in boxes["levels"]]
    assert sum(kind * level["map"][0] * level["map"][1] for kind, level in zip(kinds, boxes["levels"])) == 8732
    assert contract["output"]["labels"] == ["car", "person"]


def test_contract_of_several_tasks(tmp_path):
    write(make("mtmi_b0_slim"), tmp_path / "m.onnx", None, (None, None))
    contract = json.loads((tmp_path / "m.json").read_text())
    assert [output["decoder"] for output in contract["output"]] == ["segmentation", "depth"]
    assert contract["input"]["multiple"] == 32 and "width" not in contract["input"]


def test_labels_are_those_that_fit(tmp_path):
    """The recipe's, unless the network was made with another number of classes."""
    for options, expected in (({}, list(CATEGORIES)), ({"classes": 3}, None)):
        write(networks.create("rt_detr_r18_narrow", **options), tmp_path / "d.onnx")
        assert json.loads((tmp_path / "d.json").read_text())["output"].get("labels") == expected


def test_transformers_tell_how_scores_are_read(tmp_path):
    for name, activation in (("detr_r18", "softmax"), ("rt_detr_r18_narrow", "sigmoid")):
        write(make(name), tmp_path / "d.onnx")
        assert json.loads((tmp_path / "d.json").read_text())["output"]["activation"] == activation


@pytest.mark.parametrize("name, size, message", [
    ("ssd300_r18_narrow", (320, 320), "takes images of 300x300 only"),
    ("depth_r18_narrow", (60, 128), "divisible by 32, found 60x128"),
])
def test_wrong_size(name, size, message):
    with pytest.raises(UserError, match=message):
        to_onnx(networks.create(name), 1, size)


def test_command_line(tmp_path, capsys):
    out = tmp_path / "depth.onnx"
    networks.save(networks.create("depth_r18_narrow", width=8), tmp_path / "w.pt")
    assert main(["export", "--weights", str(tmp_path / "w.pt"), "-o", str(out), "--half", "--batch", "dynamic"]) == 0
    assert onnx.load(out).graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert main(["export", "-o", str(out)]) == 1
    assert "give NAME or --weights" in capsys.readouterr().err
    assert main(["export", "nonsense", "-o", str(out)]) == 1
    assert main(["nonsense"]) == 2
