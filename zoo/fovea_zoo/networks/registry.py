"""The named networks: how each is built, what its input must look like, and what its outputs are called."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import torch
from torch import nn

from ..errors import UserError
from ..roads.frame import CATEGORIES, LABELS
from .depth import DepthNetwork
from .detr import DetectionTransformer
from .mix_transformer import MixTransformer
from .multitask import MultiTaskNetwork
from .resnet import FrozenBatchNorm, ResNetClassifier
from .rt_detr import RealTimeDetectionTransformer
from .segformer import SegFormer
from .ssd import IMAGE_SIZE, SingleShotDetector
from .swiftnet import SwiftNet

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ROAD_SIZE = (256, 512)
ROAD_METRES = (1.0, 200.0)
SLIM_CHANNELS, SLIM_HEADS = (32, 64, 128, 192), (1, 2, 4, 6)


@dataclass(frozen=True)
class Recipe:
    """One named network. `mean` and `std` normalise an RGB image in [0, 1] before it enters the network; `stride` must
    divide the sides of the input, None: the size is fixed. `resize` and `task` name the resize rule and
    the outputs' decoder (docs/contract.md); `labels` are the classes that `options` stand for."""

    build: Callable[..., nn.Module]
    task: str
    outputs: tuple[str, ...]
    size: tuple[int, int]
    stride: int | None = 32
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    resize: str = "pillow_bilinear"
    labels: tuple[str, ...] = ()
    options: dict = field(default_factory=dict)


def mix_network(channels=(32, 64, 160, 256), heads=(1, 2, 5, 8), blocks=2, head_channels=64, **options) -> nn.Module:
    return MultiTaskNetwork(MixTransformer(channels, heads, blocks), head_channels, **options)


def segformer(channels=(32, 64, 160, 256), blocks=2, head_channels=256, classes=19) -> nn.Module:
    """`epsilon` is that of the published weights in the `transformers` library."""
    return SegFormer(MixTransformer(channels, blocks=blocks, epsilon=1e-5), head_channels, classes)


def detr(frozen: bool = True, **options) -> nn.Module:
    return DetectionTransformer(norm=FrozenBatchNorm if frozen else nn.BatchNorm2d, **options)


def depth(size: tuple[int, int], **options) -> Recipe:
    """The network normalises by itself, as Monodepth2 does."""
    return Recipe(DepthNetwork, "depth", ("depth",), size, mean=(0.0,) * 3, std=(1.0,) * 3, resize="pillow_lanczos",
                  options=options)


def ssd(labels: tuple[str, ...] = (), **options) -> Recipe:
    return Recipe(SingleShotDetector, "ssd", ("loc", "conf"), (IMAGE_SIZE, IMAGE_SIZE), None, labels=labels, options=options)


def swiftnet(size: tuple[int, int], **options) -> Recipe:
    return Recipe(SwiftNet, "segmentation", ("logits",), size, labels=LABELS, options={"classes": len(LABELS), **options})


def detector(build: Callable[..., nn.Module], size: tuple[int, int], stride: int, labels: tuple[str, ...] = (),
             **options) -> Recipe:
    return Recipe(build, "detr", ("class_logits", "boxes"), size, stride, labels=labels, options=options)


def multitask(size: tuple[int, int], **options) -> Recipe:
    return Recipe(mix_network, "multitask", ("segmentation", "depth"), size, labels=LABELS,
                  options={"classes": len(LABELS), **options})


NETWORKS = {
    "resnet18": Recipe(ResNetClassifier, "classification", ("logits",), (224, 224), 1, options={"depth": 18}),
    "resnet34": Recipe(ResNetClassifier, "classification", ("logits",), (224, 224), 1, options={"depth": 34}),
    "resnet50": Recipe(ResNetClassifier, "classification", ("logits",), (224, 224), 1, options={"depth": 50}),
    "depth_r18": depth((192, 640), depth=18),
    "depth_r34": depth((192, 640), depth=34),
    "depth_r50": depth((192, 640), depth=50),
    "depth_r18_narrow": depth(ROAD_SIZE, depth=18, width=24, metres=ROAD_METRES),
    "ssd300_r50": ssd(depth=50),
    "ssd300_r34": ssd(depth=34),
    "ssd300_r18": ssd(depth=18),
    "ssd300_r18_narrow": ssd(CATEGORIES, depth=18, width=32, classes=len(CATEGORIES) + 1),
    "swiftnet_r18": swiftnet((1024, 2048)),
    "swiftnet_r18_narrow": swiftnet(ROAD_SIZE, width=24, channels=64),
    "segformer_b0": Recipe(segformer, "segmentation", ("logits",), (512, 512)),
    "detr_r50": detector(detr, (800, 1066), 1, depth=50),
    "detr_r18": detector(
        detr, ROAD_SIZE, 1, CATEGORIES, depth=18, channels=128, heads=8, inner=512, layers=3, classes=len(CATEGORIES) + 1,
        frozen=False,
    ),
    "rt_detr_r18": detector(RealTimeDetectionTransformer, (640, 640), 32, depth=18, channels=256, inner=1024),
    "rt_detr_r18_narrow": detector(
        RealTimeDetectionTransformer, ROAD_SIZE, 32, CATEGORIES, depth=18, width=24, channels=96, inner=256,
        classes=len(CATEGORIES),
    ),
    "mtmi_b0": multitask((1024, 1024)),
    "mtmi_b0_slim": multitask(ROAD_SIZE, channels=SLIM_CHANNELS, heads=SLIM_HEADS, metres=ROAD_METRES),
}


def recipe_of(name: str) -> Recipe:
    if name not in NETWORKS:
        raise UserError(f"unknown network '{name}'; known: {', '.join(NETWORKS)}")
    return NETWORKS[name]


def initialise(network: nn.Module) -> None:
    """Random weights to train from: He's for convolutions before a norm, LeCun's for the others, Xavier's for linear layers."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            area = math.prod(module.kernel_size)
            if module.bias is None:
                variance = 2 / (module.out_channels * area // module.groups)
            else:
                variance = 1 / (module.in_channels * area // module.groups)
                nn.init.zeros_(module.bias)
            nn.init.normal_(module.weight, 0, math.sqrt(variance))
        elif isinstance(module, nn.Linear) and module.weight.any():
            nn.init.xavier_uniform_(module.weight)
    for module in network.modules():
        if hasattr(module, "initialise_heads"):
            module.initialise_heads()


def create(name: str, **options) -> nn.Module:
    """The network `name` with random weights, ready for training; `options` replace those of its `Recipe`.

    The result keeps them as `network.zoo_name`, `network.zoo_options` and `network.recipe`. Weights follow `torch.manual_seed`.
    """
    recipe = recipe_of(name)
    network = recipe.build(**{**recipe.options, **options})
    initialise(network)
    network.zoo_name, network.zoo_options, network.recipe = name, options, recipe
    return network


def save(network: nn.Module, file: Path) -> None:
    """Writes a network of `create` with its name, its options and its weights."""
    torch.save({"network": network.zoo_name, "options": network.zoo_options, "state": network.state_dict()}, file)


def load(file: Path) -> nn.Module:
    """The network that `save` wrote, in evaluation mode."""
    content = torch.load(file, map_location="cpu", weights_only=True)
    network = create(content["network"], **content["options"])
    network.load_state_dict(content["state"])
    return network.eval()
