"""The contests of `bench/peers --device cuda:N`: points are spread over GPUs, and each point's contestants take turns."""

import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from gpu_devices import Alone, Gpu, held
from gpu_point import Fovea, Point
from gpu_report import PointResult
from ort_peer import SETTINGS, Setting, fastest
from torch_peers import PROCESSES, Worker, is_compiled

FAILURES = (RuntimeError, EOFError, OSError)  # TimeoutError is an OSError
ONNX_RUNTIME = "onnxruntime"
LATE = "not ready within the budget"
LONGEST_TURN, LEAST_PROFILE = 60.0, 5.0
BUILDS = 2  # of fovea at once: one compiles on all cores while the other one has its kernels timed
Record = Callable[[PointResult], None]
Job = tuple["Contest", tuple[str, ...]]  # who is prepared in one process


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def reason(error: Exception, late: str) -> str:
    return late if isinstance(error, TimeoutError) else str(error) or "its process ended"


def left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0)


class Candidate:
    """A contestant of one point: how it is asked for its turn, from when it has been prepared, and what is known of it."""

    def __init__(self, name: str):
        self.name, self.asked = name, None
        self.seconds: float | None = None
        self.note: str | None = None
        self.setting: str | None = None
        self.times: list[float] = []

    def turn(self, seconds: float) -> float:
        if isinstance(self.asked, Fovea):
            return self.asked.turn(seconds)
        return self.asked.request("turn", self.name, seconds, timeout=2 * seconds + LONGEST_TURN)


