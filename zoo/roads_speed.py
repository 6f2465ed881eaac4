#!/usr/bin/env python3
"""Measures how many frames a minute the road-scene generator renders; exits with 1 below --least.

usage: PYTHONPATH=zoo python zoo/roads_speed.py --threads 2 --least 100
"""

import argparse
import sys
import time

from fovea_zoo import roads


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--least", type=float, default=0, help="frames a minute that are asked for")
    arguments = parser.parse_args()
    roads.render(1, 0)  # compiles
    start = time.perf_counter()
    for _ in roads.render_many(1, range(arguments.count), threads=arguments.threads):
        pass
    rate = 60 * arguments.count / (time.perf_counter() - start)
    print(f"{rate:.0f} frames of 256x512 a minute on {arguments.threads} threads")
    sys.exit(rate < arguments.least)


if __name__ == "__main__":
    main()
