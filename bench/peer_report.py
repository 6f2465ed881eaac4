"""The table of `bench/peers`: medians, ratios, errors; as text, as Markdown and as JSON."""

from dataclasses import asdict, dataclass, field

import numpy as np

from accuracy import relative_error, signal_to_noise
from machine import Machine
from summary import Ratio, fastest, geometric_mean, ratio_of_medians

LARGEST_ERROR = 1e-4
LARGEST_LOSS_DB = 2.0
LARGEST_IDLE_SHARE = 0.05
REFERENCE = "onnxruntime"
DUELS = {"fovea": ("onnxruntime", "openvino"), "fovea-bf16": ("openvino-bf16",)}


@dataclass
class NetworkResult:
    """One network's measurements. `errors` (fp32) and `decibels` (bf16) are against the reference, per output."""

    name: str
    times: dict[str, np.ndarray]
    outputs: dict[str, dict[str, np.ndarray]]
    idle: dict[str, float]
    settings: dict[str, str]
    build_seconds: dict[str, float]
    notes: dict[str, list[str]]
    errors: dict[str, dict[str, float]] = field(default_factory=dict)
    decibels: dict[str, dict[str, float]] = field(default_factory=dict)
    ratios: dict[str, tuple[str, Ratio]] = field(default_factory=dict)

    def judged(self) -> "NetworkResult":
        """Fills in errors and ratios, and lets go of the outputs."""
        reference = self.outputs.get(REFERENCE)
        for key, outputs in self.outputs.items():
            if reference is None or key == REFERENCE:
                continue
            measure, target = (signal_to_noise, self.decibels) if key.endswith("bf16") else (relative_error, self.errors)
            target[key] = {name: measure(outputs[name], expected) for name, expected in reference.items()}
        for ours, peers in DUELS.items():
            peer = fastest(self.times, peers)
            if ours in self.times and peer:
                self.ratios[ours] = (peer, ratio_of_medians(self.times[ours], self.times[peer]))
        self.outputs = {}
        return self


def wrong_results(results: list[NetworkResult]) -> list[str]:
    """What makes a measurement worthless: wrong outputs of ours, or contestants that disturb each other."""
    wrong = []
    for result in results:
        for name, error in result.errors.get("fovea", {}).items():
            if not error <= LARGEST_ERROR:
                wrong.append(f"{result.name}, output '{name}': error {error:.1e} in fp32, at most {LARGEST_ERROR:.0e} expected")
        theirs = result.decibels.get("openvino-bf16", {})
        for name, decibels in result.decibels.get("fovea-bf16", {}).items():
            if name in theirs and not decibels >= theirs[name] - LARGEST_LOSS_DB:
                wrong.append(f"{result.name}, output '{name}': {decibels:.1f} dB in bf16, OpenVINO has {theirs[name]:.1f} dB")
        for key, share in result.idle.items():
            if share > LARGEST_IDLE_SHARE:
                wrong.append(f"{result.name}: {key} keeps {share:.0%} of a core busy while it waits for its turn")
    return wrong


def median_cells(result: NetworkResult, contestants: list[str]) -> list[str]:
    return [f"{1e3 * np.median(result.times[key]):.1f}" for key in contestants]


def accuracy_cells(result: NetworkResult) -> list[str]:
    cells = [f"{max(values.values()):.0e}" for key, values in sorted(result.errors.items()) if key == "fovea"]
    for key in ("fovea-bf16", "openvino-bf16"):
        if key in result.decibels:
            cells.append(f"{min(result.decibels[key].values()):.1f}")
    return cells


def table_rows(results: list[NetworkResult]) -> list[list[str]]:
    contestants, first = list(results[0].times), results[0]
    header = ["network, ms", *contestants]
    header += [f"{ours} / fastest peer" for ours in first.ratios]
    header += ["fovea error"] * ("fovea" in first.errors)
    header += [f"{key} dB" for key in ("fovea-bf16", "openvino-bf16") if key in first.decibels]
    rows = [header]
    for result in results:
        ratios = [str(ratio) for _, ratio in result.ratios.values()]
        rows.append([result.name, *median_cells(result, contestants), *ratios, *accuracy_cells(result)])
    if len(results) > 1 and first.ratios:
        means = [str(mean) for mean in geometric_means(results).values()]
        blanks = [""] * (len(header) - 1 - len(contestants) - len(means))
        rows.append(["geometric mean", *[""] * len(contestants), *means, *blanks])
    return rows


def geometric_means(results: list[NetworkResult]) -> dict[str, Ratio]:
    return {
        ours: geometric_mean([(result.times[ours], result.times[result.ratios[ours][0]]) for result in results])
        for ours in results[0].ratios
    }


def align(rows: list[list[str]], markdown: bool) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("| " + " | ".join(cells) + " |" if markdown else "  ".join(cells).rstrip())
    if markdown:
        lines.insert(1, "|" + "|".join(["---"] + ["---:"] * (len(widths) - 1)) + "|")
    return "\n".join(lines)


def format_results(results: list[NetworkResult], machine: Machine, versions: dict[str, str], markdown: bool) -> str:
    counts = {len(next(iter(result.times.values()))) for result in results}
    rounds = f"{min(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    lines = [
        align(table_rows(results), markdown),
        "",
        f"Batch 1, median of {rounds} interleaved rounds, {', '.join(f'{k} {v}' for k, v in versions.items())}.",
        f"{machine}.",
    ]
    for result in results:
        lines += [f"{result.name}: {key}: {note}" for key, notes in result.notes.items() for note in notes]
    return "\n".join(lines)


def as_json(results: list[NetworkResult], machine: Machine, versions: dict[str, str]) -> dict:
    networks = []
    for result in results:
        entry = {key: value for key, value in asdict(result).items() if key not in ("times", "outputs", "ratios")}
        entry["median_ms"] = {key: 1e3 * float(np.median(times)) for key, times in result.times.items()}
        entry["times_ms"] = {key: [round(1e3 * float(t), 4) for t in times] for key, times in result.times.items()}
        entry["ratios"] = {ours: {"peer": peer, **asdict(ratio)} for ours, (peer, ratio) in result.ratios.items()}
        networks.append(entry)
    means = {ours: asdict(mean) for ours, mean in geometric_means(results).items()}
    return {"machine": asdict(machine), "versions": versions, "networks": networks, "geometric_means": means}
