"""Make ONNX models with seeded random weights from the graphs in zoo/graphs (needs only onnx and NumPy)."""

import argparse
import json
import sys
from pathlib import Path

import onnx
from onnx import numpy_helper, shape_inference

sys.path.insert(0, str(Path(__file__).resolve().parent))

from catalog import INPUT, NETWORKS, SCALES, Network, graph_file
from weights import make_weight

FREE = None
EXAMPLES = """examples:
  python zoo/fill.py models                                    all eight, batch 1, the catalogue's sizes
  python zoo/fill.py models resnet50_224 --batch dynamic
  python zoo/fill.py models detr_r50_800x1066 --form raw --batch dynamic --size dynamic
  python zoo/fill.py models mtmi_b0_1024 --scale small         narrow, for tests that take seconds
"""


def set_input_shape(model: onnx.ModelProto, shape: tuple) -> None:
    """Fixes batch, height and width; None leaves one free. A dimension that the trace fixed must agree."""
    value = next(value for value in model.graph.input if value.name == INPUT)
    for dim, name, wanted in zip(value.type.tensor_type.shape.dim, ("batch", "channels", "height", "width"), shape):
        if dim.HasField("dim_value"):
            if wanted != dim.dim_value:
                raise ValueError(f"{INPUT}: {name} is fixed to {dim.dim_value} in this form, wanted {wanted or 'dynamic'}")
        elif wanted is not FREE:
            dim.dim_value = wanted


def set_pyramid_windows(model: onnx.ModelProto, size: tuple) -> None:
    """Pooling windows that the network computes from the image size, but that an ONNX attribute fixes."""
    for node in model.graph.node:
        if node.op_type == "AveragePool" and node.doc_string and FREE not in size:
            rule = json.loads(node.doc_string)
            window = [max(1, length // rule["stride"] // cells) for length, cells in zip(size, rule["grid"])]
            for attribute in node.attribute:
                if attribute.name in ("kernel_shape", "strides"):
                    attribute.ints[:] = window


def set_output_shapes(model: onnx.ModelProto) -> None:
    """Replaces the shapes of the traced outputs by what follows from the input's shape, or by their rank alone."""
    ranks = [len(value.type.tensor_type.shape.dim) for value in model.graph.output]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    inferred = shape_inference.infer_shapes(model, data_prop=True)
    for value, found, rank in zip(model.graph.output, inferred.graph.output, ranks):
        shape = value.type.tensor_type.shape
        if found.type.tensor_type.HasField("shape"):
            shape.CopyFrom(found.type.tensor_type.shape)
            for dim in shape.dim:
                if dim.dim_param.startswith("unk__"):
                    dim.ClearField("dim_param")
        else:
            shape.dim.extend(onnx.TensorShapeProto.Dimension() for _ in range(rank))


def add_weights(model: onnx.ModelProto) -> None:
    weights = [value for value in model.graph.input if value.name != INPUT]
    for value in weights:
        shape = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        values = make_weight(value.name, shape, json.loads(value.doc_string))
        model.graph.initializer.append(numpy_helper.from_array(values, value.name))
        model.graph.input.remove(value)


def fill(network: Network, scale: str = "full", form: str = "plain", batch: int | None = 1,
         size: tuple[int | None, int | None] | None = None) -> onnx.ModelProto:
    """The network's model with weights. `batch` None and `size` (None, None) are dynamic; `size` None is the default."""
    file = graph_file(network.graph, scale, form)
    if not file.exists():
        raise ValueError(f"{network.name} has no form '{form}' at scale '{scale}' (no file {file.name})")
    height, width = size or network.size(scale)
    model = onnx.load(file)
    set_input_shape(model, (batch, 3, height, width))
    set_pyramid_windows(model, (height, width))
    set_output_shapes(model)
    add_weights(model)
    return model


def dimension(text: str) -> int | None:
    if text == "dynamic":
        return FREE
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a positive number or 'dynamic', found '{text}'")
    return int(text)


def image_size(text: str) -> tuple[int | None, int | None]:
    if text == "dynamic":
        return FREE, FREE
    sides = text.split("x")
    if len(sides) != 2:
        raise argparse.ArgumentTypeError(f"expected HEIGHTxWIDTH or 'dynamic', found '{text}'")
    return dimension(sides[0]), dimension(sides[1])


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for NAME.onnx")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"networks (default: all): {', '.join(NETWORKS)}")
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument("--form", default="plain", help="plain; static (small only) or raw, where the graph exists")
    parser.add_argument("--batch", type=dimension, default=1, metavar="N|dynamic", help="default 1")
    parser.add_argument("--size", type=image_size, metavar="HxW|dynamic", help="default: the catalogue's")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in NETWORKS]
    if unknown:
        parser.error(f"unknown network '{unknown[0]}'; known: {', '.join(NETWORKS)}")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or NETWORKS:
        try:
            model = fill(NETWORKS[name], arguments.scale, arguments.form, arguments.batch, arguments.size)
        except ValueError as error:
            raise SystemExit(f"fill.py: {error}")
        target = arguments.out / f"{name}.onnx"
        onnx.save(model, target)
        print(target, flush=True)


if __name__ == "__main__":
    main()
