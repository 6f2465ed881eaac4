"""fovea: an ONNX network in, a verified fast plan out."""

from ._fovea import Contract, Engine, Error, Findings, Plan, build, convert, evaluate, gpus, load, version

__version__ = version()
__all__ = ["Contract", "Engine", "Error", "Findings", "Plan", "build", "convert", "evaluate", "gpus", "load"]
