"""The road scenes against the geometry that they claim."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from fovea_zoo import roads

SEED = 3


def rays(camera, height, width):
    """Directions in camera axes through all pixel centres, 1 along the optical axis."""
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones_like(rows)], axis=-1)


def world_points(frame):
    height, width = frame.depth.shape
    return rays(frame.camera, height, width) * frame.depth[..., None] @ frame.pose[:3, :3].T + frame.pose[:3, 3]


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
        points = world_points(frame)
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


def test_boxes_are_the_extents_of_what_is_seen(frames):
    for frame in frames:
        assert set(np.unique(frame.objects)) - {-1} == set(range(len(frame.boxes)))
        for number, box in enumerate(frame.boxes):
            rows, columns = np.nonzero(frame.objects == number)
            assert (box.x, box.y) == (columns.min(), rows.min())
            assert (box.width, box.height) == (columns.max() - columns.min() + 1, rows.max() - rows.min() + 1)
            assert 0 < box.visible <= 1
            seen = np.sort(frame.depth[rows, columns])
            assert box.distance == seen[len(seen) // 2]


def test_labels_agree_with_the_categories_of_objects(frames):
    fitting = {"person": {"person"}, "cyclist": {"rider", "bicycle", "motorcycle"}, "car": {"car"}, "truck": {"truck"}, "bus": {"bus"},
               "traffic light": {"traffic light"}, "traffic sign": {"traffic sign"}}
    for frame in frames:
        for number, box in enumerate(frame.boxes):
            names = {roads.LABELS[label] for label in np.unique(frame.labels[frame.objects == number])}
            assert names <= fitting[roads.CATEGORIES[box.category]]
        moving = np.isin(frame.labels, [roads.LABELS.index(name) for name in ("person", "rider", "car", "truck", "bus")])
        assert (frame.objects[moving] >= 0).all()


def test_objects_are_as_large_as_such_things_are():
    """Whole objects, lifted into the world by depth, camera and pose, have the sizes that they were built with."""
    sizes = {"person": (0.9, 1.95), "car": (1.25, 2.75), "bus": (2.6, 3.3), "truck": (2.3, 3.9)}
    measured = dict.fromkeys(sizes, 0)
    for frame in roads.render_many(SEED, range(40), threads=2):
        points = world_points(frame)
        height, width = frame.labels.shape
        for number, box in enumerate(frame.boxes):
            name = roads.CATEGORIES[box.category]
            inside = 0 < box.x and 0 < box.y and box.x + box.width < width and box.y + box.height < height
            if name not in sizes or box.visible < 0.95 or box.height < 40 or not inside:
                continue
            heights = points[frame.objects == number][:, 2]
            least, most = sizes[name]
            pixel = 2 * box.distance / frame.camera.fy
            assert least - pixel < np.ptp(heights) < most + pixel, (name, np.ptp(heights))
            measured[name] += 1
    assert all(measured.values())


def test_a_sequence_is_one_still_world_seen_from_moving_poses():
    """Depth of what stands still, carried from one pose to the next, is the depth seen there."""
    first, second = (roads.sequence_frame(SEED, number, 6) for number in (1, 4))
    moved = np.linalg.norm(second.pose[:3, 3] - first.pose[:3, 3])
    assert 1 < moved < 7
    still = [roads.LABELS.index(name) for name in ("road", "sidewalk", "building", "wall", "terrain")]
    chosen = np.isin(first.labels, still) & (first.depth < 25)
    local = (world_points(first)[chosen] - second.pose[:3, 3]) @ second.pose[:3, :3]
    local = local[local[:, 2] > 1]
    camera = second.camera
    column = np.floor(local[:, 0] / local[:, 2] * camera.fx + camera.cx).astype(int)
    row = np.floor(local[:, 1] / local[:, 2] * camera.fy + camera.cy).astype(int)
    there = (column >= 0) & (column < 512) & (row >= 0) & (row < 256)
    local, column, row = local[there], column[there], row[there]
    comparable = np.isin(second.labels[row, column], still)
    error = np.abs(second.depth[row, column] / local[:, 2] - 1)[comparable]
    assert comparable.mean() > 0.7 and len(error) > 10000
    assert np.median(error) < 0.006 and np.quantile(error, 0.95) < 0.04


def test_frames_of_a_sequence_do_not_depend_on_its_neighbours():
    listed = list(roads.sequence(SEED, 3, 64, 128, threads=2))
    assert all(same(frame, roads.sequence_frame(SEED, number, 3, 64, 128)) for number, frame in enumerate(listed))


@pytest.mark.parametrize("height, width", [(16, 512), (8192, 8192)])
def test_impossible_sizes_are_refused(height, width):
    with pytest.raises(ValueError, match="at least 32 a side"):
        roads.render(SEED, 0, height, width)


def test_compilers_agree_on_every_bit():
    compilers = [name for name in ("g++", "clang++") if shutil.which(name)]
    if len(compilers) < 2:
        pytest.skip("needs two C++ compilers")
    code = ("import hashlib\nfrom fovea_zoo import roads\n"
            "for f in roads.render_many(5, range(12), 64, 128):\n"
            "    print(hashlib.sha256(f.image.tobytes() + f.depth.tobytes() + f.labels.tobytes()).hexdigest())")
    printed = [subprocess.run([sys.executable, "-c", code], env={**os.environ, "CXX": name}, check=True, capture_output=True).stdout
               for name in compilers]
    assert printed[0].count(b"\n") == 12 and printed[0] == printed[1]
