"""Frames from seeds."""

import itertools
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from . import native
from .frame import Box, Camera, Frame

REACH = 190.0  # metres of street ahead that a single frame can show


def _frame(seed, index, time, reach, lasting, height, width):
    image, depth, labels, objects, boxes, pose = native.render(seed, index, time, reach, lasting, height, width)
    camera = Camera(*(float(pose[name]) for name in Camera._fields))
    listed = [Box(*box[:5], float(box[5]), float(box[6]), bool(box[7])) for box in boxes.tolist()]
    return Frame(image, depth, labels, listed, camera, pose["matrix"].copy(), objects)


def render(seed, index, height=256, width=512):
    """The frame `index` of the endless series `seed`."""
    return _frame(seed, index, 0.0, REACH, False, height, width)


def in_order(jobs, threads):
    """Results of (function, *arguments) in their order, a bounded number ahead."""
    threads = threads or len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(threads) as pool:
        pending = deque()
        jobs = iter(jobs)
        for job in itertools.islice(jobs, 2 * threads):
            pending.append(pool.submit(*job))
        while pending:
            done = pending.popleft().result()
            for job in itertools.islice(jobs, 1):
                pending.append(pool.submit(*job))
            yield done


def render_many(seed, indices, height=256, width=512, threads=None):
    """Frames of a series in the order of `indices`, rendered on `threads` threads (all cores if None)."""
    native.library()
    yield from in_order(((render, seed, index, height, width) for index in indices), threads)


RATE = 10.0  # frames a second of a sequence


def sequence_frame(seed, number, count, height=256, width=512, index=0):
    """Frame `number` of the drive of `count` frames; the poses of all share one world."""
    reach = REACH + 23.0 * count / RATE
    return _frame(seed, index, number / RATE, reach, True, height, width)


def sequence(seed, count, height=256, width=512, threads=None, index=0):
    """All frames of the drive in their order."""
    native.library()
    yield from in_order(((sequence_frame, seed, number, count, height, width, index) for number in range(count)), threads)
