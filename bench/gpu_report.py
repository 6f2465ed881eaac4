"""The tables of `bench/peers --device cuda:N`: medians, ratios, errors, kernels; as text, as Markdown and as JSON."""

from dataclasses import asdict, dataclass, field

import numpy as np

from accuracy import relative_error, signal_to_noise
from peer_report import LARGEST_ERROR, LARGEST_LOSS_DB, align
from summary import Ratio, fastest, geometric_mean, ratio_of_medians

OURS = "fovea"
SAME_TYPE = ("torch-eager", "torch-graph", "torch-compile", "torch-max-autotune")


def worst_image(result: np.ndarray, reference: np.ndarray) -> float:
    """The lowest signal-to-noise ratio of an image: what varies from image to image is no part of the signal."""
    return min(signal_to_noise(result[i : i + 1], reference[i : i + 1]) for i in range(len(reference)))


@dataclass
class PointResult:
    """One point's measurements: seconds of each contestant's turns, and how far its outputs are from the reference."""

    name: str
    precision: str
    batch: int
    times: dict[str, np.ndarray]
    build_seconds: dict[str, float]
    notes: dict[str, str]
    kernels: dict[str, int]
    gpu: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    errors: dict[str, dict[str, float]] = field(default_factory=dict)
    decibels: dict[str, dict[str, float]] = field(default_factory=dict)
    ratio: Ratio | None = None
    peer: str | None = None

    def compared(self) -> "PointResult":
        """With the ratio to the fastest peer."""
        self.peer = fastest(self.times, tuple(name for name in self.times if name != OURS))
        if OURS in self.times and self.peer:
            self.ratio = ratio_of_medians(self.times[OURS], self.times[self.peer])
        return self

    def judge(self, contestant: str, outputs: dict[str, np.ndarray], reference: dict[str, np.ndarray]) -> None:
        """Fills in how far a contestant's outputs are from the reference."""
        self.errors[contestant] = {name: relative_error(outputs[name], expected) for name, expected in reference.items()}
        self.decibels[contestant] = {name: worst_image(outputs[name], expected)
                                     for name, expected in reference.items() if expected.dtype == np.float64}

    @property
    def torch(self) -> str | None:
        """The PyTorch whose outputs ours are compared with."""
        return next((name for name in SAME_TYPE if name in self.decibels), None)


def wrong_results(results: list[PointResult]) -> list[str]:
    """Outputs of ours that are too far from the reference."""
    wrong = []
    for result in results:
        where = f"{result.name} {result.precision} batch {result.batch}"
        for name, decibels in result.decibels.get(OURS, {}).items():
            theirs = result.decibels[result.torch][name] if result.torch else -np.inf
            if not decibels >= theirs - LARGEST_LOSS_DB:
                wrong.append(f"{where}, output '{name}': {decibels:.1f} dB, PyTorch has {theirs:.1f} dB")
        for name, error in result.errors.get(OURS, {}).items() if result.precision == "fp32" else ():
            if not error <= LARGEST_ERROR:
                wrong.append(f"{where}, output '{name}': error {error:.1e}, at most {LARGEST_ERROR:.0e} expected")
    return wrong


def worst_decibels(result: PointResult, contestant: str | None) -> str:
    values = result.decibels.get(contestant or "", {}).values()
    return f"{min(values):.1f}" if values else "-"


def row_of(result: PointResult, contestants: list[str]) -> list[str]:
    cells = [result.name, str(result.batch)]
    cells += [f"{1e3 * np.median(result.times[name]):.3f}" if name in result.times else "-" for name in contestants]
    cells += [result.peer or "-", str(result.ratio or "-"), worst_decibels(result, OURS), worst_decibels(result, result.torch)]
    cells.append(f"{max(result.errors[OURS].values()):.0e}" if OURS in result.errors else "-")
    counts = [str(result.kernels.get(name, "-")) for name in contestants if name in result.kernels]
    return [*cells, " / ".join(counts) or "-"]


def table(results: list[PointResult], markdown: bool) -> str:
    """Points of one precision and one batch that was asked for."""
    contestants = list(dict.fromkeys(name for result in results for name in result.times))
    header = ["network, ms", "batch", *contestants, "best peer", "fovea / best peer", "fovea dB", "PyTorch dB", "error",
              "kernels: " + " / ".join(name for name in contestants if any(name in r.kernels for r in results))]
    rows = [header, *(row_of(result, contestants) for result in results)]
    pairs = [(result.times[OURS], result.times[result.peer]) for result in results if result.ratio]
    if len(pairs) > 1:
        rows.append(["geometric mean", *[""] * (len(contestants) + 2), str(geometric_mean(pairs)), *[""] * 4])
    return align(rows, markdown)


def format_results(results: list[PointResult], machine: str, markdown: bool) -> str:
    groups: dict[tuple[str, bool], list[PointResult]] = {}
    for result in results:
        groups.setdefault((result.precision, result.batch > 1), []).append(result)
    lines = [machine + "."]
    for (precision, _), group in groups.items():
        lines += ["", f"{precision}:", "", table(group, markdown)]
    notes = [f"{r.name} {r.precision} batch {r.batch}: {name}: {note}" for r in results for name, note in r.notes.items()]
    return "\n".join(lines + ([""] + notes if notes else []))


def as_json(results: list[PointResult], machine: str) -> dict:
    points = []
    for result in results:
        entry = {key: value for key, value in asdict(result).items() if key not in ("times", "gpu")}
        entry["median_ms"] = {name: 1e3 * float(np.median(times)) for name, times in result.times.items()}
        entry["turns_ms"] = {name: [round(1e3 * float(t), 5) for t in times] for name, times in result.times.items()}
        points.append(entry)
    return {"machine": machine, "points": points}
