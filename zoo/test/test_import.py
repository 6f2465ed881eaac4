"""Checkpoints in the public formats: what is loaded computes what its authors' network computes; what does not fit is named."""

import json

import published
import pytest
import torch
from fovea_zoo.__main__ import main
from fovea_zoo.checkpoints.importing import import_network
from fovea_zoo.errors import UserError

TOLERANCE = 1e-5
PUBLISHED = {
    "monodepth2_r18": (("monodepth2_r18_encoder", "monodepth2_r18_depth"), published.monodepth2, (64, 96), "depth_r18"),
    "monodepth2_r50": (("monodepth2_r50_encoder", "monodepth2_r50_depth"), published.monodepth2, (64, 96), "depth_r50"),
    "nvidia_ssd300_r18": (("nvidia_ssd300_r18",), published.ssd300, (300, 300), "ssd300_r18"),
    "nvidia_ssd300_r50": (("nvidia_ssd300_r50",), published.ssd300, (300, 300), "ssd300_r50"),
    "swiftnet_r18": (("swiftnet_r18",), published.swiftnet, (256, 512), "swiftnet_r18"),
    "detr_r50": (("detr_r50",), published.detr, (96, 128), "detr_r50"),
}
TINY_DETR = {"d_model": 64, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
             "encoder_ffn_dim": 96, "decoder_ffn_dim": 96, "num_queries": 7, "num_labels": 5}


def assert_equal(results, expected):
    for result, reference in zip(results, expected, strict=True):
        assert result.shape == reference.shape
        scale = max(1.0, reference.abs().max().item())
        assert (result - reference).abs().max().item() < TOLERANCE * scale


def outputs(network, image):
    with torch.no_grad():
        results = network(image)
    return [results] if isinstance(results, torch.Tensor) else list(results)


def write_tables(folder, tables):
    files, everything = [], {}
    for seed, table in enumerate(tables):
        tensors = published.random_tensors(table, seed)
        everything |= tensors
        files.append(folder / f"{table}.pth")
        torch.save(tensors, files[-1])
    return files, everything


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_network(name, tmp_path):
    tables, reference, size, expected_name = PUBLISHED[name]
    files, tensors = write_tables(tmp_path, tables)
    network, _, _ = import_network(files)
    assert network.zoo_name == expected_name
    image = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        expected = reference(tensors, image)
    assert_equal(outputs(network, image), [expected] if isinstance(expected, torch.Tensor) else expected)


def randomise(model):
    """Also what starts as zeros or ones, so that no part can be left out unnoticed."""
    generator = torch.Generator().manual_seed(3)
    for key, tensor in model.state_dict().items():
        if tensor.is_floating_point() and tensor.ndim == 1:
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return model.eval()


def transformers_detr(layer_type):
    from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig

    torch.manual_seed(0)
    depths, sizes = ([3, 4, 6, 3], [32, 64, 128, 256]) if layer_type == "bottleneck" else ([2, 2, 2, 2], [8, 16, 32, 64])
    residual = ResNetConfig(embedding_size=8, hidden_sizes=sizes, depths=depths, layer_type=layer_type, out_features=["stage4"])
    return randomise(DetrForObjectDetection(DetrConfig(use_timm_backbone=False, use_pretrained_backbone=False, backbone=None,
                                                       backbone_config=residual, **TINY_DETR)))


def transformers_segformer(**options):
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    torch.manual_seed(0)
    return randomise(SegformerForSemanticSegmentation(SegformerConfig(num_labels=6, **options)))


def check_transformers(model, folder, size, expected):
    """Both forms: as `save_pretrained` writes them, with older names, and the tensors of today's classes."""
    image = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        reference = expected(model(pixel_values=image))
    model.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    for file in ("model.safetensors", "pytorch_model.bin"):
        network, _, labels = import_network([folder / file])
        assert_equal(outputs(network, image), reference)
    return labels


@pytest.mark.parametrize("layer_type", ["bottleneck", "basic"])
def test_detr_of_transformers(layer_type, tmp_path):
    labels = check_transformers(transformers_detr(layer_type), tmp_path, (96, 130), lambda y: (y.logits, y.pred_boxes))
    assert labels == [f"LABEL_{i}" for i in range(5)]


