"""Contracts from Python: every decoder against a plain NumPy computation, preparation, drawing, refusals."""

import json

import numpy as np
import pytest

import fovea

INPUT = {"tensor": "image", "width": 60, "height": 60}
SIZE = (90, 120)  # height and width of the image: twice the input's width, one and a half times its height
LABELS = ["car", "bus", "person"]
LEVELS = [{"map": [4, 4], "step": 15, "min_size": 12, "max_size": 27, "aspect_ratios": [2]},
          {"map": [2, 2], "step": 30, "min_size": 27, "max_size": 70, "aspect_ratios": [2, 3]}]


def contract(output, **more):
    return fovea.Contract.parse(json.dumps({"input": INPUT | more, "output": output}))


def random(*shape, scale=1.0, seed=0):
    return np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32)


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def default_boxes(levels, clip):
    """Centre and size in pixels, (boxes, 4)."""
    boxes = []
    for level in levels:
        small, large = level["min_size"], level["max_size"]
        shapes = [(small, small), (np.sqrt(small * large),) * 2]
        for ratio in level["aspect_ratios"]:
            shapes += [(small * np.sqrt(ratio), small / np.sqrt(ratio)), (small / np.sqrt(ratio), small * np.sqrt(ratio))]
        rows, columns = np.mgrid[:level["map"][0], :level["map"][1]]
        for shape in shapes:
            centres = (np.stack([columns, rows], -1).reshape(-1, 2) + 0.5) * level["step"]
            boxes.append(np.concatenate([centres, np.broadcast_to(shape, centres.shape)], 1))
    boxes = np.concatenate(boxes)
    return boxes.clip(0, 60) if clip else boxes


def corners(boxes):
    return np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)


def overlap(a, b):
    sides = (np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])).clip(0)
    areas = [np.prod((box[2:] - box[:2]).clip(0)) for box in (a, b)]
    return sides.prod() / (sum(areas) - sides.prod())


def to_image(box):
    return (box * [2, 1.5, 2, 1.5]).clip(0, [120, 90, 120, 90])


def assert_detections(found, expected):
    """`expected`: (score, label index, box in the image), sorted by score."""
    assert [row["index"] for row in found] == [label for _, label, _ in expected]
    np.testing.assert_allclose([row["score"] for row in found], [score for score, _, _ in expected], rtol=1e-5)
    np.testing.assert_allclose([row["box"] for row in found], [box for _, _, box in expected], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("clip", [False, True])
def test_ssd(clip):
    boxes = default_boxes(LEVELS, clip)
    count = 4 * 4 * 4 + 2 * 2 * 6
    assert boxes.shape == (count, 4)
    corrections, scores = random(2, 4, count, seed=1), random(2, 4, count, scale=2, seed=2)
    decoder = contract({"decoder": "ssd", "tensors": {"boxes": "b", "scores": "s"}, "labels": LABELS, "score_threshold": 0.4,
                        "iou_threshold": 0.3, "default_boxes": {"levels": LEVELS, "variances": [0.1, 0.2], "clip": clip}})
    found = decoder.decode({"b": corrections, "s": scores}, SIZE, entry=1).detections

    moved = np.concatenate([boxes[:, :2] + 0.1 * corrections[1, :2].T * boxes[:, 2:],
                            boxes[:, 2:] * np.exp(0.2 * corrections[1, 2:].T)], 1)
    moved, expected = corners(moved), []
    for label, probabilities in enumerate(softmax(scores[1], 0)[1:]):
        kept = []
        for i in np.argsort(-probabilities):
            if probabilities[i] > 0.4 and all(overlap(moved[i], moved[j]) <= 0.3 for j in kept):
                kept.append(i)
        expected += [(probabilities[i], label, to_image(moved[i])) for i in kept]
    assert len(expected) > 10
    assert_detections(found, sorted(expected, key=lambda row: -row[0]))
    assert {row["label"] for row in found} == set(LABELS)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_detr(activation):
    extra = activation == "softmax"
    logits = random(1, 20, len(LABELS) + extra, scale=2, seed=3)
    boxes = np.random.default_rng(4).uniform(0.1, 0.9, (1, 20, 4)).astype(np.float32)
    decoder = contract({"decoder": "detr", "tensors": {"boxes": "b", "logits": "l"}, "labels": LABELS, "activation": activation,
                        "score_threshold": 0.6, "max_detections": 15})
    found = decoder.decode({"b": boxes, "l": logits}, SIZE).detections

    placed = corners(boxes[0] * 60)
    if activation == "softmax":
        scores = softmax(logits[0], 1)[:, :-1]
        pairs = [(query, scores[query].argmax()) for query in range(20)]
    else:
        scores = 1 / (1 + np.exp(-logits[0]))
        pairs = list(np.ndindex(scores.shape))
    expected = sorted([(scores[p], p[1], to_image(placed[p[0]])) for p in pairs if scores[p] > 0.6], key=lambda row: -row[0])
    assert len(expected) > 5
    assert_detections(found, expected[:15])


def bilinear(maps, height, width):
    """(channels, h, w) at (height, width), half-pixel centres, border repeated, in float64."""
    for axis, length in ((1, height), (2, width)):
        cells = maps.shape[axis]
        place = ((np.arange(length) + 0.5) * cells / length - 0.5).clip(0, cells - 1)
        first = np.floor(place).astype(int)
        weight = (place - first).reshape([-1 if a == axis else 1 for a in range(3)])
        maps = np.take(maps, first, axis) * (1 - weight) + np.take(maps, (first + 1).clip(0, cells - 1), axis) * weight
    return maps


def test_segmentation():
    logits = random(1, 5, 8, 16, seed=5)
    decoder = contract({"decoder": "segmentation", "tensors": {"logits": "out"}})
    labels = decoder.decode({"out": logits}, SIZE).labels
    assert labels.dtype == np.uint8 and labels.shape == SIZE
    sized = bilinear(logits[0].astype(np.float64), *SIZE)
    clear = np.diff(np.sort(sized, 0)[-2:], axis=0)[0] > 1e-5
    np.testing.assert_array_equal(labels[clear], sized.argmax(0)[clear])
    assert clear.mean() > 0.99


def test_segmentation_by_numbers():
    numbers = np.random.default_rng(6).integers(0, 19, (1, 1, 15, 30)).astype(np.int32)
    labels = contract({"decoder": "segmentation", "tensors": {"labels": "out"}}).decode({"out": numbers}, SIZE).labels
    np.testing.assert_array_equal(labels, numbers[0, 0].repeat(6, 0).repeat(4, 1))


@pytest.mark.parametrize("role", ["depth", "disparity"])
def test_depth(role):
    values = np.random.default_rng(7).uniform(0.01, 1, (1, 1, 8, 16)).astype(np.float16)
    decoder = contract({"decoder": "depth", "tensors": {role: "out"}, "min_depth": 0.5, "max_depth": 80})
    depth = decoder.decode({"out": values}, SIZE).depth
    expected = bilinear(values[0].astype(np.float64), *SIZE)[0]
    if role == "disparity":
        expected = 1 / (1 / 80 + (1 / 0.5 - 1 / 80) * expected)
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth, expected, rtol=1e-5)


