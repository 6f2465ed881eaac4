"""bench/peers on GPUs that do not exist: `python fake_peers.py FOLDER ARGUMENT...`, with a fovea and with peers that only wait."""

import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("bench", "zoo")]

import contest
import numpy as np
import peers_gpu
from ort_peer import SETTINGS

NAMES = ["NVIDIA H100", "NVIDIA H100", "NVIDIA H200"]
NEVER = 1000

FOVEA = f"""#!{sys.executable}
import json, os, pathlib, sys, time
words = dict(zip(sys.argv, sys.argv[1:]))
if sys.argv[1] == "build" and "FAKE_REFUSAL" in os.environ and "--gate" not in words:
    print("a wrong kernel", file=sys.stderr)
    sys.exit(9)
if sys.argv[1] == "build":
    pathlib.Path(words["--report"]).write_text(json.dumps({{"seconds": {{"tune": 1.5, "cover": 0.5}}}}))
    with open(words["--timing-lock"] + ".built", "a") as built: built.write(".")
    pathlib.Path(os.environ["FOVEA_CUDA_CACHE"]).mkdir(parents=True, exist_ok=True)
if sys.argv[1] == "bench":
    launches = 100 + int(os.environ["CUDA_VISIBLE_DEVICES"])
    print(json.dumps({{"rows": [{{"device": {{"launches": launches}}, "without_copies": {{"median_us": 1000}}}}]}}))
if sys.argv[1] == "profile":
    print(json.dumps({{"kernels": []}}))
if sys.argv[1] == "run":
    import numpy
    numpy.savez(words["-o"], y=numpy.arange(256.0, dtype="f").reshape(16, 16))
"""


class FakePeers:
    """The answers of `torch_peers.Peers`; the number of kernels tells the GPU. One way of compiling takes too long, the
    seconds of the other one tell how many plans had been built on the GPU. ONNX Runtime's first setting ends its process."""

    def __init__(self, point, lock, threads):
        self.point, self.built = point, Path(f"{lock}.built")

    def prepare(self, name, setting=None):
        if setting == SETTINGS[0]:
            os._exit(1)
        self.milliseconds = {None: 2, SETTINGS[1]: 5, SETTINGS[2]: 3, SETTINGS[3]: 4}[setting]
        time.sleep(NEVER if name == "torch-max-autotune" else 0)
        Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]).mkdir(parents=True, exist_ok=True)
        return float(len(self.built.read_text())) if name == "torch-compile" else 2.0

    def turn(self, name, seconds):
        time.sleep(seconds)
        return 1e-3 * self.milliseconds

    def kernels(self, name):
        return 100 + int(os.environ["CUDA_VISIBLE_DEVICES"])

    def describe(self):
        return "NVIDIA H100, PyTorch 0"

    def outputs(self, name):
        return {"y": np.arange(256.0, dtype="f").reshape(16, 16)[self.point.checked_images]}

    def reference(self):
        time.sleep(NEVER if self.point.precision == "tf32" else 0)
        return {"y": np.arange(256.0).reshape(16, 16)[self.point.checked_images]}


def main():
    program = Path(sys.argv.pop(1)) / "fovea"
    program.write_text(FOVEA)
    program.chmod(0o755)
    sys.argv += ["--fovea", str(program)]
    contest.check_seconds = lambda points: 3
    peers_gpu.Peers = FakePeers
    peers_gpu.absent_peers = lambda: {} if "FAKE_ONNXRUNTIME" in os.environ else {"onnxruntime": "absent: so"}
    peers_gpu.gpu_names = lambda: NAMES
    return peers_gpu.main()


if __name__ == "__main__":
    sys.exit(main())
