"""fovea bench: rows, sweeps, concurrency, refusals."""

import pytest

SHORT = ("--seconds", "0.05", "--warm-up", "0")


def test_table(fovea, files):
    text = fovea("bench", files / "model.plan", *SHORT)
    assert "median ms" in text and "images/s" in text and len(text.splitlines()) == 4


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
