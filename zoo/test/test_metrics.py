"""The validation figures against pycocotools and against cases worked out by hand."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fovea_zoo.metrics import DepthErrors, DetectionPrecision, LabelAgreement


def random_scene(rng, classes):
    """True boxes, and detections that are some of them moved a little, some misses and some with a wrong class."""
    count = rng.integers(0, 9)
    boxes = np.concatenate([rng.uniform(0, 400, (count, 2)), rng.uniform(8, 120, (count, 2))], 1)
    truth = {"boxes": boxes, "classes": rng.integers(0, classes, count), "ignore": rng.random(count) < 0.25}
    kept = np.repeat(np.arange(count), 2)[rng.random(2 * count) < 0.8]
    moved = boxes[kept] + rng.normal(0, 3, (len(kept), 4))
    moved[:, 2:] = np.abs(moved[:, 2:]) + 1
    stray = np.concatenate([rng.uniform(0, 400, (3, 2)), rng.uniform(8, 120, (3, 2))], 1)
    found_classes = np.concatenate([truth["classes"][kept], rng.integers(0, classes, 3)])
    found_classes = np.where(rng.random(len(found_classes)) < 0.1, rng.integers(0, classes, len(found_classes)), found_classes)
    found = {"boxes": np.concatenate([moved, stray]), "classes": found_classes, "scores": rng.random(len(found_classes)).round(2)}
    return truth, found


def pycocotools_map(scenes, classes):
    images = [{"id": i + 1} for i in range(len(scenes))]
    annotations, results = [], []
    for i, (truth, found) in enumerate(scenes):
        for box, number, ignore in zip(truth["boxes"], truth["classes"], truth["ignore"]):
            annotations.append({"id": len(annotations) + 1, "image_id": i + 1, "category_id": int(number) + 1, "bbox": box.tolist(),
                                "area": float(box[2] * box[3]), "iscrowd": int(ignore)})
        for box, number, score in zip(found["boxes"], found["classes"], found["scores"]):
            results.append({"image_id": i + 1, "category_id": int(number) + 1, "bbox": box.tolist(), "score": float(score)})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {"images": images, "annotations": annotations, "categories": [{"id": c + 1} for c in range(classes)]}
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][:, :, :, 0, -1]


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_equals_pycocotools(seed):
    rng = np.random.default_rng(seed)
    classes = 3
    scenes = [random_scene(rng, classes) for _ in range(40)]
    ours = DetectionPrecision([f"class {c}" for c in range(classes)])
    for truth, found in scenes:
        ours.add(found, truth)
    result = ours.result()
    theirs = pycocotools_map(scenes, classes)
    assert 0.1 < result["map"] < 0.9
    assert result["map"] == pytest.approx(theirs.mean(), abs=1e-9)
    assert result["map_50"] == pytest.approx(theirs[0].mean(), abs=1e-9)
    assert result["map_75"] == pytest.approx(theirs[5].mean(), abs=1e-9)
    for c in range(classes):
        assert result["ap"][f"class {c}"] == pytest.approx(theirs[:, :, c].mean(), abs=1e-9)


def test_average_precision_of_a_class_that_does_not_occur_is_left_out():
    precision = DetectionPrecision(["car", "train"])
    box = np.array([[10.0, 10.0, 20.0, 20.0]])
    one = np.array([0])
    precision.add({"boxes": box, "scores": np.array([0.9]), "classes": one}, {"boxes": box, "classes": one, "ignore": np.array([False])})
    assert precision.result()["ap"] == {"car": pytest.approx(1.0)}


def test_depth_errors_of_a_known_map():
    truth = np.array([[0.0, 10.0, 20.0, 200.0]])
    predicted = np.array([[5.0, 11.0, 30.0, 1.0]])
    errors = DepthErrors()
    errors.add(predicted, truth)
    result = errors.result()
    assert result["abs_rel"] == pytest.approx((0.1 + 0.5) / 2)
    assert result["rmse"] == pytest.approx(np.sqrt((1 + 100) / 2))
    assert result["delta_1.25"] == pytest.approx(0.5)


def test_intersection_over_union_of_known_maps():
    truth = np.array([[0, 0, 1, 1], [0, 255, 1, 1]])
    predicted = np.array([[0, 1, 1, 1], [0, 2, 1, 0]])
    agreement = LabelAgreement(["road", "car", "sky"])
    agreement.add(predicted, truth)
    result = agreement.result()
    assert result["iou"] == {"road": pytest.approx(2 / 4), "car": pytest.approx(3 / 5)}
    assert result["miou"] == pytest.approx((2 / 4 + 3 / 5) / 2)
    assert result["pixel_accuracy"] == pytest.approx(5 / 7)
