"""Time fovea on a GPU beside PyTorch and ONNX Runtime on the zoo's networks, in one run, and check the results.

A point is a network at a precision and a batch. Its contestants take turns on the same GPU, each in a process of its own,
with the same weights and the same image, which lies on the device; a turn is many runs, each waited for, and gives
their median, and a figure is the median over the turns. PyTorch runs eagerly, as one CUDA graph, and compiled in the
modes reduce-overhead and max-autotune, in channels-last; ONNX Runtime takes part where its package can use CUDA, in the
fastest of some settings (ort_peer.py). Points are prepared several at a time: fovea's plans first, then what PyTorch compiles.
Whatever times kernels to choose among them, and every turn, has the GPU alone, one after the other in order of arrival. Points
are spread over the GPUs of --devices; a point's contestants share one. A run that is ended early (SIGINT, SIGTERM) prints the
figures that it has. fovea's input and outputs are f32, as in its models, PyTorch's are of the precision. A ratio is fovea's
figure over that of the fastest peer, with a bootstrap interval of 95 %.

Signal-to-noise ratios are in dB against PyTorch in f64, after each channel's mean is removed, the worst output, of the
first and the last image; in fp32, the error is max|a-b| / max|b|. Kernels are counted in one run, copies included.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "zoo"), str(ROOT / "bench")]

from catalog import NETWORKS
from contest import Competition
from gpu_devices import choose_gpus, gpu_names
from gpu_point import Fovea, Point
from gpu_report import PointResult, as_json, format_results, wrong_results
from machine import describe_machine
from torch_peers import PEERS, Peers, absent_peers

POINTS = "fp16:1,fp16:16,tf32:1,fp32:1"
EXAMPLES = """examples:
  bench/peers --device cuda:0 resnet50_224 --points fp16:1 --only fovea,torch-graph,torch-compile
  bench/peers --devices cuda:0,cuda:1,cuda:2,cuda:3 --budget 540 --markdown --json peers.json
"""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/peers", description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    contestants = (Fovea.name, *PEERS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"networks (default: all): {', '.join(NETWORKS)}")
    parser.add_argument("--device", "--devices", default="cuda:0", metavar="CUDA:N,...",
                        help="the GPU, or several of one kind that the points are spread over (default cuda:0)")
    parser.add_argument("--points", default=POINTS, metavar="TYPE:BATCH,...", help=f"what is measured (default {POINTS})")
    parser.add_argument("--only", metavar="A,B", help=f"contestants (default: all): {', '.join(contestants)}")
    parser.add_argument("--turns", type=int, default=4, help="turns of each contestant (default 4)")
    parser.add_argument("--seconds", type=float, default=0.15, help="length of a turn, after as long a warm-up (default 0.15)")
    parser.add_argument("--parallel", type=int, default=8, help="points prepared at once on a GPU (default 8)")
    parser.add_argument("--threads", type=int, default=4, help="threads that each process compiles with (default 4)")
    parser.add_argument("--budget", type=float, default=3600, metavar="SECONDS",
                        help="length of the whole run; what is not built, compiled or compared in time is left out, with a note (default 3600)")
    parser.add_argument("--lock", type=Path, metavar="FILE", action="append", default=[],
                        help="lock file to hold during turns, where others use the GPU; may be repeated")
    parser.add_argument("--fovea", type=Path, default=ROOT / "build/bin/fovea", metavar="PROGRAM")
    parser.add_argument("--timing-cache", type=Path, metavar="FILE", help="fovea's, read and extended by its builds")
    parser.add_argument("--compile-cache", type=Path, metavar="FOLDER",
                        help="code compiled for fovea and PyTorch, read and extended (default: everything is compiled anew)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave fovea's plans, build reports and profiles in FOLDER")
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
    arguments.peers = Peers
    arguments.absent = {name: why for name, why in absent_peers().items() if name in arguments.contestants}
    arguments.contestants = [name for name in arguments.contestants if name not in arguments.absent]
    return arguments


def command_of(arguments: argparse.Namespace) -> str:
    """What is to be typed for the same measurement, without the files that it leaves."""
    options = f"--devices {arguments.device} --points {','.join(dict.fromkeys(f'{p.precision}:{p.batch}' for p in arguments.points))}"
    options += f" --only {arguments.only}" if arguments.only else ""
    options += f" --turns {arguments.turns} --seconds {arguments.seconds} --budget {arguments.budget:.0f}"
    options += " --timing-cache FILE" if arguments.timing_cache else ""
    options += " --compile-cache FOLDER" if arguments.compile_cache else ""
    return " ".join(["bench/peers", *(arguments.names if arguments.names != list(NETWORKS) else []), options])


class Record:
    """Every point's figures, in order, whichever way they come; the file has them all at any time."""

    def __init__(self, arguments: argparse.Namespace):
        self.order = {(p.name, p.precision, p.shape[0]): i for i, p in enumerate(arguments.points)}
        self.command = command_of(arguments)
        self.file, self.gpus, self.host = arguments.json, arguments.gpus, describe_machine(arguments.threads)
        self.by_place: dict[int, PointResult] = {}
        self.writing = threading.Lock()

    def __call__(self, result: PointResult) -> None:
        with self.writing:
            self.by_place[self.order[result.name, result.precision, result.batch]] = result
            if self.file:
                beside = self.file.with_name(self.file.name + ".part")
                beside.write_text(json.dumps({"command": self.command} | as_json(self.results, self.machine), indent=1) + "\n")
                beside.replace(self.file)

    @property
    def machine(self) -> str:
        described = max((result.gpu for result in self.results), key=len, default=self.gpus[0].name)
        return f"{f'{len(self.gpus)} times ' if len(self.gpus) > 1 else ''}{described}; {self.host}"

    @property
    def results(self) -> list[PointResult]:
        return [self.by_place[place] for place in sorted(self.by_place)]


class Stopped(BaseException):
    """A signal asked to end early."""


STOPPING = (signal.SIGTERM, signal.SIGINT)


def stop(number: int, frame) -> None:
    for other in STOPPING:
        signal.signal(other, signal.SIG_IGN)
    raise Stopped(number)


def main() -> int:
    arguments = parse_arguments()
    for number in STOPPING:
        signal.signal(number, stop)
    code = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as text:
        arguments.folder = arguments.keep or Path(text)
        arguments.folder.mkdir(parents=True, exist_ok=True)
        compiled = (arguments.compile_cache or Path(text, "compiled")).resolve()
        os.environ.update(FOVEA_CUDA_CACHE=str(compiled / "fovea"), TORCHINDUCTOR_CACHE_DIR=str(compiled / "pytorch"))
        try:
            arguments.gpus = choose_gpus(arguments.device.split(","), gpu_names(), Path(text))
        except (ValueError, OSError) as error:
            print(f"bench/peers: {error}", file=sys.stderr)
            return 2
        record = Record(arguments)
        competition = Competition(arguments, arguments.gpus, record)
        try:
            competition.run()
        except Stopped as signalled:
            code = 128 + signalled.args[0]
            print("bench/peers: ended early; this was measured:", file=sys.stderr)
        finally:
            competition.stop()
            print(format_results(record.results, record.machine, arguments.markdown), flush=True)
    wrong = wrong_results(record.results)
    for line in wrong:
        print(f"wrong: {line}", file=sys.stderr)
    if code:  # whatever was being started meanwhile ends with this process
        sys.stdout.flush()
        os._exit(code)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
