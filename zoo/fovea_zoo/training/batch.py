"""Frames as tensors on the training device."""

from dataclasses import dataclass

import numpy as np
import torch

from ..evaluation import true_boxes

MOST_BOXES = 64


@dataclass
class Batch:
    """Some frames, or all of them.

    image: (n, 3, height, width), uint8, or float in [0, 1] once augmented. depth: (n, height, width) metres, 0 where there is
    none. labels: (n, height, width), 255 where there is none. boxes: (n, MOST_BOXES, 4) as centre and size in fractions of the
    image; classes: (n, MOST_BOXES), -1 where there is no box; ignore: (n, MOST_BOXES), boxes that are neither to be found nor
    background.
    """

    image: torch.Tensor
    depth: torch.Tensor | None
    labels: torch.Tensor | None
    boxes: torch.Tensor
    classes: torch.Tensor
    ignore: torch.Tensor

    @staticmethod
    def empty(count: int, height: int, width: int, device: torch.device | str) -> "Batch":
        def zeros(*shape, dtype):
            return torch.zeros(count, *shape, dtype=dtype, device=device)

        return Batch(
            image=zeros(3, height, width, dtype=torch.uint8), depth=zeros(height, width, dtype=torch.float16),
            labels=zeros(height, width, dtype=torch.uint8), boxes=zeros(MOST_BOXES, 4, dtype=torch.float32),
            classes=zeros(MOST_BOXES, dtype=torch.int64) - 1, ignore=zeros(MOST_BOXES, dtype=torch.bool),
        )

    def put(self, index: int, frame) -> None:
        """Copies a `roads.Frame` to place `index`; the largest boxes are kept where there are more than fit."""
        height, width = frame.image.shape[:2]
        self.image[index] = torch.from_numpy(np.ascontiguousarray(frame.image.transpose(2, 0, 1)))
        self.depth[index] = torch.from_numpy(frame.depth.astype(np.float16))
        self.labels[index] = torch.from_numpy(np.ascontiguousarray(frame.labels))
        truth = true_boxes(frame)
        boxes, classes, ignore = truth["boxes"], truth["classes"], truth["ignore"]
        largest = np.argsort(-boxes[:, 2] * boxes[:, 3], kind="stable")[:MOST_BOXES]
        padded = np.zeros((MOST_BOXES, 6), np.float32)
        padded[:, 4] = -1
        centre = boxes[largest, :2] + boxes[largest, 2:] / 2
        padded[: len(largest), :4] = np.concatenate([centre, boxes[largest, 2:]], 1) / [width, height, width, height]
        padded[: len(largest), 4] = classes[largest]
        padded[: len(largest), 5] = ignore[largest]
        row = torch.from_numpy(padded).to(self.boxes.device)
        self.boxes[index], self.classes[index], self.ignore[index] = row[:, :4], row[:, 4].long(), row[:, 5] > 0

    def pick(self, indices: torch.Tensor, dense: bool = True) -> "Batch":
        """The frames at `indices`; `dense` also copies depth and labels."""
        return Batch(
            image=self.image[indices], depth=self.depth[indices] if dense else None, labels=self.labels[indices] if dense else None,
            boxes=self.boxes[indices], classes=self.classes[indices], ignore=self.ignore[indices],
        )
