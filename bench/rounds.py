"""Interleaved timing: all contestants take turns in one process, so that drift of the machine meets them alike."""

import statistics
import time
from pathlib import Path

import numpy as np

from contestants import Contestant, Runner

# After this long, the worker threads of the previous contestant sleep (OpenMP's spin for some milliseconds).
PAUSE_SECONDS = 0.02
# Before the probe, even slow spinners that ran earlier are asleep, so that only this contestant is blamed.
IDLE_SETTLE_SECONDS = 0.3
IDLE_PROBE_SECONDS = 0.1
VARIANT_RUNS = 5


def timed(runner: Runner) -> float:
    start = time.perf_counter()
    runner.run()
    return time.perf_counter() - start


def prepare_fastest(contestant: Contestant, model: Path, image: np.ndarray, threads: int) -> Runner:
    """Builds each variant, times it with nothing else running, and returns the fastest."""
    best, best_seconds = None, float("inf")
    for variant in contestant.variants:
        runner = contestant.prepare(model, image, threads, contestant.precision, variant)
        runner.run()
        if len(contestant.variants) == 1:
            return runner
        seconds = statistics.median(timed(runner) for _ in range(VARIANT_RUNS))
        if seconds < best_seconds:
            best, best_seconds = runner, seconds
        time.sleep(PAUSE_SECONDS)
    return best


def idle_share(runner: Runner) -> float:
    """Processor time that the process uses after a run and the pause, as a share of one core. Should be about 0."""
    time.sleep(IDLE_SETTLE_SECONDS)
    runner.run()
    time.sleep(PAUSE_SECONDS)
    busy, start = time.process_time(), time.perf_counter()
    time.sleep(IDLE_PROBE_SECONDS)
    return (time.process_time() - busy) / (time.perf_counter() - start)


def measure(runners: dict[str, Runner], rounds: int, limit_seconds: float) -> dict[str, np.ndarray]:
    """Seconds of each contestant in each round.

    In its turn, a contestant pauses, runs once untimed (to wake its threads and warm the caches), and once timed. The
    order rotates. Stops early when `limit_seconds` have passed and every contestant has had the same turns.
    """
    names = list(runners)
    times: dict[str, list[float]] = {name: [] for name in names}
    start = time.perf_counter()
    for turn in range(rounds):
        offset = turn % len(names)
        for name in names[offset:] + names[:offset]:
            time.sleep(PAUSE_SECONDS)
            runners[name].run()
            times[name].append(timed(runners[name]))
        if time.perf_counter() - start > limit_seconds:
            break
    return {name: np.array(values) for name, values in times.items()}
