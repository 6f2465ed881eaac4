"""What the tests of whole networks share: their inputs, and the reference results of ONNX Runtime."""

import numpy as np
import onnx
import onnxruntime
from weights import draw_uniform

# Precision is judged over this many images, because a single one leaves the ratio to chance.
IMAGES = 8
BLOCK = 24


def random_images(count: int, size: tuple[int, int]) -> np.ndarray:
    """The same (count, 3, height, width) values in [0, 1] on every machine: coloured blocks under fine noise.

    Fine noise alone would look alike everywhere to a network, and leave its outputs almost constant.
    """
    height, width = size
    rows, columns = -(-height // BLOCK), -(-width // BLOCK)
    blocks = draw_uniform("blocks", count * 3 * rows * columns, 0, 0.9).reshape(count, 3, rows, columns)
    blocks = blocks.repeat(BLOCK, axis=2).repeat(BLOCK, axis=3)[:, :, :height, :width]
    noise = draw_uniform("noise", count * 3 * height * width, 0, 0.1).reshape(count, 3, height, width)
    return blocks + noise


def onnxruntime_session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    # It warns where the exporter's note of a dynamic output's shape is not exact, which matters to nobody.
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run_session(session: onnxruntime.InferenceSession, images: np.ndarray) -> dict[str, np.ndarray]:
    """The outputs by name, in one run over the whole batch."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: images})))


def run_each(run, images: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs of a function of one image, for each image in turn, joined along the batch."""
    parts = [run(image[None]) for image in images]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
