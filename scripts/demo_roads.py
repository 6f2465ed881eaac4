"""The trained networks of zoo/trained on road scenes of zoo/roads_val: builds them in fp32 and bf16, times them beside ONNX
Runtime, holds what they find against the truth, and draws a contact sheet. Part of scripts/demo.
"""

import json
import os
import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "zoo")]

import fovea  # noqa: E402
from contestants import CONTESTANTS, Runner  # noqa: E402
from fovea_zoo import roads  # noqa: E402
from fovea_zoo.metrics import DepthErrors, DetectionPrecision, LabelAgreement  # noqa: E402
from machine import describe_machine  # noqa: E402
from rounds import measure, prepare_fastest  # noqa: E402

TRAINED, SCENES = ROOT / "zoo/trained", ROOT / "zoo/roads_val"
PEER, PRECISIONS = "ONNX Runtime fp32", ("fp32", "bf16")
ROUNDS, SECONDS = 15, 3.0
MEASURED_FRAMES = 20
SHOWN_FRAMES = (1, 5, 11, 19)
LOWEST_SCORE = 0.01  # precision is averaged over all recalls, so weak detections count
CELL = (400, 200)    # width and height of a picture on the sheet
MARGIN, HEADER = 6, 50


@dataclass
class Network:
    """A trained network with its contract (docs/contract.md), as JSON and as fovea reads it."""

    model: Path
    description: dict
    contract: fovea.Contract

    @property
    def name(self):
        return self.model.stem

    @property
    def outputs(self):
        output = self.description["output"]
        return output if isinstance(output, list) else [output]

    @property
    def shape(self):
        size = self.description["input"]
        return [1, 3, size["height"], size["width"]]


def trained_networks():
    """Detectors, segmentation, depth, and what does several tasks, in this order."""
    order = ("ssd", "detr", "segmentation", "depth")
    networks = [read_network(model) for model in sorted(TRAINED.glob("*.onnx"))]
    return sorted(networks, key=lambda network: (len(network.outputs), order.index(network.outputs[0]["decoder"])))


def read_network(model):
    text = model.with_suffix(".json").read_text(encoding="utf-8")
    return Network(model, json.loads(text), fovea.Contract.parse(text))


class Accuracy:
    """The figure of one task over some frames; `add` takes fovea.Findings and the frame's truth."""

    def __init__(self, decoder):
        self.decoder = decoder
        if decoder == "depth":
            self.name, self._errors = "abs_rel", DepthErrors()
        elif decoder == "segmentation":
            self.name, self._errors = "mIoU", LabelAgreement(roads.LABELS)
        else:
            self.name, self._errors = "mAP", DetectionPrecision(roads.CATEGORIES)

    def add(self, found, frame):
        if self.decoder == "depth":
            self._errors.add(found.depth, frame.depth)
        elif self.decoder == "segmentation":
            self._errors.add(found.labels, frame.labels)
        else:
            self._errors.add(detected_boxes(found.detections), true_boxes(frame))

    def figure(self):
        return self._errors.result()[{"abs_rel": "abs_rel", "mIoU": "miou", "mAP": "map"}[self.name]]


def as_sizes(corners):
    """x1, y1, x2, y2 as x, y, width, height."""
    corners = np.array(corners, np.float64).reshape(-1, 4)
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1)


def detected_boxes(rows):
    return {"boxes": as_sizes([row["box"] for row in rows]), "scores": np.array([row["score"] for row in rows]),
            "classes": np.array([roads.CATEGORIES.index(row["label"]) for row in rows], int)}


def true_boxes(frame):
    return {"boxes": np.array([[b.x, b.y, b.width, b.height] for b in frame.boxes], np.float64).reshape(-1, 4),
            "classes": np.array([b.category for b in frame.boxes], int), "ignore": np.array([b.ignore for b in frame.boxes], bool)}


def with_weak_detections(network):
    """The network's contract, but with every detection that may count for the precision."""
    outputs = [output | ({"score_threshold": LOWEST_SCORE} if "score_threshold" in output else {}) for output in network.outputs]
    return fovea.Contract.parse(json.dumps(network.description | {"output": outputs}))


def prepare(network, pixels, threads, folder, precisions=PRECISIONS, target="cpu"):
    """ONNX Runtime and the plans in each type, ready to run on `pixels`, and the seconds that building took."""
    runners, start = {PEER: prepare_fastest(CONTESTANTS["onnxruntime"], network.model, pixels, threads)}, time.perf_counter()
    for precision in precisions:
        plan = fovea.build(network.model, precision=precision, threads=threads, shapes={network.contract.input: network.shape},
                           contract=network.contract, target=target)
        plan.save(folder / f"{network.name}_{precision}.plan")
        runners[f"fovea {precision}"] = fovea_runner(network, fovea.Engine(plan, threads=threads), pixels, precision)
    return runners, time.perf_counter() - start


