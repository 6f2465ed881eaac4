"""Compiles the renderer in `render/` on first use and calls it."""

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

SOURCES = Path(__file__).resolve().parent / "render"
# No contraction to fused multiply-add and no target beyond the baseline: frames are the same bits on every x86-64.
FLAGS = ["-std=c++20", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared", "-w"]
BOX = np.dtype([("category", "i4"), ("x", "i4"), ("y", "i4"), ("width", "i4"), ("height", "i4"),
                ("distance", "f4"), ("visible", "f4"), ("ignore", "i4")])
POSE = np.dtype([("matrix", "f8", (4, 4)), ("fx", "f4"), ("fy", "f4"), ("cx", "f4"), ("cy", "f4"),
                 ("height", "f4"), ("pitch", "f4")])
MOST_BOXES = 512

_library = None


def _cache():
    chosen = os.environ.get("FOVEA_ZOO_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) / "fovea_zoo"


def build():
    """The path of the compiled renderer; compiles it if its sources, flags or compiler changed."""
    compiler = os.environ.get("CXX") or next((name for name in ("c++", "g++", "clang++") if shutil.which(name)), None)
    if compiler is None:
        raise RuntimeError("roads: no C++ compiler found. Install g++ or clang++, or name one in CXX.")
    digest = hashlib.sha256(" ".join([compiler, *FLAGS]).encode())
    sources = sorted(SOURCES.glob("*.cpp"))
    for path in [*sources, *sorted(SOURCES.glob("*.hpp"))]:
        digest.update(path.read_bytes())
    target = _cache() / f"roads-{digest.hexdigest()[:16]}.so"
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        # all files as one unit: one run of the compiler, everything in sight of the optimiser
        unit = Path(folder) / "roads.cpp"
        unit.write_text("".join(f'#include "{path}"\n' for path in sources))
        made = Path(folder) / "roads.so"
        done = subprocess.run([compiler, *FLAGS, str(unit), "-o", str(made)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"roads: {compiler} failed on {SOURCES}:\n{done.stderr[-4000:]}")
        os.replace(made, target)
    return target


def library():
    global _library
    if _library is None:
        loaded = ctypes.CDLL(str(build()))
        pointer = ctypes.c_void_p
        loaded.roads_render.argtypes = [
            ctypes.c_uint64, ctypes.c_uint64, ctypes.c_float, ctypes.c_float, ctypes.c_int, ctypes.c_int, ctypes.c_int,
            pointer, pointer, pointer, pointer, pointer, ctypes.c_int, pointer]
        _library = loaded
    return _library


def render(seed, index, time, reach, lasting, height, width):
    """Image, depth, labels, objects, boxes and pose of one frame as arrays. Releases the interpreter's lock while it renders."""
    if height < 32 or width < 32 or height * width > 1 << 24:
        raise ValueError(f"roads: size {height}x{width}; at least 32 a side and at most 2^24 pixels are possible")
    image = np.empty((height, width, 3), np.uint8)
    depth = np.empty((height, width), np.float32)
    labels = np.empty((height, width), np.uint8)
    objects = np.empty((height, width), np.int16)
    boxes = np.empty(MOST_BOXES, BOX)
    pose = np.empty((), POSE)
    count = library().roads_render(seed, index, time, reach, lasting, height, width, image.ctypes.data, depth.ctypes.data,
                                   labels.ctypes.data, objects.ctypes.data, boxes.ctypes.data, MOST_BOXES, pose.ctypes.data)
    return image, depth, labels, objects, boxes[:count].copy(), pose
