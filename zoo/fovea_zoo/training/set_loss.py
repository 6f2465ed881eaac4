"""The set loss of detection transformers: the Hungarian method pairs predictions with true boxes (Carion et al., 2020).

Classes are independent sigmoids whose target is the overlap with the true box (varifocal loss, Zhang et al., 2020), so that
scores rank boxes by how well they fit. Dense predictions of cells are paired several to one by their quality (Feng et
al., 2021), which teaches the encoder quickly.
"""

import numpy as np
import torch
import torch.nn.functional as functional
from scipy.optimize import linear_sum_assignment

from .boxes import generalized_overlap, intersection_over_union, to_corners

CLASS_WEIGHT, DISTANCE_WEIGHT, OVERLAP_WEIGHT = 2.0, 5.0, 2.0
FOCAL_ALPHA, FOCAL_GAMMA = 0.25, 2.0
BACKGROUND_ALPHA = 0.75
CELLS_PER_BOX = 4
ON_IGNORED = 0.5


def pairing_cost(logits: torch.Tensor, boxes: torch.Tensor, batch) -> torch.Tensor:
    """(n, predictions, MOST_BOXES): low where a prediction's class and place fit a true box."""
    chance = logits.sigmoid()
    chance = chance.gather(2, batch.classes.clamp(min=0)[:, None].expand(-1, chance.shape[1], -1))
    hit = FOCAL_ALPHA * (1 - chance) ** FOCAL_GAMMA * -(chance + 1e-8).log()
    miss = (1 - FOCAL_ALPHA) * chance**FOCAL_GAMMA * -(1 - chance + 1e-8).log()
    distance = torch.cdist(boxes, batch.boxes, p=1)
    overlap = generalized_overlap(to_corners(boxes)[:, :, None], to_corners(batch.boxes)[:, None])
    return CLASS_WEIGHT * (hit - miss) + DISTANCE_WEIGHT * distance - OVERLAP_WEIGHT * overlap


def hungarian(cost: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The cheapest one-to-one pairing of each image: arrays of image, prediction and true box."""
    rows, predictions, truths = [], [], []
    for image in range(len(cost)):
        numbers = np.flatnonzero(real[image])
        if not len(numbers):
            continue
        chosen, places = linear_sum_assignment(cost[image][:, numbers])
        rows.append(np.full(len(chosen), image))
        predictions.append(chosen)
        truths.append(numbers[places])
    if not rows:
        return (np.zeros(0, np.int64),) * 3
    return np.concatenate(rows), np.concatenate(predictions), np.concatenate(truths)


def pair_one_to_one(layers: list[tuple[torch.Tensor, torch.Tensor]], batch) -> list[tuple[torch.Tensor, ...]]:
    """Pairs of each layer's predictions, the costs of all layers moved to the host at once."""
    real = ((batch.classes >= 0) & ~batch.ignore).cpu().numpy()
    costs = torch.stack([pairing_cost(logits, boxes, batch) for logits, boxes in layers])
    costs = torch.nan_to_num(costs, 1e4, 1e4, -1e4).cpu().numpy()
    device = batch.boxes.device
    return [tuple(torch.from_numpy(part).to(device) for part in hungarian(cost, real)) for cost in costs]


def pair_cells(logits: torch.Tensor, boxes: torch.Tensor, batch) -> tuple[torch.Tensor, ...]:
    """For each true box the few cells with the lowest cost; a cell that several boxes want goes to the cheapest."""
    real = (batch.classes >= 0) & ~batch.ignore
    cost = pairing_cost(logits, boxes, batch).masked_fill(~real[:, None], 1e6)
    cheapest, cells = cost.topk(CELLS_PER_BOX, 1, largest=False)
    wanted = torch.zeros_like(cost, dtype=torch.bool).scatter_(1, cells, True) & real[:, None]
    owner = cost.masked_fill(~wanted, 1e6).argmin(2)
    rows, predictions = torch.nonzero(wanted.any(2), as_tuple=True)
    return rows, predictions, owner[rows, predictions]


def pair_loss(logits: torch.Tensor, boxes: torch.Tensor, batch, pairs) -> torch.Tensor:
    """Class, distance and overlap losses of one set of predictions, for each paired box."""
    rows, predictions, truths = pairs
    count = max(len(rows), 1)
    found, true = boxes[rows, predictions], batch.boxes[rows, truths]
    found_corners, true_corners = to_corners(found), to_corners(true)
    distance = (found - true).abs().sum() / count
    overlap = (1 - generalized_overlap(found_corners, true_corners)).sum() / count
    with torch.no_grad():
        shared = intersection_over_union(found_corners[:, None], true_corners[:, None])[:, 0, 0]
        target = torch.zeros_like(logits)
        target[rows, predictions, batch.classes[rows, truths]] = shared.clamp(0, 1)
        positive = torch.zeros_like(logits, dtype=torch.bool)
        positive[rows, predictions, batch.classes[rows, truths]] = True
        ignored = (batch.classes >= 0) & batch.ignore
        covered = intersection_over_union(to_corners(boxes), to_corners(batch.boxes)) > ON_IGNORED
        excused = (covered & ignored[:, None]).any(2, keepdim=True) & ~positive
        weight = torch.where(positive, target.clamp(min=0.1), BACKGROUND_ALPHA * logits.sigmoid() ** FOCAL_GAMMA)
        weight = weight.masked_fill(excused, 0)
    classes = (functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight).sum() / count
    return CLASS_WEIGHT * classes + DISTANCE_WEIGHT * distance + OVERLAP_WEIGHT * overlap


def set_loss(predictions: list[tuple[torch.Tensor, torch.Tensor]], batch) -> dict[str, torch.Tensor]:
    """Of what `forward_training` returns: logits and boxes of the cells first, then of each decoder layer."""
    cells, *layers = [(logits.float(), boxes.float()) for logits, boxes in predictions]
    with torch.no_grad():
        one_to_one = pair_one_to_one(layers, batch)
        several_to_one = pair_cells(*cells, batch)
    losses = {"cells": pair_loss(*cells, batch, several_to_one)}
    for number, (layer, pairs) in enumerate(zip(layers, one_to_one), 1):
        losses[f"layer {number}"] = pair_loss(*layer, batch, pairs)
    return losses
