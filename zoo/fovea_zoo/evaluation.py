"""From a network's outputs to its validation figures, in plain NumPy: the same for training, ONNX Runtime and fovea."""

import numpy as np

from .metrics import DepthErrors, DetectionPrecision, LabelAgreement

CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
LOWEST_SCORE = 0.01
MOST_CANDIDATES, MOST_DETECTIONS = 400, 100
SUPPRESSION_OVERLAP = 0.5


def resize_bilinear(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resizes (rows, columns, ...) with half-pixel centres and no smoothing, as OpenCV's linear rule does."""
    if image.shape[:2] == (height, width):
        return image.astype(np.float32)

    def taps(length: int, wanted: int):
        place = np.clip((np.arange(wanted) + 0.5) * length / wanted - 0.5, 0, length - 1)
        low = np.floor(place).astype(int)
        return low, np.minimum(low + 1, length - 1), (place - low).astype(np.float32)

    above, below, down = taps(image.shape[0], height)
    left, right, across = taps(image.shape[1], width)
    tail = (1,) * (image.ndim - 2)
    image = image.astype(np.float32)
    rows = image[above] + (image[below] - image[above]) * down.reshape(-1, 1, *tail)
    return rows[:, left] + (rows[:, right] - rows[:, left]) * across.reshape(1, -1, *tail)


def resize_image(image: np.ndarray, size: tuple[int, int], rule: str) -> np.ndarray:
    """An RGB image brought to `size` by one of the contract's rules."""
    if image.shape[:2] == tuple(size):
        return image
    library, _, name = rule.partition("_")
    if library == "pillow":
        from PIL import Image

        return np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling[name.upper()]))
    if rule == "opencv_linear":
        return resize_bilinear(image, *size)
    raise ValueError(f"resize rule '{rule}': expected a rule of Pillow or opencv_linear")


def network_input(image: np.ndarray, contract: dict) -> np.ndarray:
    """(1, 3, height, width) float32 from an RGB image (height, width, 3) of uint8, as `input` of a contract says."""
    image = resize_image(image, (contract["height"], contract["width"]), contract.get("resize", "opencv_linear"))
    values = image * np.float32(contract.get("scale", 1))
    values = (values - np.float32(contract.get("mean", [0]))) / np.float32(contract.get("std", [1]))
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None], np.float32)


def suppress(corners: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Non-maximum suppression: the kept boxes' indices, best first."""
    order = np.argsort(-scores, kind="stable")
    area = (corners[:, 2:] - corners[:, :2]).prod(1)
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        low, high = np.maximum(corners[best, :2], corners[order, :2]), np.minimum(corners[best, 2:], corners[order, 2:])
        shared = np.clip(high - low, 0, None).prod(1)
        order = order[shared <= SUPPRESSION_OVERLAP * (area[best] + area[order] - shared)]
    return np.array(kept, int)


def detections(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, height: int, width: int) -> dict:
    """The best detections in pixels, as `DetectionPrecision` takes them, from boxes as centre and size in [0, 1]."""
    best = np.argsort(-scores, kind="stable")[:MOST_DETECTIONS]
    low = np.clip(boxes[best, :2] - boxes[best, 2:] / 2, 0, 1) * [width, height]
    high = np.clip(boxes[best, :2] + boxes[best, 2:] / 2, 0, 1) * [width, height]
    return {"boxes": np.concatenate([low, high - low], 1), "scores": scores[best], "classes": classes[best]}


def decode_ssd(loc: np.ndarray, conf: np.ndarray, defaults: np.ndarray, height: int, width: int) -> dict:
    """From offsets (4, boxes) and scores (classes, boxes), class 0 the background; overlapping boxes are suppressed."""
    chance = np.exp(conf - conf.max(0))
    chance = (chance / chance.sum(0))[1:]
    centre = defaults[:, :2] + CENTRE_VARIANCE * loc[:2].T * defaults[:, 2:]
    boxes = np.concatenate([centre, defaults[:, 2:] * np.exp(SIZE_VARIANCE * loc[2:].T)], 1)
    corners = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)
    kept_boxes, kept_scores, kept_classes = [], [], []
    for number, scores in enumerate(chance):
        candidates = np.flatnonzero(scores > LOWEST_SCORE)
        candidates = candidates[np.argsort(-scores[candidates], kind="stable")[:MOST_CANDIDATES]]
        kept = candidates[suppress(corners[candidates], scores[candidates])]
        kept_boxes.append(boxes[kept])
        kept_scores.append(scores[kept])
        kept_classes.append(np.full(len(kept), number))
    return detections(np.concatenate(kept_boxes), np.concatenate(kept_scores), np.concatenate(kept_classes), height, width)


