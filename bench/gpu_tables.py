"""Put measured figures of GPUs into the documents.

    .venv/bin/python bench/gpu_tables.py --peers peers.json --profiles FOLDER --first-use first_use.json

`--peers`: what `bench/peers --device cuda:0 --json` wrote; may be repeated, a later file replaces points of an earlier one.
Times of building and compiling are taken from runs without caches where there is one. `--profiles`: the folder of its `--keep`.
`--first-use`: what `bench/first_use_gpu.py --json` wrote; may be repeated, for other networks, precisions and batches.
README.md and docs/gpu_speed.md are rewritten between their lines `<!-- generated: NAME -->` and `<!-- end -->`; blocks that no
given file concerns stay as they are.
"""

import argparse
import json
import re
from pathlib import Path

from first_use_gpu import NETWORKS
from first_use_gpu import table as first_use_table
from gpu_report import OURS
from peer_report import LARGEST_ERROR, LARGEST_LOSS_DB, align
from roofline import Gpu, far_kernels, gpu_of, limit_us, products, weightless

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = (ROOT / "README.md", ROOT / "docs/gpu_speed.md")
LOSING = 3
TITLES = {"torch-eager": "PyTorch eager", "torch-graph": "CUDA graph", "torch-compile": "compiled", "torch-max-autotune": "max-autotune",
          "onnxruntime": "ONNX Runtime", OURS: "fovea"}


def column_of(precision: str, batch: int) -> tuple[str, bool]:
    return precision, batch > 1


def title_of(column: tuple[str, bool], batches: set[int]) -> str:
    return f"{column[0]}, batch {' or '.join(map(str, sorted(batches, reverse=True)))}"


def columns(points: list[dict]) -> dict[tuple[str, bool], list[dict]]:
    groups: dict[tuple[str, bool], list[dict]] = {}
    for point in points:
        groups.setdefault(column_of(point["precision"], point["batch"]), []).append(point)
    return groups


def geometric_mean(values: list[float]) -> float:
    product = 1.0
    for value in values:
        product *= value
    return product ** (1 / len(values))


def worst(point: dict, contestant: str | None) -> str:
    values = point["decibels"].get(contestant or "", {}).values()
    return f"{min(values):.1f}" if values else "–"


def proven_ratio(point: dict) -> float | None:
    """fovea's time over the best peer's, where the gate let its plan pass and its outputs are as near to the reference as PyTorch's."""
    torch = torch_of(point)
    theirs = point["decibels"].get(torch or "", {})
    near = all(ours >= theirs[name] - LARGEST_LOSS_DB for name, ours in point["decibels"].get(OURS, {}).items() if name in theirs)
    if point["precision"] == "fp32":
        near = all(error <= LARGEST_ERROR for error in point["errors"].get(OURS, {}).values())
    return point["ratio"]["value"] if point["ratio"] and near and "gate" not in point["notes"] else None


def torch_of(point: dict) -> str | None:
    return next((name for name in TITLES if name != OURS and name in point["decibels"]), None)


def worst_error(point: dict, contestant: str | None) -> str:
    values = point["errors"].get(contestant or "", {}).values()
    return f"{max(values):.0e}" if values else "–"


def exactness(point: dict, contestant: str | None) -> str:
    """In true f32 the largest error, otherwise the signal-to-noise ratio."""
    return worst_error(point, contestant) if point["precision"] == "fp32" else worst(point, contestant)


def limit_ms(point: dict, gpu: Gpu) -> float:
    return limit_us(products(weightless(point["name"], point["batch"])), gpu, point["precision"]) / 1e3


def speed_row(point: dict, contestants: list[str], gpu: Gpu) -> list[str]:
    times, ratio, kernels = point["median_ms"], proven_ratio(point), point["kernels"]
    cells = [f"{times[name]:.3f}" if name in times else "–" for name in contestants]
    wrong = "refused" if "gate" in point["notes"] else "wrong"
    cells.append(f"{ratio:.2f}" if ratio else wrong if point["ratio"] else "–")
    cells.append(f"{kernels.get(point['peer'], '–')} / {kernels.get(OURS, '–')}")
    cells.append(f"{exactness(point, torch_of(point))} / {exactness(point, OURS)}")
    cells.append(f"{limit_ms(point, gpu):.3f}")
    return [point["name"], *cells, f"{times[OURS] / limit_ms(point, gpu):.1f}" if OURS in times else "–"]


