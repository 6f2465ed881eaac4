"""Broken and hostile models are refused quickly, in little memory, and with a message that helps."""

import json
import os
import subprocess
import sys
from pathlib import Path

import hostile_files  # noqa: F401  registers its cases
import hostile_graphs  # noqa: F401
import pytest
from hostile_cases import CASES, VALID

MAX_SECONDS = 1.0
MAX_GROWTH = 64 << 20


@pytest.fixture(scope="module")
def worker():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, Path(__file__).with_name("hostile_worker.py")], env=environment, text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.stdin.close()


def examine(worker, path):
    worker.stdin.write(f"{path}\n")
    worker.stdin.flush()
    return json.loads(worker.stdout.readline())


def test_number_of_cases():
    assert len(CASES) >= 120


def test_sound_model_is_accepted(worker, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(VALID)
    assert examine(worker, path)["error"] is None


@pytest.mark.parametrize("name", sorted(CASES))
def test_refused(name, worker, tmp_path):
    path = CASES[name](str(tmp_path))
    answer = examine(worker, path)
    assert "crash" not in answer, f"the importer ended with status {answer['crash']}"
    assert answer["error"] is not None, "the model was accepted"
    parts = answer["error"].split(" › ")
    assert parts[0] == path, answer["error"]
    assert len(parts) >= 3 and all(parts), f"no rule and remedy in: {answer['error']}"
    assert len(answer["error"]) < 2000
    if "_without_input_" in name:
        assert f"input {name[-1]} is required" in answer["error"]
    assert answer["seconds"] < MAX_SECONDS, f"took {answer['seconds']:.2f} s: {answer['error']}"
    assert answer["growth"] < MAX_GROWTH, f"took {answer['growth'] >> 20} MB: {answer['error']}"
