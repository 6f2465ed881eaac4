"""The speed networks as PyTorch modules: they compute what their filled graphs compute."""

import numpy as np
import onnxruntime
import pytest
import torch
from catalog import INPUT, NETWORKS
from fill import fill
from fovea_zoo.graphs import EXPORTS, speed_network


@pytest.mark.parametrize("name", NETWORKS)
def test_module_and_graph_have_the_same_weights(name):
    network = NETWORKS[name]
    image = np.random.default_rng(0).random((2, 3, *network.small_size), dtype=np.float32)
    session = onnxruntime.InferenceSession(fill(network, "small", batch=2).SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(list(EXPORTS[network.graph].outputs), {INPUT: image})
    with torch.inference_mode():
        results = speed_network(network.graph, "small")(torch.from_numpy(image))
    for result, reference in zip(results if isinstance(results, tuple) else (results,), expected):
        assert np.abs(result.numpy() - reference).max() <= 1e-4 * np.abs(reference).max()
