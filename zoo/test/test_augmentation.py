"""Augmentation keeps image, labels, depth and boxes together."""

import torch

from fovea_zoo.training.augment import Augmentation, augment, draw_windows, sampling_grid, warp_boxes
from fovea_zoo.training.batch import Batch


def scene(count=6, height=64, width=128) -> Batch:
    """A bright rectangle, the only thing of class 3, at 20 m, with its box."""
    batch = Batch.empty(count, height, width, "cpu")
    batch.depth[:] = 10
    for i in range(count):
        left, top = 20 + 8 * i, 12 + 3 * i
        batch.image[i, :, top : top + 16, left : left + 24] = 255
        batch.labels[i, top : top + 16, left : left + 24] = 3
        batch.depth[i, top : top + 16, left : left + 24] = 20
        batch.boxes[i, 0] = torch.tensor([(left + 12) / width, (top + 8) / height, 24 / width, 16 / height])
        batch.classes[i, 0] = 5
    return batch


def extent(mask: torch.Tensor) -> list[int]:
    rows, columns = torch.nonzero(mask, as_tuple=True)
    return [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]


def test_without_settings_only_the_type_changes():
    batch = scene()
    result = augment(batch, (64, 128), Augmentation(), torch.Generator().manual_seed(0))
    torch.testing.assert_close(result.image, batch.image.float() / 255, atol=1e-4, rtol=0)
    assert torch.equal(result.labels, batch.labels.long())
    torch.testing.assert_close(result.depth, batch.depth.float())
    torch.testing.assert_close(result.boxes, batch.boxes)


def test_boxes_labels_and_depth_move_with_the_image():
    settings = Augmentation(smallest_window=0.6, largest_window=1.4, flip=True)
    generator = torch.Generator().manual_seed(4)
    seen = 0
    for _ in range(8):
        result = augment(scene(), (96, 192), settings, generator)
        for i in range(len(result.image)):
            if result.classes[i, 0] < 0 or not (result.labels[i] == 3).any():
                continue
            centre, size = result.boxes[i, 0, :2], result.boxes[i, 0, 2:]
            expected = torch.cat((centre - size / 2, centre + size / 2)) * torch.tensor([192, 96, 192, 96])
            for mask in (result.labels[i] == 3, result.image[i, 0] > 0.5):
                assert (torch.tensor(extent(mask)) - expected).abs().max() < 1.6
            inside = result.depth[i][result.labels[i] == 3]
            around = result.depth[i][result.labels[i] == 0]
            torch.testing.assert_close(inside.unique() / around.unique(), torch.tensor([2.0]))
            seen += 1
    assert seen > 30


def test_depth_is_halved_where_a_window_doubles_the_size():
    settings = Augmentation(smallest_window=0.5, largest_window=0.5)
    result = augment(scene(), (64, 128), settings, torch.Generator().manual_seed(1))
    assert set(result.depth.unique().tolist()) <= {5.0, 10.0}


def test_beyond_the_image_nothing_is_known():
    settings = Augmentation(smallest_window=1.5, largest_window=1.5)
    result = augment(scene(), (64, 128), settings, torch.Generator().manual_seed(1))
    outside = result.labels == 255
    assert 0.4 < outside.float().mean() < 0.7
    assert (result.depth[outside] == 0).all()
    assert (result.depth[~outside] > 0).all()


def test_boxes_cut_to_a_small_part_are_ignored_and_those_outside_vanish():
    batch = scene(1)
    batch.boxes[0, :3] = torch.tensor([[0.5, 0.5, 0.1, 0.1], [0.24, 0.5, 0.2, 0.2], [0.1, 0.1, 0.1, 0.1]])
    batch.classes[0, :3] = 1
    window = torch.tensor([[0.3, 0.3, 0.5, 0.5]])
    result = warp_boxes(batch, window, torch.tensor([False]))
    assert result.classes[0, :3].tolist() == [1, 1, -1]
    assert result.ignore[0, :2].tolist() == [False, True]
    torch.testing.assert_close(result.boxes[0, 0], torch.tensor([0.4, 0.4, 0.2, 0.2]))


def test_windows_stay_in_the_image_or_contain_it():
    windows = draw_windows(500, Augmentation(smallest_window=0.5, largest_window=1.5, aspect=1.2), torch.Generator().manual_seed(0))
    for low, size in ((windows[:, 0], windows[:, 2]), (windows[:, 1], windows[:, 3])):
        assert ((low >= -1e-6) & (low + size <= 1 + 1e-6) | (low <= 1e-6) & (low + size >= 1 - 1e-6)).all()
    assert sampling_grid(windows, torch.zeros(500, dtype=torch.bool), (4, 8)).shape == (500, 4, 8, 2)
