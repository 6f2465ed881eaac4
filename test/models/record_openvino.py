"""Records how exact OpenVINO's bf16 is on the small networks: the measure that fovea's bf16 must reach.

Needs bench/requirements.txt and a processor with bf16 instructions. Writes openvino_bf16.json beside this file.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "zoo"), str(ROOT / "bench"), str(Path(__file__).resolve().parent)]

import openvino
from accuracy import signal_to_noise
from catalog import NETWORKS
from fill import fill
from machine import describe_machine
from references import IMAGES, onnxruntime_session, random_images, run_each, run_session

TARGET = Path(__file__).with_name("openvino_bf16.json")


def measure(network) -> dict[str, float]:
    model = fill(network, "small")
    images = random_images(IMAGES, network.small_size)
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "bf16", "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 2}
    compiled = core.compile_model(core.read_model(model.SerializeToString(), b""), "CPU", settings)
    request = compiled.create_infer_request()

    def run(image):
        request.infer([image])
        return {port.any_name: request.get_tensor(port).data.copy() for port in compiled.outputs}

    results = run_each(run, images)
    session = onnxruntime_session(model)
    references = run_each(lambda image: run_session(session, image), images)
    return {name: round(signal_to_noise(results[name], reference), 2) for name, reference in references.items()}


def main() -> None:
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise SystemExit("record_openvino.py: OpenVINO has no bf16 on this processor")
    record = {
        "openvino": openvino.__version__,
        "processor": describe_machine(2).processor,
        "decibels": {network.name: measure(network) for network in NETWORKS.values()},
    }
    TARGET.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
