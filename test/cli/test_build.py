"""fovea build: options, table, report, refusals."""

import fcntl
import json
import subprocess

import pytest
from conftest import BINARY


def kernels(report):
    return [kernel for target in report["plan"]["targets"] for kernel in target["kernels"]]


def test_prints_contract_and_certificate(fovea, files):
    text = fovea("build", files / "model.onnx", "-o", "model.plan")
    assert (fovea.folder / "model.plan").stat().st_size > 0
    for part in ("inputs    image f32[1, 3, 32, 32]", "outputs   scores f32[1, 10]", "conv, relu", "certificate  gate boxes", "output scores: error"):
        assert part in text


def test_quiet(fovea, files):
    assert fovea("build", files / "model.onnx", "-o", "model.plan", "--quiet") == ""


def test_json_and_report_agree(fovea, files):
    report = fovea.json("build", files / "model.onnx", "-o", "model.plan", "--report", "report.json")
    assert report == json.loads((fovea.folder / "report.json").read_text())
    target = report["plan"]["targets"][0]
    assert target["certificate"]["mode"] == "boxes"
    assert all(row["max_error"] <= row["tolerance"] for row in target["certificate"]["kernels"])
    assert {"conv", "classifier"} <= {node for kernel in kernels(report) for node in kernel["nodes"]}
    assert {kernel["type"] for kernel in kernels(report)} == {"f32"}
    assert any(kernel["measured_us"] > 0 for kernel in kernels(report))
    assert sum(kernel["flops"] for kernel in kernels(report)) > 800_000


def test_gate_off_and_no_tune_are_recorded(fovea, files):
    report = fovea.json("build", files / "model.onnx", "-o", "model.plan", "--gate", "off", "--no-tune")
    assert report["plan"]["targets"][0]["certificate"] == {"mode": "off", "kernels": [], "outputs": []}
    assert all(kernel["measured_us"] == 0 for kernel in kernels(report))
    assert "certificate  none" in fovea("inspect", "model.plan")


def test_full_gate_checks_every_element(fovea, files):
    report = fovea.json("build", files / "model.onnx", "-o", "model.plan", "--gate", "full", "--no-tune")
    rows = report["plan"]["targets"][0]["certificate"]["kernels"]
    assert rows and {row["checked"] for row in rows} == {"all elements"}


def test_no_fuse_gives_a_kernel_per_operator(fovea, files):
    report = fovea.json("build", files / "model.onnx", "-o", "model.plan", "--no-fuse", "--no-tune")
    assert max(len(kernel["operators"]) for kernel in kernels(report)) == 1


def test_shape_overrides_the_declared_one(fovea, files):
    report = fovea.json("build", files / "model.onnx", "-o", "model.plan", "--shape", "image=2x3x16x24", "--no-tune")
    assert report["plan"]["inputs"][0]["shape"] == "[2, 3, 16, 24]"
    assert report["plan"]["outputs"][0]["shape"] == "[2, 10]"


def test_profile(fovea, files):
    text = fovea("inspect", files / "dynamic.plan")
    assert "profile   image 1x3x8x8 to 4x3x32x32, best at 1x3x16x16" in text


def test_equal_times_give_equal_plans(fovea, files):
    def build():
        report = fovea.json("build", files / "model.onnx", "-o", "model.plan", "--timing-cache", "times")
        return [kernel["measured_us"] for kernel in kernels(report)], (fovea.folder / "model.plan").read_bytes()

    first, second = build(), build()
    assert any(first[0]) and (fovea.folder / "times").stat().st_size > 0
    assert first == second


def test_timing_caches_are_merged_into_the_first(fovea, files):
    def times(name):
        return json.loads((fovea.folder / name).read_text())

    fovea("build", files / "model.onnx", "-o", "a.plan", "--timing-cache", "first", "--quiet")
    fovea("build", files / "dynamic.onnx", "-o", "b.plan", "--timing-cache", "second", "--quiet")
    (fovea.folder / "third").write_text(json.dumps({key: 0.0 for key in times("first")}))
    first, second = times("first"), times("second")
    assert second.keys() - first.keys()
    fovea("build", files / "model.onnx", "-o", "c.plan", "--timing-cache", "first", "--timing-cache", "second", "--timing-cache", "third", "--quiet")
    assert times("first") == {**second, **first} and times("second") == second
    assert (fovea.folder / "c.plan").read_bytes() == (fovea.folder / "a.plan").read_bytes()


def test_the_fastest_losers_are_kept(fovea, files):
    report = fovea.json("build", files / "model.onnx", "-o", "model.plan")
    lists = [(kernel["tactic"], kernel["others"]) for kernel in kernels(report)]
    assert any(others for _, others in lists)
    for tactic, others in lists:
        assert len(others) <= 8 and tactic not in [name for name, _ in others]
        times = [time for _, time in others]
        assert times == sorted(times) and all(time > 0 for time in times)


def test_threads_are_recorded(fovea, files):
    assert fovea.json("build", files / "model.onnx", "-o", "model.plan", "--threads", "1", "--no-tune")["plan"]["targets"][0]["threads"] == 1


