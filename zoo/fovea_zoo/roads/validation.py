"""Writes the committed validation set: `python -m fovea_zoo.roads.validation zoo/roads_val`."""

import argparse
import shutil
from pathlib import Path

from .command import Progress, generate
from .storage import Writer

FIRST_SEED = 1_000_000  # seeds from here on are never trained on
# group, seed, frames, height, width, whether it is a sequence
GROUPS = (
    ("frames", FIRST_SEED, 200, 256, 512, False),
    ("city", FIRST_SEED + 19, 100, 128, 256, True),
    ("country", FIRST_SEED + 18, 100, 128, 256, True),
)
QUALITY = 80


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    for part in ("images", "depth", "labels"):
        shutil.rmtree(arguments.folder / part, ignore_errors=True)
    writer = Writer(arguments.folder, QUALITY, {"seeds": {group[0]: group[1] for group in GROUPS}})
    for name, seed, count, height, width, as_sequence in GROUPS:
        generate(writer, name, count, seed, height, width, as_sequence, arguments.threads, Progress(count))
    writer.close()


if __name__ == "__main__":
    main()
