"""What is timed: fovea, ONNX Runtime and OpenVINO, each behind the same small interface.

Every contestant reads the same input array without a copy where its interface allows it, leaves its outputs where
it likes, and may use `threads` threads. Settings that the fastest choice of is not known beforehand are variants.
"""

import importlib
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import numpy as np


@dataclass
class Runner:
    """A network that is ready to run. `outputs` gives the last run's results as arrays by name."""

    run: Callable[[], None]
    outputs: Callable[[], dict[str, np.ndarray]]
    setting: str
    build_seconds: float = 0.0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Contestant:
    """`variants` are tried alone on each network, and the fastest one takes part."""

    name: str
    package: str
    precision: str
    prepare: Callable[[Path, np.ndarray, int, str, str], Runner]
    variants: tuple[str, ...]


def prepare_onnxruntime(model: Path, image: np.ndarray, threads: int, precision: str, variant: str) -> Runner:
    """`spin`: threads wait for work by spinning during a run, and stop when the run ends. `sleep`: they never spin."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if variant == "spin" else "0")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    start = time.perf_counter()
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    seconds = time.perf_counter() - start
    names = [output.name for output in session.get_outputs()]
    first = session.run(names, {session.get_inputs()[0].name: image})
    binding = session.io_binding()
    binding.bind_cpu_input(session.get_inputs()[0].name, image)
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in first]
    for name, value in zip(names, values):
        binding.bind_ortvalue_output(name, value)
    return Runner(
        run=lambda: session.run_with_iobinding(binding),
        outputs=lambda: {name: value.numpy().copy() for name, value in zip(names, values)},
        setting=variant,
        build_seconds=seconds,
    )


def prepare_openvino(model: Path, image: np.ndarray, threads: int, precision: str, variant: str) -> Runner:
    """`pinned` and `unpinned`: whether threads are bound to cores. Inputs and outputs are shared, not copied."""
    import openvino

    hint = {"fp32": "f32", "bf16": "bf16"}[precision]
    core = openvino.Core()
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": hint,
        "ENABLE_CPU_PINNING": variant == "pinned",
    }
    start = time.perf_counter()
    compiled = core.compile_model(core.read_model(model), "CPU", settings)
    seconds = time.perf_counter() - start
    used = str(compiled.get_property("INFERENCE_PRECISION_HINT").to_string())
    notes = [] if used in (hint, {"f32": "float32", "bf16": "bfloat16"}[hint]) else [f"runs in {used}, not {hint}"]
    request = compiled.create_infer_request()
    return Runner(
        run=lambda: request.infer([image], share_inputs=True, share_outputs=True),
        outputs=lambda: {port.any_name: request.get_tensor(port).data.copy() for port in compiled.outputs},
        setting=variant,
        build_seconds=seconds,
        notes=notes,
    )


def prepare_fovea(model: Path, image: np.ndarray, threads: int, precision: str, variant: str) -> Runner:
    import fovea

    start = time.perf_counter()
    plan = fovea.build(str(model), precision=precision, threads=threads)
    seconds = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.plan"
        plan.save(str(file))
        del plan
        engine = fovea.Engine(str(file), threads=threads)
    last: dict[str, np.ndarray] = {}

    def run() -> None:
        nonlocal last
        last = engine.run({"image": image}, copy=False)

    return Runner(run=run, outputs=lambda: {name: np.array(value) for name, value in last.items()}, setting=variant,
                  build_seconds=seconds)


CONTESTANTS = {
    contestant.name: contestant
    for contestant in (
        Contestant("onnxruntime", "onnxruntime", "fp32", prepare_onnxruntime, ("spin", "sleep")),
        Contestant("openvino", "openvino", "fp32", prepare_openvino, ("pinned", "unpinned")),
        Contestant("openvino-bf16", "openvino", "bf16", prepare_openvino, ("pinned", "unpinned")),
        Contestant("fovea", "fovea", "fp32", prepare_fovea, ("default",)),
        Contestant("fovea-bf16", "fovea", "bf16", prepare_fovea, ("default",)),
    )
}


def package_version(package: str) -> str:
    """The version of an installed package; raises ImportError with what to do where it is missing."""
    try:
        return str(getattr(importlib.import_module(package), "__version__", "unknown"))
    except ImportError as error:
        remedy = "run scripts/build" if package == "fovea" else ".venv/bin/pip install -r bench/requirements.txt"
        raise ImportError(f"{error}: {remedy}, or leave it out with --only") from error