def speed_table(column: tuple[str, bool], points: list[dict]) -> str:
    card, gpu = gpu_of(points[0]["source"])
    contestants = [name for name in TITLES if any(name in point["median_ms"] for point in points)]
    exact = "max error" if column[0] == "fp32" else "dB"
    rows = [["network, ms", *(TITLES[name] for name in contestants), "fovea / best peer", "kernels, best peer / fovea",
             f"{exact}, PyTorch / fovea", f"limit of the {card}", "fovea / limit"]]
    rows += [speed_row(point, contestants, gpu) for point in points]
    ratios = [ratio for point in points if (ratio := proven_ratio(point))]
    if len(ratios) > 1:
        rows.append(["geometric mean", *[""] * len(contestants), f"{geometric_mean(ratios):.2f}", *[""] * 4])
    return f"{title_of(column, {point['batch'] for point in points})}:\n\n{align(rows, markdown=True)}"


def speed_tables(points: list[dict]) -> str:
    """By column; below tables of one measurement its command and machine."""
    groups = columns(points)
    sources = ["\n\n".join(dict.fromkeys(point["source"] for point in members)) for members in groups.values()]
    texts = []
    for (column, members), source, following in zip(groups.items(), sources, [*sources[1:], None]):
        texts += [speed_table(column, members), *([source] if source != following else [])]
    return "\n\n".join([*texts, *missing_lines(points)])


def build_table(reports: list[dict]) -> str:
    """Seconds until fovea and the compiled PyTorch were ready, by network and column."""
    cold = [report for report in reports if "-cache " not in report["command"]]
    points = merged(cold or reports)
    groups = columns(points)
    rows = [["network, s", *(title_of(column, {point["batch"] for point in members}) for column, members in groups.items())]]
    for name in dict.fromkeys(point["name"] for point in points):
        row = [name]
        for members in groups.values():
            seconds = next((point["build_seconds"] for point in members if point["name"] == name), {})
            row.append(" / ".join(f"{seconds[who]:.0f}" if who in seconds else "–" for who in (OURS, "torch-compile", "torch-max-autotune")))
        rows.append(row)
    known = "nothing cached" if cold else "with what earlier runs compiled and timed"
    return (f"Seconds until fovea's plan and PyTorch's compiled networks (reduce-overhead, max-autotune) were ready, {known}, all being prepared\n"
            f"on the same cores:\n\n{align(rows, markdown=True)}")


def missing_lines(points: list[dict]) -> list[str]:
    """What is not in the tables, and why; ONNX Runtime where any of its points was measured."""
    reasons: dict[str, list[str]] = {}
    for point in points:
        for name, note in point["notes"].items():
            if name != "onnxruntime" or any(name in other["median_ms"] for other in points):
                reasons.setdefault(f"{TITLES.get(name, name)}, {note}", []).append(
                    f"{point['name']} {point['precision']} batch {point['batch']}")
    return [f"{reason}: {'all' if len(names) == len(points) else ', '.join(names)}." for reason, names in reasons.items()]


def profiles_of(folder: Path) -> dict[tuple[str, str, int], dict]:
    """By network, precision and batch that was asked for."""
    found = {}
    for file in sorted(folder.glob("*.profile.json")):
        name, precision, batch = file.name.removesuffix(".profile.json").rsplit(".", 2)
        found[name, precision, int(batch)] = json.loads(file.read_text())
    return found


def short_name(kernel: str) -> str:
    """Of a library's kernel, the library and its version."""
    return ":".join(kernel.split(":")[:2]) if kernel.startswith(("cudnn", "cublaslt")) else kernel


def sum_row(name: str, kernels: list[dict]) -> list[str]:
    whole, limit = (sum(kernel[key] for kernel in kernels) / 1e3 for key in ("us", "limit_us"))
    return [name, str(len(kernels)), f"{min(kernel['us'] for kernel in kernels):.1f}", f"{whole:.3f}", f"{limit:.3f}", f"{whole / limit:.1f}"]


