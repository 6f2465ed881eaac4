"""fovea: an ONNX network in, a verified fast plan out."""

from ._fovea import Engine, Error, Plan, build, convert, evaluate, load, version

__version__ = version()
__all__ = ["Engine", "Error", "Plan", "build", "convert", "evaluate", "load"]