@pytest.mark.parametrize("arguments, code, parts", [
    (["missing.onnx", "-o", "x.plan"], 5, ["missing.onnx › cannot open"]),
    (["{files}/photo.png", "-o", "x.plan"], 3, ["photo.png › "]),
    (["{files}/model.onnx"], 2, ["--output is required"]),
    (["{files}/model.onnx", "-o", "x.plan", "--shape", "image=1x3"], 3, ["node"]),
    (["{files}/model.onnx", "-o", "x.plan", "--shape", "pixels=1x3x32x32"], 2, ["pixels"]),
    (["{files}/model.onnx", "-o", "x.plan", "--shape", "image=1xax3"], 2, ['"a"', "1x3x480x640"]),
    (["{files}/model.onnx", "-o", "x.plan", "--profile", "image=1x3x32x32:1x3x8x8:1x3x32x32"], 2, ["min ≤ opt ≤ max"]),
    (["{files}/model.onnx", "-o", "x.plan", "--profile", "image=1x3x32x32"], 2, ["min:opt:max"]),
    (["{files}/model.onnx", "-o", "x.plan", "--precision", "fp7"], 2, ["fp7"]),
    (["{files}/model.onnx", "-o", "x.plan", "--disable", "magic"], 2, ["magic"]),
    (["{files}/model.onnx", "-o", "x.plan", "--gate", "ajar"], 2, ["--gate"]),
    (["{files}/model.onnx", "-o", "x.plan", "--contract", "{files}/in.npz"], 2, ["contract"]),
    (["{files}/model.onnx", "-o", "missing/x.plan"], 5, ["missing/x.plan"]),
])
def test_refusals(fovea, files, arguments, code, parts):
    message = fovea("build", *[a.format(files=files) for a in arguments], code=code)
    for part in parts:
        assert part in message
    assert list(fovea.folder.iterdir()) == []


def test_contract_must_name_an_input(fovea, files):
    (fovea.folder / "contract.json").write_text('{"input": {"tensor": "pixels"}}')
    message = fovea("build", files / "model.onnx", "-o", "x.plan", "--contract", "contract.json", code=2)
    assert message.startswith('fovea: contract › input › tensor › the model has no input "pixels"')
    assert not (fovea.folder / "x.plan").exists()


def test_plan_for_another_machine_is_refused_and_gets_a_section(fovea, files, monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    fovea("build", files / "model.onnx", "-o", "old.plan", "--no-tune")
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    message = fovea("bench", "old.plan", code=4)
    assert "x86-64 sse41" in message and "fovea build PLAN --target cpu" in message
    text = fovea("build", "old.plan", "--target", "cpu", "--no-tune")
    assert "x86-64 sse41" in text and text.count("certificate  gate boxes") == 2
    assert fovea.json("bench", "old.plan", "--seconds", "0.1")
    fovea("build", "old.plan", "--target", "reference", "--no-tune", "-o", "new.plan")
    assert [target["backend"] for target in fovea.json("inspect", "new.plan")["targets"]] == ["cpu", "cpu", "reference"]


def test_plan_keeps_its_types_and_shapes(fovea, files):
    for option in (("--precision", "bf16"), ("--shape", "image=1x3x32x32"), ("--pin", "conv=f32"), ("--disable", "dead-code")):
        assert "build it from the model again" in fovea("build", files / "model.plan", "-o", "new.plan", *option, code=2)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_pins_must_name_a_node(fovea, files, precision):
    message = fovea("build", files / "model.onnx", "-o", "x.plan", "--precision", precision, "--pin", "convolution=fp32", code=2)
    assert message.startswith("fovea: pin of node convolution › the network has no node of this name")


@pytest.mark.parametrize("pins, types", [(("conv",), ["f32", "bf16"]), (("conv", "relu"), ["f32", "bf16"]), (("relu",), ["bf16", "bf16"]),
                                         (("classifier",), ["bf16", "f32"])])
def test_pinned_nodes_keep_their_type(fovea, files, pins, types):
    fovea("build", files / "model.onnx", "-o", "pinned.plan", "--precision", "bf16", *(f"--pin={name}=fp32" for name in pins))
    kernels = fovea.json("inspect", "pinned.plan")["targets"][0]["kernels"]
    found = {operator: kernel["type"] for kernel in kernels for operator in kernel["operators"]}
    assert [found["Conv"], found["Gemm"]] == types


def test_device_that_is_not_there(fovea, files):
    assert "it has cpu, reference" in fovea("build", files / "model.onnx", "-o", "new.plan", "--target", "cuda", code=2)


def test_model_needs_an_output(fovea, files):
    assert "--output is required" in fovea("build", files / "model.onnx", code=2)


def test_plan_runs_on_the_named_device(fovea, files):
    fovea("build", files / "model.onnx", "-o", "both.plan", "--no-tune")
    fovea("build", "both.plan", "--target", "reference", "--no-tune")
    for device in ("cpu", "reference"):
        assert fovea.json("profile", "both.plan", "--device", device)
        assert fovea.json("bench", "both.plan", "--seconds", "0.05", "--device", device)["backend"] == device
    for device in ("cuda:31", "cuda:first", "tpu"):
        message = fovea("bench", "both.plan", "--device", device, code=2)
        assert f'no device "{device}"' in message and "cpu, reference" in message


def test_builds_take_turns_at_timing(fovea, files):
    def locked():
        file = open(fovea.folder / "turn.lock", "a")
        fcntl.flock(file, fcntl.LOCK_EX)
        return file

    arguments = [BINARY, "build", files / "model.onnx", "-o", fovea.folder / "turn.plan", "--quiet", "--timing-lock", fovea.folder / "turn"]
    with locked():
        build = subprocess.Popen(arguments)
        with pytest.raises(subprocess.TimeoutExpired):
            build.wait(3)
    assert build.wait(60) == 0
    locked().close()
