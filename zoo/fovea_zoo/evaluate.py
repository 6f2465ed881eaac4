"""Evaluate exported networks on the validation frames, through ONNX Runtime or fovea.

The contract beside MODEL.onnx (MODEL.json) says how images become its input and what its outputs are. Needs no PyTorch.
"""

import json
from pathlib import Path

from . import roads
from .errors import UserError
from .evaluation import Examiner, network_input

VALIDATION = Path(__file__).resolve().parent.parent / "roads_val"

EXAMPLES = """examples:
  python -m fovea_zoo evaluate zoo/trained/swiftnet_r18_narrow.onnx
  python -m fovea_zoo evaluate zoo/trained/*.onnx --engine fovea --precision bf16 --json
"""


def add_arguments(parser) -> None:
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--data", type=Path, default=VALIDATION, help="folder of frames (default: zoo/roads_val)")
    parser.add_argument("--group", default="frames", help="which of its groups (default: %(default)s)")
    parser.add_argument("--frames", type=int, help="only the first so many")
    parser.add_argument("--engine", choices=("onnxruntime", "fovea"), default="onnxruntime")
    parser.add_argument("--precision", default="fp32", help="of fovea's plan (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, per class too")


def onnxruntime_session(model: Path, shape: list[int], tensor: str, precision: str):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda image: dict(zip(names, session.run(None, {tensor: image})))


def fovea_session(model: Path, shape: list[int], tensor: str, precision: str):
    import fovea

    engine = fovea.Engine(fovea.build(str(model), precision=precision, shapes={tensor: shape}))
    return lambda image: engine.run({tensor: image})


SESSIONS = {"onnxruntime": onnxruntime_session, "fovea": fovea_session}


def evaluate(model: Path, frames: list, engine: str = "onnxruntime", precision: str = "fp32") -> dict:
    """Figures of one model with its contract beside it."""
    contract_file = model.with_suffix(".json")
    if not model.exists() or not contract_file.exists():
        raise UserError(f"expected {model} and its contract {contract_file}; export writes both")
    contract = json.loads(contract_file.read_text())
    given = contract["input"]
    run = SESSIONS[engine](model, [1, 3, given["height"], given["width"]], given["tensor"], precision)
    examiner = Examiner(contract, roads.LABELS, roads.CATEGORIES)
    for frame in frames:
        outputs = run(network_input(frame.image, given))
        examiner.add({name: value[0] for name, value in outputs.items()}, frame)
    return examiner.result()


def table(figures: dict) -> str:
    """The figures of one network as lines: the means first, then each class."""
    lines = ["  ".join(f"{key} {value:.3f}" for key, value in figures.items() if not isinstance(value, dict))]
    for key, classes in figures.items():
        if isinstance(classes, dict):
            lines += [f"  {key:4} {name:16} {value:.3f}" for name, value in classes.items()]
    return "\n".join(lines)


def run(arguments) -> None:
    if not arguments.data.exists():
        raise UserError(f"no frames in {arguments.data}; python -m fovea_zoo generate writes some")
    frames = list(roads.load(arguments.data, arguments.group))[: arguments.frames]
    results = {}
    for model in arguments.models:
        results[model.stem] = evaluate(model, frames, arguments.engine, arguments.precision)
        if not arguments.json:
            print(f"{model.stem}: {len(frames)} frames, {arguments.engine}\n{table(results[model.stem])}", flush=True)
    if arguments.json:
        print(json.dumps(results, indent=2))
