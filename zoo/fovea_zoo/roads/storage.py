"""Frames as files: JPEG images, PNG depth and labels, and one COCO-style `annotations.json`; see zoo/roads.md."""

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np

from .frame import CATEGORIES, LABELS, PALETTE, Box, Camera, Frame

# depth code: 0 is sky, n means NEAREST * exp(STEP * (n - 1)) metres; rounding costs at most half a step, 0.475 %
NEAREST, STEP = 0.25, 0.0095


def encode_depth(depth):
    """uint16 codes of depths in metres; 0 stays 0."""
    codes = 1 + np.rint(np.log(np.maximum(depth, NEAREST) / NEAREST) / STEP)
    return np.where(depth > 0, codes, 0).astype(np.uint16)


def decode_depth(codes):
    """float32 metres."""
    return np.where(codes > 0, NEAREST * np.exp(STEP * (codes.astype(np.float64) - 1)), 0).astype(np.float32)


def _chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(array, palette=None):
    """The bytes of a PNG of a 2-D uint8 or uint16 array, with the row filter (none or up) that makes it smaller."""
    rows = array.astype(">u2").view(np.uint8) if array.dtype == np.uint16 else array
    height = rows.shape[0]
    above = np.vstack([np.zeros_like(rows[:1]), rows[:-1]])
    packed = min((zlib.compress(np.hstack([np.full((height, 1), kind, np.uint8), filtered]).tobytes(), 9)
                  for kind, filtered in ((0, rows), (2, rows - above))), key=len)
    header = struct.pack(">IIBBBBB", array.shape[1], height, 16 if array.dtype == np.uint16 else 8, 3 if palette else 0, 0, 0, 0)
    colors = _chunk(b"PLTE", bytes(palette)) if palette else b""
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + colors + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _label_palette():
    padded = [*PALETTE, *((0, 0, 0),) * (256 - len(PALETTE))]
    return [value for color in padded for value in color]


def write_frame(folder, name, frame, quality):
    """Writes the three files of a frame; returns its entry for the annotations, without boxes."""
    from PIL import Image

    folder = Path(folder)
    for part in ("images", "depth", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    encoded = io.BytesIO()
    Image.fromarray(frame.image).save(encoded, "JPEG", quality=quality, optimize=True)
    (folder / "images" / f"{name}.jpg").write_bytes(encoded.getvalue())
    (folder / "depth" / f"{name}.png").write_bytes(png(encode_depth(frame.depth)))
    (folder / "labels" / f"{name}.png").write_bytes(png(frame.labels, _label_palette()))
    height, width = frame.labels.shape
    return {"file_name": f"images/{name}.jpg", "depth_file": f"depth/{name}.png", "labels_file": f"labels/{name}.png",
            "width": width, "height": height,
            "camera": {key: round(value, 6) for key, value in frame.camera._asdict().items()},
            "pose": [round(value, 7) for value in frame.pose.ravel().tolist()]}


class Writer:
    """Collects frames in a folder; `close` writes the annotations.

    `group` names what belongs together: "frames", or a sequence whose poses share one world.
    """

    def __init__(self, folder, quality=85, origin=None):
        self.folder, self.quality = Path(folder), quality
        self.images, self.annotations = [], []
        self.origin = origin or {}

    def add(self, name, group, frame, entry=None):
        """Adds a frame; `entry` is what `write_frame` returned if it is written already."""
        image = {"id": len(self.images) + 1, "group": group, **(entry or write_frame(self.folder, name, frame, self.quality))}
        self.images.append(image)
        for box in frame.boxes:
            self.annotations.append({
                "id": len(self.annotations) + 1, "image_id": image["id"], "category_id": box.category + 1,
                "bbox": [box.x, box.y, box.width, box.height], "area": box.width * box.height,
                "iscrowd": int(box.ignore), "distance": round(box.distance, 3), "visible": round(box.visible, 3)})

    def close(self):
        document = {
            "info": {"description": "road scenes with exact truth, made by fovea's generator", "license": "Apache-2.0", **self.origin},
            "depth_code": {"nearest": NEAREST, "step": STEP, "metres": "nearest * exp(step * (code - 1)); 0 is sky"},
            "labels": list(LABELS),
            "categories": [{"id": n + 1, "name": name} for n, name in enumerate(CATEGORIES)],
        }
        lines = [json.dumps(document)[:-1]]
        for key in ("images", "annotations"):
            entries = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in getattr(self, key))
            lines.append(f', "{key}": [\n{entries}\n]')
        (self.folder / "annotations.json").write_text("".join(lines) + "}\n")


def load(folder, group=None):
    """The frames of a folder in their order, one at a time; of one group only, if it is named."""
    from PIL import Image

    folder = Path(folder)
    path = folder / "annotations.json"
    if not path.is_file():
        raise FileNotFoundError(f"roads: {path} is missing; expected a folder that `python -m fovea_zoo generate` wrote")
    document = json.loads(path.read_text())
    boxes = {}
    for entry in document["annotations"]:
        boxes.setdefault(entry["image_id"], []).append(
            Box(entry["category_id"] - 1, *entry["bbox"], entry["distance"], entry["visible"], bool(entry["iscrowd"])))
    for entry in document["images"]:
        if group is not None and entry["group"] != group:
            continue
        yield Frame(np.asarray(Image.open(folder / entry["file_name"]).convert("RGB")),
                    decode_depth(np.asarray(Image.open(folder / entry["depth_file"]))),
                    np.asarray(Image.open(folder / entry["labels_file"])),
                    boxes.get(entry["id"], []), Camera(**entry["camera"]), np.array(entry["pose"]).reshape(4, 4))


def groups(folder):
    """The names of the groups in a folder, in their order."""
    document = json.loads((Path(folder) / "annotations.json").read_text())
    return list(dict.fromkeys(entry["group"] for entry in document["images"]))
