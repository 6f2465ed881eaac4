"""The published networks once more, as plain functions of their own tensors and keys: what imported ones must equal."""

import math
from pathlib import Path

import torch
import torch.nn.functional as functional

TABLES = Path(__file__).resolve().parent / "tables"


def read_table(name: str) -> dict[str, tuple[int, ...]]:
    lines = (TABLES / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split() for line in lines if not line.startswith("#"))
    return {key: () if shape == "scalar" else tuple(map(int, shape.split("x"))) for key, shape in pairs}


def random_tensors(name: str, seed: int = 0) -> dict[str, torch.Tensor]:
    """Tensors of a table's shapes whose values keep activations in range."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for key, shape in read_table(name).items():
        if key.endswith("num_batches_tracked"):
            tensors[key] = torch.tensor(1)
        elif len(shape) > 1 and not key.endswith(("img_mean", "img_std")):
            tensors[key] = torch.randn(shape, generator=generator) / math.sqrt(math.prod(shape[1:]))
        else:
            tensors[key] = torch.rand(shape, generator=generator) + 0.5
    return tensors


class Tensors:
    """Applies layers by their keys."""

    def __init__(self, tensors: dict[str, torch.Tensor], prefix: str = ""):
        self.tensors, self.prefix = tensors, prefix

    def __getitem__(self, key: str) -> torch.Tensor | None:
        return self.tensors.get(self.prefix + key)

    def under(self, prefix: str) -> "Tensors":
        return Tensors(self.tensors, self.prefix + prefix)

    def conv(self, x, key, stride=1, padding=None):
        weight = self[f"{key}.weight"]
        return functional.conv2d(x, weight, self[f"{key}.bias"], stride, weight.shape[2] // 2 if padding is None else padding)

    def norm(self, x, key):
        mean, variance, weight, bias = (self[f"{key}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(x, mean, variance, weight, bias, eps=1e-5)

    def linear(self, x, key):
        return functional.linear(x, self[f"{key}.weight"], self[f"{key}.bias"])

    def layer_norm(self, x, key):
        return functional.layer_norm(x, x.shape[-1:], self[f"{key}.weight"], self[f"{key}.bias"])

    def norm_relu_conv(self, x, key):
        return self.conv(self.norm(x, f"{key}.norm").relu(), f"{key}.conv")

    def attention(self, query, key, value, name, heads=8):
        """Sequences first, as `nn.MultiheadAttention` has them."""
        return functional.multi_head_attention_forward(
            query, key, value, query.shape[2], heads, self[f"{name}.in_proj_weight"], self[f"{name}.in_proj_bias"], None, None,
            False, 0.0, self[f"{name}.out_proj.weight"], self[f"{name}.out_proj.bias"], training=False, need_weights=False)[0]


def residual(t: Tensors, image, stem=("conv1", "bn1"), stages=("layer1", "layer2", "layer3", "layer4"), strides=(1, 2, 2, 2)):
    """The stem's output, and (after ReLU, before it) of each stage."""
    maps = [t.norm(t.conv(image, stem[0], 2), stem[1]).relu()]
    x, before = functional.max_pool2d(maps[0], 3, 2, 1), []
    for stage, first_stride in zip(stages, strides):
        block = 0
        while t[f"{stage}.{block}.conv1.weight"] is not None:
            b, stride = t.under(f"{stage}.{block}."), first_stride if block == 0 else 1
            deep = b["conv3.weight"] is not None
            y = b.norm(b.conv(x, "conv1", 1 if deep else stride), "bn1").relu()
            y = b.norm(b.conv(y, "conv2", stride if deep else 1), "bn2")
            if deep:
                y = b.norm(b.conv(y.relu(), "conv3"), "bn3")
            skip = x if b["downsample.0.weight"] is None else b.norm(b.conv(x, "downsample.0", stride), "downsample.1")
            raw = y + skip
            x, block = raw.relu(), block + 1
        maps.append(x)
        before.append(raw)
    return maps, before


def monodepth2(tensors, image):
    t = Tensors(tensors)
    *skips, x = residual(t.under("encoder."), (image - 0.45) / 0.225)[0]

    def block(x, key):
        return t.conv(functional.pad(x, (1, 1, 1, 1), mode="reflect"), key, padding=0)

    for i in range(5):
        x = functional.interpolate(functional.elu(block(x, f"decoder.{2 * i}.conv.conv")), scale_factor=2, mode="nearest")
        x = torch.cat([x, skips.pop()], 1) if skips else x
        x = functional.elu(block(x, f"decoder.{2 * i + 1}.conv.conv"))
    disparity = block(x, "decoder.10.conv").sigmoid()
    return 1 / (1 / 100 + (1 / 0.1 - 1 / 100) * disparity)


