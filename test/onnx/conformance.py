"""The ONNX project's own node tests, run on a backend of fovea.

As a script: conformance.py [--backend NAME] [PATTERN] prints why each test fails that matches PATTERN (also an ignored
one) and the counts.
"""

import argparse
import collections
import fnmatch
import json
import os
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
from onnx.backend.test.case.node import collect_testcases

IGNORES = Path(__file__).with_name("ignore.txt")
IGNORES_CUDA = Path(__file__).with_name("ignore_cuda.txt")  # beside the others

Counts = collections.namedtuple("Counts", "passed ignored failed")


def load_tests():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [test for test in collect_testcases(None) if test.kind == "node"]


def read_ignores(path=IGNORES):
    """Maps patterns to reasons. A line reads `pattern: reason`."""
    ignores = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pattern, reason = line.split(":", 1)
            assert reason.strip(), f"{path}: {pattern} has no reason"
            ignores[pattern.strip()] = reason.strip()
    return ignores


class OnHost:
    threads = 1
    placement = ""

    def placement_error(self):
        return None


class Reference(OnHost):
    def run(self, model, inputs):
        import fovea

        return fovea.evaluate(model, inputs)


class Cpu(OnHost):
    def run(self, model, inputs):
        import fovea

        return fovea.Engine(fovea.build(model, gate="off", tune=False)).run(inputs)


class Cuda:
    """The first GPU; keeps on which sides the kernels of each run's plan stand."""

    least_alone = 898  # runs that need no kernel on the host; may only grow
    threads = os.cpu_count()  # that compile kernels

    def __init__(self):
        self.sides = []
        self.first = None  # while an engine lives, the driver keeps its context

    def run(self, model, inputs):
        import fovea

        plan = fovea.build(model, gate="off", tune=False, threads=1, target="cuda:0")
        engine = fovea.Engine(plan)
        self.first = self.first or engine
        results = engine.run(inputs)
        kernels = [kernel for kernel in json.loads(plan.to_json())["targets"][0]["kernels"] if not kernel["alias"]]
        self.sides.append({"host" if kernel["pattern"] == "reference" else "gpu" for kernel in kernels})
        return results

    def placement_error(self):
        alone = self.sides.count({"gpu"})
        return f"{alone} runs on the GPU alone, at least {self.least_alone} expected" if alone < self.least_alone else None

    @property
    def placement(self):
        gpu, both, host = (self.sides.count(sides) for sides in ({"gpu"}, {"gpu", "host"}, {"host"}))
        return f"; {gpu} runs on the GPU alone, {both} on both sides, {host} on the host"


BACKENDS = {"cpu": Cpu, "cuda": Cuda, "reference": Reference}


def missing(name):
    """Why this machine cannot run the backend, or None."""
    import fovea

    return "skipped: no GPU" if name == "cuda" and not fovea.gpus() else None


def ignores_of(name):
    return read_ignores() | (read_ignores(IGNORES_CUDA) if name == "cuda" else {})


def ignored_by(test, ignores):
    """The pattern that ignores the test, or None."""
    return next((pattern for pattern in ignores if fnmatch.fnmatchcase(test.name, pattern)), None)


def as_array(value):
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def compare(expected, found, rtol, atol):
    if not isinstance(expected, np.ndarray) and not np.isscalar(expected):
        raise AssertionError(f"expected a {type(expected).__name__}")
    expected = np.asarray(expected)
    assert found.dtype == expected.dtype, f"expected type {expected.dtype}, found {found.dtype}"
    assert found.shape == expected.shape, f"expected shape {expected.shape}, found {found.shape}"
    if expected.dtype == ml_dtypes.bfloat16:
        rtol = max(rtol, 2**-6)  # two units in the last place, as ONNX's own runner allows
    if expected.dtype.kind not in "biuf" or expected.dtype.itemsize < 4:
        expected, found = expected.astype(np.float64), found.astype(np.float64)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def run_test(test, backend):
    """Raises an exception that says what is wrong when the test does not pass."""
    model = test.model.SerializeToString()
    names = [value.name for value in test.model.graph.input]
    for inputs, outputs in test.data_sets:
        results = backend.run(model, dict(zip(names, map(as_array, inputs))))
        for value, expected in zip(test.model.graph.output, outputs, strict=True):
            compare(as_array(expected), results[value.name], test.rtol, test.atol)


def error_of(test, backend):
    try:
        run_test(test, backend)
    except Exception as error:  # noqa: BLE001  whatever goes wrong is a failure of the test
        return error
    return None


def run_all(tests, backend, ignores):
    """Counts, a list of (test name, error) of the failures, and ignores that fit nothing or are not needed."""
    passed = ignored = 0
    failures = []
    needed = set()
    with ThreadPoolExecutor(backend.threads) as threads:
        errors = list(threads.map(lambda test: error_of(test, backend), tests))
    for test, error in zip(tests, errors):
        pattern = ignored_by(test, ignores)
        if error is None:
            passed += 1
        elif pattern is None:
            failures.append((test.name, error))
        else:
            ignored += 1
            needed.add(pattern)
    return Counts(passed, ignored, len(failures)), failures, sorted(set(ignores) - needed)


def summary(name, backend, counts):
    return (
        f"conformance {name}: {counts.passed} passed, {counts.ignored} ignored, {counts.failed} failed"
        f"{backend.placement}"
    )


def main():
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "build" / "python"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pattern", nargs="?", default="*")
    parser.add_argument("--backend", choices=sorted(BACKENDS), default="reference")
    arguments = parser.parse_args()
    reason = missing(arguments.backend)
    if reason:
        return print(f"conformance {arguments.backend}: {reason}")
    tests = [test for test in load_tests() if fnmatch.fnmatchcase(test.name, arguments.pattern)]
    ignores = ignores_of(arguments.backend) if arguments.pattern == "*" else {}
    backend = BACKENDS[arguments.backend]()
    counts, failures, unneeded = run_all(tests, backend, ignores)
    for name, error in failures:
        print(f"{name}: {' '.join(str(error).split())[:300]}")
    if arguments.pattern == "*" and unneeded:
        print("ignores that no failing test needs:", ", ".join(unneeded))
    print(summary(arguments.backend, backend, counts))
    error = backend.placement_error() if arguments.pattern == "*" else None
    if error:
        print(error)
    return bool(failures or error)


if __name__ == "__main__":
    sys.exit(main())
