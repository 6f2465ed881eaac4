"""The contests of `bench/peers --device cuda:N`: points are spread over GPUs, and each point's contestants take turns."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from gpu_devices import Gpu, alone, held
from gpu_point import Fovea, Point
from gpu_report import PointResult
from torch_peers import PROCESSES, Worker

FAILURES = (RuntimeError, EOFError, OSError)  # TimeoutError is an OSError
LONGEST_TURN = 60.0
Record = Callable[[PointResult], None]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def reason(error: Exception, late: str) -> str:
    return late if isinstance(error, TimeoutError) else str(error) or "its process ended"


def left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0)


class Candidate:
    """A contestant of one point: how it is asked for its turn, and what is known of it."""

    def __init__(self, name: str, asked: Fovea | Worker):
        self.name, self.asked = name, asked
        self.seconds: float | None = None
        self.note: str | None = None
        self.times: list[float] = []

    def turn(self, seconds: float) -> float:
        if isinstance(self.asked, Fovea):
            return self.asked.turn(seconds)
        return self.asked.request("turn", self.name, seconds, timeout=2 * seconds + LONGEST_TURN)


class Contest:
    """One point with its processes."""

    def __init__(self, point: Point, gpu: Gpu, arguments):
        self.point, self.arguments, self.gpu = point, arguments, gpu.name
        self.fovea = Fovea(point, arguments.fovea, gpu, arguments.folder)
        self.candidates = [Candidate(Fovea.name, self.fovea)] if Fovea.name in arguments.contestants else []
        self.workers, self.notes = [], {}
        for names in PROCESSES:
            if present := [name for name in names if name in arguments.contestants]:
                worker = Worker(arguments.peers, point, gpu, arguments.threads)
                for name in present:
                    worker.ask("prepare", name)
                self.workers.append(worker)
                self.candidates += [Candidate(name, worker) for name in present]

    def good(self) -> list[Candidate]:
        return [candidate for candidate in self.candidates if candidate.note is None]

    def await_fovea(self, deadline: float) -> None:
        for candidate in self.candidates:
            if candidate.asked is self.fovea:
                self.await_one(candidate, lambda: self.fovea.build(self.arguments.timing_cache, left(deadline)))

    def await_peers(self, deadline: float) -> None:
        for candidate in self.candidates:
            if candidate.asked is not self.fovea:
                self.await_one(candidate, lambda: candidate.asked.answer(left(deadline)))
        with contextlib.suppress(*FAILURES, StopIteration):
            self.gpu = next(c for c in self.good() if c.asked is not self.fovea).asked.request("describe", timeout=10)

    def await_one(self, candidate: Candidate, ready: Callable[[], float]) -> None:
        try:
            candidate.seconds = ready()
        except FAILURES as error:
            candidate.note = reason(error, "not ready within the budget")
            if isinstance(error, TimeoutError):
                candidate.asked.end()
        say(f"{self.point}: {candidate.name} {candidate.note or f'ready after {candidate.seconds:.0f} s'}")

    def take_turns(self, deadline: float) -> None:
        """Interleaved, in rotating order; at least one turn of each."""
        start, turns = time.monotonic(), self.arguments.turns
        for turn in range(turns):
            spent = time.monotonic() - start
            if turn and spent / turn > left(deadline):
                self.notes["turns"] = f"{turn} of {turns} within the budget"
                break
            present = self.good()
            offset = turn % max(len(present), 1)
            for candidate in present[offset:] + present[:offset]:
                try:
                    candidate.times.append(candidate.turn(self.arguments.seconds))
                except FAILURES as error:
                    candidate.note = reason(error, "a turn took too long")
        say(f"{self.point}: timed")

    def result(self) -> PointResult:
        good = self.good()
        return PointResult(
            name=self.point.name, precision=self.point.precision, batch=self.point.shape[0],
            times={candidate.name: np.array(candidate.times) for candidate in good},
            build_seconds={candidate.name: candidate.seconds for candidate in good},
            notes=self.notes | {candidate.name: candidate.note for candidate in self.candidates if candidate.note},
            kernels={Fovea.name: self.fovea.launches} if self.fovea.launches else {},
            gpu=self.gpu,
        ).judged({}, None)

    def check(self, deadline: float, record: Record) -> None:
        """Compares the outputs and counts kernels, as far as there is time; both may disturb what is timed meanwhile."""
        result, outputs = self.result(), {}
        checked = [candidate for candidate in self.good() if candidate.name != "onnxruntime"]
        peers = [candidate for candidate in checked if candidate.asked is not self.fovea]
        try:
            for candidate in checked:
                if candidate.asked is self.fovea:
                    outputs[candidate.name] = self.fovea.outputs(left(deadline))
                else:
                    outputs[candidate.name] = candidate.asked.request("outputs", candidate.name, timeout=left(deadline))
            if peers:
                result.judged(outputs, peers[0].asked.request("reference", timeout=left(deadline)))
            for candidate in peers:
                result.kernels[candidate.name] = candidate.asked.request("kernels", candidate.name, timeout=left(deadline))
        except FAILURES as error:
            result.notes["outputs and kernels"] = reason(error, "not all compared and counted within the budget")
        record(result)
        say(f"{self.point}: {'checked' if result.decibels or not peers else 'not checked'}")

    def end(self) -> None:
        self.fovea.end()
        for worker in self.workers:
            worker.end()


class Competition:
    """All points, spread over the GPUs. Each GPU has a thread, which prepares a wave of points side by side, times one
    after the other, and compares outputs when nothing is timed any more, on no GPU. `record` gets each point's figures
    when it is timed and again when it is checked.
    """

    def __init__(self, arguments, gpus: list[Gpu], record: Record):
        self.arguments, self.record = arguments, record
        self.end_by = time.monotonic() + arguments.budget
        self.together = threading.Barrier(len(gpus))
        self.contests: list[Contest] = []
        self.errors: list[Exception] = []
        shares = [arguments.points[i :: len(gpus)] for i in range(len(gpus))]
        self.waves = range(0, len(shares[0]), arguments.parallel)
        self.threads = [threading.Thread(target=self.run_on, args=pair, daemon=True) for pair in zip(gpus, shares)]

    def run(self) -> None:
        """Raises what went wrong on any GPU."""
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            while thread.is_alive():  # in pieces: signals are handled between them
                thread.join(0.2)
        if self.errors:
            raise self.errors[0]

    def stop(self) -> None:
        self.together.abort()
        for contest in list(self.contests):
            contest.end()

    def run_on(self, gpu: Gpu, points: list[Point]) -> None:
        try:
            os.sched_setaffinity(0, gpu.cores)  # of this thread and all that it starts
            for number, first in enumerate(self.waves):
                self.run_wave(gpu, points[first : first + self.arguments.parallel], len(self.waves) - number)
        except threading.BrokenBarrierError:
            pass  # another GPU's thread failed, or all are stopped
        except Exception as error:
            self.errors.append(error)
            self.together.abort()

    def run_wave(self, gpu: Gpu, points: list[Point], waves_left: int) -> None:
        self.together.wait()
        checked_by = time.monotonic() + left(self.end_by) / waves_left
        most = min(self.arguments.parallel, len(self.arguments.points[:: len(self.threads)]))
        timed_by = checked_by - check_seconds(most)
        ready_by = timed_by - most * turns_seconds(self.arguments)
        say(f"{gpu.name} {gpu.number}: preparing {', '.join(map(str, points))} for {left(ready_by):.0f} s")
        contests = [Contest(point, gpu, self.arguments) for point in points]
        self.contests += contests
        try:
            builds = threading.Thread(target=lambda: [contest.await_fovea(ready_by) for contest in contests], daemon=True)
            builds.start()
            for contest in contests:
                contest.await_peers(ready_by)
            builds.join()
            self.together.wait()
            self.time_all(contests, gpu, timed_by)
            self.together.wait()
            checks = [threading.Thread(target=contest.check, args=(checked_by, self.record), daemon=True) for contest in contests]
            for check in checks:
                check.start()
            for check in checks:
                check.join()
        finally:
            for contest in contests:
                contest.end()

    def time_all(self, contests: list[Contest], gpu: Gpu, deadline: float) -> None:
        for number, contest in enumerate(contests):
            with contextlib.ExitStack() as stack:
                for lock in self.arguments.lock:
                    stack.enter_context(held(lock))
                stack.enter_context(alone(gpu.lock))
                contest.take_turns(time.monotonic() + left(deadline) / (len(contests) - number))
            self.record(contest.result())


def turns_seconds(arguments) -> float:
    """About what timing a point takes: its turns with their warm-ups, and fovea's loading."""
    return arguments.turns * (2 * arguments.seconds * len(arguments.contestants) + 1.5)


def check_seconds(points: int) -> float:
    """About what comparing the outputs of so many points takes on one GPU, side by side."""
    return 15.0 + 3.0 * points
