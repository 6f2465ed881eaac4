import json

import pytest
from gpu_tables import build_table, kernel_tables, first_use_tables, gpu_of, merged, replaced, speed_tables


def point(name, precision, batch, fovea, **times):
    peer = min(times, key=times.get)
    return {"name": name, "precision": precision, "batch": batch, "median_ms": {"fovea": fovea, **times}, "peer": peer,
            "ratio": {"value": fovea / times[peer]}, "kernels": {"fovea": 50, peer: 90}, "notes": {}, "build_seconds": {"fovea": 20.4, peer: 70},
            "errors": {"fovea": {"a": 2e-6, "b": 3e-5}, "torch-graph": {"a": 1e-3}},
            "decibels": {"fovea": {"a": 70.0, "b": 60.04}, "torch-graph": {"a": 50.0, "b": 61.0}}}


def report(*points, command="bench/peers --points fp16:1"):
    return {"command": command, "machine": "NVIDIA H100 80GB HBM3, PyTorch 2", "points": list(points)}


def tables(*points):
    return speed_tables(merged([report(*points)]))


def rows_of(text, start):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| " + start)]


def test_speed_has_ratios_counts_and_the_roofline_of_the_card():
    text = tables(point("resnet50_224", "fp16", 1, 0.25, **{"torch-graph": 0.8, "torch-compile": 0.5}),
                  point("depth_r18_256x512", "fp16", 1, 0.2, **{"torch-graph": 0.8}))
    (header,), (row,), (mean,) = rows_of(text, "network"), rows_of(text, "resnet50"), rows_of(text, "geometric")
    found = dict(zip(header, row))
    assert found["CUDA graph"] == "0.800" and found["fovea / best peer"] == "0.50" and "PyTorch eager" not in header
    assert found["kernels, best peer / fovea"] == "90 / 50" and found["dB, PyTorch / fovea"] == "50.0 / 60.0"
    assert float(found["fovea / limit"]) == pytest.approx(0.25 / float(found["limit of the H100"]), rel=0.05)
    assert float(dict(zip(header, mean))["fovea / best peer"]) == pytest.approx((0.5 * 0.25) ** 0.5, abs=0.01)
    assert "`bench/peers --points fp16:1`, NVIDIA H100" in text


def test_a_wrong_result_has_no_ratio():
    right, wrong = (point(name, "fp16", 16, 0.2, **{"torch-graph": 0.8}) for name in ("resnet50_224", "ssd300_r50"))
    wrong["decibels"]["fovea"]["a"] = 47.9
    text = tables(right, wrong, point("depth_r18_256x512", "fp16", 16, 0.4, **{"torch-graph": 0.8}))
    (header,), (row,), (mean,) = rows_of(text, "network"), rows_of(text, "ssd300"), rows_of(text, "geometric")
    place = header.index("fovea / best peer")
    assert row[place] == "wrong" and float(mean[place]) == pytest.approx((0.25 * 0.5) ** 0.5, abs=0.01)


def test_a_plan_that_the_gate_refused_has_no_ratio():
    refused = point("ssd300_r50", "fp16", 1, 0.2, **{"torch-graph": 0.8})
    refused["notes"] = {"gate": "a wrong kernel"}
    (header,), (row,) = (rows_of(tables(refused), start) for start in ("network", "ssd300"))
    assert row[header.index("fovea / best peer")] == "refused" and "gate, a wrong kernel: all." in tables(refused)


def test_builds_by_network_and_column():
    text = build_table([report(point("resnet50_224", "fp16", 1, 1, **{"torch-compile": 2}), point("resnet50_224", "tf32", 1, 1, a=2),
                              point("ssd300_r50", "tf32", 1, 1, **{"torch-max-autotune": 2}))])
    assert rows_of(text, "network")[0] == ["network, s", "fp16, batch 1", "tf32, batch 1"]
    assert rows_of(text, "resnet50")[0][1:] == ["20 / 70 / –", "20 / – / –"] and rows_of(text, "ssd")[0][1:] == ["– / – / –", "20 / – / 70"]


def test_builds_are_those_with_nothing_cached():
    cold, cached = report(point("resnet50_224", "fp16", 1, 1, a=2)), report(point("resnet50_224", "fp16", 1, 1, a=2),
                                                                           command="bench/peers --compile-cache FOLDER")
    cached["points"][0]["build_seconds"]["fovea"] = 3
    (row,), (cached_row,) = (rows_of(build_table(reports), "resnet50") for reports in ([cold, cached], [cached]))
    assert row[1] == "20 / – / –" and cached_row[1] == "3 / – / –" and "earlier runs" in build_table([cached])


