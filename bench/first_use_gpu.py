"""What a network costs on a GPU before its runs are fast: the build, loading the plan, and the first use of a shape.

    python3 bench/first_use_gpu.py [NAME...] [--precision fp16] [--batch 1] [--device cuda:0] [--json FILE]

Each network of the zoo is built for its full size, first with nothing cached (neither compiled kernels nor times), then
again. Columns: seconds of both builds, and of their numerics gates; of the plan, milliseconds to load it and those that its
first run costs more than the median of the following ones; and of a plan for a range of shapes, from the full size to one
that is 64 pixels longer on both sides, milliseconds that the first run at the larger one costs more, after one at the full size.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("zoo", "bench")]

import onnx  # noqa: E402
from catalog import INPUT, NETWORKS  # noqa: E402
from fill import fill  # noqa: E402
from gpu_devices import gpu_names  # noqa: E402
from machine import describe_machine  # noqa: E402
from peer_report import align  # noqa: E402

LONGER = 64
FIGURES = {"cold_s": "cold build s", "cold_gate_s": "gate s", "cached_s": "cached build s", "cached_gate_s": "gate s",
           "load_ms": "load ms", "first_ms": "first run ms", "new_shape_ms": "new shape ms"}


class Tool:
    """fovea's command line with caches of its own."""

    def __init__(self, program: Path, folder: Path):
        self.program, self.folder = program, folder

    def __call__(self, *arguments) -> str:
        environment = {**os.environ, "FOVEA_CUDA_CACHE": str(self.folder / "kernels")}
        done = subprocess.run([self.program, *map(str, arguments)], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return done.stdout

    def build(self, model: onnx.ModelProto, plan: str, *options) -> tuple[float, dict[str, float]]:
        """Seconds of the whole call, and of its parts."""
        source, report = self.folder / "network.onnx", self.folder / "report.json"
        onnx.save(model, source)
        start = time.perf_counter()
        self("build", source, "-o", self.folder / plan, "--quiet", "--report", report, "--timing-cache",
             self.folder / "times.json", *options)
        return time.perf_counter() - start, json.loads(report.read_text())["seconds"]

    def bench(self, plan: str, *options) -> dict:
        return json.loads(self("bench", self.folder / plan, "--resident", "--json", "--seconds", 0.1, "--warm-up", 0.1, *options))


def first_ms(row: dict) -> float:
    return (row["first_run_us"] - row["without_copies"]["median_us"]) / 1e3


def measure(name: str, arguments: argparse.Namespace, folder: Path) -> dict:
    """The figures of FIGURES, and the seconds of each build's parts."""
    tool, network, batch = Tool(arguments.fovea, folder), NETWORKS[name], arguments.batch
    height, width = network.full_size
    options = ["--target", arguments.device, "--precision", arguments.precision]
    model = fill(network, "full", batch=batch)
    figures = {}
    for state in ("cold", "cached"):
        figures[f"{state}_s"], parts = tool.build(model, "own.plan", *options)
        figures |= {f"{state}_gate_s": parts["gate"], f"{state}_parts_s": parts}
    loaded = tool.bench("own.plan")
    own, longer = (batch, 3, height, width), (batch, 3, height + LONGER, width + LONGER)
    profile = f"{INPUT}=" + ":".join("x".join(map(str, shape)) for shape in (own, own, longer))
    tool.build(fill(network, "full", batch=batch, size=(None, None)), "range.plan", *options, "--gate", "off", "--profile", profile)
    sizes = ",".join(f"{shape[2]}x{shape[3]}" for shape in (own, longer))
    _, new = tool.bench("range.plan", "--sweep", f"size={sizes}")["rows"]
    return figures | {"load_ms": loaded["load_us"] / 1e3, "first_ms": first_ms(loaded["rows"][0]), "new_shape_ms": first_ms(new)}


def table(networks: dict[str, dict], markdown: bool) -> str:
    rows = [["network", *FIGURES.values()]]
    for name, figures in networks.items():
        rows.append([name, *(f"{figures[key]:.{1 if key.endswith('_s') else 0}f}" for key in FIGURES)])
    return align(rows, markdown)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"networks (default: all): {', '.join(NETWORKS)}")
    parser.add_argument("--precision", default="fp16", choices=("fp32", "tf32", "fp16", "bf16"))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--device", default="cuda:0", metavar="cuda:N")
    parser.add_argument("--fovea", type=Path, default=ROOT / "build/bin/fovea", metavar="PROGRAM")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE as they come")
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in NETWORKS:
            parser.error(f"unknown network '{name}'; known: {', '.join(NETWORKS)}")
    machine = f"{gpu_names()[int(arguments.device.split(':')[1])]}; {describe_machine(len(os.sched_getaffinity(0)))}"
    networks: dict[str, dict] = {}
    for name in arguments.names or NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            try:
                networks[name] = measure(name, arguments, Path(folder))
            except RuntimeError as error:
                print(f"{name}: {error}", file=sys.stderr)
        if arguments.json:
            report = {"machine": machine, "precision": arguments.precision, "batch": arguments.batch, "networks": networks}
            arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    print(f"{arguments.precision}, batch {arguments.batch}, {machine}\n\n{table(networks, arguments.markdown)}")


if __name__ == "__main__":
    main()
