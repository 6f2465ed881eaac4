"""fovea: an ONNX network in, a verified fast plan out."""

from ._fovea import Error, evaluate

__all__ = ["Error", "evaluate"]
