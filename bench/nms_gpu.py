"""Time NonMaxSuppression on a GPU beside torchvision's batched_nms and ONNX Runtime.

    python3 bench/nms_gpu.py [--device cuda:0] [--seconds 0.3] [--json FILE]

Each case is a detector's last step: boxes of one image, about 30 at each place, with random scores in every class. fovea runs the
ONNX operator, torchvision what a detector does for the same result: selecting what is over the threshold, then batched_nms.
Inputs are on the device; medians of calls that are waited for. ONNX Runtime runs on the GPU where its package can, else on
the CPU. A class is alike where both keep the same boxes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

from peer_report import align  # noqa: E402

AT_ONE_PLACE = 30


@dataclass(frozen=True)
class Case:
    name: str
    boxes: int
    classes: int
    overlap: float
    score: float
    limit: int

    def inputs(self) -> dict[str, np.ndarray]:
        random = np.random.default_rng(self.boxes + self.classes)
        side = 0.8 * np.sqrt(AT_ONE_PLACE / self.boxes)
        y, x = random.random((2, self.boxes))
        height, width = side * (0.5 + random.random((2, self.boxes)))
        boxes = np.stack([y, x, y + height, x + width], 1)[None].astype(np.float32)
        return {"boxes": boxes, "scores": random.random((1, self.classes, self.boxes), dtype=np.float32)}

    def model(self) -> onnx.ModelProto:
        inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape) for name, array in self.inputs().items()]
        numbers = {"limit": np.int64(self.limit), "overlap": np.float32(self.overlap), "score": np.float32(self.score)}
        constants = [numpy_helper.from_array(np.array([value]), name) for name, value in numbers.items()]
        node = helper.make_node("NonMaxSuppression", [*self.inputs(), *numbers], ["found"])
        found = helper.make_tensor_value_info("found", TensorProto.INT64, [None, 3])
        graph = helper.make_graph([node], "suppression", inputs, [found], constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


CASES = (Case("80 classes, every tenth score passes", 8400, 80, 0.65, 0.9, 300),
         Case("80 classes, every 200th score passes", 8400, 80, 0.65, 0.995, 300),
         Case("one class, every second score passes", 8400, 1, 0.65, 0.5, 300))


def median_ms(call, wait, seconds: float) -> float:
    for _ in range(3):
        call()
    wait()
    times: list[float] = []
    start = time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        call()
        wait()
        times.append(time.perf_counter() - before)
    return 1e3 * float(np.median(times))


def fovea(case: Case, arguments: argparse.Namespace, folder: Path) -> tuple[dict[str, float], np.ndarray]:
    """Milliseconds of a run and of its kernels alone, and what was found."""
    model, plan, given, result = (folder / name for name in ("model.onnx", "model.plan", "in.npz", "out.npz"))

    def tool(*words) -> str:
        return subprocess.run([arguments.fovea, *map(str, words)], check=True, stdout=subprocess.PIPE, text=True).stdout

    onnx.save(case.model(), model)
    np.savez(given, **case.inputs())
    tool("build", model, "-o", plan, "--target", arguments.device, "--quiet")
    tool("run", plan, "--input", given, "-o", result)
    row = json.loads(tool("bench", plan, "--input", given, "--resident", "--seconds", arguments.seconds, "--json"))["rows"][0]
    times = {"fovea": row["without_copies"]["median_us"] / 1e3, "its kernels": row["device"]["kernels"]["median_us"] / 1e3}
    return times, np.load(result)["found"]


def torchvision(case: Case, arguments: argparse.Namespace) -> tuple[dict[str, float], list[set[int]]]:
    """Milliseconds with and without selecting, and the boxes that each class keeps."""
    import torch
    from torchvision.ops import batched_nms

    boxes, scores = (torch.from_numpy(array[0]).to(arguments.device) for array in case.inputs().values())

    def select():
        classes, places = torch.nonzero(scores > case.score, as_tuple=True)
        return classes, places, boxes[places], scores[classes, places]

    def detect():
        classes, places, chosen, their_scores = select()
        kept = batched_nms(chosen, their_scores, classes, case.overlap)
        return classes[kept], places[kept]

    classes, _, chosen, their_scores = select()
    alone = median_ms(lambda: batched_nms(chosen, their_scores, classes, case.overlap), torch.cuda.synchronize, arguments.seconds)
    times = {"selection and batched_nms": median_ms(detect, torch.cuda.synchronize, arguments.seconds), "batched_nms": alone}
    kept_classes, kept = (tensor.cpu().numpy() for tensor in detect())
    return times, [set(kept[kept_classes == number][: case.limit].tolist()) for number in range(case.classes)]


def onnxruntime(case: Case, arguments: argparse.Namespace) -> dict[str, float]:
    import onnxruntime as package

    on_gpu = "CUDAExecutionProvider" in package.get_available_providers()
    session = package.InferenceSession(case.model().SerializeToString(), providers=[f"{'CUDA' if on_gpu else 'CPU'}ExecutionProvider"])
    binding = session.io_binding()
    for name, array in case.inputs().items():
        binding.bind_ortvalue_input(name, package.OrtValue.ortvalue_from_numpy(array, *(["cuda", 0] if on_gpu else [])))
    binding.bind_output("found", "cuda" if on_gpu else "cpu")
    call = lambda: session.run_with_iobinding(binding)  # noqa: E731
    return {f"ONNX Runtime, {'GPU' if on_gpu else 'CPU'}": median_ms(call, lambda: None, arguments.seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda:0", metavar="cuda:N")
    parser.add_argument("--seconds", type=float, default=0.3, help="length of each measurement (default 0.3)")
    parser.add_argument("--fovea", type=Path, default=ROOT / "build/bin/fovea", metavar="PROGRAM")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    results = []
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            times, found = fovea(case, arguments, Path(folder))
        theirs, kept = torchvision(case, arguments)
        times |= theirs | onnxruntime(case, arguments)
        alike = sum(kept[number] == set(found[found[:, 1] == number, 2].tolist()) for number in range(case.classes))
        results.append({"case": case.name, "found": len(found), "ms": times, "ratio": times["fovea"] / times["selection and batched_nms"],
                        "classes_alike": alike, "classes": case.classes})
        if arguments.json:
            arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    header = [f"{CASES[0].boxes} boxes, ms", "found", *results[0]["ms"], "fovea / torchvision", "classes alike"]
    rows = [[r["case"], str(r["found"]), *(f"{ms:.3f}" for ms in r["ms"].values()), f"{r['ratio']:.2f}", f"{r['classes_alike']} of {r['classes']}"]
            for r in results]
    print(align([header, *rows], markdown=True))


if __name__ == "__main__":
    main()
