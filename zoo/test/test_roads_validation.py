"""The committed validation set: complete, readable, and still what the generator renders."""

from pathlib import Path

import numpy as np
import pytest

from fovea_zoo import roads
from fovea_zoo.roads import validation
from fovea_zoo.roads.storage import encode_depth

FOLDER = Path(__file__).resolve().parents[1] / "roads_val"


def test_the_set_is_complete_and_small():
    assert roads.groups(FOLDER) == [group[0] for group in validation.GROUPS]
    for name, _, count, height, width, _ in validation.GROUPS:
        shapes = [frame.image.shape for frame in roads.load(FOLDER, name)]
        assert shapes == [(height, width, 3)] * count
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= 12_000_000


def test_every_class_and_category_that_the_generator_knows_occurs():
    labels, categories = np.zeros(256, int), np.zeros(len(roads.CATEGORIES), int)
    for frame in roads.load(FOLDER, "frames"):
        labels += np.bincount(frame.labels.ravel(), minlength=256)
        for box in frame.boxes:
            categories[box.category] += not box.ignore
    missing = [name for name, count in zip(roads.LABELS, labels, strict=False) if count == 0]
    assert missing == ["train"]
    assert categories.min() >= 50


@pytest.mark.parametrize("group, number", [("frames", 0), ("frames", 123), ("city", 40), ("country", 99)])
def test_the_generator_renders_the_same_truth_again(group, number):
    seed, count, height, width, as_sequence = next(entry[1:] for entry in validation.GROUPS if entry[0] == group)
    stored = [frame for n, frame in enumerate(roads.load(FOLDER, group)) if n == number][0]
    frame = roads.sequence_frame(seed, number, count, height, width) if as_sequence else roads.render(seed, number, height, width)
    assert np.array_equal(stored.labels, frame.labels)
    assert np.array_equal(encode_depth(stored.depth), encode_depth(frame.depth))
    assert [box[:5] for box in stored.boxes] == [box[:5] for box in frame.boxes]
    assert np.abs(stored.image.astype(float) - frame.image).mean() < 8
