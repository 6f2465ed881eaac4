"""The five trained networks: what each learns from, how it is augmented, and its optimiser's settings."""

from dataclasses import dataclass, field
from typing import Callable

import torch
import torch.nn.functional as functional
from torch import nn

from .. import roads
from ..networks.registry import Recipe, create, recipe_of
from ..networks.ssd import default_boxes
from .augment import Augmentation
from .batch import Batch
from .dense import class_weights, depth_loss, segmentation_loss
from .multibox import multibox_loss
from .set_loss import set_loss

CLASSES, CATEGORIES = len(roads.LABELS), len(roads.CATEGORIES)


class DepthObjective(nn.Module):
    def forward(self, depth: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
        return depth_loss(depth[:, 0], batch.depth)


class SegmentationObjective(nn.Module):
    """Cross-entropy at the labels' size, classes weighted by how rare they are in the frames."""

    def __init__(self, frames: Batch):
        super().__init__()
        self.register_buffer("weights", class_weights(frames.labels, CLASSES))

    def forward(self, logits: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
        logits = functional.interpolate(logits.float(), size=batch.labels.shape[1:], mode="bilinear", align_corners=False)
        return {"labels": segmentation_loss(logits, batch.labels, self.weights)}


class MultiTaskObjective(nn.Module):
    """Both of the above, balanced by uncertainties that are learnt with the network (Kendall et al., 2018)."""

    def __init__(self, frames: Batch):
        super().__init__()
        self.segmentation, self.depth = SegmentationObjective(frames), DepthObjective()
        self.log_variances = nn.Parameter(torch.zeros(2))

    def forward(self, predictions, batch: Batch) -> dict[str, torch.Tensor]:
        logits, depth = predictions
        labels = self.segmentation(logits, batch)["labels"]
        distances = sum(self.depth(depth, batch).values())
        precision = (-self.log_variances).exp()
        return {"labels": precision[0] * labels, "depth": precision[1] * distances, "balance": self.log_variances.sum() / 2}


class MultiboxObjective(nn.Module):
    def __init__(self, scales: tuple[float, ...]):
        super().__init__()
        self.register_buffer("defaults", torch.from_numpy(default_boxes(scales)))

    def forward(self, predictions, batch: Batch) -> dict[str, torch.Tensor]:
        return multibox_loss(*predictions, batch, self.defaults)


class SetObjective(nn.Module):
    def forward(self, predictions, batch: Batch) -> dict[str, torch.Tensor]:
        return set_loss(predictions, batch)


@dataclass(frozen=True)
class Task:
    """How one network is trained. `objective` is made for the network and the frames that there are at the start;
    `precise` names the modules that compute in f32 where the rest is bf16."""

    objective: Callable[[nn.Module, Batch], nn.Module]
    augmentation: Augmentation
    options: dict = field(default_factory=dict)
    forward: str = "forward"
    precise: tuple[str, ...] = ()
    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    clip: float = 5.0
    average: float = 0.9995
    dense: bool = True  # needs labels and depth, not only boxes


# Of 300 pixels; road users are smaller than COCO's objects.
SSD_SCALES = (12.0, 27.0, 60.0, 105.0, 155.0, 210.0, 270.0)

DETECTION = Augmentation(smallest_window=0.5, largest_window=1.2, aspect=1.25, flip=True, colour=0.5, always=0.7)
MAPS = Augmentation(smallest_window=0.6, largest_window=1.0, flip=True, colour=0.5, always=0.6)
METRES = Augmentation(smallest_window=0.75, largest_window=1.0, flip=True, colour=0.4, always=0.4)

TASKS = {
    "depth_r18_narrow": Task(
        lambda network, frames: DepthObjective(), METRES, precise=("disparity",), learning_rate=1.5e-3,
    ),
    "swiftnet_r18_narrow": Task(
        lambda network, frames: SegmentationObjective(frames), MAPS, {"classes": CLASSES}, learning_rate=1.5e-3,
    ),
    "mtmi_b0_slim": Task(
        lambda network, frames: MultiTaskObjective(frames), METRES, {"classes": CLASSES}, precise=("depth.output",),
    ),
    "ssd300_r18_narrow": Task(
        lambda network, frames: MultiboxObjective(network.scales), DETECTION, {"classes": CATEGORIES + 1, "scales": SSD_SCALES}, dense=False,
        batch=64, learning_rate=2e-3,
    ),
    "rt_detr_r18_narrow": Task(
        lambda network, frames: SetObjective(), DETECTION, {"classes": CATEGORIES}, "forward_training", dense=False,
        learning_rate=6e-4, clip=1.0,
    ),
}


def build(name: str) -> tuple[Task, Recipe, nn.Module]:
    """The task, the recipe and the network with random weights."""
    task = TASKS[name]
    return task, recipe_of(name), create(name, **task.options)
