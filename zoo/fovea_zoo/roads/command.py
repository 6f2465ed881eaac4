"""Generate road scenes with exact truth: images, depth, labels, boxes, calibration and poses."""

import json
import os
import re
import sys
import time
from pathlib import Path

from ..errors import UserError
from . import native
from .generate import in_order, render, sequence_frame
from .storage import Writer, write_frame

EXAMPLES = """examples:
  python -m fovea_zoo generate out/train --count 2000 --seed 1
  python -m fovea_zoo generate out/drive --count 100 --seed 1 --sequence
"""


def add_arguments(parser):
    parser.add_argument("folder", type=Path, help="where to write; made if missing")
    parser.add_argument("--count", type=int, default=100, help="frames (default 100)")
    parser.add_argument("--seed", type=int, default=1, help="series of scenes; 1000000 and up are kept for validation (default 1)")
    parser.add_argument("--size", default="256x512", help="HEIGHTxWIDTH (default 256x512)")
    parser.add_argument("--sequence", action="store_true", help="one drive at 10 frames a second instead of separate scenes")
    parser.add_argument("--threads", type=int, help="default: all cores")
    parser.add_argument("--quality", type=int, default=85, help="of the JPEG images (default 85)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


class Progress:
    """A line with the time left, on terminals only."""

    def __init__(self, count):
        self.count, self.start, self.shown = count, time.monotonic(), sys.stderr.isatty()

    def show(self, done):
        if not self.shown:
            return
        left = (time.monotonic() - self.start) / done * (self.count - done)
        print(f"\r{done}/{self.count} frames, {left:.0f} s left ", end="" if done < self.count else "\n", file=sys.stderr, flush=True)


def generate(writer, group, count, seed, height, width, as_sequence, threads=None, progress=None):
    """Renders and writes `count` frames as one group."""
    def frame_of(number):
        frame = sequence_frame(seed, number, count, height, width) if as_sequence else render(seed, number, height, width)
        name = f"{group}-{number:05d}"
        return name, frame, write_frame(writer.folder, name, frame, writer.quality)

    native.library()
    for done, (name, frame, entry) in enumerate(in_order(((frame_of, number) for number in range(count)), threads), 1):
        writer.add(name, group, frame, entry)
        if progress:
            progress.show(done)


def run(arguments):
    size = re.fullmatch(r"(\d+)x(\d+)", arguments.size)
    if not size:
        raise UserError(f"--size {arguments.size}: expected HEIGHTxWIDTH, for example 256x512")
    if arguments.count < 1 or arguments.seed < 0:
        raise UserError("--count must be at least 1 and --seed at least 0")
    height, width = map(int, size.groups())
    writer = Writer(arguments.folder, arguments.quality, {"seed": arguments.seed})
    start = time.monotonic()
    try:
        generate(writer, "sequence" if arguments.sequence else "frames", arguments.count, arguments.seed, height, width,
                 arguments.sequence, arguments.threads, Progress(arguments.count))
    except (RuntimeError, ValueError, OSError) as error:
        raise UserError(str(error)) from error
    writer.close()
    seconds = time.monotonic() - start
    result = {"folder": str(arguments.folder), "frames": arguments.count, "seconds": round(seconds, 2),
              "frames_per_minute": round(60 * arguments.count / seconds, 1), "threads": arguments.threads or len(os.sched_getaffinity(0))}
    print(json.dumps(result) if arguments.json else
          f"{arguments.count} frames in {arguments.folder}, {result['frames_per_minute']:.0f} a minute on {result['threads']} threads")
