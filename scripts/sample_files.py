#!/usr/bin/env python3
"""Writes `model.onnx` (convolution, ReLU, pooling, classifier; input `image` 1x3x32x32, output `scores` 1x10) and
`photo.png` (64x48) into a folder: small inputs for the documentation's snippets.

usage: scripts/sample_files.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image


def make_model(rng):
    def weight(name, *shape):
        return numpy_helper.from_array(rng.normal(0, 0.1, shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["image", "conv_w", "conv_b"], ["conv"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv"], ["relu"], name="relu"),
        helper.make_node("GlobalAveragePool", ["relu"], ["pool"], name="pool"),
        helper.make_node("Flatten", ["pool"], ["flat"], name="flatten"),
        helper.make_node("Gemm", ["flat", "fc_w", "fc_b"], ["scores"], name="classifier"),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 32, 32])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 10])
    weights = [weight("conv_w", 16, 3, 3, 3), weight("conv_b", 16), weight("fc_w", 16, 10), weight("fc_b", 10)]
    graph = helper.make_graph(nodes, "sample", [image], [scores], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def make_photo():
    y, x = np.mgrid[0:48, 0:64]
    return Image.fromarray(np.stack([x * 4, y * 5, (x + y) * 2], axis=-1).astype(np.uint8))


def main():
    folder = Path(sys.argv[1])
    onnx.save(make_model(np.random.default_rng(0)), folder / "model.onnx")
    make_photo().save(folder / "photo.png")


if __name__ == "__main__":
    main()
