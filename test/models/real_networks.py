"""Networks with real weights and what they are fed: parts of one photograph, prepared as their authors do."""

from dataclasses import dataclass

import numpy as np
import onnx
from PIL import Image, ImageDraw, ImageFont
from real_files import fetch


@dataclass(frozen=True)
class RealNetwork:
    """`box` (left, top, right, bottom) of the photograph is resized to `size` (height, width), then scaled."""

    name: str
    file: str
    input: str
    box: tuple[int, int, int, int]
    size: tuple[int, int]
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (1, 3, *self.size)

    def images(self, count: int, size: tuple[int, int] | None = None) -> np.ndarray:
        """(count, 3, height, width) values; from one image to the next the box moves by a pixel."""
        height, width = size or self.size
        photo = page_of_text() if self.name == "text_detection" else Image.open(fetch("astronaut.png")).convert("RGB")
        boxes = [tuple(edge + shift for edge in self.box) for shift in range(count)]
        crops = [photo.resize((width, height), Image.Resampling.BILINEAR, box) for box in boxes]
        pixels = np.stack([np.asarray(crop, np.float32) for crop in crops])
        scaled = (pixels - np.float32(self.mean)) / np.float32(self.deviation)
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))

    def reference_model(self) -> onnx.ModelProto:
        """The model for other tools: any batch and size, whatever shapes the file declares."""
        model = onnx.load(fetch(self.file))
        values = [value for value in model.graph.input if value.name == self.input] + list(model.graph.output)
        for value in values:
            dims = value.type.tensor_type.shape.dim
            for axis, dim in enumerate(dims):
                dim.Clear()
                if value.name == self.input:
                    dim.dim_param = ("batch", "channels", "height", "width")[axis]
        return model


def page_of_text() -> Image.Image:
    """Lines that fill a page: without text, a text detector answers with the rounding errors of a saturated sigmoid."""
    page = Image.new("RGB", (512, 512), (250, 248, 240))
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(size=30)
    for row in range(12):
        draw.text((10, 8 + 42 * row), f"{row} the quick brown fox 0123456789"[: 30 - row], fill=(20, 20, 30), font=font)
    return page


WHOLE, NAME_TAG = (0, 0, 504, 504), (279, 362, 328, 378)
UNSCALED = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
CENTRED = ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))

REAL_NETWORKS = {
    network.name: network
    for network in (
        RealNetwork("centerface", "centerface.onnx", "input.1", WHOLE, (480, 640), *UNSCALED),
        RealNetwork("text_detection", "text_detection.onnx", "x", WHOLE, (320, 320), *IMAGENET),
        RealNetwork("text_direction", "text_direction.onnx", "x", NAME_TAG, (48, 192), *CENTRED),
        RealNetwork("text_recognition", "text_recognition.onnx", "x", NAME_TAG, (48, 320), *CENTRED),
    )
}
