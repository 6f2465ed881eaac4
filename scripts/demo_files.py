#!/usr/bin/env python3
"""Puts the demo's network (`centerface.onnx`) and photograph (`astronaut.png`) into a folder, downloading what is not there.

usage: scripts/demo_files.py FOLDER
"""

import sys
from pathlib import Path

from real_files import DownloadError, fetch


def main():
    for name in ("centerface.onnx", "astronaut.png"):
        try:
            fetch(name, Path(sys.argv[1]))
        except DownloadError as error:
            sys.exit(f"demo: {error}")


if __name__ == "__main__":
    main()
