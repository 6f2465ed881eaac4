"""Time fovea on a GPU beside PyTorch and ONNX Runtime on the zoo's networks, in one run, and check the results.

A point is a network at a precision and a batch. Its contestants take turns on the same GPU, each in a process of its own,
with the same weights and the same image, which lies on the device; a turn is many runs, each waited for, and gives
their median, and a figure is the median over the turns. PyTorch runs eagerly, as one CUDA graph, and compiled in the
modes reduce-overhead and max-autotune, in channels-last; ONNX Runtime takes part where its package can use CUDA. Points
are prepared (fovea's build, PyTorch's compilation) several at a time; whatever uses the GPU to choose kernels, and
every turn, has it alone. fovea's input and outputs are f32, as in its models, PyTorch's are of the precision. A ratio is
fovea's figure over that of the fastest peer, with a bootstrap interval of 95 %.

Signal-to-noise ratios are in dB against PyTorch in f64, after each channel's mean is removed, the worst output, of the
first and the last image; in fp32, the error is max|a-b| / max|b|. Kernels are counted in one run, copies included.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "zoo"), str(ROOT / "bench")]

from catalog import NETWORKS
from gpu_point import Fovea, Point
from gpu_report import PointResult, as_json, format_results, wrong_results
from machine import describe_machine
from torch_peers import PEERS, PROCESSES, Worker, alone

POINTS = "fp16:1,fp16:16,tf32:1,fp32:1"
EXAMPLES = """examples:
  bench/peers --device cuda:0 resnet50_224 --points fp16:1 --only fovea,torch-graph,torch-compile
  bench/peers --device cuda:0 --budget 500 --markdown --json peers.json
