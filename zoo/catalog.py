"""Which networks the zoo holds: the name, the graph it is made from, and the sizes (height, width) it runs at."""

from dataclasses import dataclass
from pathlib import Path

GRAPHS = Path(__file__).resolve().parent / "graphs"
SCALES = ("full", "small")
INPUT = "image"


@dataclass(frozen=True)
class Network:
    """`full_size` belongs to the speed measurements, `small_size` to the narrow variant for quick tests."""

    name: str
    graph: str
    full_size: tuple[int, int]
    small_size: tuple[int, int]

    def size(self, scale: str) -> tuple[int, int]:
        return self.full_size if scale == "full" else self.small_size


NETWORKS = {
    network.name: network
    for network in (
        Network("resnet50_224", "resnet50", (224, 224), (96, 96)),
        Network("depth_r18_256x512", "depth_r18", (256, 512), (64, 128)),
        Network("depth_r50_256x512", "depth_r50", (256, 512), (64, 128)),
        Network("ssd300_r50", "ssd300_r50", (300, 300), (300, 300)),
        Network("swiftnet_r18_512x1024", "swiftnet_r18", (512, 1024), (256, 512)),
        Network("swiftnet_r18_1024x2048", "swiftnet_r18", (1024, 2048), (320, 640)),
        Network("detr_r50_800x1066", "detr_r50", (800, 1066), (160, 214)),
        Network("mtmi_b0_1024", "mtmi_b0", (1024, 1024), (128, 128)),
    )
}


def graph_file(graph: str, scale: str, form: str) -> Path:
    """Where the weightless graph lies, e.g. `graphs/detr_r50.small.raw.onnx`; the plain form has no suffix."""
    parts = [graph]
    if scale != "full":
        parts.append(scale)
    if form != "plain":
        parts.append(form)
    return GRAPHS / (".".join(parts) + ".onnx")
