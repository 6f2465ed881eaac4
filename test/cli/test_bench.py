"""fovea bench: rows, sweeps, concurrency, refusals."""

import re

import pytest

SHORT = ("--seconds", "0.05", "--warm-up", "0")


def test_table(fovea, files):
    text = fovea("bench", files / "model.plan", *SHORT)
    _, titles, *rows = text.splitlines()
    assert len(rows) == 2 and all(title in titles for title in ("median ms", "p90 ms", "p99 ms", "spread", "images/s"))


def test_json(fovea, files):
    result = fovea.json("bench", files / "model.plan", "--runs", "20", "--warm-up", "0")
    (row,) = result["rows"]
    for copies in ("without_copies", "with_copies"):
        times = row[copies]
        assert times["runs"] == 20
        assert 0 < times["min_us"] <= times["median_us"] <= times["p90_us"] <= times["p99_us"] <= times["max_us"]
        assert times["median_low_us"] <= times["median_us"] <= times["median_high_us"]
        assert times["images_per_second"] > 0
    assert row["shapes"] == {"image": [1, 3, 32, 32]}


def test_spread_lies_between_the_extremes(fovea, files):
    (row,) = fovea.json("bench", files / "model.plan", "--runs", "50", "--warm-up", "0")["rows"]
    times = row["without_copies"]
    assert 0 <= times["spread"] <= (times["max_us"] - times["min_us"]) / times["median_us"]


def test_contract_is_timed(fovea, files):
    result = fovea.json("bench", files / "detector.plan", *SHORT)["contract"]
    assert result["image"] == "1920x1080"
    assert result["preprocess"]["median_us"] > 0 and result["postprocess"]["median_us"] > 0
    text = fovea("bench", files / "detector.plan", *SHORT)
    for part in ("pre-processing", "post-processing"):
        assert re.search(part + r" on the host: median .* ms, p90 .*, p99 .*, spread .* %, of an image of 1920x1080", text)
    assert fovea.json("bench", files / "model.plan", *SHORT)["contract"] is None


def test_resident_leaves_out_copies(fovea, files):
    result = fovea.json("bench", files / "model.plan", "--resident", *SHORT)
    assert "without_copies" in result["rows"][0] and "with_copies" not in result["rows"][0]


def test_gpu(fovea, files):
    """Parts of a run, streams and sensors of a plan for a GPU."""
    if not any(backend["name"] == "cuda:0" for backend in fovea.json("doctor")["backends"]):
        pytest.skip("no GPU")
    fovea("build", files / "model.onnx", "-o", "gpu.plan", "--target", "cuda:0")
    (row,) = fovea.json("bench", "gpu.plan", *SHORT)["rows"]
    device = row["device"]
    assert 0 < device["kernels"]["median_us"] < row["without_copies"]["median_us"] < row["with_copies"]["median_us"]
    assert 0 < device["launch"]["median_us"] and device["launches"] >= device["graphs"] >= 1
    assert (device["upload"]["bytes"], device["download"]["bytes"]) == (4 * 3 * 32 * 32, 4 * 10)
    assert [streams["contexts"] for streams in row["streams"]] == [1, 2, 4]
    for memory in ("resident", "page_locked", "host"):
        assert all(streams[f"{memory}_per_second"] > 0 for streams in row["streams"])
    assert device["kernels"]["median_us"] < row["page_locked"]["median_us"]
    assert device["sensors"] is None or device["sensors"]["most_core_mhz"] > 0
    peaks = fovea.json("profile", "gpu.plan", "--runs", "3")["peak_flops_per_second"]
    assert peaks["f16"] > peaks["tf32"] > peaks["f32"] > 1e12


def test_sweep(fovea, files):
    result = fovea.json("bench", files / "dynamic.plan", "--sweep", "batch=1,2..4,size=8x8,16x24", *SHORT)
    assert [row["shapes"]["image"] for row in result["rows"]] == [[b, 3, h, w] for b in (1, 2, 4) for h, w in ((8, 8), (16, 24))]
    assert result["rows"][1]["point"] == {"batch": 1, "size": "16x24"}


def test_contexts_and_threads(fovea, files):
    result = fovea.json("bench", files / "dynamic.plan", "--contexts", "3", "--threads", "1", "--runs", "10", "--warm-up", "0")
    assert (result["contexts"], result["threads"]) == (3, 1)
    assert result["rows"][0]["without_copies"]["runs"] == 30


def test_input_file(fovea, files):
    assert fovea.json("bench", files / "model.plan", "--input", files / "in.npz", *SHORT)["rows"][0]["shapes"] == {"image": [1, 3, 32, 32]}


@pytest.mark.parametrize("arguments, code, part", [
    (["--sweep", "batch=1,8"], 7, "outside the plan's profile"),
    (["--sweep", "1,2"], 2, "a sweep is written"),
    (["--sweep", "depth=1"], 2, "depth"),
    (["--sweep", "batch=4..2"], 2, "4..2"),
    (["--sweep", "size=32"], 2, "HEIGHTxWIDTH"),
    (["--sweep", "batch=1", "--input", "x.npz"], 2, "leave out"),
    (["--shape", "pixels=1x3x8x8"], 2, "pixels"),
    (["--contexts", "0"], 2, "--contexts"),
    (["--runs", "many"], 2, "--runs"),
])
def test_refusals(fovea, files, arguments, code, part):
    assert part in fovea("bench", files / "dynamic.plan", *arguments, code=code)
