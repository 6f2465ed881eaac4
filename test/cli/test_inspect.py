"""fovea inspect: models, plans, graphs, reasons."""


def test_model(fovea, files):
    text = fovea("inspect", files / "model.onnx")
    for part in ("graph \"sample\"", "image f32[1, 3, 32, 32]", "scores f32[1, 10]", "nodes     5", "weights   618 values", "GlobalAveragePool"):
        assert part in text


def test_model_json(fovea, files):
    result = fovea.json("inspect", files / "model.onnx")
    assert result["nodes"] == 5 and result["weights"] == 618
    assert result["operators"]["Conv"] == {"nodes": 1, "flops": 16 * 32 * 32 * 27 * 2}


def test_open_sizes_are_said(fovea, files):
    assert "1 for every size that is left open" in fovea("inspect", files / "dynamic.onnx")
    assert "left open" not in fovea("inspect", files / "dynamic.onnx", "--shape", "image=1x3x16x16")


def test_plan(fovea, files):
    text = fovea("inspect", files / "model.plan")
    assert "a plan, " in text and "precision f32" in text and "certificate  gate boxes" in text
    assert fovea.json("inspect", files / "model.plan")["inputs"] == [{"dtype": "f32", "name": "image", "shape": "[1, 3, 32, 32]"}]


def test_plan_with_all_kernels(fovea, files):
    assert fovea("inspect", files / "model.plan", "--all").count("view") >= 1


def test_graph(fovea, files):
    for file in ("model.onnx", "model.plan"):
        text = fovea("inspect", files / file, "--graph")
        assert text.startswith('graph "sample" {') and "Conv(" in text and "random" not in text


def test_why(fovea, files):
    for file in ("model.onnx", "model.plan"):
        text = fovea("inspect", files / file, "--why", "relu")
        assert text.startswith("relu\n") and "Conv Relu of conv, relu" in text and "f32, as asked" in text
    assert "considered" in fovea("inspect", files / "model.onnx", "--why", "conv")


def test_why_of_an_unknown_node_names_similar_ones(fovea, files):
    assert "similar ones are: relu" in fovea("inspect", files / "model.plan", "--why", "relo", code=2)


def test_why_by_tensor(fovea, files):
    assert "Gemm of classifier" in fovea("inspect", files / "model.plan", "--why", "scores")
