"""Losses and matching against cases worked out by hand."""

import math

import numpy as np
import pytest
import torch

from fovea_zoo.networks.ssd import default_boxes
from fovea_zoo.training.batch import Batch
from fovea_zoo.training.boxes import generalized_overlap, intersection_over_union, to_corners, to_cxcywh
from fovea_zoo.training.dense import borders, class_weights, depth_loss, segmentation_loss
from fovea_zoo.training.multibox import decode_offsets, encode_boxes, match_defaults, multibox_loss
from fovea_zoo.training.set_loss import hungarian, pair_cells, set_loss


def boxes_only(boxes, classes, ignore=None) -> Batch:
    """One image with these boxes, padded with one empty place."""
    padded = torch.tensor([[*boxes, [0.0] * 4]])
    ignore = torch.tensor([[*(ignore or [False] * len(boxes)), False]])
    return Batch(image=None, depth=None, labels=None, boxes=padded, classes=torch.tensor([[*classes, -1]]), ignore=ignore)


def test_boxes_convert_back():
    boxes = torch.rand(20, 4) + 0.1
    torch.testing.assert_close(to_cxcywh(to_corners(boxes)), boxes)


def test_overlaps_of_known_boxes():
    a = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    b = torch.tensor([[1.0, 1.0, 3.0, 3.0], [4.0, 0.0, 6.0, 2.0]])
    torch.testing.assert_close(intersection_over_union(a, b), torch.tensor([[1 / 7, 0.0]]))
    torch.testing.assert_close(generalized_overlap(a, b), torch.tensor([1 / 7 - 2 / 9, -4 / 12]))


def test_offsets_decode_to_the_boxes_they_encode():
    defaults = torch.from_numpy(default_boxes())
    boxes = torch.rand(len(defaults), 4) * 0.5 + 0.05
    torch.testing.assert_close(decode_offsets(encode_boxes(boxes, defaults), defaults), boxes, rtol=1e-4, atol=1e-5)


def test_default_boxes_match_by_overlap_and_every_true_box_gets_one():
    defaults = torch.tensor([[0.25, 0.25, 0.2, 0.2], [0.26, 0.25, 0.2, 0.2], [0.75, 0.75, 0.2, 0.2], [0.5, 0.1, 0.1, 0.1]])
    batch = boxes_only([[0.25, 0.25, 0.2, 0.2], [0.75, 0.8, 0.3, 0.3], [0.5, 0.1, 0.1, 0.1]], [2, 4, 1], [False, False, True])
    chosen, found, may_be_background = match_defaults(batch.boxes, batch.classes, batch.ignore, defaults)
    assert found.tolist() == [[2, 2, 4, -1]]  # the third overlaps by less than a half but is its box's best
    assert chosen[0, :3].tolist() == [0, 0, 1]
    assert may_be_background.tolist() == [[True, True, True, False]]


def test_multibox_loss_falls_to_nothing_for_perfect_outputs():
    defaults = torch.from_numpy(default_boxes())
    batch = boxes_only([[0.3, 0.4, 0.2, 0.3]], [1])
    chosen, found, _ = match_defaults(batch.boxes, batch.classes, batch.ignore, defaults)
    offsets = encode_boxes(batch.boxes[0][chosen[0]], defaults).T[None]
    scores = torch.nn.functional.one_hot(found + 1, 4).float().transpose(1, 2) * 30
    perfect = multibox_loss(offsets, scores, batch, defaults)
    assert sum(perfect.values()) < 1e-4
    worse = multibox_loss(offsets + 0.5, scores, batch, defaults)
    assert worse["location"] > 0.1 and worse["overlap"] > 0.01
    assert multibox_loss(offsets, -scores, batch, defaults)["class"] > 10


def test_hungarian_finds_the_cheapest_pairing():
    cost = np.array([[[1.0, 2.0, 0.0], [0.5, 5.0, 0.0], [9.0, 9.0, 0.0]]])
    rows, predictions, truths = hungarian(cost, np.array([[True, True, False]]))
    assert list(zip(rows, predictions, truths)) == [(0, 0, 1), (0, 1, 0)]


