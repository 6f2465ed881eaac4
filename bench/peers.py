"""Time fovea beside ONNX Runtime and OpenVINO on the zoo's networks, in one run, and check the results.

All contestants take turns in the same process on the same input array (batch 1), with the same number of threads;
the figures are medians over the rounds. A ratio is fovea's median over that of the fastest peer in the same
precision, with a bootstrap confidence interval of 95 %. For each peer the variant of its settings that is fastest
when it runs alone takes part: ONNX Runtime with spinning or sleeping threads, OpenVINO with or without pinning.
No contestant may use the processor while it waits for its turn; that is measured, too.

Errors are max|a-b| / max|b| against ONNX Runtime in fp32, the worst output; signal-to-noise ratios are in dB
against the same, after each channel's mean is removed, the worst output.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "zoo"), str(ROOT / "bench")]

import onnx

from catalog import NETWORKS, SCALES
from contestants import CONTESTANTS, package_version
from fill import fill
from machine import describe_machine
from peer_report import NetworkResult, as_json, format_results, wrong_results
from rounds import idle_share, measure, prepare_fastest

EXAMPLES = """examples:
  bench/peers                                    the whole table (about 20 minutes on two cores)
  bench/peers resnet50_224 ssd300_r50 --rounds 50
  bench/peers --markdown --json peers.json
  bench/peers --only onnxruntime,openvino        the peers alone
"""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/peers", description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"networks (default: all): {', '.join(NETWORKS)}")
    parser.add_argument("--threads", type=int, default=2, help="threads of each contestant (default 2)")
    parser.add_argument("--rounds", type=int, default=30, help="rounds for each network (default 30)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop a network's rounds after this long")
    parser.add_argument("--only", metavar="A,B", help=f"contestants (default: all): {', '.join(CONTESTANTS)}")
    parser.add_argument("--scale", choices=SCALES, default="full", help="small: narrow networks, to try the command")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every time and setting to FILE")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    arguments = parser.parse_args()
    arguments.names = arguments.names or list(NETWORKS)
    arguments.contestants = arguments.only.split(",") if arguments.only else list(CONTESTANTS)
    for given, known in ((arguments.names, NETWORKS), (arguments.contestants, CONTESTANTS)):
        for name in given:
            if name not in known:
                parser.error(f"unknown name '{name}'; known: {', '.join(known)}")
    if arguments.rounds < 1 or arguments.threads < 1:
        parser.error("--rounds and --threads must be at least 1")
    return arguments


def measure_network(name: str, arguments: argparse.Namespace, folder: Path) -> NetworkResult:
    network = NETWORKS[name]
    file = folder / f"{name}.onnx"
    onnx.save(fill(network, arguments.scale), file)
    image = np.random.default_rng(0).random((1, 3, *network.size(arguments.scale)), dtype=np.float32)
    runners = {
        key: prepare_fastest(CONTESTANTS[key], file, image, arguments.threads) for key in arguments.contestants
    }
    file.unlink()
    outputs, idle = {}, {}
    for key, runner in runners.items():
        idle[key] = idle_share(runner)
        outputs[key] = runner.outputs()
    times = measure(runners, arguments.rounds, arguments.seconds)
    return NetworkResult(
        name=name,
        times=times,
        outputs=outputs,
        idle=idle,
        settings={key: runner.setting for key, runner in runners.items()},
        build_seconds={key: runner.build_seconds for key, runner in runners.items()},
        notes={key: runner.notes for key, runner in runners.items() if runner.notes},
    ).judged()


def main() -> int:
    arguments = parse_arguments()
    try:
        packages = sorted({CONTESTANTS[key].package for key in arguments.contestants})
        versions = {package: package_version(package) for package in packages}
    except ImportError as error:
        print(f"bench/peers: {error}", file=sys.stderr)
        return 2
    machine = describe_machine(arguments.threads)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.names:
            if sys.stderr.isatty():
                print(f"\r{name} ({len(results) + 1} of {len(arguments.names)})\033[K", end="", file=sys.stderr, flush=True)
            results.append(measure_network(name, arguments, Path(folder)))
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    print(format_results(results, machine, versions, arguments.markdown))
    if arguments.json:
        arguments.json.write_text(json.dumps(as_json(results, machine, versions), indent=1) + "\n")
    wrong = wrong_results(results)
    for line in wrong:
        print(f"wrong: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
