"""The speed networks as ONNX graphs without weights, in zoo/graphs.

Each weight becomes a graph input whose documentation string says how `fill.py` makes it: the parameter that it
is, how to draw it, and whether it is stored transposed. Smaller constants stay in the graph.

Forms: `plain` has a free batch and free sides, constants folded by the exporter; `static` is traced with every
dimension fixed; `raw` is `plain` with nothing folded, as `do_constant_folding=False` writes it.
"""

import json
from dataclasses import dataclass
from typing import Callable

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from catalog import INPUT, NETWORKS, SCALES, graph_file
from weights import BATCH_NORM_RANGES, make_weight

from .networks.depth import DepthNetwork
from .networks.detr import DetectionTransformer
from .networks.mix_transformer import MixTransformer
from .networks.multitask import MultiTaskNetwork
from .networks.resnet import FrozenBatchNorm, ResNetClassifier
from .networks.ssd import SingleShotDetector
from .networks.swiftnet import PYRAMID_GRIDS, SwiftNet
from .onnx_file import LARGEST_KEPT, trace

NARROW = 16


@dataclass(frozen=True)
class Export:
    full: Callable[[], nn.Module]
    small: Callable[[], nn.Module]
    outputs: tuple[str, ...]
    forms: tuple[str, ...] = ("plain",)


def speed_multitask(encoder: MixTransformer, **options) -> nn.Module:
    return MultiTaskNetwork(encoder, labels=True, metres=None, **options)


def speed_swiftnet(*options) -> nn.Module:
    return SwiftNet(*options, before_relu=False, bias=False)


def small_transformer() -> nn.Module:
    return DetectionTransformer(18, NARROW, channels=64, heads=4, inner=128, layers=2, queries=20, classes=20)


def small_multitask() -> nn.Module:
    return speed_multitask(MixTransformer((16, 32, 80, 128), blocks=1), channels=NARROW, classes=7)


EXPORTS = {
    "resnet50": Export(lambda: ResNetClassifier(50), lambda: ResNetClassifier(50, NARROW, 100), ("logits",)),
    "depth_r18": Export(lambda: DepthNetwork(18), lambda: DepthNetwork(18, NARROW), ("depth",)),
    "depth_r50": Export(lambda: DepthNetwork(50), lambda: DepthNetwork(50, NARROW), ("depth",)),
    "ssd300_r50": Export(SingleShotDetector, lambda: SingleShotDetector(50, NARROW, 21), ("loc", "conf"), ("plain", "static")),
    "swiftnet_r18": Export(speed_swiftnet, lambda: speed_swiftnet(NARROW, 7), ("logits",), ("plain", "static")),
    "detr_r50": Export(DetectionTransformer, small_transformer, ("class_logits", "boxes"), ("plain", "static", "raw")),
    "mtmi_b0": Export(lambda: speed_multitask(MixTransformer()), small_multitask, ("segmentation", "depth"), ("plain", "static")),
}


def uniform(low: float, high: float) -> dict:
    return {"init": "uniform", "low": low, "high": high}


def describe_module(module: nn.Module, name: str, shape: torch.Size) -> dict:
    """How to draw one parameter so that activations stay in range through the whole network."""
    if isinstance(module, (nn.BatchNorm2d, FrozenBatchNorm)):
        return uniform(*BATCH_NORM_RANGES[name])
    if name == "bias":
        return uniform(-0.15, 0.15)
    if isinstance(module, nn.LayerNorm):
        return uniform(0.8, 1.2)
    if isinstance(module, nn.Conv2d):
        return {"init": "he", "fan_in": int(np.prod(shape[1:]))}
    if isinstance(module, nn.Linear):
        return {"init": "lecun", "fan_in": shape[1]}
    return uniform(-1.7, 1.7)


def speed_network(graph: str, scale: str = "full") -> nn.Module:
    """The network that `graph` was exported from, with the weights that `fill.py` puts into the graph."""
    network = getattr(EXPORTS[graph], scale)().eval()
    for prefix, module in network.named_modules():
        for name, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            if tensor.is_floating_point():
                path = f"{prefix}.{name}" if prefix else name
                shape = tuple(tensor.shape)
                tensor.data.copy_(torch.from_numpy(make_weight(path, shape, describe_module(module, name, tensor.shape))))
    return network


