"""How far networks are from what a GPU allows, by their original ONNX graphs.

    .venv/bin/python bench/roofline.py [NAME...] [--batch N] [--peers peers.json]
    .venv/bin/python bench/roofline.py --profile profile.json

Limit: of every convolution and matrix product, the larger of its bytes (inputs, weights and outputs, once each) over the
memory's speed and of its operations over the tensor cores' peak; summed. Everything else counts nothing. With the file of
`bench/peers --device cuda:0 --json`, fovea's time stands beside the limit at the file's own precisions and batches.

With the output of `fovea profile PLAN --json`, the kernels that take over 5 % of the time and are over 4 times off their
limit (that of the profile: by the kernel's own operations and bytes).
"""

import argparse
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import defs, helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "zoo"), str(ROOT / "bench")]

from catalog import NETWORKS, graph_file
from fill import set_input_shape, set_pyramid_windows
from peer_report import align

LEAST_SHARE = 0.05
LEAST_GAP = 4.0
ELEMENT_BYTES = {"fp16": 2, "bf16": 2, "tf32": 4, "fp32": 4}


@dataclass(frozen=True)
class Gpu:
    """By the vendor's data sheet: dense operations per second by precision, and bytes per second."""

    operations: dict[str, float]
    bandwidth: float


HOPPER = {"fp16": 989e12, "bf16": 989e12, "tf32": 495e12, "fp32": 67e12}
GPUS = {"h200": Gpu(HOPPER, 4.8e12), "h100": Gpu(HOPPER, 3.35e12)}


def gpu_of(text: str) -> tuple[str, Gpu]:
    """Name and data sheet of the card that a text names; raises ValueError where none is known."""
    for name, gpu in GPUS.items():
        if name in text.lower():
            return name.upper(), gpu
    raise ValueError(f"no data sheet of the GPU in '{text}'; known: {', '.join(GPUS)}")


@dataclass(frozen=True)
class Product:
    """A convolution or matrix product: its node's name, multiply-adds counted twice, and elements read and written."""

    name: str
    operations: float
    elements: float


def weightless(name: str, batch: int) -> onnx.ModelProto:
    """The network's graph at its full size; the weights are inputs."""
    network = NETWORKS[name]
    model = onnx.load(graph_file(network.graph, "full", "plain"))
    set_input_shape(model, (batch, 3, *network.full_size))
    set_pyramid_windows(model, network.full_size)
    return model


def shapes_of(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Of all tensors. Node by node, because shapes depend on values that nodes before compute from shapes."""
    graph, opset = model.graph, model.opset_import[0].version
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    types = {value.name: value.type for value in graph.input}
    for name, value in values.items():
        types[name] = helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
    for node in graph.node:
        names = [name for name in node.input if name]
        if node.op_type == "Shape":
            known = [np.array([dim.dim_value for dim in types[names[0]].tensor_type.shape.dim], np.int64)]
        elif all(name in values for name in names):
            known = ReferenceEvaluator(node, opsets={"": opset}).run(None, {name: values[name] for name in names})
        else:
            known = None
            types.update(shape_inference.infer_node_outputs(
                defs.get_schema(node.op_type, opset), node, {name: types[name] for name in names},
                {name: numpy_helper.from_array(values[name], name) for name in names if name in values},
                opset_imports=list(model.opset_import), ir_version=model.ir_version))
        for name, value in zip(node.output, known or ()):
            values[name] = np.asarray(value)
            types[name] = helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(values[name].dtype), values[name].shape)
    return {name: tuple(dim.dim_value for dim in kind.tensor_type.shape.dim) for name, kind in types.items()}


def products(model: onnx.ModelProto) -> list[Product]:
    shapes = shapes_of(model)
    found = []
    for node in model.graph.node:
        if node.op_type not in ("Conv", "MatMul", "Gemm"):
            continue
        left, right, out = (shapes[name] for name in (*node.input[:2], node.output[0]))
        if node.op_type == "Conv":
            depth = math.prod(right[1:])
        else:
            transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
            depth = left[-2] if transposed else left[-1]
        found.append(Product(node.name, 2.0 * math.prod(out) * depth, float(sum(map(math.prod, (left, right, out))))))
    return found


def limit_us(parts: list[Product], gpu: Gpu, precision: str) -> float:
    return 1e6 * sum(
        max(part.operations / gpu.operations[precision], part.elements * ELEMENT_BYTES[precision] / gpu.bandwidth)
        for part in parts
    )


def network_table(points: list[tuple[str, str, int, float | None]], gpu: Gpu) -> list[list[str]]:
    """Rows for (name, precision, batch, milliseconds or None)."""
    rows = [["network", "precision", "batch", "products", "GFLOP", "limit ms", "fovea ms", "fovea / limit"]]
    for name, precision, batch, measured in points:
        parts = products(weightless(name, batch))
        limit = limit_us(parts, gpu, precision) / 1e3
        rows.append([name, precision, str(batch), str(len(parts)), f"{sum(part.operations for part in parts) / 1e9:.1f}",
                     f"{limit:.4f}", *([f"{measured:.3f}", f"{measured / limit:.1f}"] if measured else ["-", "-"])])
    return rows


def far_kernels(profile: dict) -> list[list[str]]:
    """Rows for the kernels that cost much and reach little."""
    whole = sum(kernel["us"] for kernel in profile["kernels"])
    rows = [["kernel", "nodes", "type", "us", "share", "limit us", "bound", "gap"]]
    for kernel in sorted(profile["kernels"], key=lambda kernel: -kernel["us"]):
        if kernel["us"] > LEAST_SHARE * whole and kernel["gap"] > LEAST_GAP:
            nodes = kernel["nodes"][0] + (f" and {len(kernel['nodes']) - 1} more" if len(kernel["nodes"]) > 1 else "")
            rows.append([kernel["kernel"], nodes, kernel["type"], f"{kernel['us']:.1f}", f"{100 * kernel['us'] / whole:.0f} %",
                         f"{kernel['limit_us']:.2f}", kernel["bound"], f"{kernel['gap']:.1f}"])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"networks (default: all): {', '.join(NETWORKS)}")
    parser.add_argument("--gpu", choices=GPUS, help="default: the one that the file of --peers names, else h200")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--precision", choices=ELEMENT_BYTES, default="fp16")
    parser.add_argument("--peers", type=Path, metavar="FILE", help="what bench/peers --device cuda:0 --json wrote")
    parser.add_argument("--profile", type=Path, action="append", metavar="FILE", help="what fovea profile --json printed")
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in NETWORKS:
            parser.error(f"unknown network '{name}'; known: {', '.join(NETWORKS)}")
    for file in arguments.profile or ():
        print(f"{file.name}:\n\n{align(far_kernels(json.loads(file.read_text())), arguments.markdown)}\n")
    if arguments.profile:
        return
    gpu = GPUS[arguments.gpu or "h200"]
    if arguments.peers:
        report = json.loads(arguments.peers.read_text())
        gpu = GPUS[arguments.gpu] if arguments.gpu else gpu_of(report["machine"])[1]
        found = report["points"]
        points = [(point["name"], point["precision"], point["batch"], point["median_ms"].get("fovea")) for point in found
                  if not arguments.names or point["name"] in arguments.names]
    else:
        points = [(name, arguments.precision, arguments.batch, None) for name in arguments.names or NETWORKS]
    print(align(network_table(points, gpu), arguments.markdown))


if __name__ == "__main__":
    main()
