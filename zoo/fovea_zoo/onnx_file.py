"""From a network to its ONNX file, and the contract beside it."""

import io
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from catalog import INPUT
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from .contract import write_contract
from .errors import UserError
from .networks import Recipe

OPSET = 17
LARGEST_KEPT = 64
LARGEST_HALF = 65504.0


def trace(network: nn.Module, size: tuple[int, int], outputs: tuple[str, ...], free: dict, batch: int = 1,
          fold: bool = True) -> onnx.ModelProto:
    """The exporter's model; `free` names the dynamic axes."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, torch.rand(batch, 3, *size), buffer, input_names=[INPUT], output_names=list(outputs),
            opset_version=OPSET, dynamo=False, dynamic_axes=free, do_constant_folding=fold,
            training=torch.onnx.TrainingMode.PRESERVE,
        )
    return onnx.load_from_string(buffer.getvalue())


def store_half(model: onnx.ModelProto) -> None:
    """Stores the large f32 constants in f16, each followed by a cast back to f32, which runtimes fold when they load."""
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size <= LARGEST_KEPT:
            continue
        if np.abs(values).max() > LARGEST_HALF:
            raise UserError(f"{tensor.name}: {np.abs(values).max():g} is too large for f16")
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.f16"))
        casts.append(helper.make_node("Cast", [f"{name}.f16"], [name], f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def check_size(name: str, recipe: Recipe, size: tuple[int | None, int | None]) -> None:
    if recipe.stride is None and size != recipe.size:
        raise UserError(f"{name} takes images of {recipe.size[0]}x{recipe.size[1]} only")
    if recipe.stride and any(side and side % recipe.stride for side in size):
        raise UserError(f"{name}: the sides must be divisible by {recipe.stride}, found {size[0]}x{size[1]}")


def to_onnx(network: nn.Module, batch: int | None = 1, size: tuple[int | None, int | None] | None = None,
            half: bool = False) -> onnx.ModelProto:
    """The model of a network of `create`. `batch` None and `size` (None, None) are dynamic; `size` None is the recipe's."""
    recipe = network.recipe
    size = size or recipe.size
    check_size(network.zoo_name, recipe, size)
    free = {} if batch else {name: {0: "batch"} for name in (INPUT, *recipe.outputs)}
    if None in size:
        free.setdefault(INPUT, {}).update({2: "height", 3: "width"})
    traced = tuple(side or default for side, default in zip(size, recipe.size))
    model = trace(network.eval(), traced, recipe.outputs, free, batch or 1)
    if half:
        store_half(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def write(network: nn.Module, file: Path, batch: int | None = 1, size: tuple[int | None, int | None] | None = None,
          half: bool = False, labels: list[str] | None = None) -> None:
    """Writes FILE.onnx and FILE.json. `labels` name the classes, in the order of the output; default: numbers."""
    model = to_onnx(network, batch, size, half)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(model.SerializeToString(deterministic=True))
    write_contract(network, file.with_suffix(".json"), size or network.recipe.size, labels)