def prediction(boxes, classes, count=7, categories=3):
    """Logits and boxes of `count` queries, the first of which are sure of these boxes."""
    logits = torch.full((1, count, categories), -12.0)
    places = torch.full((1, count, 4), 0.9)
    for query, (box, number) in enumerate(zip(boxes, classes)):
        logits[0, query, number] = 12
        places[0, query] = torch.tensor(box)
    return logits, places


def test_set_loss_is_small_for_perfect_queries_and_punishes_doubles():
    boxes, classes = [[0.3, 0.3, 0.2, 0.2], [0.6, 0.5, 0.1, 0.3]], [0, 2]
    batch = boxes_only(boxes, classes)
    perfect = prediction(boxes, classes)
    doubled = prediction([*boxes, boxes[0]], [*classes, 0])
    wrong = prediction(boxes, [1, 2])
    losses = set_loss([perfect, perfect, doubled, wrong], batch)
    assert losses["layer 1"] < 1e-3
    assert losses["layer 2"] > 1
    assert losses["layer 3"] > 1


def test_set_loss_leaves_predictions_on_ignored_boxes_alone():
    boxes = [[0.3, 0.3, 0.2, 0.2], [0.6, 0.5, 0.1, 0.3]]
    both = prediction(boxes, [0, 2])
    assert set_loss([both, both], boxes_only(boxes, [0, 2], [False, True]))["layer 1"] < 1e-3
    assert set_loss([both, both], boxes_only(boxes[:1], [0]))["layer 1"] > 1


def test_cells_pair_several_to_one_with_the_fitting_box():
    boxes = [[0.2, 0.2, 0.2, 0.2], [0.7, 0.7, 0.2, 0.2]]
    logits = torch.zeros(1, 12, 3)
    places = torch.tensor([[[0.2 + 0.01 * i, 0.2, 0.2, 0.2] for i in range(6)] + [[0.7, 0.7 + 0.01 * i, 0.2, 0.2] for i in range(6)]])
    rows, cells, owners = pair_cells(logits, places, boxes_only(boxes, [0, 1]))
    assert rows.tolist() == [0] * 8
    assert dict(zip(cells.tolist(), owners.tolist())) == {**{i: 0 for i in range(4)}, **{i: 1 for i in range(6, 10)}}


def test_class_weights_grow_with_rarity():
    labels = torch.zeros(1, 10, 10, dtype=torch.uint8)
    labels[0, 0, :5], labels[0, 9] = 1, 255
    weights = class_weights(labels, 3)
    assert weights[1] / weights[0] == pytest.approx(min(20, 1 / math.log(1.02 + 5 / 90)) * math.log(1.02 + 85 / 90), rel=1e-5)
    assert weights[0] * 85 / 90 + weights[1] * 5 / 90 == pytest.approx(1, rel=1e-5)


def test_borders_and_ignored_pixels_in_the_segmentation_loss():
    labels = torch.zeros(1, 8, 16, dtype=torch.long)
    labels[:, :, 8:] = 1
    assert borders(labels)[0, 0].tolist() == [6 <= column < 10 for column in range(16)]
    logits = torch.nn.functional.one_hot(labels, 2).permute(0, 3, 1, 2).float() * 20
    assert segmentation_loss(logits, labels, torch.ones(2)) < 1e-6
    logits[:, 0, 0, 15], labels[0, 0, 15] = 100, 255
    assert segmentation_loss(logits, labels, torch.ones(2)) < 1e-6
    labels[0, 0, 15] = 1
    assert segmentation_loss(logits, labels, torch.ones(2)) > 0.1


def test_depth_loss_counts_only_known_pixels():
    truth = torch.rand(2, 16, 32) * 50 + 2
    truth[:, :4] = 0
    found = truth.clone()
    found[:, :4] = 77
    assert sum(depth_loss(found, truth).values()) < 1e-3
    tenth_more = depth_loss(found * 1.1, truth)
    assert tenth_more["distance"] == pytest.approx(math.log(1.1), rel=1e-4)
    assert tenth_more["gradient"] < 1e-5
