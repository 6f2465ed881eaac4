"""The loss of single-shot detectors (Liu et al., 2016): default boxes against true ones, with hard negative mining."""

import torch
import torch.nn.functional as functional

from ..networks.ssd import CENTRE_VARIANCE, SIZE_VARIANCE
from .boxes import generalized_overlap, intersection_over_union, to_corners

POSITIVE_OVERLAP = 0.5
FAVOURITES, FAVOURITE_OVERLAP = 3, 0.3
NEGATIVES_PER_POSITIVE = 3
FEWEST_NEGATIVES = 20


def decode_offsets(offsets: torch.Tensor, defaults: torch.Tensor) -> torch.Tensor:
    """Boxes (cxcywh) that offsets (..., 4) stand for."""
    centre = defaults[..., :2] + CENTRE_VARIANCE * offsets[..., :2] * defaults[..., 2:]
    return torch.cat((centre, defaults[..., 2:] * (SIZE_VARIANCE * offsets[..., 2:]).clamp(max=8).exp()), -1)


def encode_boxes(boxes: torch.Tensor, defaults: torch.Tensor) -> torch.Tensor:
    """Offsets of boxes (cxcywh); the inverse of `decode_offsets`."""
    centre = (boxes[..., :2] - defaults[..., :2]) / (CENTRE_VARIANCE * defaults[..., 2:])
    return torch.cat((centre, (boxes[..., 2:] / defaults[..., 2:]).clamp(min=1e-4).log() / SIZE_VARIANCE), -1)


def match_defaults(boxes, classes, ignore, defaults) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """For each default box: the true box that it shall find, its class (-1: background), and whether it may be background.

    Default boxes take the true box that they overlap most, from 0.5 on; each true box also takes the default boxes that
    overlap it most: one in any case, a few where they overlap enough. One that lies mostly on an ignored box is no background.
    """
    real = (classes >= 0) & ~ignore
    overlaps = intersection_over_union(to_corners(boxes), to_corners(defaults))
    on_real = overlaps.masked_fill(~real[..., None], -1)
    best, chosen = on_real.max(1)
    shares, favourites = on_real.topk(FAVOURITES, 2)
    for rank in reversed(range(FAVOURITES)):
        enough = real if rank == 0 else real & (shares[..., rank] >= FAVOURITE_OVERLAP)
        rows, numbers = torch.nonzero(enough, as_tuple=True)
        best[rows, favourites[rows, numbers, rank]] = 2
        chosen[rows, favourites[rows, numbers, rank]] = numbers
    found = torch.where(best >= POSITIVE_OVERLAP, classes.gather(1, chosen), -torch.ones_like(chosen))
    on_ignored = overlaps.masked_fill(~((classes >= 0) & ignore)[..., None], 0).amax(1)
    return chosen, found, on_ignored < POSITIVE_OVERLAP


def multibox_loss(offsets: torch.Tensor, scores: torch.Tensor, batch, defaults: torch.Tensor) -> dict[str, torch.Tensor]:
    """`offsets` (n, 4, defaults), `scores` (n, 1 + classes, defaults), class 0 being the background."""
    offsets, scores = offsets.float().transpose(1, 2), scores.float()
    chosen, found, may_be_background = match_defaults(batch.boxes, batch.classes, batch.ignore, defaults)
    positive = found >= 0
    count = positive.sum().clamp(min=1)
    boxes = batch.boxes.gather(1, chosen[..., None].expand(-1, -1, 4))[positive]
    placed = defaults.expand(len(offsets), -1, -1)[positive]
    location = functional.smooth_l1_loss(offsets[positive], encode_boxes(boxes, placed), reduction="sum", beta=0.5)
    decoded = decode_offsets(offsets[positive], placed)
    overlap = (1 - generalized_overlap(to_corners(decoded), to_corners(boxes))).sum()
    entropy = functional.cross_entropy(scores, found + 1, reduction="none")
    negative = entropy.detach().masked_fill(positive | ~may_be_background, 0)
    wanted = (NEGATIVES_PER_POSITIVE * positive.sum(1, keepdim=True)).clamp(min=FEWEST_NEGATIVES)
    rank = negative.argsort(1, descending=True).argsort(1)
    mined = (rank < wanted) & ~positive & may_be_background
    return {"location": location / count, "overlap": overlap / count, "class": entropy[positive | mined].sum() / count}