def test_several_tasks():
    decoder = contract([{"decoder": "segmentation", "tensors": {"logits": "a"}}, {"decoder": "depth", "tensors": {"depth": "b"}}])
    found = decoder.decode({"a": random(1, 19, 4, 4), "b": np.full((1, 1, 4, 4), 7, np.float32)}, SIZE)
    assert found.detections is None
    assert found.labels.shape == SIZE and (found.depth == 7).all()
    image = np.zeros((*SIZE, 3), np.uint8)
    assert found.draw(image).shape == (2 * SIZE[0], SIZE[1], 3)


@pytest.mark.parametrize("shape", [(90, 120), (90, 120, 1), (90, 120, 3), (90, 120, 4)])
@pytest.mark.parametrize("dtype", ["f32", "f16", "u8"])
def test_preparation(shape, dtype):
    image = np.full(shape, 51, np.uint8)
    scale = {} if dtype == "u8" else {"scale": 1 / 255, "mean": [0.1, 0.2, 0.3], "std": [0.5]}
    prepared = contract([], **scale, dtype=dtype).prepare(image)
    assert prepared.shape == (1, 3, 60, 60)
    assert prepared.dtype == {"f32": np.float32, "f16": np.float16, "u8": np.uint8}[dtype]
    expected = [51] * 3 if dtype == "u8" else (0.2 - np.array([0.1, 0.2, 0.3])) / 0.5
    np.testing.assert_allclose(prepared[0, :, 7, 9], expected, rtol=1e-3, atol=1e-6)


def test_a_plan_carries_its_contract(tmp_path):
    from test_module import model
    with pytest.raises(fovea.Error, match="no input \"image\""):
        fovea.Engine(fovea.build(model(shape=(1, 3)), contract=contract([]), gate="off")).contract
    own = fovea.Contract.parse('{"input": {"tensor": "x"}, "output": {"decoder": "depth", "tensors": {"depth": "y"}}}')
    plan = fovea.build(model("Relu", (1, 3, 8, 16), ()), contract=own)
    plan.save(tmp_path / "a.plan")
    engine = fovea.Engine(tmp_path / "a.plan")
    assert engine.contract.input == "x"
    assert json.loads(engine.contract.to_json())["input"]["height"] == 8
    assert fovea.Engine(fovea.build(model(shape=(1, 3)))).contract is None
    (tmp_path / "c.json").write_text(own.to_json())
    assert fovea.Contract(tmp_path / "c.json").to_json() == own.to_json()


def test_refusals(tmp_path):
    (tmp_path / "c.json").write_text('{"input": {"tensor": "x", "colour": "rgb"}}')
    with pytest.raises(fovea.Error, match="c.json › input › unknown key 'colour'"):
        fovea.Contract(tmp_path / "c.json")
    decoder = contract({"decoder": "depth", "tensors": {"depth": "out"}})
    with pytest.raises(fovea.Error, match="no output 'out'"):
        decoder.decode({"other": random(1, 1, 2, 2)}, SIZE)
    with pytest.raises(fovea.Error, match="expected an image"):
        decoder.prepare(random(4, 4, 3))
    found = decoder.decode({"out": random(1, 1, 2, 2)}, SIZE)
    with pytest.raises(fovea.Error, match="cannot draw"):
        found.draw(np.zeros((4, 4, 3), np.uint8))
