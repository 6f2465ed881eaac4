"""Rendered frames in the memory of the training device, shared by the processes that train on them."""

import torch

from .. import roads
from .batch import Batch

HEIGHT, WIDTH = 256, 512


def render_into(frames: Batch, seed: int, first: int, count: int, threads: int, rendered) -> None:
    """Renders frames `first` to `first + count` of the scenes of `seed`; `rendered.value` counts them."""
    indices = range(first, first + count)
    for index, frame in zip(indices, roads.render_many(seed, indices, HEIGHT, WIDTH, threads)):
        frames.put(index, frame)
        if (index + 1) % 32 == 0 or index + 1 == first + count:
            if frames.image.is_cuda:
                torch.cuda.synchronize()
            rendered.value = index + 1


def to_batch(truth: list, device: torch.device | str) -> Batch:
    """A list of `roads.Frame` of one size as one batch."""
    height, width = truth[0].labels.shape
    batch = Batch.empty(len(truth), height, width, device)
    for index, frame in enumerate(truth):
        batch.put(index, frame)
    return batch
