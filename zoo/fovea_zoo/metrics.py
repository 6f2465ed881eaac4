"""Validation figures in plain NumPy: depth errors, mean intersection over union, and COCO's average precision."""

from dataclasses import dataclass

import numpy as np

IGNORED_LABEL = 255
NEAREST_METRES, FARTHEST_METRES = 0.1, 80.0

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
DETECTIONS_PER_IMAGE = 100


class DepthErrors:
    """Errors of depth maps, averaged over images (Eigen et al., 2014).

    Pixels whose true depth lies outside of 0.1 to 80 m (the sky has 0) do not count; predictions are clipped to that
    range. Nothing is rescaled to the truth: depth is compared in metres.
    """

    def __init__(self):
        self._rows: list[tuple[float, float, float]] = []

    def add(self, predicted: np.ndarray, truth: np.ndarray) -> None:
        """Takes one image's two (height, width) maps in metres."""
        valid = (truth > NEAREST_METRES) & (truth < FARTHEST_METRES)
        if not valid.any():
            return
        expected = truth[valid].astype(np.float64)
        found = np.clip(predicted[valid].astype(np.float64), NEAREST_METRES, FARTHEST_METRES)
        error = found - expected
        ratio = np.maximum(found / expected, expected / found)
        self._rows.append((np.mean(np.abs(error) / expected), np.sqrt(np.mean(error**2)), np.mean(ratio < 1.25)))

    def result(self) -> dict:
        """`abs_rel` and `delta_1.25` as fractions, `rmse` in metres."""
        absolute, squared, close = np.mean(self._rows, axis=0) if self._rows else (np.nan, np.nan, np.nan)
        return {"abs_rel": float(absolute), "rmse": float(squared), "delta_1.25": float(close)}


class LabelAgreement:
    """Intersection over union of each class, counted over all pixels of all images; ignored pixels do not count."""

    def __init__(self, names: list[str]):
        self.names = list(names)
        self._counts = np.zeros((len(names), len(names)), np.int64)

    def add(self, predicted: np.ndarray, truth: np.ndarray) -> None:
        """Takes one image's two maps of class numbers, of the same shape."""
        valid = truth != IGNORED_LABEL
        classes = len(self.names)
        pairs = truth[valid].astype(np.int64) * classes + predicted[valid].astype(np.int64)
        self._counts += np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)

    def result(self) -> dict:
        """`miou` is the mean over the classes that occur in the truth; classes that do not are left out of `iou`."""
        inside = np.diag(self._counts)
        occurring = self._counts.sum(1)
        union = occurring + self._counts.sum(0) - inside
        iou = {name: float(inside[i] / union[i]) for i, name in enumerate(self.names) if occurring[i]}
        total = occurring.sum()
        return {
            "miou": float(np.mean(list(iou.values()))) if iou else float("nan"),
            "pixel_accuracy": float(inside.sum() / total) if total else float("nan"),
            "iou": iou,
        }


