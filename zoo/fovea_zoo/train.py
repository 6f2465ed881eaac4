"""Train networks of the zoo on generated road scenes, one after another or several at once on one GPU.

The frames are rendered on the CPU into the GPU's memory while training already runs. Each network's log (JSON lines: losses,
then validation figures of the averaged weights) and weights are written to the output folder as NAME.jsonl and NAME.pt.
"""

import json
import sys
import time
from pathlib import Path

import torch
from torch import multiprocessing

from . import roads
from .errors import UserError
from .training.batch import Batch
from .training.frames import HEIGHT, WIDTH, render_into, to_batch
from .training.loop import Limits, Trainer, train
from .training.tasks import TASKS

VALIDATION_SEED = 900_000_001
FRAMES_TO_START = 1024

EXAMPLES = """examples:
  python -m fovea_zoo train --minutes 10 --output out/training                          (all, one after another)
  python -m fovea_zoo train swiftnet_r18_narrow=6 mtmi_b0_slim=12 --at-once 2 --output out/training
  python -m fovea_zoo train swiftnet_r18_narrow --steps 20000 --output out/training
"""


def add_arguments(parser) -> None:
    parser.add_argument(
        "networks", nargs="*", metavar="NETWORK[=MINUTES]", help=f"in this order; default: {', '.join(TASKS)}"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for logs and weights")
    parser.add_argument("--minutes", type=float, help="length of each training; the learning rate falls with the time")
    parser.add_argument("--steps", type=int, help="length of each training in steps, instead of or beside the minutes")
    parser.add_argument("--at-once", type=int, default=1, help="networks that train at the same time (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=20000, help="how many frames to render (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the scenes, the weights and the augmentation")
    parser.add_argument("--threads", type=int, default=12, help="threads that render (default: %(default)s)")
    parser.add_argument("--validation", type=Path, help="folder of frames (default: renders --validation-frames)")
    parser.add_argument("--validation-frames", type=int, default=200)
    parser.add_argument("--evaluations", type=int, default=6, help="validations during a training (default: %(default)s)")
    parser.add_argument("--start-from", type=Path, metavar="FOLDER", help="go on from NAME.pt where this folder has it")
    parser.add_argument("--rate", type=float, default=1.0, help="part of the learning rate for those that go on")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", action="store_true", help="print the last figures as JSON")


def lengths(arguments) -> dict[str, float | None]:
    """Minutes of each network that is to be trained, in their order."""
    chosen = {}
    for text in arguments.networks or TASKS:
        name, _, minutes = text.partition("=")
        if name not in TASKS:
            raise UserError(f"no training is known for '{name}'; known: {', '.join(TASKS)}")
        try:
            chosen[name] = float(minutes) if minutes else arguments.minutes
        except ValueError:
            raise UserError(f"expected NETWORK or NETWORK=MINUTES, found '{text}'") from None
        if not chosen[name] and not arguments.steps:
            raise UserError(f"{name}: expected a length: {name}=MINUTES, --minutes or --steps")
    return chosen


def worker(number, name, frames, rendered, ended, validation, arguments, limits, results) -> None:
    """Trains one network in a process of its own, as soon as it is its turn and enough frames are there."""
    torch.set_num_threads(2)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    while ended.value < number + 1 - arguments.at_once or rendered.value < min(FRAMES_TO_START, arguments.frames):
        time.sleep(0.05)
    try:
        trainer = Trainer(name, frames, lambda: rendered.value, arguments.seed, graph=frames.image.is_cuda)
        start = arguments.start_from and arguments.start_from / f"{name}.pt"
        if start and start.exists():
            trainer.start_from(start, arguments.rate)
        truth = to_batch(validation, frames.image.device)
        results.put((name, train(trainer, limits, arguments.output, (truth, validation))))
    finally:
        with ended.get_lock():
            ended.value += 1


def headline(figures: dict) -> str:
    return "  ".join(f"{key} {value:.4f}" for key, value in figures.items() if isinstance(value, float))


def load_validation(arguments) -> list:
    if arguments.validation:
        return list(roads.load(arguments.validation, "frames"))
    indices = range(arguments.validation_frames)
    return list(roads.render_many(VALIDATION_SEED, indices, HEIGHT, WIDTH, arguments.threads))


def run(arguments) -> None:
    minutes = lengths(arguments)
    arguments.output.mkdir(parents=True, exist_ok=True)
    validation = load_validation(arguments)
    context = multiprocessing.get_context("spawn")
    frames = Batch.empty(arguments.frames, HEIGHT, WIDTH, arguments.device)
    rendered, ended, results = context.Value("q", 0), context.Value("q", 0), context.Queue()
    workers = []
    for number, (name, length) in enumerate(minutes.items()):
        limits = Limits(length and 60 * length, arguments.steps, arguments.evaluations)
        parts = (number, name, frames, rendered, ended, validation, arguments, limits, results)
        workers.append(context.Process(target=worker, args=parts))
        workers[-1].start()
    started = time.monotonic()
    render_into(frames, arguments.seed, 0, arguments.frames, arguments.threads, rendered)
    print(f"rendered {arguments.frames} frames in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    for process in workers:
        process.join()
    figures = dict(results.get() for _ in range(results.qsize()))
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        print("\n".join(f"{name:22} {headline(value)}" for name, value in figures.items()))
    failed = [name for name, process in zip(minutes, workers) if process.exitcode]
    if failed:
        raise UserError(f"training failed: {', '.join(failed)}; see the tracebacks above")