def ssd300(tensors, image):
    t = Tensors(tensors)
    x = residual(t.under("feature_extractor.feature_extractor."), image, ("0", "1"), ("4", "5", "6"), (1, 2, 1))[0][-1]
    maps = [x]
    for i in range(5):
        b = t.under(f"additional_blocks.{i}.")
        x = b.norm(b.conv(x, "0"), "1").relu()
        x = b.norm(b.conv(x, "3", *((2, 1) if i < 3 else (1, 0))), "4").relu()
        maps.append(x)
    return tuple(
        torch.cat([t.conv(x, f"{head}.{i}").reshape(len(x), rows, -1) for i, x in enumerate(maps)], 2)
        for head, rows in (("loc", 4), ("conf", 81))
    )


def swiftnet(tensors, image):
    """`image` is normalised already."""
    t = Tensors(tensors)
    b = t.under("backbone.")

    def upsample(x, size):
        return functional.interpolate(x, size, mode="bilinear", align_corners=False)

    *skips, x = residual(b, image)[1]
    x = b.norm_relu_conv(x, "spp.spp.spp_bn")
    height, width = x.shape[2:]
    levels = [x]
    for i, rows in enumerate((8, 4, 2)):
        pooled = functional.adaptive_avg_pool2d(x, (rows, round(rows * width / height)))
        levels.append(upsample(b.norm_relu_conv(pooled, f"spp.spp.spp{i}"), (height, width)))
    x = b.norm_relu_conv(torch.cat(levels, 1), "spp.spp.spp_fuse")
    for i, skip in enumerate(reversed(skips)):
        lateral = b.norm_relu_conv(skip, f"upsample.{i}.bottleneck")
        x = b.norm_relu_conv(upsample(x, skip.shape[2:]) + lateral, f"upsample.{i}.blend_conv")
    return upsample(t.norm_relu_conv(x, "logits"), image.shape[2:])


def sine(height, width, channels=256):
    """DETR's normalised sine embedding, cell by cell as the paper's appendix has it: (height * width, 1, channels)."""
    places = torch.zeros(height, width, channels)
    half = channels // 2
    for axis, (length, total) in enumerate(((height, height), (width, width))):
        for cell in range(length):
            angle = (cell + 1) / (total + 1e-6) * 2 * math.pi
            for i in range(half):
                value = angle / 10000 ** (2 * (i // 2) / half)
                value = math.sin(value) if i % 2 == 0 else math.cos(value)
                (places[cell, :, i] if axis == 0 else places[:, cell, half + i]).fill_(value)
    return places.reshape(height * width, 1, channels)


def detr(tensors, image):
    t = Tensors(tensors)
    features = t.conv(residual(t.under("backbone.0.body."), image)[0][-1], "input_proj")
    places = sine(*features.shape[2:])
    x = features.flatten(2).permute(2, 0, 1)
    for i in range(6):
        e = t.under(f"transformer.encoder.layers.{i}.")
        x = e.layer_norm(x + e.attention(x + places, x + places, x, "self_attn"), "norm1")
        x = e.layer_norm(x + e.linear(e.linear(x, "linear1").relu(), "linear2"), "norm2")
    memory, queries = x, t["query_embed.weight"][:, None].repeat(1, len(image), 1)
    x = torch.zeros_like(queries)
    for i in range(6):
        d = t.under(f"transformer.decoder.layers.{i}.")
        x = d.layer_norm(x + d.attention(x + queries, x + queries, x, "self_attn"), "norm1")
        x = d.layer_norm(x + d.attention(x + queries, memory + places, memory, "multihead_attn"), "norm2")
        x = d.layer_norm(x + d.linear(d.linear(x, "linear1").relu(), "linear2"), "norm3")
    x = t.layer_norm(x, "transformer.decoder.norm").transpose(0, 1)
    box = x
    for i in range(3):
        box = t.linear(box, f"bbox_embed.layers.{i}")
        box = box.relu() if i < 2 else box.sigmoid()
    return t.linear(x, "class_embed"), box