def losing_rows(name: str, kernels: list[dict]) -> list[list[str]]:
    """The kernels that take most beyond their limits."""
    whole = sum(kernel["us"] for kernel in kernels)
    losing = sorted(kernels, key=lambda kernel: kernel["limit_us"] - kernel["us"])[:LOSING]
    return [[name, short_name(kernel["kernel"]), kernel["nodes"][0], f"{kernel['us']:.1f}", f"{kernel['limit_us']:.1f}",
             f"{100 * (kernel['us'] - kernel['limit_us']) / whole:.0f} %"] for kernel in losing]


def kernel_tables(folder: Path) -> str:
    """By column: what the kernels of each network take together, those that cost much and reach little, and the losers."""
    groups: dict[tuple[str, bool], list[tuple[str, int, dict]]] = {}
    for (name, precision, batch), profile in profiles_of(folder).items():
        groups.setdefault(column_of(precision, batch), []).append((name, batch, profile))
    texts = []
    for column, members in groups.items():
        sums, far = [["network", "kernels", "shortest, µs", "together, ms", "their limits, ms", "gap"]], []
        losing = [["network", "kernel", "first node", "µs", "limit, µs", "part of the network beyond it"]]
        for name, _, profile in members:
            sums.append(sum_row(name, profile["kernels"]))
            header, *rows = far_kernels(profile)
            far += [[name, short_name(kernel), *row] for kernel, *row in rows]
            losing += losing_rows(name, profile["kernels"])
        card = gpu_of(members[0][2]["facts"]["target"])[0]
        found = align([["network", *header], *far], markdown=True) if far else "No kernel is."
        texts.append(f"### {title_of(column, {batch for _, batch, _ in members})}, {card}\n\n{align(sums, markdown=True)}\n\n"
                     f"Over 5 % of the time and over 4 times off:\n\n{found}\n\n"
                     f"What costs most beyond its limit:\n\n{align(losing, markdown=True)}")
    return "\n\n".join(texts)


def first_use_tables(reports: list[dict]) -> str:
    intro = ("Before the fast runs: builds with nothing cached and with kernels and times cached, loading, and what the first run of a\n"
             "loaded plan and the first one at another size inside the profile cost beyond a steady run.")
    groups: dict[tuple[str, int, str], list[dict]] = {}
    for report in reports:
        card = report["machine"].partition(";")[0]
        groups.setdefault((report["precision"], report["batch"], card), []).append(report)
    texts = [intro]
    for (precision, batch, _), members in groups.items():
        found = {name: figures for report in members for name, figures in report["networks"].items()}
        ordered = {name: found[name] for name in NETWORKS if name in found}
        texts.append(f"{precision}, batch {batch}, {members[-1]['machine']}:\n\n{first_use_table(ordered, markdown=True)}")
    return "\n\n".join(texts)


def merged(reports: list[dict]) -> list[dict]:
    """All points, each with the command and the machine that it was measured by."""
    points = {(point["name"], point["precision"], point["batch"]): point | {"source": f"`{report['command']}`, {report['machine']}."}
              for report in reports for point in report["points"]}
    order = [column_of(point["precision"], point["batch"]) for point in points.values()]
    place = lambda point: (order.index(column_of(point["precision"], point["batch"])), list(NETWORKS).index(point["name"]))
    return sorted(points.values(), key=place)


def replaced(text: str, blocks: dict[str, str]) -> str:
    def block(match: re.Match) -> str:
        name = match[1]
        return f"<!-- generated: {name} -->\n{re.sub(' {2,}', ' ', blocks[name])}\n<!-- end -->" if name in blocks else match[0]

    return re.sub(r"<!-- generated: (\S+) -->\n.*?<!-- end -->", block, text, flags=re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, action="append", default=[], metavar="FILE")
    parser.add_argument("--profiles", type=Path, metavar="FOLDER")
    parser.add_argument("--first-use", type=Path, action="append", default=[], metavar="FILE")
    arguments = parser.parse_args()
    blocks = {}
    if arguments.peers:
        reports = [json.loads(file.read_text()) for file in arguments.peers]
        blocks |= {"gpu-speed": speed_tables(merged(reports)), "gpu-builds": build_table(reports)}
    if arguments.profiles:
        blocks["gpu-kernels"] = kernel_tables(arguments.profiles)
    if arguments.first_use:
        blocks["gpu-first-use"] = first_use_tables([json.loads(file.read_text()) for file in arguments.first_use])
    for document in DOCUMENTS:
        document.write_text(replaced(document.read_text(), blocks))


if __name__ == "__main__":
    main()
