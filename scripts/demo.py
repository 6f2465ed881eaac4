#!/usr/bin/env python3
"""The main job of fovea on real input; scripts/demo sets up what this needs and runs it.

Builds plans of a face detector in fp32 and bf16, runs them on a photograph, draws what they find, and times them beside
ONNX Runtime on the same input. Then the same for the trained networks of zoo/trained on road scenes (demo_roads.py).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

import fovea  # noqa: E402
from accuracy import relative_error  # noqa: E402
from contestants import CONTESTANTS, Runner  # noqa: E402
from demo_roads import show_roads  # noqa: E402
from machine import describe_machine  # noqa: E402
from real_files import DownloadError, fetch  # noqa: E402
from rounds import measure, prepare_fastest  # noqa: E402

OUT = Path("out/demo")
TOOL = ROOT / "build/bin/fovea"
CONTRACT = Path("zoo/centerface.json")
INPUT = "input.1"
PRECISIONS = ("fp32", "bf16")
ROUNDS, SECONDS = 50, 30.0


def run_tool(*arguments):
    """Standard output of a `fovea` command; its own message and exit code end the demo when it fails."""
    result = subprocess.run([TOOL, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if result.returncode != 0:
        sys.exit(result.returncode)
    return result.stdout


def plan_file(precision):
    return OUT / f"centerface_{precision}.plan"


def build(model, precision, shape):
    """Builds a plan and prints the time it took and the certificate."""
    report = run_tool("build", model, "-o", plan_file(precision), "--precision", precision, "--contract", CONTRACT,
                      "--shape", f"{INPUT}={'x'.join(map(str, shape))}")
    print(report.splitlines()[0])
    print(report[report.index("certificate"):])


def detect(photo, precision):
    """Detections in the photograph; they are also drawn into out/demo/faces_PRECISION.png."""
    drawing = OUT / f"faces_{precision}.png"
    result = json.loads(run_tool("run", plan_file(precision), photo, "--output", drawing, "--json"))["images"][0]
    for face in result["detections"]:
        corners = ", ".join(f"{value:.2f}" for value in face["box"])
        print(f"{precision}: {face['label']} {face['score']:.3f} at {corners} -> {drawing}")
    return result["detections"]


def print_box_difference(exact, rounded):
    if len(exact) != len(rounded):
        sys.exit(f"demo: fp32 finds {len(exact)} faces, bf16 {len(rounded)}")
    pairs = list(zip(exact, rounded))
    pixels = max(np.abs(np.subtract(a["box"], b["box"])).max() for a, b in pairs)
    score = max(abs(a["score"] - b["score"]) for a, b in pairs)
    print(f"largest difference between fp32 and bf16: boxes {pixels:.2f} pixels, scores {score:.4f}\n")


def model_for_onnxruntime(model, shape):
    """The detector declares a wrong input shape (10x3x32x32); ONNX Runtime needs the file mended."""
    mended = onnx.load(model)
    tensor = next(value for value in mended.graph.input if value.name == INPUT).type.tensor_type
    for dim, size in zip(tensor.shape.dim, shape):
        dim.dim_value = size
    for output in mended.graph.output:
        output.type.tensor_type.ClearField("shape")
    path = ROOT / OUT / "centerface_for_onnxruntime.onnx"
    onnx.save(mended, path)
    return path


def fovea_runner(precision, pixels, threads):
    engine = fovea.Engine(str(ROOT / plan_file(precision)), threads=threads)
    last = {}

    def run():
        last.update(engine.run({INPUT: pixels}))

    return Runner(run=run, outputs=lambda: last, setting=precision)


def compare(model, pixels):
    """Times all in turns, and holds the fp32 outputs against ONNX Runtime's."""
    threads = len(os.sched_getaffinity(0))
    peer = CONTESTANTS["onnxruntime"]
    runners = {"ONNX Runtime fp32": prepare_fastest(peer, model_for_onnxruntime(model, pixels.shape), pixels, threads)}
    runners |= {f"fovea {precision}": fovea_runner(precision, pixels, threads) for precision in PRECISIONS}
    times = measure(runners, ROUNDS, SECONDS)

    print(f"latency at {'x'.join(map(str, pixels.shape))}, median of {len(times['fovea fp32'])} rounds in turns:")
    base = np.median(times["ONNX Runtime fp32"])
    for name, seconds in times.items():
        median = np.median(seconds)
        print(f"  {name:<18} {median * 1e3:7.2f} ms   {median / base:5.2f} of ONNX Runtime's time")
    print(f"  on {describe_machine(threads)}")
    expected, found = runners["ONNX Runtime fp32"].outputs(), runners["fovea fp32"].outputs()
    error = max(relative_error(found[name], value) for name, value in expected.items())
    print(f"largest difference of the fp32 outputs to ONNX Runtime's: {error:.1e} of the largest value")


def main():
    (ROOT / OUT).mkdir(parents=True, exist_ok=True)
    try:
        model, photo = fetch("centerface.onnx"), fetch("astronaut.png")
    except DownloadError as error:
        sys.exit(f"demo: {error}")
    # 512x512: a multiple of 32 as the detector needs, so that the contract's resizing leaves the pixels alone.
    pixels = np.asarray(Image.open(photo), np.float32).transpose(2, 0, 1)[np.newaxis].copy()
    for precision in PRECISIONS:
        build(model, precision, pixels.shape)
    faces = [detect(photo, precision) for precision in PRECISIONS]
    print_box_difference(*faces)
    compare(model, pixels)
    print()
    show_roads(ROOT / OUT)


if __name__ == "__main__":
    main()
