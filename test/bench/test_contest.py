"""bench/peers on pretended GPUs (fake_peers.py): points spread over them, the budget kept, figures printed when ended early."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from gpu_devices import Alone, choose_gpus
from ort_peer import SETTINGS

PROGRAM = Path(__file__).with_name("fake_peers.py")
NETWORKS = ("resnet50_224", "depth_r18_256x512")


def start(folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": ""}
    environment.pop("CUDA_VISIBLE_DEVICES", None)
    return subprocess.Popen([sys.executable, PROGRAM, folder, *NETWORKS, "--turns", "2", "--seconds", "0.01", "--json",
                             folder / "peers.json", *arguments], text=True, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def points(folder):
    return json.loads((folder / "peers.json").read_text())["points"]


def test_points_are_spread_and_each_stays_on_its_gpu(tmp_path):
    run = start(tmp_path, "--devices", "cuda:0,cuda:1", "--points", "fp16:1,fp16:16", "--only", "fovea,torch-graph,onnxruntime", "--keep", tmp_path / "kept")
    output, messages = run.communicate(timeout=120)
    assert run.returncode == 0, messages
    found = points(tmp_path)
    assert [(p["name"], p["batch"]) for p in found] == [(name, batch) for batch in (1, 16) for name in NETWORKS]
    assert [p["kernels"] for p in found] == [{"fovea": kernels, "torch-graph": kernels} for kernels in (100, 101, 100, 101)]
    assert all(p["ratio"]["value"] == pytest.approx(0.5) and p["turns_ms"]["fovea"] == [1, 1] for p in found)
    assert all(p["build_seconds"] == {"fovea": 2, "torch-graph": 2} and p["notes"] == {"onnxruntime": "absent: so"} for p in found)
    assert len(list((tmp_path / "kept").glob("*.profile.json"))) == 4
    assert output.startswith("2 times NVIDIA H100, PyTorch 0; ") and output.count("resnet50_224") == 4  # a row and a note each


def test_onnxruntime_takes_part_in_its_fastest_setting_that_works(tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_ONNXRUNTIME", "1")
    run = start(tmp_path, "--points", "fp16:1", "--only", "torch-graph,onnxruntime")
    _, messages = run.communicate(timeout=120)
    assert run.returncode == 0, messages
    for point in points(tmp_path):
        assert point["median_ms"] == {"torch-graph": 2, "onnxruntime": 3} and point["settings"] == {"onnxruntime": str(SETTINGS[2])}
        assert point["decibels"].keys() == {"torch-graph", "onnxruntime"}


def test_a_plan_that_the_gate_refuses_is_timed_and_said_to_be(tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_REFUSAL", "1")
    run = start(tmp_path, "--points", "fp16:1", "--only", "fovea")
    _, messages = run.communicate(timeout=120)
    assert run.returncode == 0, messages
    assert [(point["median_ms"], point["notes"]) for point in points(tmp_path)] == [({"fovea": 1}, {"gate": "a wrong kernel"})] * 2


def test_compiling_waits_for_the_builds(tmp_path):
    run = start(tmp_path, "--points", "fp16:1", "--only", "fovea,torch-compile", "--compile-cache", tmp_path / "code")
    _, messages = run.communicate(timeout=120)
    assert run.returncode == 0, messages
    assert sorted(folder.name for folder in (tmp_path / "code").iterdir()) == ["fovea", "pytorch"]
    assert json.loads((tmp_path / "peers.json").read_text())["command"].endswith("--compile-cache FOLDER")
    assert [p["build_seconds"]["torch-compile"] for p in points(tmp_path)] == [2, 2]


def test_budget_covers_compiling_and_comparing(tmp_path):
    began = time.monotonic()
    budget = 25
    run = start(tmp_path, "--points", "tf32:1", "--only", "fovea,torch-graph,torch-max-autotune", "--budget", str(budget))
    output, messages = run.communicate(timeout=200)
    assert budget - 5 < time.monotonic() - began < budget + 10, messages
    assert run.returncode == 0
    for point in points(tmp_path):
        assert point["median_ms"] == {"fovea": 1, "torch-graph": 2}
        assert point["notes"] == {"torch-max-autotune": "not ready within the budget",
                                  "outputs and kernels": "not all compared and counted within the budget"}
    assert "torch-max-autotune: not ready within the budget" in output


def test_a_run_that_is_ended_prints_what_it_has(tmp_path):
    run = start(tmp_path, "--points", "fp16:1,tf32:1", "--only", "fovea,torch-graph", "--parallel", "2", "--budget", "500")
    deadline = time.monotonic() + 100
    while not (tmp_path / "peers.json").exists() or len(points(tmp_path)) < 3:
        assert time.monotonic() < deadline and run.poll() is None
        time.sleep(0.1)
    run.send_signal(signal.SIGTERM)
    output, messages = run.communicate(timeout=20)
    assert run.returncode == 128 + signal.SIGTERM
    assert "ended early" in messages and "Traceback" not in messages
    assert "fp16:" in output and "tf32:" in output and "resnet50_224" in output


def test_a_gpu_is_had_alone_by_one_who_may_enter_again(tmp_path):
    one, other, order = Alone(tmp_path / "gpu"), Alone(tmp_path / "gpu"), []

    def enter():
        with other:
            order.append("other")

    with one, one:
        waiting = threading.Thread(target=enter)
        waiting.start()
        waiting.join(0.3)
        order.append("one")
    waiting.join(10)
    assert order == ["one", "other"]


def test_gpus_must_exist_and_be_alike(tmp_path, monkeypatch):
    names = ["NVIDIA H100", "NVIDIA H100", "NVIDIA H200"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,7")
    both = choose_gpus(["cuda:1", "cuda:0"], names, tmp_path)
    assert [(gpu.number, gpu.environment()["CUDA_VISIBLE_DEVICES"]) for gpu in both] == [("5", "5"), ("4", "4")]
    assert both[0].lock != both[1].lock and all(gpu.cores for gpu in both)
    for devices, message in ((["cuda:3"], "there is no GPU 'cuda:3'"), (["cuda:0", "cuda:2"], "cuda:2 is NVIDIA H200"),
                             (["cuda:0", "cuda:0"], "named twice")):
        with pytest.raises(ValueError, match=message):
            choose_gpus(devices, names, tmp_path)
