"""The contract of a network (docs/contract.md): how an image becomes its input, and how its outputs are read."""

import json
from pathlib import Path

from catalog import INPUT
from torch import nn

from .networks import Recipe
from .networks.ssd import ASPECT_RATIOS, CENTRE_VARIANCE, MAP_SIZES, SIZE_VARIANCE, STEPS

GREATEST_PIXEL = 255


def input_contract(recipe: Recipe, size: tuple[int | None, int | None]) -> dict:
    contract = {"tensor": INPUT}
    if None in size:
        contract["multiple"] = recipe.stride
    else:
        contract["height"], contract["width"] = size
    return {**contract, "fit": "stretch", "resize": recipe.resize, "color": "rgb", "scale": 1 / GREATEST_PIXEL,
            "mean": list(recipe.mean), "std": list(recipe.std)}


def default_box_levels(scales: tuple[float, ...]) -> list[dict]:
    levels = zip(MAP_SIZES, STEPS, scales, scales[1:], ASPECT_RATIOS)
    return [
        {"map": [cells, cells], "step": step, "min_size": scale, "max_size": following, "aspect_ratios": list(ratios)}
        for cells, step, scale, following, ratios in levels
    ]


def ssd_output(network: nn.Module, labels: list[str] | None) -> dict:
    boxes = {"levels": default_box_levels(network.scales), "variances": [CENTRE_VARIANCE, SIZE_VARIANCE], "clip": True}
    return {"decoder": "ssd", "tensors": {"boxes": "loc", "scores": "conf"}, **named(labels), "score_threshold": 0.3,
            "iou_threshold": 0.45, "max_detections": 200, "default_boxes": boxes}


def detr_output(network: nn.Module, labels: list[str] | None) -> dict:
    return {"decoder": "detr", "tensors": {"boxes": "boxes", "logits": "class_logits"}, **named(labels),
            "activation": network.activation, "score_threshold": 0.3, "max_detections": network.query_count}


def segmentation_output(tensor: str, labels: list[str] | None) -> dict:
    return {"decoder": "segmentation", "tensors": {"logits": tensor}, **named(labels)}


def depth_output() -> dict:
    return {"decoder": "depth", "tensors": {"depth": "depth"}}


def named(labels: list[str] | None) -> dict:
    return {"labels": labels} if labels else {}


def output_contract(network: nn.Module, recipe: Recipe, labels: list[str] | None) -> dict | list | None:
    """One object, a list for several tasks, or None where the outputs are read as they are."""
    if recipe.task == "ssd":
        return ssd_output(network, labels)
    if recipe.task == "detr":
        return detr_output(network, labels)
    if recipe.task == "segmentation":
        return segmentation_output(recipe.outputs[0], labels)
    if recipe.task == "depth":
        return depth_output()
    if recipe.task == "multitask":
        return [segmentation_output(recipe.outputs[0], labels), depth_output()]
    return None


def make_contract(network: nn.Module, size: tuple[int | None, int | None], labels: list[str] | None = None) -> dict:
    """The contract of a network of `create`; `labels` name its classes, without the background or "no object", and default
    to the recipe's where the network has as many."""
    classes = network.zoo_options.get("classes", network.recipe.options.get("classes"))
    if not labels and classes == network.recipe.options.get("classes"):
        labels = list(network.recipe.labels)
    contract = {"input": input_contract(network.recipe, size)}
    output = output_contract(network, network.recipe, labels)
    return {**contract, "output": output} if output else contract


def write_contract(network: nn.Module, file: Path, size: tuple[int | None, int | None], labels: list[str] | None) -> None:
    file.write_text(json.dumps(make_contract(network, size, labels), indent=2) + "\n", encoding="utf-8")
