"""Registry and building blocks of the hostile models.

`CASES` maps the name of a case to a function that takes a folder, writes the file there and returns its path.
"""

import functools
import os

import numpy as np
from onnx import TensorProto, helper, numpy_helper

CASES = {}
F32, I64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def case(function):
    """Registers a function that returns a model or bytes."""
    CASES[function.__name__] = functools.partial(save, function)
    return function


def add(name, function):
    CASES[name] = functools.partial(save, lambda folder: function())


def save(function, folder):
    content = function(folder)
    path = os.path.join(folder, "model.onnx")
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.SerializeToString())
    return path


def value(name, shape=(1, 4, 8, 8), dtype=F32):
    return helper.make_tensor_value_info(name, dtype, shape)


def model(nodes, inputs=None, outputs=None, initializers=(), opset=21, **options):
    graph = helper.make_graph(nodes, "g", [value("x")] if inputs is None else inputs,
                              [value("y", None)] if outputs is None else outputs, list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10, **options)


def node(op, *constants, more=(), **attributes):
    """A model of one node that reads x and further constant inputs, and gives y and `more`."""
    tensors = [numpy_helper.from_array(np.asarray(c), f"c{i}") for i, c in enumerate(constants)]
    return model([helper.make_node(op, ["x"] + [t.name for t in tensors], ["y", *more], name="bad", **attributes)],
                 initializers=tensors)


def relu(x="x", y="y", **options):
    return helper.make_node("Relu", [x], [y], **options)


def varint(number):
    result = b""
    while number >= 0x80:
        result += bytes([number & 0x7F | 0x80])
        number >>= 7
    return result + bytes([number])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


VALID = model([relu()]).SerializeToString()
