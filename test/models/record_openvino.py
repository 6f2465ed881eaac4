"""Records how exact OpenVINO's bf16 is on the small networks: the measure that fovea's bf16 must reach.

Needs bench/requirements.txt and a processor with bf16 instructions. Writes openvino_bf16.json beside this file.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("zoo", "bench", "scripts", "test/models")]

import numpy as np
import onnx
import openvino
from accuracy import signal_to_noise
from catalog import NETWORKS
from fill import fill
from machine import describe_machine
from real_networks import REAL_NETWORKS
from references import IMAGES, onnxruntime_session, random_images, run_each, run_session

TARGET = Path(__file__).with_name("openvino_bf16.json")


def measure(model: onnx.ModelProto, images: np.ndarray) -> dict[str, float]:
    """Decibels of each output, the images run one by one."""
    core = openvino.Core()
    network = core.read_model(model.SerializeToString(), b"")
    network.reshape([1, *images.shape[1:]])
    settings = {"INFERENCE_PRECISION_HINT": "bf16", "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 2}
    compiled = core.compile_model(network, "CPU", settings)
    request = compiled.create_infer_request()
    session = onnxruntime_session(model)

    def run(image):
        request.infer([image])
        return {port.any_name: request.get_tensor(port).data.copy() for port in compiled.outputs}

    results = run_each(run, images)
    references = run_each(lambda image: run_session(session, image), images)
    return {name: round(signal_to_noise(results[name], reference), 2) for name, reference in references.items()}


def main() -> None:
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise SystemExit("record_openvino.py: OpenVINO has no bf16 on this processor")
    decibels = {}
    for network in NETWORKS.values():
        decibels[network.name] = measure(fill(network, "small"), random_images(IMAGES, network.small_size))
    for network in REAL_NETWORKS.values():
        decibels[network.name] = measure(network.reference_model(), network.images(IMAGES))
    record = {"openvino": openvino.__version__, "processor": describe_machine(2).processor, "decibels": decibels}
    TARGET.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
