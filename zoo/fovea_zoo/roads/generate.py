"""Frames from seeds."""

import itertools
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from . import native
from .frame import Box, Camera, Frame

REACH = 190.0  # metres of street ahead that a single frame can show


def _frame(seed, index, time, reach, lasting, height, width):
    image, depth, labels, boxes, pose = native.render(seed, index, time, reach, lasting, height, width)
    camera = Camera(*(float(pose[name]) for name in Camera._fields))
    listed = [Box(*box[:5], float(box[5]), float(box[6]), bool(box[7])) for box in boxes.tolist()]
    return Frame(image, depth, labels, listed, camera, pose["matrix"].copy())


def render(seed, index, height=256, width=512):
    """The frame `index` of the endless series `seed`."""
    return _frame(seed, index, 0.0, REACH, False, height, width)


def _in_order(jobs, threads):
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
    yield from _in_order(((render, seed, index, height, width) for index in indices), threads)


def sequence(seed, count, height=256, width=512, rate=10.0, threads=None, index=0):
    """`count` frames at `rate` a second of one drive; the poses share one world."""
    native.library()
    reach = REACH + 23.0 * count / rate
    yield from _in_order(((_frame, seed, index, n / rate, reach, True, height, width) for n in range(count)), threads)
