#!/usr/bin/env python3
"""Checks the length of source files: over 600 lines is an error, over 400 is listed. Also refuses files that the
licence or the repository's size does not want: anything over 2 MB but the zoo's trained networks, which are at most 8 MB each
and 24 MB together, and unfinished marks in source files."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST, LONG = 600, 400
LARGEST_BYTES = 2_000_000
TRAINED = re.compile(r"^zoo/trained/\w+\.onnx$")
LARGEST_TRAINED_BYTES, ALL_TRAINED_BYTES = 8_000_000, 24_000_000
SOURCE = re.compile(r"\.(cpp|hpp|cu|cuh|py|sh|cmake)$|^scripts/\w+$|CMakeLists\.txt$")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def tracked_files():
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    return [name for name in names.decode().split("\0") if name and (ROOT / name).is_file()]


def main():
    errors, long_files = [], []
    trained = sum((ROOT / name).stat().st_size for name in tracked_files() if TRAINED.match(name))
    if trained > ALL_TRAINED_BYTES:
        errors.append(f"zoo/trained: {trained} bytes of networks; {ALL_TRAINED_BYTES} is the limit")
    for name in tracked_files():
        size = (ROOT / name).stat().st_size
        largest = LARGEST_TRAINED_BYTES if TRAINED.match(name) else LARGEST_BYTES
        if size > largest:
            errors.append(f"{name}: {size} bytes; files over {largest} bytes do not belong into the repository")
        if not SOURCE.search(name) or name == "scripts/check_files.py":
            continue
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        if len(lines) > LONGEST:
            errors.append(f"{name}: {len(lines)} lines; split it, {LONGEST} is the limit")
        elif len(lines) > LONG:
            long_files.append(f"{name}: {len(lines)} lines")
        errors += [f"{name}:{n}: unfinished mark" for n, line in enumerate(lines, 1) if UNFINISHED.search(line)]
    if long_files:
        print(f"files over {LONG} lines:", *long_files, sep="\n  ")
    print("\n".join(errors), end="\n" if errors else "")
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
