"""fovea run: arrays in every NumPy form, images with and without a decoder, refusals."""

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from conftest import random


def expected(files, model, **inputs):
    session = onnxruntime.InferenceSession(str(files / model))
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, inputs)))


def test_arrays(fovea, files):
    image = np.load(files / "in.npz")["image"]
    assert fovea("run", files / "model.plan", "--input", files / "in.npz", "--output", "out.npz") == "scores f32[1, 10]\n"
    found = np.load(fovea.folder / "out.npz")
    assert found.files == ["scores"]
    np.testing.assert_allclose(found["scores"], expected(files, "model.onnx", image=image)["scores"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("save, name", [(np.savez_compressed, "in.npz"), (np.savez, "in.npz"), (None, "in.npy")])
@pytest.mark.parametrize("order", ["C", "F"])
def test_forms_of_arrays(fovea, files, save, name, order):
    image = np.array(random(1, 3, 32, 32, seed=3), order=order)
    if save:
        save(fovea.folder / name, image=image)
    else:
        np.save(fovea.folder / name, image)
    fovea("run", files / "model.plan", "--input", name, "--output", "out.npz")
    np.testing.assert_allclose(np.load(fovea.folder / "out.npz")["scores"], expected(files, "model.onnx", image=np.ascontiguousarray(image))["scores"],
                               rtol=1e-4, atol=1e-5)


def test_any_shape_inside_the_profile(fovea, files):
    image = random(3, 3, 17, 30)
    np.savez(fovea.folder / "in.npz", image=image)
    result = fovea.json("run", files / "dynamic.plan", "--input", "in.npz", "--output", "out.npz")
    assert result == {"outputs": {"map": {"dtype": "f32", "shape": [3, 4, 17, 30]}}, "written": "out.npz"}
    np.testing.assert_allclose(np.load(fovea.folder / "out.npz")["map"], expected(files, "dynamic.onnx", image=image)["map"], rtol=1e-4, atol=1e-4)


def test_shape_outside_the_profile(fovea, files):
    np.savez(fovea.folder / "in.npz", image=random(5, 3, 16, 16))
    message = fovea("run", files / "dynamic.plan", "--input", "in.npz", "--output", "out.npz", code=7)
    assert "input image › the shape [5, 3, 16, 16] lies outside" in message
    assert not (fovea.folder / "out.npz").exists()


@pytest.mark.parametrize("arrays, part", [
    ({"image": random(1, 3, 32, 32).astype(np.float64)}, "input image › expected type f32, found f64"),
    ({"pixels": random(1, 3, 32, 32)}, "input pixels › the plan has no input of this name; its inputs are: image"),
    ({}, "input image › the input is not given"),
    ({"image": random(1, 3, 32, 32), "extra": random(1)}, "input extra › "),
])
def test_wrong_arrays(fovea, files, arrays, part):
    np.savez(fovea.folder / "in.npz", **arrays)
    assert part in fovea("run", files / "model.plan", "--input", "in.npz", code=2)


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_archives_are_refused(fovea, files, compressed):
    (np.savez_compressed if compressed else np.savez)(fovea.folder / "whole.npz", image=np.zeros((1, 3, 32, 32), np.float32) + np.arange(32, dtype=np.float32))
    whole = (fovea.folder / "whole.npz").read_bytes()
    damaged = fovea.folder / "damaged.npz"
    for cut in (0, 10, 60, len(whole) // 2, len(whole) - 1):
        damaged.write_bytes(whole[:cut])
        assert "damaged.npz › " in fovea("run", files / "model.plan", "--input", damaged, code=5)
    middle = bytearray(whole)
    middle[len(whole) // 2] ^= 0x10
    damaged.write_bytes(middle)
    assert "array image › " in fovea("run", files / "model.plan", "--input", damaged, code=5)


def test_types_that_numpy_lacks(fovea, files):
    np.savez(fovea.folder / "in.npz", image=np.zeros((1, 3, 32, 32), dtype=complex))
    assert "array image › the array has NumPy's type '<c16'" in fovea("run", files / "model.plan", "--input", "in.npz", code=4)


def bright_photo(path, size=(128, 96)):
    Image.fromarray(np.full((size[1], size[0], 3), 200, np.uint8)).save(path)


def test_draws_what_the_decoder_finds(fovea, files):
    bright_photo(fovea.folder / "photo.png")
    result = fovea.json("run", files / "detector.plan", "photo.png", "--output", "drawn.png")
    (face,) = result["images"][0]["detections"]
    assert face["label"] == "face" and face["score"] == pytest.approx(0.9)
    x1, y1, x2, y2 = face["box"]
    assert 0 <= x1 < 68 < x2 <= 128 and 0 <= y1 < 51 < y2 <= 96
    drawn = np.asarray(Image.open(fovea.folder / "drawn.png"))
    assert drawn.shape == (96, 128, 3) and (drawn != 200).any()


def test_dark_photo_has_no_face(fovea, files):
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(fovea.folder / "photo.png")
    assert fovea.json("run", files / "detector.plan", "photo.png")["images"][0]["detections"] == []


def test_draws_classes_and_depth(fovea, files):
    photo = np.full((64, 128, 3), 20, np.uint8)
    photo[:, 96:] = 200
    Image.fromarray(photo).save(fovea.folder / "photo.png")
    (row,) = fovea.json("run", files / "multitask.plan", "photo.png", "--output", "drawn.png")["images"]
    assert [found["label"] for found in row["classes"]] == ["road", "sky"]
    assert row["classes"][1]["share"] == 0.25
    assert row["depth"] == {"nearest": 20, "median": 20, "farthest": 200}
    assert "detections" not in row
    drawn = np.asarray(Image.open(fovea.folder / "drawn.png"))
    assert drawn.shape == (128, 128, 3)
    np.testing.assert_array_equal(drawn[32, [10, 120]], [[8] * 3, [233] * 3])
    np.testing.assert_array_equal(drawn[96, 10], [252, 231, 33])  # the nearest: the bright end of the colours
    text = fovea("run", files / "multitask.plan", "photo.png")
    assert "road 75.0 % of the pixels" in text
    assert "depth 20.0 to 200.0 m, median 20.0 m" in text


def test_several_images_into_a_folder(fovea, files):
    (fovea.folder / "out").mkdir()
    bright_photo(fovea.folder / "a.png")
    bright_photo(fovea.folder / "b.jpg")
    text = fovea("run", files / "detector.plan", "a.png", "b.jpg", "--output", "out")
    assert text.count("face 0.900 at ") == 2
    assert sorted(p.name for p in (fovea.folder / "out").iterdir()) == ["a.png", "b.png"]


def test_raw_outputs_of_an_image(fovea, files):
    bright_photo(fovea.folder / "photo.png")
    fovea("run", files / "detector.plan", "photo.png", "--output", "out.npz")
    found = np.load(fovea.folder / "out.npz")
    image = np.full((1, 3, 64, 64), 200, np.float32)
    for name, value in expected(files, "detector.onnx", image=image).items():
        np.testing.assert_allclose(found[name], value, atol=1e-6)


def test_contract_of_the_command_line(fovea, files):
    (fovea.folder / "contract.json").write_text('{"input": {"tensor": "image"}}')
    text = fovea("run", files / "model.plan", files / "photo.png", "--contract", "contract.json")
    assert "64x48" in text and "scores f32[1,10]" in text


@pytest.mark.parametrize("arguments, code, part", [
    (["{files}/model.plan"], 2, "give either images or --input"),
    (["{files}/model.plan", "{files}/photo.png"], 2, "--contract FILE"),
    (["{files}/model.onnx", "--input", "{files}/in.npz"], 6, "model.onnx"),
    (["missing.plan", "--input", "{files}/in.npz"], 5, "missing.plan"),
    (["{files}/model.plan", "--input", "missing.npz"], 5, "missing.npz"),
    (["{files}/detector.plan", "{files}/in.npz"], 4, "in.npz"),
    (["{files}/detector.plan", "{files}/photo.png", "{files}/photo.png", "--output", "x.png"], 2, "one file"),
    (["{files}/detector.plan", "{files}/photo.png", "--output", "x.gif"], 2, "x.gif"),
])
def test_refusals(fovea, files, arguments, code, part):
    assert part in fovea("run", *[a.format(files=files) for a in arguments], code=code)
    assert list(fovea.folder.iterdir()) == []
