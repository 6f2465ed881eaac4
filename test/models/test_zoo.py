"""The zoo's graphs themselves, checked with ONNX and ONNX Runtime: valid, reproducible, and equal in every form."""

import hashlib

import numpy as np
import onnx
import pytest
from accuracy import relative_error
from catalog import GRAPHS, NETWORKS, graph_file
from fill import fill
from references import onnxruntime_session, random_images, run_session

LARGEST_GRAPHS_BYTES = 2_000_000
DYNAMIC = (None, None)
# The graph of a network that shares it with another was traced at the first one's size.
TRACED = list({network.graph: network for network in reversed(NETWORKS.values())}.values())
# SHA-256 of all weights of the small ResNet-50, in the order of the graph.
RESNET_DIGEST = "781525092c6b5e5d1b072da8f186b98a934e66772cd282224b05c97b862cc70a"


def has_form(network, form):
    return graph_file(network.graph, "small", form).exists()


def run(model, batch, size):
    return run_session(onnxruntime_session(model), random_images(batch, size))


def assert_close(results, expected):
    for name, reference in expected.items():
        assert relative_error(results[name], reference) < 1e-5, name


@pytest.mark.parametrize("file", sorted(GRAPHS.glob("*.onnx")), ids=lambda file: file.stem)
def test_graph_is_valid_without_weights(file):
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    assert all(np.prod(tensor.dims) <= 64 for tensor in model.graph.initializer)


def test_graphs_are_small():
    assert sum(file.stat().st_size for file in GRAPHS.iterdir()) < LARGEST_GRAPHS_BYTES


def test_weights_are_the_same_bits_everywhere():
    model = fill(NETWORKS["resnet50_224"], "small")
    digest = hashlib.sha256(b"".join(tensor.raw_data for tensor in model.graph.initializer)).hexdigest()
    assert digest == RESNET_DIGEST


@pytest.mark.parametrize("network", NETWORKS.values(), ids=lambda network: network.name)
def test_forms_agree(network):
    size = network.small_size
    models = [fill(network, "small", batch=None)]
    if network in TRACED:
        models.append(fill(network, "small", batch=None, size=DYNAMIC))
    if has_form(network, "raw"):
        models.append(fill(network, "small", "raw", batch=None, size=DYNAMIC))
    for batch in (1, 2, 8):
        expected = run(fill(network, "small", batch=batch), batch, size)
        for model in models:
            assert_close(run(model, batch, size), expected)


@pytest.mark.parametrize("network", [n for n in TRACED if has_form(n, "static")], ids=lambda network: network.name)
def test_static_trace_agrees(network):
    expected = run(fill(network, "small"), 1, network.small_size)
    assert_close(run(fill(network, "small", "static"), 1, network.small_size), expected)


def test_fixed_dimension_must_agree():
    with pytest.raises(ValueError, match="batch is fixed to 1 in this form, wanted 2"):
        fill(NETWORKS["detr_r50_800x1066"], "small", "static", batch=2)