def decode_queries(class_logits: np.ndarray, boxes: np.ndarray, height: int, width: int) -> dict:
    """From logits (queries, classes), each a sigmoid of its own, and boxes (queries, 4): every class of every query counts."""
    chance = 1 / (1 + np.exp(-class_logits.astype(np.float64)))
    best = np.argsort(-chance.reshape(-1), kind="stable")[:MOST_DETECTIONS]
    queries, classes = np.unravel_index(best, chance.shape)
    return detections(boxes[queries], chance[queries, classes], classes, height, width)


def true_boxes(frame) -> dict:
    """A frame's boxes as `DetectionPrecision` takes them: x, y, width, height in pixels."""
    boxes = frame.boxes
    corners = np.array([[box.x, box.y, box.width, box.height] for box in boxes], np.float64).reshape(-1, 4)
    return {"boxes": corners, "classes": np.array([box.category for box in boxes], int),
            "ignore": np.array([box.ignore for box in boxes], bool)}


def contract_defaults(contract: dict, height: int, width: int) -> np.ndarray:
    """The default boxes (n, 4) that an SSD's contract describes, as centre and size in [0, 1] of its input."""
    boxes = []
    for level in contract["levels"]:
        rows, columns = level["map"]
        small, large, step = level["min_size"], level["max_size"], level["step"]
        shapes = [(small, small), (np.sqrt(small * large),) * 2]
        for ratio in level["aspect_ratios"]:
            long, short = small * np.sqrt(ratio), small / np.sqrt(ratio)
            shapes += [(long, short), (short, long)]
        y, x = (grid.reshape(-1) for grid in np.mgrid[:rows, :columns])
        boxes += [np.stack([(x + 0.5) * step, (y + 0.5) * step, np.full(x.shape, w), np.full(x.shape, h)], 1) for w, h in shapes]
    defaults = np.concatenate(boxes) / [width, height, width, height]
    return np.clip(defaults, 0, 1) if contract.get("clip") else defaults


class Examiner:
    """Collects one network's figures, frame by frame, reading its outputs as its contract (docs/contract.md) says."""

    def __init__(self, contract: dict, labels: list[str], categories: list[str]):
        outputs = contract["output"] if isinstance(contract["output"], list) else [contract["output"]]
        self.outputs = {output["decoder"]: output for output in outputs}
        self.measures = {}
        for decoder in self.outputs:
            self.measures[decoder] = {
                "depth": DepthErrors, "segmentation": lambda: LabelAgreement(labels),
                "ssd": lambda: DetectionPrecision(categories), "detr": lambda: DetectionPrecision(categories),
            }[decoder]()
        if "ssd" in self.outputs:
            size = contract["input"]["height"], contract["input"]["width"]
            self.defaults = contract_defaults(self.outputs["ssd"]["default_boxes"], *size)

    def add(self, outputs: dict[str, np.ndarray], frame) -> None:
        """`outputs` are the network's, by name, without the batch."""
        size = frame.labels.shape
        for decoder, measure in self.measures.items():
            roles = {role: outputs[name].astype(np.float32) for role, name in self.outputs[decoder]["tensors"].items()}
            if decoder == "depth":
                measure.add(resize_bilinear(roles["depth"][0], *size), frame.depth)
            elif decoder == "segmentation":
                measure.add(resize_bilinear(roles["logits"].transpose(1, 2, 0), *size).argmax(2), frame.labels)
            elif decoder == "ssd":
                measure.add(decode_ssd(roles["boxes"], roles["scores"], self.defaults, *size), true_boxes(frame))
            else:
                measure.add(decode_queries(roles["logits"], roles["boxes"], *size), true_boxes(frame))

    def result(self) -> dict:
        return {key: value for measure in self.measures.values() for key, value in measure.result().items()}