def test_detr_of_transformers_with_timm_names(tmp_path):
    """The published file of DETR ResNet-50 has torchvision's names for the residual network."""
    model = transformers_detr("bottleneck")
    model.save_pretrained(tmp_path)
    renamed = {}
    for key, tensor in model.state_dict().items():
        key = key.replace("model.backbone.model.embedder.embedder.convolution", "model.backbone.conv_encoder.model.conv1")
        key = key.replace("model.backbone.model.embedder.embedder.normalization", "model.backbone.conv_encoder.model.bn1")
        if key.startswith("model.backbone.model.encoder.stages."):
            stage, _, block, *rest = key.removeprefix("model.backbone.model.encoder.stages.").split(".")
            leaf = {"convolution": ("conv", "0"), "normalization": ("bn", "1")}[rest[-2]]
            layer = f"downsample.{leaf[1]}" if rest[0] == "shortcut" else f"{leaf[0]}{int(rest[1]) + 1}"
            key = f"model.backbone.conv_encoder.model.layer{int(stage) + 1}.{block}.{layer}.{rest[-1]}"
        renamed[key] = tensor
    torch.save(renamed, tmp_path / "timm.bin")
    image = torch.rand(1, 3, 64, 96)
    assert_equal(outputs(import_network([tmp_path / "timm.bin"])[0], image),
                 outputs(import_network([tmp_path / "model.safetensors"])[0], image))


@pytest.mark.parametrize("options", [{}, {"depths": [1, 2, 3, 1], "hidden_sizes": [16, 32, 40, 64], "decoder_hidden_size": 48}])
def test_segformer_of_transformers(options, tmp_path):
    check_transformers(transformers_segformer(**options), tmp_path, (64, 96), lambda y: (y.logits,))


def test_wrappers_are_removed(tmp_path):
    tensors = {f"module.1.{key}": value for key, value in published.random_tensors("nvidia_ssd300_r18").items()}
    torch.save({"model": tensors, "epoch": 3, "optimizer": {"state": {}}}, tmp_path / "ckpt.pt")
    assert import_network([tmp_path / "ckpt.pt"])[0].zoo_name == "ssd300_r18"


def test_swiftnet_brings_its_normalisation(tmp_path):
    files, tensors = write_tables(tmp_path, ("swiftnet_r18",))
    network, _, _ = import_network(files)
    assert network.recipe.mean == pytest.approx((tensors["backbone.img_mean"].flatten() / 255).tolist())
    assert network.recipe.std == pytest.approx((tensors["backbone.img_std"].flatten() / 255).tolist())


def broken_detr(folder):
    tensors = published.random_tensors("detr_r50")
    del tensors["transformer.decoder.norm.bias"]
    tensors["transformer.decoder.norm.gain"] = torch.ones(256)
    tensors["bbox_embed.layers.1.weight"] = torch.ones(256, 128)
    torch.save({"model": tensors}, folder / "detr.pth")
    return folder / "detr.pth"


def test_what_does_not_fit_is_named(tmp_path, capsys):
    out = tmp_path / "detr.onnx"
    assert main(["import", "--weights", str(broken_detr(tmp_path)), "-o", str(out)]) == 1
    message = capsys.readouterr().err
    assert "looks like the DETR repository's, but does not fit" in message
    assert "missing:\n    transformer.decoder.norm.bias\n" in message
    assert "unexpected:\n    transformer.decoder.norm.gain\n" in message
    assert "bbox_embed.layers.1.weight: expected (256, 256), found (256, 128)" in message
    assert sorted(file.name for file in tmp_path.iterdir()) == ["detr.pth"]


def test_half_of_a_pair(tmp_path):
    files, _ = write_tables(tmp_path, PUBLISHED["monodepth2_r18"][0])
    with pytest.raises(UserError, match=r"missing:\n    decoder\.0\.conv\.conv\.bias"):
        import_network(files[:1])


@pytest.mark.parametrize("content, message", [
    ({"some.weight": torch.ones(1)}, "no known format; its first keys: some.weight"),
    ([1, 2], "expected a dictionary of tensors, found list"),
    (torch.nn.Linear(1, 1), "not a file of plain PyTorch tensors"),
])
def test_foreign_files(content, message, tmp_path):
    torch.save(content, tmp_path / "file.pt")
    with pytest.raises(UserError, match=message):
        import_network([tmp_path / "file.pt"])


def test_no_tensors_at_all(tmp_path):
    for name in ("file.pt", "file.safetensors"):
        (tmp_path / name).write_bytes(b"not a checkpoint")
        with pytest.raises(UserError, match="not a"):
            import_network([tmp_path / name])


def test_import_writes_model_and_contract(tmp_path, capsys):
    files, _ = write_tables(tmp_path, PUBLISHED["monodepth2_r18"][0])
    content = torch.load(files[0], weights_only=True)
    torch.save({**content, "height": 64, "width": 96, "use_stereo": False}, files[0])
    out = tmp_path / "out" / "depth.onnx"
    assert main(["import", "--weights", str(files[0]), "--weights", str(files[1]), "-o", str(out), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["network"] == "depth_r18" and out.stat().st_size > 50_000_000
    contract = json.loads(out.with_suffix(".json").read_text())
    assert (contract["input"]["height"], contract["input"]["width"]) == (64, 96)
    assert contract["output"]["tensors"] == {"depth": "depth"}