def fovea_runner(network, engine, pixels, precision):
    last = {}

    def run():
        last.update(engine.run({network.contract.input: pixels}, copy=False))

    return Runner(run=run, outputs=lambda: last, setting=precision)


def accuracies(network, runners, pixels, frames):
    """For each runner the figure of each task over the frames; the runners read `pixels`, which this fills."""
    contract = with_weak_detections(network)
    found = {name: [Accuracy(output["decoder"]) for output in network.outputs] for name in runners}
    for frame in frames:
        np.copyto(pixels, contract.prepare(frame.image))
        for name, runner in runners.items():
            runner.run()
            findings = contract.decode(runner.outputs(), frame.image.shape[:2])
            for accuracy in found[name]:
                accuracy.add(findings, frame)
    return found


def row_of(network, times, found):
    """A row of the table, as text."""
    medians = {name: np.median(seconds) * 1e3 for name, seconds in times.items()}
    cells = [network.name, f"{medians[PEER]:.1f}"]
    cells += [f"{medians[name]:.1f} ({medians[name] / medians[PEER]:.2f})" for name in list(medians)[1:]]
    for which in range(len(network.outputs)):
        figures = [f"{found[name][which].figure():.3f}" for name in found]
        cells.append(f"{found[PEER][which].name} {' / '.join(figures)}")
    return f"| {' | '.join(cells[:4])} | {', '.join(cells[4:])} |"


def pictures(network, engine, frames):
    """Columns of the sheet: for each task a title and one picture for each frame, drawn at the sheet's size."""
    drawn = []
    for frame in frames:
        outputs = engine.run({network.contract.input: network.contract.prepare(frame.image)})
        found = network.contract.decode(outputs, (CELL[1], CELL[0]))
        picture = found.draw(np.asarray(Image.fromarray(frame.image).resize(CELL, Image.LANCZOS)))
        drawn.append(np.split(picture, len(network.outputs)))
    tasks = [output["decoder"] if output["decoder"] in ("segmentation", "depth") else "boxes" for output in network.outputs]
    return [(f"{network.name}\n{task}", [rows[i] for rows in drawn]) for i, task in enumerate(tasks)]


def contact_sheet(columns):
    """Columns of pictures under their titles."""
    (width, height), rows = CELL, len(columns[0][1])
    sheet = Image.new("RGB", (len(columns) * (width + MARGIN) - MARGIN, HEADER + rows * (height + MARGIN) - MARGIN), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(18)
    for i, (title, column) in enumerate(columns):
        left = i * (width + MARGIN)
        draw.multiline_text((left, 2), title, fill="black", font=font, spacing=2)
        for j, picture in enumerate(column):
            sheet.paste(Image.fromarray(picture), (left, HEADER + j * (height + MARGIN)))
    return sheet


def show_roads(folder):
    """Prints the table, writes it to roads.md and draws the sheet into roads.jpg, both in `folder`."""
    threads = len(os.sched_getaffinity(0))
    measured = list(islice(roads.load(SCENES, "frames"), MEASURED_FRAMES))
    shown = [measured[i] for i in SHOWN_FRAMES]
    columns = [("input", [np.asarray(Image.fromarray(frame.image).resize(CELL, Image.LANCZOS)) for frame in shown])]
    table = [f"| trained network, ms | {PEER} | fovea fp32 | fovea bf16 | accuracy in the three, {len(measured)} frames |",
             "|---|---:|---:|---:|---|"]
    print("\n".join(table))
    seconds = 0.0
    for network in trained_networks():
        pixels = network.contract.prepare(measured[0].image)
        runners, built = prepare(network, pixels, threads, folder)
        seconds += built
        times = measure(runners, ROUNDS, SECONDS)
        table.append(row_of(network, times, accuracies(network, runners, pixels, measured)))
        print(table[-1], flush=True)
        columns += pictures(network, fovea.Engine(folder / f"{network.name}_bf16.plan", threads=threads), shown)
    print(f"batch 1, in brackets parts of ONNX Runtime's time; {seconds:.0f} s for building all plans\non {describe_machine(threads)}")
    (folder / "roads.md").write_text("\n".join(table) + "\n", encoding="utf-8")
    contact_sheet(columns).save(folder / "roads.jpg", quality=75, optimize=True)
    print(f"what the bf16 plans see: {folder / 'roads.jpg'}")
