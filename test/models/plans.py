"""How the tests of whole networks build and run plans, in one place."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from machine import describe_machine

ROOT = Path(__file__).resolve().parents[2]
THREADS = 2

needs_module = pytest.mark.skipif(
    not (ROOT / "build/python").exists(), reason="the Python module is not built: run scripts/build"
)
needs_bf16 = pytest.mark.skipif(
    not {"avx512_bf16", "amx_bf16"} & set(describe_machine(THREADS).features), reason="this processor has no bf16 instructions"
)

needs_fp16 = pytest.mark.skipif(
    "avx512_fp16" not in describe_machine(THREADS).features, reason="this processor has no fp16 instructions"
)
lacks_fp16 = pytest.mark.skipif(
    "avx512_fp16" in describe_machine(THREADS).features, reason="this processor has fp16 instructions"
)


def gpus() -> dict[str, str]:
    """Targets and descriptions; none without the module."""
    try:
        import fovea
    except ImportError:
        return {}
    return fovea.gpus()


def build_engine(model: onnx.ModelProto, folder: Path, precision: str, threads: int = THREADS, **options):
    """Builds a plan, gate included, saves it, and loads it again: the way of a user's network."""
    import fovea

    file = folder / "network.onnx"
    onnx.save(model, file)
    plan = fovea.build(str(file), precision=precision, threads=threads, **options)
    plan.save(str(folder / "network.plan"))
    return fovea.Engine(str(folder / "network.plan"), threads=threads)


def run_engine(engine, name: str, images: np.ndarray) -> dict[str, np.ndarray]:
    return {key: np.array(value) for key, value in engine.run({name: images}).items()}
