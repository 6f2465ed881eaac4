"""Writes weights that others have published as ONNX, with the contract beside it (OUT.json, see docs/contract.md).

The format is recognised by the keys: Monodepth2's encoder.pth and depth.pth, NVIDIA's SSD300, SwiftNet, the DETR
repository's, and DETR and SegFormer of the transformers library (.bin, .pth or .safetensors; class names come from a
config.json in the same folder). Files are read without running code in them. What does not fit is listed by its keys,
and nothing is written.
"""

import argparse
import json
from pathlib import Path

from .errors import UserError
from .export import add_shape_arguments

EXAMPLES = """examples:
  python -m fovea_zoo import --weights detr-r50-e632da11.pth -o detr.onnx
  python -m fovea_zoo import --weights encoder.pth --weights depth.pth -o depth.onnx
  python -m fovea_zoo import --weights segformer/model.safetensors -o segformer.onnx --size 512x1024 --batch dynamic
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--weights", type=Path, action="append", required=True, metavar="FILE", help="may be given twice")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT.onnx")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    add_shape_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    from .checkpoints.importing import import_network
    from .onnx_file import write

    if arguments.out.suffix != ".onnx":
        raise UserError(f"{arguments.out}: the name must end with .onnx")
    network, title, labels = import_network(arguments.weights)
    write(network, arguments.out, arguments.batch, arguments.size, arguments.half, labels)
    result = {
        "format": title, "network": network.zoo_name, "options": network.zoo_options,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "model": str(arguments.out), "contract": str(arguments.out.with_suffix(".json")),
    }
    if arguments.json:
        print(json.dumps(result))
    else:
        print(f"{title}: {result['network']}, {result['parameters']} parameters -> {result['model']}, {result['contract']}")
