"""The known formats: how each is recognised, which network it holds, and how its layers are called."""

import re
from dataclasses import dataclass, replace
from typing import Callable

import torch
from torch import nn

from .. import networks
from ..errors import UserError
from ..networks.ssd import BOXES_PER_CELL
from .layers import detr_layers, prefixed, stacked_attention, torchvision_residual, transformers_attention, transformers_residual
from .matching import Joined, Source

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Format:
    """`telltales` are keys that only this format has; a file with one of them is taken for it."""

    title: str
    telltales: tuple[str, ...]
    build: Callable[[Tensors, dict], nn.Module]
    sources: Callable[[nn.Module, Tensors], dict[str, Source]]
    ignored: str = r"$^"


def extent(tensors: Tensors, key: str, axis: int = 0) -> int:
    """The length of an axis, from which the network's options follow."""
    if key not in tensors or tensors[key].ndim <= axis:
        raise UserError(f"{key} is missing, or has too few dimensions: without it the network's size is unknown")
    return tensors[key].shape[axis]


def count(tensors: Tensors, pattern: str) -> int:
    """How many different numbers stand at the group of `pattern`."""
    return len({match[1] for key in tensors if (match := re.match(pattern, key))})


def residual_depth(tensors: Tensors, third_stage: str, third_convolution: str) -> int:
    """18, 34 or 50, from the third stage's prefix of blocks and a third convolution in its first one."""
    if count(tensors, re.escape(third_stage) + r"(\d+)\.") <= 2:
        return 18
    return 50 if f"{third_stage}0.{third_convolution}.weight" in tensors else 34


def build_monodepth2(tensors: Tensors, extras: dict) -> nn.Module:
    depth = residual_depth(tensors, "encoder.layer3.", "conv3")
    network = networks.create(f"depth_r{depth}", width=extent(tensors, "encoder.conv1.weight"))
    if "height" in extras and "width" in extras:
        network.recipe = replace(network.recipe, size=(int(extras["height"]), int(extras["width"])))
    return network


def name_monodepth2(network: nn.Module, tensors: Tensors) -> dict[str, Source]:
    names = prefixed("encoder.", "encoder.", torchvision_residual(network.encoder))
    for i in range(len(network.before_upsample)):
        names[f"before_upsample.{i}.convolution"] = f"decoder.{2 * i}.conv.conv"
        names[f"after_upsample.{i}.convolution"] = f"decoder.{2 * i + 1}.conv.conv"
    return {**names, "disparity.convolution": "decoder.10.conv"}


