"""The road scenes against the geometry that they claim."""

import numpy as np
import pytest

from fovea_zoo import roads

SEED = 3


def rays(camera, height, width):
    """Directions in camera axes through all pixel centres, 1 along the optical axis."""
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones_like(rows)], axis=-1)


def same(a, b):
    return (np.array_equal(a.image, b.image) and np.array_equal(a.depth, b.depth) and np.array_equal(a.labels, b.labels)
            and a.boxes == b.boxes and a.camera == b.camera and np.array_equal(a.pose, b.pose))


@pytest.fixture(scope="module")
def frames():
    return list(roads.render_many(SEED, range(8), 128, 256, threads=2))


def test_frames_do_not_depend_on_the_run_the_order_or_the_threads(frames):
    assert same(frames[5], roads.render(SEED, 5, 128, 256))
    backwards = list(roads.render_many(SEED, range(7, -1, -1), 128, 256, threads=1))
    assert all(same(a, b) for a, b in zip(frames, reversed(backwards), strict=True))


def test_other_seeds_and_indices_give_other_frames(frames):
    assert not np.array_equal(frames[0].image, frames[1].image)
    assert not np.array_equal(frames[0].image, roads.render(SEED + 1, 0, 128, 256).image)


def test_shapes_and_values(frames):
    for frame in frames:
        assert frame.image.shape == (128, 256, 3) and frame.image.dtype == np.uint8
        assert frame.depth.shape == (128, 256) and frame.depth.dtype == np.float32
        assert set(np.unique(frame.labels)) <= {*range(19), 255}
        assert np.array_equal(frame.depth == 0, frame.labels == roads.LABELS.index("sky"))
        assert frame.depth.max() < 500


def test_the_road_is_where_the_camera_model_puts_it(frames):
    """Road pixels near the camera, carried into the world, lie at the height that is the camera's less its mounting."""
    for frame in frames:
        direction = rays(frame.camera, 128, 256)
        points = direction * frame.depth[..., None] @ frame.pose[:3, :3].T + frame.pose[:3, 3]
        near = (frame.labels == roads.LABELS.index("road")) & (frame.depth < 15)
        assert near.sum() > 200
        assert np.abs(points[near][:, 2] - (frame.pose[2, 3] - frame.camera.height)).max() < 2e-3


def test_poses_are_rotations(frames):
    for frame in frames:
        rotation = frame.pose[:3, :3]
        assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6) and np.linalg.det(rotation) > 0


def test_written_frames_are_read_back(frames, tmp_path):
    writer = roads.Writer(tmp_path, quality=95)
    for number, frame in enumerate(frames[:3]):
        writer.add(f"a-{number}", "a" if number < 2 else "b", frame)
    writer.close()
    assert roads.groups(tmp_path) == ["a", "b"]
    assert len(list(roads.load(tmp_path, "a"))) == 2
    for written, read in zip(frames, roads.load(tmp_path), strict=False):
        assert np.array_equal(read.labels, written.labels)
        assert np.array_equal(read.depth == 0, written.depth == 0)
        there = written.depth > 0
        assert np.abs(read.depth[there] / written.depth[there] - 1).max() < 0.005
        assert np.abs(read.image.astype(float) - written.image).mean() < 4
        assert [box[:5] for box in read.boxes] == [box[:5] for box in written.boxes]
        assert [box.ignore for box in read.boxes] == [box.ignore for box in written.boxes]
        assert np.allclose(read.camera, written.camera, atol=1e-5) and np.allclose(read.pose, written.pose, atol=1e-6)


def test_a_folder_without_annotations_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="annotations.json is missing"):
        next(roads.load(tmp_path))
