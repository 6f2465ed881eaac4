"""What a network costs before its runs are fast: the build, loading the plan, and the first use of a shape.

    .venv/bin/python bench/first_use.py [NAME...] [--precision fp32|bf16]

Each network of the zoo is built for its full size, and for a range of shapes from its full size to one that is 64 pixels
longer on both sides. Columns: seconds of the first build, and of its numerics gate; and, of the second plan, milliseconds to
load it from a warm page cache; milliseconds that the first run costs more than the median of the following ones, at the
network's own size (which packs the weights) and at the larger one (a new shape); megabytes of activations, and these as a
multiple of what the tensors alive at the same time take, the larger multiple of both shapes.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("zoo", "bench", "build/python")]

import fovea  # noqa: E402
from catalog import INPUT, NETWORKS  # noqa: E402
from fill import fill  # noqa: E402
from machine import describe_machine  # noqa: E402

LONGER = 64
STEADY_RUNS = 5
COLUMNS = ("build s", "gate s", "load ms", "first ms", "new shape ms", "activations MB", "of demand")


def milliseconds(action):
    start = time.perf_counter()
    result = action()
    return (time.perf_counter() - start) * 1e3, result


def first_use(engine, shape):
    """Milliseconds that the first run at a shape costs beyond the median of the next ones."""
    image = np.random.default_rng(1).standard_normal(shape, np.float32)
    first, *rest = (milliseconds(lambda: engine.run({INPUT: image}))[0] for _ in range(1 + STEADY_RUNS))
    return first - statistics.median(rest)


def build(model, options, folder):
    """The plan's file, and seconds of the build and of its gate."""
    source, plan, report = (str(Path(folder) / name) for name in ("network.onnx", "network.plan", "report.json"))
    onnx.save(model, source)
    elapsed, _ = milliseconds(lambda: subprocess.run(
        [ROOT / "build/bin/fovea", "build", source, "-o", plan, "--quiet", "--report", report, *options], check=True))
    return plan, elapsed / 1e3, json.loads(Path(report).read_text())["seconds"]["gate"]


def measure(network, precision, threads, folder):
    height, width = network.full_size
    options = ["--precision", precision, "--threads", str(threads)]
    _, seconds, gate = build(fill(network, "full"), options, folder)
    own, longer = (1, 3, height, width), (1, 3, height + LONGER, width + LONGER)
    profile = f"{INPUT}=" + ":".join("x".join(map(str, shape)) for shape in (own, own, longer))
    plan, _, _ = build(fill(network, "full", size=(None, None)), [*options, "--profile", profile], folder)
    fovea.Engine(plan, threads=threads)  # brings the file into the page cache
    load, engine = milliseconds(lambda: fovea.Engine(plan, threads=threads))
    first = first_use(engine, own)
    memory = engine.memory
    new = first_use(engine, longer)
    excess = max(m["activations"] / m["demand"] for m in (memory, engine.memory))
    return seconds, gate, load, first, new, memory["activations"] / 1e6, excess


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"networks (default: all): {', '.join(NETWORKS)}")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16"))
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in NETWORKS:
            parser.error(f"unknown network '{name}'; known: {', '.join(NETWORKS)}")
    print(f"{arguments.precision} on {describe_machine(arguments.threads)}")
    print(f"{'network':<24}" + "".join(f"{column:>16}" for column in COLUMNS))
    for name in arguments.names or NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            figures = measure(NETWORKS[name], arguments.precision, arguments.threads, folder)
        print(f"{name:<24}" + "".join(f"{figure:>16.2f}" for figure in figures), flush=True)


if __name__ == "__main__":
    main()