def build_ssd(tensors: Tensors, extras: dict) -> nn.Module:
    depth = residual_depth(tensors, "feature_extractor.feature_extractor.6.", "conv3")
    width = extent(tensors, "feature_extractor.feature_extractor.0.weight")
    return networks.create(f"ssd300_r{depth}", width=width, classes=extent(tensors, "conf.0.weight") // BOXES_PER_CELL[0])


def name_ssd(network: nn.Module, tensors: Tensors) -> dict[str, Source]:
    body = torchvision_residual(network.features, ("0", "1"), ("4", "5", "6"))
    names = prefixed("features.", "feature_extractor.feature_extractor.", body)
    for i in range(len(network.extras)):
        names |= {f"extras.{i}.{layer}": f"additional_blocks.{i}.{layer}" for layer in (0, 1, 3, 4)}
    for i in range(len(network.locations)):
        names |= {f"locations.{i}": f"loc.{i}", f"scores.{i}": f"conf.{i}"}
    return names


def build_swiftnet(tensors: Tensors, extras: dict) -> nn.Module:
    network = networks.create(
        "swiftnet_r18", width=extent(tensors, "backbone.conv1.weight"), classes=extent(tensors, "logits.conv.weight"),
        channels=extent(tensors, "logits.conv.weight", 1), bias="logits.conv.bias" in tensors,
    )
    if "backbone.img_mean" in tensors and "backbone.img_std" in tensors:
        mean, std = (tuple((tensors[f"backbone.img_{part}"].flatten() / 255).tolist()) for part in ("mean", "std"))
        network.recipe = replace(network.recipe, mean=mean, std=std)
    return network


def name_swiftnet(network: nn.Module, tensors: Tensors) -> dict[str, Source]:
    names = prefixed("encoder.", "backbone.", torchvision_residual(network.encoder))

    def add(ours: str, theirs: str) -> None:
        names.update({f"{ours}.0": f"{theirs}.norm", f"{ours}.2": f"{theirs}.conv"})

    add("pyramid.reduce", "backbone.spp.spp.spp_bn")
    for i in range(len(network.pyramid.branches)):
        add(f"pyramid.branches.{i}", f"backbone.spp.spp.spp{i}")
    add("pyramid.mix", "backbone.spp.spp.spp_fuse")
    for i in range(len(network.laterals)):
        add(f"laterals.{i}", f"backbone.upsample.{i}.bottleneck")
        add(f"blends.{i}", f"backbone.upsample.{i}.blend_conv")
    add("classifier", "logits")
    return names


def create_detr(depth: int, tensors: Tensors, stem: str, stack: str, expand: str, queries: str, classifier: str,
                heads: int = 8) -> nn.Module:
    """DETR of the tensors' size; they do not show the number of heads."""
    return networks.create(
        "detr_r50", depth=depth, width=extent(tensors, stem), channels=extent(tensors, queries, 1),
        inner=extent(tensors, f"{stack}.encoder.layers.0.{expand}.weight"),
        layers=count(tensors, re.escape(stack) + r"\.encoder\.layers\.(\d+)\."), queries=extent(tensors, queries),
        classes=extent(tensors, classifier), heads=heads,
    )


def build_detr(tensors: Tensors, extras: dict) -> nn.Module:
    depth = residual_depth(tensors, "backbone.0.body.layer3.", "conv3")
    return create_detr(depth, tensors, "backbone.0.body.conv1.weight", "transformer", "linear1", "query_embed.weight",
                       "class_embed.weight")


def name_detr(network: nn.Module, tensors: Tensors) -> dict[str, Source]:
    names = prefixed("features.", "backbone.0.body.", torchvision_residual(network.features))
    norms = ("norm1", "norm2", "norm3")
    names |= detr_layers(network, "transformer", stacked_attention, "multihead_attn", ("linear1", "linear2"), norms[:2], norms)
    names |= {f"box.{2 * i}": f"bbox_embed.layers.{i}" for i in range(3)}
    return {**names, "project": "input_proj", "norm": "transformer.decoder.norm", "queries": "query_embed.weight",
            "classifier": "class_embed"}


def build_transformers_detr(tensors: Tensors, extras: dict) -> nn.Module:
    if "model.backbone.model.conv1.weight" in tensors:
        stem, depth = "conv1", residual_depth(tensors, "model.backbone.model.layer3.", "conv3")
    else:
        stem = "embedder.embedder.convolution"
        depth = residual_depth(tensors, "model.backbone.model.encoder.stages.2.layers.", "layer.2.convolution")
    return create_detr(depth, tensors, f"model.backbone.model.{stem}.weight", "model", "mlp.fc1",
                       "model.query_position_embeddings.weight", "class_labels_classifier.weight",
                       extras.get("encoder_attention_heads", 8))


def name_transformers_detr(network: nn.Module, tensors: Tensors) -> dict[str, Source]:
    by_timm = "model.backbone.model.conv1.weight" in tensors
    residual = torchvision_residual if by_timm else transformers_residual
    names = prefixed("features.", "model.backbone.model.", residual(network.features))
    first, last = "self_attn_layer_norm", "final_layer_norm"
    names |= detr_layers(network, "model", transformers_attention, "encoder_attn", ("mlp.fc1", "mlp.fc2"), (first, last),
                         (first, "encoder_attn_layer_norm", last))
    names |= {f"box.{2 * i}": f"bbox_predictor.layers.{i}" for i in range(3)}
    return {**names, "project": "model.input_projection", "norm": "model.decoder.layernorm",
            "queries": "model.query_position_embeddings.weight", "classifier": "class_labels_classifier"}


def build_segformer(tensors: Tensors, extras: dict) -> nn.Module:
    channels = tuple(extent(tensors, f"segformer.stages.{i}.patch_embeddings.proj.weight") for i in range(4))
    blocks = tuple(count(tensors, rf"segformer\.stages\.{i}\.blocks\.(\d+)\.") for i in range(4))
    return networks.create(
        "segformer_b0", channels=channels, blocks=blocks, head_channels=extent(tensors, "decode_head.linear_fuse.weight"),
        classes=extent(tensors, "decode_head.classifier.weight"),
    )


def name_segformer(network: nn.Module, tensors: Tensors) -> dict[str, Source]:
    names: dict[str, Source] = {}
    for s, stage in enumerate(network.encoder.stages):
        ours, theirs = f"encoder.stages.{s}.", f"segformer.stages.{s}."
        names |= prefixed(ours, theirs, {
            "embed": "patch_embeddings.proj", "embed_norm": "patch_embeddings.layer_norm", "norm": "layer_norm"})
        for b in range(len(stage.blocks)):
            our, their = f"{ours}blocks.{b}.", f"{theirs}blocks.{b}."
            names |= prefixed(our, their, {
                "attention_norm": "layernorm_before", "feed_forward_norm": "layernorm_after", "attention.query": "attention.q_proj",
                "attention.output": "attention.o_proj", "attention.shrink": "attention.sequence_reduction.sequence_reduction",
                "attention.shrink_norm": "attention.sequence_reduction.layer_norm", "feed_forward.expand": "mlp.fc1",
                "feed_forward.reduce": "mlp.fc2", "feed_forward.depthwise": "mlp.dwconv.dwconv"})
            names[f"{our}attention.key_value"] = Joined((f"{their}attention.k_proj", f"{their}attention.v_proj"))
    names |= {f"laterals.{i}": f"decode_head.linear_projections.{i}.proj" for i in range(4)}
    return {**names, "fuse.0": "decode_head.linear_fuse", "fuse.1": "decode_head.batch_norm",
            "classifier": "decode_head.classifier"}


FORMATS = (
    Format("Monodepth2's encoder.pth and depth.pth", ("encoder.conv1.weight", "decoder.0.conv.conv.weight"), build_monodepth2,
           name_monodepth2, r"^encoder\.fc\.|^decoder\.1[123]\.conv\."),
    Format("NVIDIA's SSD300", ("feature_extractor.feature_extractor.0.weight", "additional_blocks.0.0.weight"), build_ssd,
           name_ssd),
    Format("SwiftNet", ("backbone.spp.spp.spp_bn.conv.weight", "backbone.upsample.0.blend_conv.conv.weight"), build_swiftnet,
           name_swiftnet, r"^backbone\.img_(mean|std|scale)$"),
    Format("the DETR repository's", ("transformer.encoder.layers.0.self_attn.in_proj_weight", "query_embed.weight"), build_detr,
           name_detr),
    Format("DETR of the transformers library", ("model.query_position_embeddings.weight", "class_labels_classifier.weight"),
           build_transformers_detr, name_transformers_detr),
    Format("SegFormer of the transformers library",
           ("segformer.stages.0.patch_embeddings.proj.weight", "decode_head.linear_fuse.weight"), build_segformer,
           name_segformer),
)
