"""How others name the layers of the parts that several networks share. All return: our layer -> theirs."""

from torch import nn

from ..networks.detr import DetectionTransformer
from ..networks.resnet import ResNetFeatures
from .matching import Part, Source


def prefixed(ours: str, theirs: str, names: dict[str, str]) -> dict[str, str]:
    return {ours + key: theirs + name for key, name in names.items()}


def torchvision_residual(features: ResNetFeatures, stem: tuple[str, str] = ("conv1", "bn1"),
                         stages: tuple[str, ...] = ("layer1", "layer2", "layer3", "layer4")) -> dict[str, str]:
    names = {"stem.0": stem[0], "stem.1": stem[1]}
    for s, (stage, theirs) in enumerate(zip(features.stages, stages)):
        for b, block in enumerate(stage):
            ours = f"stages.{s}.{b}"
            for i in range(0, len(block.body), 3):
                names[f"{ours}.body.{i}"] = f"{theirs}.{b}.conv{i // 3 + 1}"
                names[f"{ours}.body.{i + 1}"] = f"{theirs}.{b}.bn{i // 3 + 1}"
            if not isinstance(block.shortcut, nn.Identity):
                names |= {f"{ours}.shortcut.{i}": f"{theirs}.{b}.downsample.{i}" for i in range(2)}
    return names


def transformers_residual(features: ResNetFeatures) -> dict[str, str]:
    pair = ("convolution", "normalization")
    names = {f"stem.{i}": f"embedder.embedder.{name}" for i, name in enumerate(pair)}
    for s, stage in enumerate(features.stages):
        for b, block in enumerate(stage):
            ours, theirs = f"stages.{s}.{b}", f"encoder.stages.{s}.layers.{b}"
            for i in range(0, len(block.body), 3):
                names |= {f"{ours}.body.{i + j}": f"{theirs}.layer.{i // 3}.{name}" for j, name in enumerate(pair)}
            if not isinstance(block.shortcut, nn.Identity):
                names |= {f"{ours}.shortcut.{j}": f"{theirs}.shortcut.{name}" for j, name in enumerate(pair)}
    return names


def stacked_attention(ours: str, theirs: str) -> dict[str, Source]:
    """PyTorch's `nn.MultiheadAttention`."""
    parts = {f"{ours}.{name}": Part(f"{theirs}.in_proj", i) for i, name in enumerate(("query", "key", "value"))}
    return {**parts, f"{ours}.output": f"{theirs}.out_proj"}


def transformers_attention(ours: str, theirs: str) -> dict[str, Source]:
    names = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "o_proj"}
    return prefixed(f"{ours}.", f"{theirs}.", names)


def detr_layers(network: DetectionTransformer, theirs: str, attention, cross: str, linear: tuple[str, str],
                encoder_norms: tuple[str, ...], decoder_norms: tuple[str, ...]) -> dict[str, Source]:
    """The encoder and the decoder, in the two namings that DETR has."""
    names: dict[str, Source] = {}
    for stack, norms in (("encoder", encoder_norms), ("decoder", decoder_norms)):
        for i in range(len(getattr(network, stack))):
            our, their = f"{stack}.{i}", f"{theirs}.{stack}.layers.{i}"
            own = "attention" if stack == "encoder" else "self_attention"
            names |= attention(f"{our}.{own}", f"{their}.self_attn")
            if stack == "decoder":
                names |= attention(f"{our}.cross_attention", f"{their}.{cross}")
            names |= prefixed(f"{our}.feed_forward.", f"{their}.", dict(zip(("expand", "reduce"), linear)))
            names |= {f"{our}.norms.{n}": f"{their}.{norm}" for n, norm in enumerate(norms)}
    return names