def box_overlaps(found: np.ndarray, truth: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """Intersection over union of (n, 4) and (m, 4) boxes (x, y, width, height); over the found box's area for crowds."""
    low = np.maximum(found[:, None, :2], truth[None, :, :2])
    high = np.minimum(found[:, None, :2] + found[:, None, 2:], truth[None, :, :2] + truth[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    area = found[:, 2:].prod(1)[:, None]
    joined = np.where(crowd[None], area, area + truth[:, 2:].prod(1)[None] - shared)
    return np.divide(shared, joined, out=np.zeros_like(shared), where=joined > 0)


@dataclass
class _Matches:
    """One class in one image: each detection's score and, for each IoU threshold, whether it is right or ignored."""

    scores: np.ndarray
    right: np.ndarray
    ignored: np.ndarray
    wanted: int


def _match(boxes: np.ndarray, scores: np.ndarray, truth: np.ndarray, ignore: np.ndarray) -> _Matches:
    """Gives detections, best first, the free true box that overlaps most; ignored boxes only when nothing else fits."""
    order = np.argsort(-scores, kind="stable")[:DETECTIONS_PER_IMAGE]
    boxes, scores = boxes[order], scores[order]
    by_ignore = np.argsort(ignore, kind="stable")
    truth, ignore = truth[by_ignore], ignore[by_ignore]
    overlaps = box_overlaps(boxes, truth, ignore)
    right = np.zeros((len(IOU_THRESHOLDS), len(boxes)), bool)
    ignored = np.zeros_like(right)
    for t, threshold in enumerate(IOU_THRESHOLDS):
        taken = np.zeros(len(truth), bool)
        for d in range(len(boxes)):
            best, chosen = min(threshold, 1 - 1e-10), -1
            for g in range(len(truth)):
                if taken[g] and not ignore[g]:
                    continue
                if chosen >= 0 and not ignore[chosen] and ignore[g]:
                    break
                if overlaps[d, g] >= best:
                    best, chosen = overlaps[d, g], g
            if chosen >= 0:
                taken[chosen] = True
                ignored[t, d] = ignore[chosen]
                right[t, d] = not ignore[chosen]
    return _Matches(scores, right, ignored, int((~ignore).sum()))


def _average_precision(images: list[_Matches]) -> np.ndarray | None:
    """Interpolated precision at 101 recalls, averaged, for each IoU threshold; None where the class does not occur."""
    wanted = sum(image.wanted for image in images)
    if wanted == 0:
        return None
    order = np.argsort(-np.concatenate([image.scores for image in images]), kind="stable")
    right = np.concatenate([image.right for image in images], 1)[:, order]
    ignored = np.concatenate([image.ignored for image in images], 1)[:, order]
    averages = np.zeros(len(IOU_THRESHOLDS))
    for t in range(len(IOU_THRESHOLDS)):
        hits = np.cumsum(right[t])
        misses = np.cumsum(~right[t] & ~ignored[t])
        precision = hits / np.maximum(hits + misses, np.spacing(1))
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(hits / wanted, RECALLS, side="left")
        averages[t] = np.where(at < len(precision), np.append(precision, 0)[np.minimum(at, len(precision))], 0).mean()
    return averages


class DetectionPrecision:
    """COCO's average precision (boxes, all areas, at most 100 detections for each image and class)."""

    def __init__(self, names: list[str]):
        self.names = list(names)
        self._images: list[list[_Matches]] = [[] for _ in names]

    def add(self, found: dict, truth: dict) -> None:
        """Takes one image.

        `found` holds `boxes` (n, 4) as x, y, width, height, `scores` (n,) and `classes` (n,); `truth` holds `boxes`,
        `classes` and `ignore` (m,): an ignored box is COCO's crowd, which makes a detection on it neither right nor wrong.
        """
        for number, images in enumerate(self._images):
            mine, real = found["classes"] == number, truth["classes"] == number
            images.append(_match(
                np.asarray(found["boxes"], np.float64)[mine], np.asarray(found["scores"], np.float64)[mine],
                np.asarray(truth["boxes"], np.float64)[real], np.asarray(truth["ignore"], bool)[real],
            ))

    def result(self) -> dict:
        """`map` over ten IoU thresholds from 0.5 to 0.95, `map_50`, `map_75`, and `ap` of each class that occurs."""
        averages = {name: _average_precision(images) for name, images in zip(self.names, self._images)}
        occurring = {name: average for name, average in averages.items() if average is not None}
        if not occurring:
            return {"map": float("nan"), "map_50": float("nan"), "map_75": float("nan"), "ap": {}}
        table = np.stack(list(occurring.values()))
        return {
            "map": float(table.mean()), "map_50": float(table[:, 0].mean()), "map_75": float(table[:, 5].mean()),
            "ap": {name: float(average.mean()) for name, average in occurring.items()},
        }