def test_true_f32_shows_errors_and_holds_them():
    right, wrong = (point(name, "fp32", 1, 0.2, **{"torch-graph": 0.8}) for name in ("resnet50_224", "ssd300_r50"))
    wrong["errors"]["fovea"]["a"] = 2e-4
    (header,), (row,), (wrong_row,) = (rows_of(tables(right, wrong), start) for start in ("network", "resnet50", "ssd300"))
    place, ratio = header.index("max error, PyTorch / fovea"), header.index("fovea / best peer")
    assert (row[place], row[ratio]) == ("1e-03 / 3e-05", "0.25") and (wrong_row[place], wrong_row[ratio]) == ("1e-03 / 2e-04", "wrong")


def test_each_measurement_names_its_command():
    one = report(point("resnet50_224", "fp16", 1, 1, a=2), point("resnet50_224", "tf32", 1, 1, a=2))
    other = report(point("resnet50_224", "fp32", 1, 1, a=2), command="bench/peers --points fp32:1")
    text = speed_tables(merged([one, other]))
    order = [text.index(part) for part in ("fp16, batch 1:", "tf32, batch 1:", "`bench/peers --points fp16:1`", "fp32, batch 1:", "`bench/peers --points fp32:1`")]
    assert order == sorted(order) and text.count("--points fp16:1") == 1


def test_what_is_missing_is_said_once():
    late, later, whole = (point(name, "fp16", 1, 0.2, **{"torch-graph": 0.8}) for name in ("resnet50_224", "depth_r18_256x512", "ssd300_r50"))
    late["notes"] = {"torch-compile": "late", "onnxruntime": "absent"}
    later["notes"] = {"torch-compile": "late"}
    text = tables(late, later, whole)
    assert "compiled, late: resnet50_224 fp16 batch 1, depth_r18_256x512 fp16 batch 1." in text and "absent" not in text


def test_a_later_report_replaces_points_and_keeps_the_order():
    old = report(point("depth_r18_256x512", "fp16", 1, 1, a=2), point("resnet50_224", "tf32", 1, 1, a=2))
    new = report(point("resnet50_224", "fp16", 1, 1, a=2), point("depth_r18_256x512", "fp16", 1, 9, a=2))
    assert [(p["name"], p["precision"], p["median_ms"]["fovea"]) for p in merged([old, new])] == [
        ("resnet50_224", "fp16", 1), ("depth_r18_256x512", "fp16", 9), ("resnet50_224", "tf32", 1)]


def test_far_kernels_by_column(tmp_path):
    def kernel(us, gap):
        return {"kernel": f"k{us}", "nodes": ["n"], "type": "f16", "us": us, "gap": gap, "limit_us": us / gap, "bound": "memory"}

    for name, batch in (("resnet50_224", 1), ("resnet50_224", 16)):
        profile = {"facts": {"target": "cuda sm_90a NVIDIA H200, 16 threads"}, "kernels": [kernel(60, 3), kernel(40, 5 if batch == 1 else 2)]}
        (tmp_path / f"{name}.fp16.{batch}.profile.json").write_text(json.dumps(profile))
    text = kernel_tables(tmp_path)
    assert text.count("### fp16, batch") == 2 and "H200" in text and text.count("No kernel is.") == 1
    sums, far, loses_most, *_ = rows_of(text, "resnet50_224")
    assert sums == ["resnet50_224", "2", "40.0", "0.100", "0.028", "3.6"]
    assert far == ["resnet50_224", "k40", "n", "f16", "40.0", "40 %", "8.00", "memory", "5.0"]
    assert loses_most == ["resnet50_224", "k60", "n", "60.0", "20.0", "40 %"]


def test_first_use_and_blocks():
    figures = {"cold_s": 20, "cold_gate_s": 2, "cached_s": 3, "cached_gate_s": 2, "load_ms": 10, "first_ms": 100, "new_shape_ms": 200}
    text = first_use_tables([{"precision": "fp16", "batch": 1, "machine": "a GPU", "networks": {name: figures}}
                             for name in ("ssd300_r50", "resnet50_224")])
    assert text.count("fp16, batch 1") == 1 and text.index("resnet50_224") < text.index("ssd300_r50")
    assert rows_of(text, "resnet50")[0] == ["resnet50_224", "20.0", "2.0", "3.0", "2.0", "10", "100", "200"]
    two = first_use_tables([{"precision": "fp16", "batch": 1, "machine": f"{card}; a host", "networks": {"ssd300_r50": figures}}
                            for card in ("a GPU", "another")])
    assert two.count("fp16, batch 1, a") == 2
    page = "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n<!-- generated: y -->\nkept\n<!-- end -->\n"
    assert replaced(page, {"x": "new"}) == page.replace("old", "new")


def test_the_card_must_be_known():
    assert gpu_of("4 times NVIDIA H100 80GB HBM3")[0] == "H100"
    with pytest.raises(ValueError, match="no data sheet"):
        gpu_of("NVIDIA A100")
