"""The named networks: their shapes, that they train, and that a saved one comes back."""

import numpy as np
import pytest
import torch
from fovea_zoo import networks
from fovea_zoo.errors import UserError
from fovea_zoo.networks.ssd import default_boxes

SHIPPED = ("depth_r18_narrow", "ssd300_r18_narrow", "swiftnet_r18_narrow", "rt_detr_r18_narrow", "mtmi_b0_slim")
LARGEST_TOGETHER = 24_000_000
SMALL = {None: (300, 300), 32: (64, 96), 1: (70, 90)}
SHAPES = {
    "depth_r18_narrow": [(2, 1, 64, 96)],
    "depth_r34": [(2, 1, 64, 96)],
    "ssd300_r18": [(2, 4, 8732), (2, 81, 8732)],
    "ssd300_r18_narrow": [(2, 4, 8732), (2, 8, 8732)],
    "ssd300_r50": [(2, 4, 8732), (2, 81, 8732)],
    "swiftnet_r18_narrow": [(2, 19, 64, 96)],
    "detr_r18": [(2, 100, 8), (2, 100, 4)],
    "rt_detr_r18_narrow": [(2, 100, 7), (2, 100, 4)],
    "mtmi_b0_slim": [(2, 19, 16, 24), (2, 1, 64, 96)],
}


def run(name, network, batch=2):
    torch.manual_seed(1)
    results = network(torch.rand(batch, 3, *SMALL[networks.recipe_of(name).stride]))
    return [results] if isinstance(results, torch.Tensor) else list(results)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name):
    torch.manual_seed(0)
    with torch.no_grad():
        results = run(name, networks.create(name, **({"queries": 100} if "detr" in name else {})).eval())
    assert [tuple(result.shape) for result in results] == SHAPES[name]


def test_shipped_networks_are_small():
    counts = [sum(p.numel() for p in networks.create(name).parameters()) for name in SHIPPED]
    assert 2 * sum(counts) < LARGEST_TOGETHER


@pytest.mark.parametrize("name", SHIPPED)
def test_one_step_lowers_the_loss(name):
    """The loss is the mean of all results, those of training included; every parameter has a share in it."""
    torch.manual_seed(0)
    network = networks.create(name)
    image = torch.rand(2, 3, *SMALL[networks.recipe_of(name).stride])

    def loss():
        results = network.forward_training(image) if hasattr(network, "forward_training") else [network(image)]
        flat = [x for result in results for x in (result if isinstance(result, tuple) else [result])]
        return sum(x.mean() for x in flat)

    first = loss()
    first.backward()
    assert not [key for key, parameter in network.named_parameters() if parameter.grad is None]
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    torch.optim.SGD(network.parameters(), 1e-3).step()
    assert loss() < first


def test_saved_network_comes_back(tmp_path):
    network = networks.create("depth_r18_narrow", width=8).eval()
    networks.save(network, tmp_path / "w.pt")
    again = networks.load(tmp_path / "w.pt")
    assert torch.equal(run("depth_r18_narrow", network)[0], run("depth_r18_narrow", again)[0])


def test_weights_follow_the_seed():
    def first_weights():
        torch.manual_seed(7)
        return next(networks.create("swiftnet_r18_narrow").parameters())

    assert torch.equal(first_weights(), first_weights())


def test_unknown_network():
    with pytest.raises(UserError, match="unknown network 'nonsense'; known: resnet18"):
        networks.create("nonsense")


def test_default_boxes():
    """First and last boxes worked out by hand from the paper's rule; the middle map's order is by kind, row, column."""
    boxes = default_boxes()
    assert boxes.shape == (8732, 4)
    np.testing.assert_allclose(boxes[0], [4 / 300, 4 / 300, 21 / 300, 21 / 300], rtol=1e-6)
    np.testing.assert_allclose(boxes[1, :2], [12 / 300, 4 / 300], rtol=1e-6)
    np.testing.assert_allclose(boxes[38 * 38, 2:], [np.sqrt(21 * 45) / 300] * 2, rtol=1e-6)
    np.testing.assert_allclose(boxes[2 * 38 * 38, 2:], [21 * np.sqrt(2) / 300, 21 / np.sqrt(2) / 300], rtol=1e-6)
    np.testing.assert_allclose(boxes[-1], [0.5, 0.5, 261 / np.sqrt(2) / 300, 1], rtol=1e-6)
