"""Writes a network as ONNX and its pre- and post-processing contract beside it (OUT.json, see docs/contract.md).

NAME is a network of the zoo with random weights, or with those of --weights, a file that training wrote. With --graphs,
the weightless graphs of zoo/graphs are written anew instead (see zoo/README.md).
"""

import argparse
from pathlib import Path

from .errors import UserError

EXAMPLES = """examples:
  python -m fovea_zoo export depth_r18 -o depth_r18.onnx
  python -m fovea_zoo export --weights depth.pt -o depth.onnx --half --batch dynamic
  python -m fovea_zoo export mtmi_b0 -o mtmi_b0.onnx --size dynamic
  python -m fovea_zoo export --graphs depth_r18 mtmi_b0
"""


def add_shape_arguments(parser: argparse.ArgumentParser) -> None:
    """--batch, --size and --half, which `import` has, too."""
    from fill import dimension, image_size

    parser.add_argument("--batch", type=dimension, default=1, metavar="N|dynamic", help="default 1")
    parser.add_argument("--size", type=image_size, metavar="HxW|dynamic", help="default: the network's own")
    parser.add_argument("--half", action="store_true", help="store the weights in f16; inputs, outputs and arithmetic stay f32")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="network; may be left out with --weights")
    parser.add_argument("-o", "--out", type=Path, metavar="OUT", help="the ONNX file to write")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="weights that training wrote")
    add_shape_arguments(parser)
    parser.add_argument("--graphs", nargs="*", metavar="GRAPH", help="write zoo/graphs anew: these, or all")


def run(arguments: argparse.Namespace) -> None:
    if arguments.graphs is not None:
        from .graphs import EXPORTS, export_all

        unknown = [graph for graph in arguments.graphs if graph not in EXPORTS]
        if unknown:
            raise UserError(f"unknown graph '{unknown[0]}'; known: {', '.join(EXPORTS)}")
        export_all(arguments.graphs)
        return
    if not arguments.out or not (arguments.name or arguments.weights):
        raise UserError("give NAME or --weights FILE, and -o OUT.onnx")
    from . import networks
    from .onnx_file import write

    network = networks.load(arguments.weights) if arguments.weights else networks.create(arguments.name).eval()
    if arguments.name and arguments.name != network.zoo_name:
        raise UserError(f"{arguments.weights} holds {network.zoo_name}, not {arguments.name}")
    write(network, arguments.out, arguments.batch, arguments.size, arguments.half)