class Contest:
    """One point with its processes."""

    def __init__(self, point: Point, gpu: Gpu, arguments):
        self.point, self.arguments, self.on, self.gpu = point, arguments, gpu, gpu.name
        self.fovea = Fovea(point, arguments.fovea, gpu, arguments.folder)
        self.candidates = [Candidate(name) for name in arguments.contestants]
        self.workers, self.notes = [], dict(arguments.absent)

    def good(self) -> list[Candidate]:
        return [candidate for candidate in self.candidates if candidate.note is None]

    def prepare(self, names: tuple[str, ...], deadline: float) -> None:
        """These contestants, in one process."""
        candidates = [candidate for candidate in self.candidates if candidate.name in names]
        if left(deadline) == 0:
            self.give_up(names, TimeoutError())
            return
        if names == (Fovea.name,):
            candidates[0].asked = self.fovea
            self.conclude(candidates[0], lambda: self.fovea.build(self.arguments.timing_cache, left(deadline)))
            return
        if names == (ONNX_RUNTIME,):
            self.conclude(candidates[0], lambda: self.try_settings(candidates[0], deadline))
            return
        worker = self.start_worker()
        for candidate in candidates:
            candidate.asked = worker
            worker.ask("prepare", candidate.name)
        for candidate in candidates:
            self.conclude(candidate, lambda: worker.answer(left(deadline)))
        with contextlib.suppress(*FAILURES):
            self.gpu = worker.request("describe", timeout=10)

    def start_worker(self) -> Worker:
        worker = Worker(self.arguments.peers, self.point, self.on, self.arguments.threads)
        self.workers.append(worker)
        return worker

    def try_settings(self, candidate: Candidate, deadline: float) -> float:
        """Leaves the fastest setting to take part; seconds that finding it took. Each has a process, since it may end it."""
        start = time.monotonic()

        def opened(setting: Setting) -> Worker:
            worker = self.start_worker()
            try:
                worker.request("prepare", candidate.name, setting, timeout=left(deadline))
            except FAILURES:
                worker.end()
                raise
            return worker

        def seconds(worker: Worker) -> float:
            with Alone(self.on.lock):
                return worker.request("turn", candidate.name, self.arguments.seconds, timeout=left(deadline))

        setting, candidate.asked = fastest(SETTINGS, opened, seconds, Worker.end)
        candidate.setting = str(setting)
        return time.monotonic() - start

    def give_up(self, names: tuple[str, ...], error: Exception) -> None:
        for candidate in self.candidates:
            if candidate.name in names and candidate.note is None:
                candidate.note = reason(error, LATE)

    def conclude(self, candidate: Candidate, ready: Callable[[], float]) -> None:
        try:
            candidate.seconds = ready()
        except FAILURES as error:
            candidate.note = reason(error, LATE)
            if isinstance(error, TimeoutError) and candidate.asked:
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
        if self.arguments.keep and any(isinstance(candidate.asked, Fovea) for candidate in self.good()):
            try:
                self.fovea.profile(max(left(deadline), LEAST_PROFILE))
            except FAILURES as error:
                self.notes["profile"] = reason(error, "not within the budget")
        say(f"{self.point}: timed")

    def result(self) -> PointResult:
        good = self.good()
        return PointResult(
            name=self.point.name, precision=self.point.precision, batch=self.point.shape[0],
            times={candidate.name: np.array(candidate.times) for candidate in good},
            build_seconds={candidate.name: candidate.seconds for candidate in good},
            notes=self.notes | ({"gate": self.fovea.refused} if self.fovea.refused else {}) | {candidate.name: candidate.note for candidate in self.candidates if candidate.note},
            kernels={Fovea.name: self.fovea.launches} if self.fovea.launches else {},
            gpu=self.gpu, settings={candidate.name: candidate.setting for candidate in good if candidate.setting},
        ).compared()

    def check(self, deadline: float, record: Record) -> None:
        """Compares the outputs and counts kernels, as far as there is time; both may disturb what is timed meanwhile."""
        result = self.result()
        checked = self.good()
        peers = [candidate for candidate in checked if candidate.asked is not self.fovea]
        try:
            reference = peers[0].asked.request("reference", timeout=left(deadline)) if peers else None
            for candidate in checked if reference else ():
                if left(deadline) == 0:
                    raise TimeoutError
                if candidate.asked is self.fovea:
                    outputs = self.fovea.outputs(left(deadline))
                else:
                    outputs = candidate.asked.request("outputs", candidate.name, timeout=left(deadline))
                result.judge(candidate.name, outputs, reference)
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
        self.stopped = False
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
        self.stopped = True
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
            self.prepare_all(contests, gpu, ready_by)
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

    def prepare_all(self, contests: list[Contest], gpu: Gpu, deadline: float) -> None:
        """Beside fovea's builds, peers that compile nothing; then those that compile, what takes longest last. Never more at
        once than the cores are good for."""
        present = [tuple(name for name in names if name in self.arguments.contestants) for names in PROCESSES]
        peers = [[(contest, names) for names in present for contest in contests if names and is_compiled(names) == compiled]
                 for compiled in (False, True)]
        builds = [(contest, (Fovea.name,)) for contest in contests if Fovea.name in self.arguments.contestants]
        count = max(len(gpu.cores) // 2 - 1, 1)
        light = self.start(peers[0], count, deadline)
        for thread in self.start(builds, BUILDS, deadline):
            thread.join()
        for thread in (*light, *self.start(peers[1], count, deadline)):
            thread.join()

    def start(self, jobs: list[Job], count: int, deadline: float) -> list[threading.Thread]:
        """Threads that prepare contestants until none is waiting."""
        waiting: queue.SimpleQueue = queue.SimpleQueue()
        for job in jobs:
            waiting.put(job)
        threads = [threading.Thread(target=self.work_off, args=(waiting, deadline), daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        return threads

    def work_off(self, waiting: queue.SimpleQueue, deadline: float) -> None:
        with contextlib.suppress(queue.Empty):
            while not self.stopped:
                contest, names = waiting.get_nowait()
                try:
                    contest.prepare(names, deadline)
                except Exception as error:
                    contest.give_up(names, error)

    def time_all(self, contests: list[Contest], gpu: Gpu, deadline: float) -> None:
        for number, contest in enumerate(contests):
            with contextlib.ExitStack() as stack:
                for lock in self.arguments.lock:
                    stack.enter_context(held(lock))
                stack.enter_context(Alone(gpu.lock))
                contest.take_turns(time.monotonic() + left(deadline) / (len(contests) - number))
            self.record(contest.result())


def turns_seconds(arguments) -> float:
    """About what timing a point takes: its turns with their warm-ups, fovea's loading and its profile."""
    return arguments.turns * (2 * arguments.seconds * len(arguments.contestants) + 2) + (3 if arguments.keep else 0)


def check_seconds(points: int) -> float:
    """About what comparing the outputs of so many points takes on one GPU, side by side."""
    return 12.0 + 2.0 * points
