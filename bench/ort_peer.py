"""ONNX Runtime on a GPU with one of several settings, its input and outputs on the device."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import onnx

T = TypeVar("T")


@dataclass(frozen=True)
class Setting:
    """`search`: EXHAUSTIVE and HEURISTIC name two heuristics of cuDNN; neither times anything."""

    search: str = "HEURISTIC"
    channels_last: bool = True
    graph: bool = True
    fused_bias: bool = False
    half_resize: bool = True  # in fp16; otherwise Resize runs in f32 between casts

    def options(self, tf32: bool) -> dict[str, str]:
        flags = {"use_tf32": tf32, "prefer_nhwc": self.channels_last, "enable_cuda_graph": self.graph, "fuse_conv_bias": self.fused_bias}
        return {"cudnn_conv_algo_search": self.search} | {name: str(int(flag)) for name, flag in flags.items()}

    def __str__(self) -> str:
        words = [self.search.lower(), "NHWC" if self.channels_last else "NCHW", *(["CUDA graph"] if self.graph else []),
                 *(["fused bias"] if self.fused_bias else []), *([] if self.half_resize else ["Resize in f32"])]
        return ", ".join(words)


Call = Callable[[], dict]  # outputs by name
SETTINGS = (Setting(), Setting("EXHAUSTIVE"), Setting(channels_last=False), Setting("EXHAUSTIVE", channels_last=False, graph=False))


def fastest(settings: Iterable[Setting], opened: Callable[[Setting], T], seconds: Callable[[T], float], close: Callable[[T], None]) -> tuple[Setting, T]:
    """Of those that work; raises what was wrong with the first one where none does."""
    best, failures = None, []
    for setting in settings:
        try:
            session = opened(setting)
            took = seconds(session)
        except Exception as error:  # of many types
            failures.append(error)
            continue
        loser, best = (session, best) if best and best[0] <= took else (best and best[2], (took, setting, session))
        if loser:
            close(loser)
    if best is None:
        raise failures[0]
    return best[1:]


def halved(model: onnx.ModelProto, setting: Setting) -> onnx.ModelProto:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    kept = ["Range", "Cast", *([] if setting.half_resize else ["Resize"])]
    return convert_float_to_float16(model, keep_io_types=False, op_block_list=kept)


def open_session(model: onnx.ModelProto, precision: str, setting: Setting, threads: int, image, optimised: str | None = None) -> Call:
    """A run on `image`, a contiguous tensor on the device, that gives the outputs. `model` is changed in fp16.
    `optimised`: file for what is run."""
    import onnxruntime

    half = precision == "fp16"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    if optimised:
        options.optimized_model_filepath = optimised
    data = (halved(model, setting) if half else model).SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=[("CUDAExecutionProvider", setting.options(precision == "tf32"))])
    if "CUDAExecutionProvider" not in session.get_providers():
        raise RuntimeError("onnxruntime cannot load its CUDAExecutionProvider")
    binding = session.io_binding()
    binding.bind_input(session.get_inputs()[0].name, "cuda", 0, np.float16 if half else np.float32, tuple(image.shape), image.data_ptr())
    names = [output.name for output in session.get_outputs()]
    for name in names:
        binding.bind_output(name, "cuda")
    unrecorded = onnxruntime.RunOptions()
    unrecorded.add_run_config_entry("gpu_graph_id", "-1")
    session.run_with_iobinding(binding, unrecorded)
    values = dict(zip(names, binding.get_outputs()))
    for name, value in values.items():  # a CUDA graph always writes to one place
        binding.bind_ortvalue_output(name, value)

    def call(image=image):  # which the binding reads
        session.run_with_iobinding(binding)
        return values

    return call