"""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/peers", description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    contestants = (Fovea.name, *PEERS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"networks (default: all): {', '.join(NETWORKS)}")
    parser.add_argument("--device", default="cuda:0", help="the GPU (default cuda:0)")
    parser.add_argument("--points", default=POINTS, metavar="TYPE:BATCH,...", help=f"what is measured (default {POINTS})")
    parser.add_argument("--only", metavar="A,B", help=f"contestants (default: all): {', '.join(contestants)}")
    parser.add_argument("--turns", type=int, default=4, help="turns of each contestant (default 4)")
    parser.add_argument("--seconds", type=float, default=0.15, help="length of a turn, after as long a warm-up (default 0.15)")
    parser.add_argument("--parallel", type=int, default=8, help="points prepared at once (default 8)")
    parser.add_argument("--threads", type=int, default=4, help="threads that each process compiles with (default 4)")
    parser.add_argument("--budget", type=float, default=3600, metavar="SECONDS",
                        help="length of the whole run, about; what is not compiled in time is left out (default 3600)")
    parser.add_argument("--lock", type=Path, metavar="FILE", action="append", default=[],
                        help="lock file to hold during turns, where others use the GPU; may be repeated")
    parser.add_argument("--fovea", type=Path, default=ROOT / "build/bin/fovea", metavar="PROGRAM")
    parser.add_argument("--timing-cache", type=Path, metavar="FILE", help="fovea's, read and extended by its builds")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave fovea's plans and build reports in FOLDER")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    arguments = parser.parse_args()
    arguments.names = arguments.names or list(NETWORKS)
    arguments.contestants = arguments.only.split(",") if arguments.only else list(contestants)
    for given, known in ((arguments.names, NETWORKS), (arguments.contestants, contestants)):
        for name in given:
            if name not in known:
                parser.error(f"unknown name '{name}'; known: {', '.join(known)}")
    try:
        pairs = [text.split(":") for text in arguments.points.split(",")]
        arguments.points = [Point(name, kind, int(batch)) for kind, batch in pairs for name in arguments.names]
    except ValueError:
        parser.error("--points is written like fp16:1,fp16:16,tf32:1")
    return arguments


class Candidate:
    """A contestant of one point: how it is asked for its turn, and what is known of it."""

    def __init__(self, name: str, asked):
        self.name, self.asked = name, asked
        self.seconds: float | None = None
        self.note: str | None = None
        self.times: list[float] = []


class Contest:
    """One point with its processes."""

    def __init__(self, point: Point, arguments: argparse.Namespace, folder: Path):
        self.point, self.arguments = point, arguments
        self.fovea = Fovea(point, arguments.fovea, arguments.device, folder)
        self.candidates = [Candidate(Fovea.name, self.fovea)] if Fovea.name in arguments.contestants else []
        self.workers = []
        for names in PROCESSES:
            if present := [name for name in names if name in arguments.contestants]:
                worker = Worker(point, arguments.device, arguments.choosing, arguments.threads)
                for name in present:
                    worker.ask("prepare", name)
                self.workers.append(worker)
                self.candidates += [Candidate(name, worker) for name in present]

    def build(self) -> None:
        for candidate in self.candidates:
            if candidate.asked is self.fovea:
                try:
                    with alone(self.arguments.choosing):
                        candidate.seconds = self.fovea.build(self.arguments.timing_cache)
                except RuntimeError as error:
                    candidate.note = str(error)
                say(f"{self.point}: fovea {candidate.note or f'built in {candidate.seconds:.0f} s'}")

    def collect(self, deadline: float) -> None:
        for candidate in self.candidates:
            if candidate.asked is self.fovea:
                continue
            try:
                candidate.seconds = candidate.asked.answer(max(deadline - time.monotonic(), 0))
            except TimeoutError:
                candidate.note = "not ready within the budget"
                candidate.asked.end()
            except (RuntimeError, EOFError, OSError) as error:
                candidate.note = str(error) or "its process ended"
            say(f"{self.point}: {candidate.name} {candidate.note or f'ready after {candidate.seconds:.0f} s'}")

    def turns(self) -> None:
        """Interleaved, in rotating order."""
        seconds = self.arguments.seconds
        for turn in range(self.arguments.turns):
            present = [candidate for candidate in self.candidates if candidate.note is None]
            offset = turn % max(len(present), 1)
            for candidate in present[offset:] + present[:offset]:
                try:
                    if candidate.asked is self.fovea:
                        candidate.times.append(self.fovea.turn(seconds))
                    else:
                        candidate.times.append(candidate.asked.request("turn", candidate.name, seconds))
                except (RuntimeError, EOFError, OSError) as error:
                    candidate.note = str(error) or "its process ended"

    def result(self) -> PointResult:
        good = [candidate for candidate in self.candidates if candidate.note is None]
        outputs, kernels, reference = {}, {}, None
        torch = next((candidate for candidate in good if candidate.asked is not self.fovea), None)
        try:
            for candidate in good:
                if candidate.asked is self.fovea:
                    outputs[candidate.name], kernels[candidate.name] = self.fovea.outputs(), self.fovea.launches
                elif candidate.name != "onnxruntime":
                    outputs[candidate.name] = candidate.asked.request("outputs", candidate.name)
                    kernels[candidate.name] = candidate.asked.request("kernels", candidate.name)
            reference = torch.asked.request("reference") if torch else None
        except (RuntimeError, EOFError, OSError) as error:
            say(f"{self.point}: outputs not compared: {error or 'a process ended'}")
        return PointResult(
            name=self.point.name, precision=self.point.precision, batch=self.point.shape[0],
            times={candidate.name: np.array(candidate.times) for candidate in good},
            build_seconds={candidate.name: candidate.seconds for candidate in good},
            notes={candidate.name: candidate.note for candidate in self.candidates if candidate.note},
            kernels=kernels,
            gpu=torch.asked.request("describe") if torch else "",
        ).judged(outputs, reference)

    def end(self) -> None:
        for worker in self.workers:
            worker.end()


def measure_wave(points: list[Point], arguments: argparse.Namespace, folder: Path, deadline: float) -> Iterator[PointResult]:
    """Prepares these points side by side, then times one after the other."""
    contests = [Contest(point, arguments, folder) for point in points]
    try:
        builds = threading.Thread(target=lambda: [contest.build() for contest in contests])
        builds.start()
        for contest in contests:
            contest.collect(deadline)
        builds.join()
        for contest in contests:
            with contextlib.ExitStack() as stack:
                for lock in (arguments.choosing, *arguments.lock):
                    stack.enter_context(alone(lock))
                say(f"{contest.point}: timing")
                contest.turns()
        with ThreadPoolExecutor() as pool:  # profilers and references come when nothing is timed any more
            yield from pool.map(Contest.result, contests)
    finally:
        for contest in contests:
            contest.end()


def turn_seconds(arguments: argparse.Namespace) -> float:
    """About what timing a point takes: its turns with their warm-ups, fovea's loading, and its part of the outputs."""
    return arguments.turns * (2 * arguments.seconds * len(arguments.contestants) + 1.5) + 4


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    arguments = parse_arguments()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as text:
        folder = arguments.keep or Path(text)
        folder.mkdir(parents=True, exist_ok=True)
        arguments.choosing = Path(text) / "lock"
        results = []
        waves = [arguments.points[i : i + arguments.parallel] for i in range(0, len(arguments.points), arguments.parallel)]
        for number, points in enumerate(waves):
            left = start + arguments.budget - time.monotonic()
            share = left / (len(waves) - number) - len(points) * turn_seconds(arguments)
            say(f"preparing {', '.join(map(str, points))}")
            for result in measure_wave(points, arguments, folder, time.monotonic() + share):
                results.append(result)
                gpu = next((result.gpu for result in results if result.gpu), arguments.device)
                machine = f"{gpu}; {describe_machine(arguments.threads)}"
                if arguments.json:
                    arguments.json.write_text(json.dumps(as_json(results, machine), indent=1) + "\n")
    print(format_results(results, machine, arguments.markdown))
    wrong = wrong_results(results)
    for line in wrong:
        print(f"wrong: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
