"""Plans for GPUs, made without one: what the zoo's networks leave to the host, and that their kernels compile."""

import json
import os
import re
import subprocess

import onnx
import pytest
from catalog import NETWORKS
from fill import fill
from plans import ROOT

TOOL = ROOT / "build/bin/plan_networks"
TRAINED = sorted((ROOT / "zoo/trained").glob("*.onnx"))
NO_CUDA = 3  # exit status where the backend was left out or NVRTC is missing

pytestmark = pytest.mark.skipif(not TOOL.exists(), reason="build/bin/plan_networks is missing: run scripts/build")


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Files of the eight networks by scale."""
    folder = tmp_path_factory.mktemp("networks")

    def write(scale, batch=1):
        files = []
        for network in NETWORKS.values():
            files.append(folder / f"{network.name}.{scale}.{batch}.onnx")
            if not files[-1].exists():
                onnx.save(fill(network, scale, batch=batch), files[-1])
        return files

    return write


def plans(capability, precision, models, *options):
    """What the tool says of each model's plan."""
    command = [TOOL, *options, str(capability), precision, *models]
    cache = {"FOVEA_CUDA_CACHE": str(ROOT / "build/cuda_cache")}
    found = subprocess.run(command, capture_output=True, text=True, env=os.environ | cache)
    if found.returncode == NO_CUDA:
        pytest.skip(f"skipped: {found.stderr.strip()}")
    assert found.returncode == 0, found.stderr
    return dict(zip(models, json.loads(found.stdout), strict=True))


def operators_on_host(found):
    return {re.search(r"\((\w+)\): ", node)[1] for plan in found.values() for node in plan["host"]}


def test_networks_run_on_the_gpu_in_fp16_and_compile_for_hopper(networks):
    found = plans(90, "f16", networks("full"), "--compile")
    assert all(plan["kernels"] > 30 for plan in found.values())
    assert operators_on_host(found) == set()


def test_batches_run_on_the_gpu(networks):
    """What is folded for one image may be too large for sixteen."""
    assert operators_on_host(plans(90, "f16", networks("full", 16))) == set()


def test_small_networks_run_on_the_gpu_in_fp32(networks):
    assert operators_on_host(plans(90, "f32", networks("small"))) == set()


def test_trained_networks_run_on_the_gpu_in_fp16():
    assert operators_on_host(plans(90, "f16", TRAINED)) == set()


def test_trained_networks_run_on_the_gpu_in_fp32_and_compile_for_ampere():
    chosen = [model for model in TRAINED if model.name.startswith(("mtmi", "ssd"))]
    assert len(chosen) == 2
    assert operators_on_host(plans(80, "f32", chosen, "--compile")) == set()