class Parameters:
    """Finds the network's parameters again in an exported graph, by their values."""

    def __init__(self, network: nn.Module):
        self.known: dict[int, list[tuple[np.ndarray, dict]]] = {}
        generator = torch.Generator().manual_seed(0)
        for prefix, module in network.named_modules():
            tensors = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
            for name, tensor in tensors:
                if not tensor.is_floating_point():
                    continue
                tensor.data.uniform_(0.5, 1.5, generator=generator)
                path = f"{prefix}.{name}" if prefix else name
                self.learn(tensor, {"parameter": path, **describe_module(module, name, tensor.shape)})
            if isinstance(module, FrozenBatchNorm):
                self.learn_folded(prefix, module)

    def learn(self, tensor: torch.Tensor, description: dict) -> None:
        values = tensor.detach().numpy()
        self.remember(values, description)
        if values.ndim == 2:
            self.remember(values.T, {**description, "transposed": True})

    def remember(self, values: np.ndarray, description: dict) -> None:
        self.known.setdefault(values.size, []).append((first_elements(values), description))

    def learn_folded(self, prefix: str, module: FrozenBatchNorm) -> None:
        """The exporter folds frozen statistics into one scale and one shift for each channel."""
        scale = module.weight * (module.running_var + module.epsilon).rsqrt()
        shift = module.bias - module.running_mean * scale
        for part, tensor in (("scale", scale), ("shift", shift)):
            self.remember(tensor.numpy(), {"init": f"norm_{part}", "norm": prefix, "epsilon": module.epsilon})

    def find(self, values: np.ndarray) -> dict | None:
        """The description of the parameter with these values; short tensors must agree in every bit."""
        head = first_elements(values)
        tolerance = 1e-5 if head.size >= 8 else 0
        for known, description in self.known.get(values.size, ()):
            if np.allclose(head, known, rtol=tolerance, atol=tolerance):
                return description
        return None


def first_elements(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1)[:LARGEST_KEPT].copy()


def remove_weights(model: onnx.ModelProto, parameters: Parameters) -> None:
    graph = model.graph
    kept = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size <= LARGEST_KEPT and parameters.find(values) is None:
            kept.append(tensor)
            continue
        description = parameters.find(values)
        if description is None:
            raise SystemExit(f"{tensor.name} {values.shape}: a large constant that is no parameter")
        if description.get("parameter") == tensor.name:
            description = {key: value for key, value in description.items() if key != "parameter"}
        text = json.dumps(description, separators=(",", ":"))
        graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims, text))
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]


def number_values(model: onnx.ModelProto) -> None:
    """Gives intermediate values short names; nodes, weights, inputs and outputs keep theirs."""
    graph = model.graph
    outputs = {value.name for value in graph.output}
    names = {"": ""}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        for name in node.output:
            names.setdefault(name, name if name in outputs else f"v{len(names)}")
        node.output[:] = [names[name] for name in node.output]


def mark_pyramid(model: onnx.ModelProto) -> None:
    """Records the grid of each pyramid pooling window, from which `fill.py` derives it for other sizes."""
    pools = [node for node in model.graph.node if node.op_type == "AveragePool"]
    for node, grid in zip(pools, PYRAMID_GRIDS):
        node.doc_string = json.dumps({"grid": grid, "stride": 32}, separators=(",", ":"))


def export(graph: str, scale: str, form: str) -> None:
    entry = EXPORTS[graph]
    torch.manual_seed(0)
    network = getattr(entry, scale)().eval()
    parameters = Parameters(network)
    size = next(n for n in NETWORKS.values() if n.graph == graph).size(scale)
    free = {} if form == "static" else {INPUT: {0: "batch", 2: "height", 3: "width"}, **{o: {0: "batch"} for o in entry.outputs}}
    model = trace(network, size, entry.outputs, free, fold=form != "raw")
    remove_weights(model, parameters)
    number_values(model)
    if graph == "swiftnet_r18":
        mark_pyramid(model)
    onnx.checker.check_model(model, full_check=True)
    target = graph_file(graph, scale, form)
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(model.SerializeToString(deterministic=True))
    print(f"{target.name:32} {len(model.graph.node):5} nodes {target.stat().st_size:8} bytes", flush=True)


def export_all(graphs: list[str]) -> None:
    """Writes every scale and form of these graphs, of all without any."""
    for graph in graphs or EXPORTS:
        for scale in SCALES:
            for form in EXPORTS[graph].forms:
                if form == "static" and scale == "full":
                    continue
                export(graph, scale, form)
