"""One measurement of `bench/peers --device cuda:N`: a network at a batch and a precision, and fovea's part in it."""

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from catalog import INPUT, NETWORKS, Network
from fill import fill
from gpu_devices import Gpu

LARGE_IMAGE = 1024 * 2048
LARGE_BATCH = 4
REFUSED = 9  # fovea's exit code where the numerics gate refuses a plan


@dataclass(frozen=True)
class Point:
    """`batch` is what was asked for; networks of large images run at most `LARGE_BATCH` of them."""

    name: str
    precision: str
    batch: int

    @property
    def network(self) -> Network:
        return NETWORKS[self.name]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        height, width = self.network.full_size
        return min(self.batch, LARGE_BATCH if height * width >= LARGE_IMAGE else self.batch), 3, height, width

    @property
    def checked_images(self) -> list[int]:
        """The first and the last one."""
        return sorted({0, self.shape[0] - 1})

    def image(self) -> np.ndarray:
        """Random f32 numbers that f16 holds exactly, so that all contestants see the same input."""
        return np.random.default_rng(0).random(self.shape, dtype=np.float32).astype(np.float16).astype(np.float32)

    def __str__(self) -> str:
        return f"{self.name} {self.precision} batch {self.shape[0]}"


class Fovea:
    """fovea on one point, by its command line: each turn is a process of its own that loads the plan anew."""

    name = "fovea"
    device = "cuda:0"  # the only one that its processes see

    def __init__(self, point: Point, program: Path, gpu: Gpu, folder: Path):
        self.point, self.program, self.gpu = point, program, gpu
        stem = folder / f"{point.name}.{point.precision}.{point.batch}"
        self.model, self.plan, self.input, self.output, self.report = (
            stem.with_name(f"{stem.name}.{end}") for end in ("onnx", "plan", "in.npz", "out.npz", "report.json")
        )
        self.launches: int | None = None
        self.refused: str | None = None
        self.process: subprocess.Popen | None = None

    def call(self, *arguments, timeout: float = 120) -> str:
        """Standard output; raises TimeoutError, or RuntimeError with the program's message."""
        self.process = subprocess.Popen([self.program, *map(str, arguments)], env=self.gpu.environment(), text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            output, message = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.end()
            raise TimeoutError from None
        if self.process.returncode:
            raise RuntimeError(message.strip() or f"fovea {arguments[0]} ended with {self.process.returncode}")
        return output

    def build(self, timing_cache: Path | None, timeout: float) -> float:
        """Seconds that the build took, its gate included. A plan that the gate refuses is built without it, and `refused` says why."""
        onnx.save(fill(self.point.network, "full", batch=self.point.shape[0]), self.model)
        np.savez(self.input, **{INPUT: self.point.image()})
        start = time.monotonic()
        times = ["--timing-cache", timing_cache or self.plan.with_suffix(".times.json")]
        words = ["build", self.model, "-o", self.plan, "--target", self.device, "--precision", self.point.precision,
                 "--report", self.report, "--timing-lock", self.gpu.lock, "--quiet", *times]
        try:
            self.call(*words, timeout=timeout)
        except RuntimeError as error:
            if self.process.returncode != REFUSED:
                raise
            self.refused = str(error).splitlines()[0][:200]
            self.call(*words, "--gate", "off", timeout=max(timeout - (time.monotonic() - start), 0))
        self.model.unlink()
        return sum(json.loads(self.report.read_text())["seconds"].values())

    def outputs(self, timeout: float) -> dict[str, np.ndarray]:
        """Of the images that are checked."""
        self.call("run", self.plan, "--input", self.input, "-o", self.output, timeout=timeout)
        with np.load(self.output) as archive:
            return {name: archive[name][self.point.checked_images] for name in archive.files}

    def turn(self, seconds: float) -> float:
        """Median seconds of a run with the wait for it, input and outputs on the device."""
        text = self.call("bench", self.plan, "--input", self.input, "--resident", "--json", "--seconds", seconds,
                         "--warm-up", seconds)
        row = json.loads(text)["rows"][0]
        self.launches = row["device"]["launches"]
        return row["without_copies"]["median_us"] / 1e6

    def profile(self, timeout: float) -> None:
        """Leaves `fovea profile --json` beside the plan."""
        text = self.call("profile", self.plan, "--input", self.input, "--json", "--runs", 10, timeout=timeout)
        self.plan.with_suffix(".profile.json").write_text(text)

    def end(self) -> None:
        if self.process:
            self.process.kill()
