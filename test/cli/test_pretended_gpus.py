"""The command line with the driver of test/cuda/driver: two unlike GPUs whose kernels do nothing, held down by their power cap."""

import os
import pathlib
import re

import onnx
import pytest
from conftest import BINARY
from onnx import TensorProto, helper

DRIVER = BINARY.parents[1] / "test/cuda/driver"
UNPROVEN = ("--gate", "off", "--quiet")  # what the kernels leave is no result

pytestmark = pytest.mark.skipif(not DRIVER.is_dir(), reason="built without the CUDA backend")


@pytest.fixture(autouse=True)
def driver(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("LD_LIBRARY_PATH", os.pathsep.join(filter(None, [str(DRIVER), os.environ.get("LD_LIBRARY_PATH")])))
    monkeypatch.setenv("FOVEA_CUDA_CACHE", str(tmp_path_factory.mktemp("kernels")))


def no_driver(fovea):
    """A folder whose driver cannot be opened."""
    (fovea.folder / "libcuda.so.1").write_text("no library")
    return str(fovea.folder)


def sections(fovea, plan):
    return [(target["backend"], target["target"]) for target in fovea.json("inspect", plan)["targets"]]


@pytest.mark.parametrize("precision, suffix", [("fp32", ""), ("tf32", " tf32")])
def test_the_command_for_another_gpu_adds_its_section(fovea, files, precision, suffix):
    fovea("build", files / "model.onnx", "-o", "gpu.plan", "--target", "cuda:0", "--precision", precision, *UNPROVEN)
    message = fovea("bench", "gpu.plan", "--device", "cuda:1", code=4)
    assert "`fovea build PLAN --target cuda:1`" in message
    fovea("build", "gpu.plan", "--target", "cuda:1", *UNPROVEN)
    fovea("bench", "gpu.plan", "--device", "cuda:1", "--runs", "3", "--warm-up", "0")
    assert sections(fovea, "gpu.plan") == [("cuda", "sm_90a Pretended GPU" + suffix), ("cuda", "sm_90a Other pretended GPU" + suffix)]
    fovea("build", "gpu.plan", "--target", "cpu", "--no-tune", "--quiet")
    assert [backend for backend, _ in sections(fovea, "gpu.plan")] == ["cuda", "cuda", "cpu"]


def test_a_plan_without_a_section_for_the_gpu_is_refused_not_run_elsewhere(fovea, files):
    message = fovea("bench", files / "model.plan", "--device", "cuda:0", code=4)
    assert "cuda:0 is cuda (sm_90a Pretended GPU) › add a section for it with `fovea build PLAN --target cuda:0`" in message
    fovea("build", files / "model.plan", "-o", "other.plan", "--target", "cuda:1", *UNPROVEN)
    assert "`fovea build PLAN --target cuda:0`" in fovea("bench", "other.plan", code=4)
    for device, backend in (("cuda:1", "cuda"), ("cpu", "cpu")):
        assert fovea.json("bench", "other.plan", "--device", device, "--runs", "3", "--warm-up", "0")["backend"] == backend


def test_a_plan_for_both_runs_on_the_processor_where_there_is_no_gpu(fovea, files, monkeypatch):
    fovea("build", files / "model.plan", "-o", "both.plan", "--target", "cuda:0", *UNPROVEN)
    monkeypatch.setenv("LD_LIBRARY_PATH", no_driver(fovea))
    assert fovea.json("bench", "both.plan", "--runs", "3", "--warm-up", "0")["backend"] == "cpu"


def test_without_a_driver_a_plan_for_gpus_alone_says_why(fovea, files, monkeypatch):
    fovea("build", files / "model.onnx", "-o", "gpu.plan", "--target", "cuda:0", *UNPROVEN)
    fovea("build", "gpu.plan", "--target", "cuda:1", *UNPROVEN)
    monkeypatch.setenv("LD_LIBRARY_PATH", no_driver(fovea))
    assert "install NVIDIA's driver" in fovea("bench", "gpu.plan", code=2)


def test_damaged_kernels_are_compiled_anew(fovea, files):
    fovea("build", files / "model.onnx", "-o", "gpu.plan", "--target", "cuda:0", *UNPROVEN)
    kept = {file: file.read_bytes() for file in pathlib.Path(os.environ["FOVEA_CUDA_CACHE"]).glob("*.cubin")}
    assert kept
    for file, content in kept.items():
        file.write_bytes(content[:-1])
    fovea("build", files / "model.onnx", "-o", "gpu.plan", "--target", "cuda:0", *UNPROVEN)
    assert {file: file.read_bytes() for file in kept} == kept


def test_times_of_a_gpu_hold_for_any_number_of_threads(fovea, files):
    def times(target, threads):
        fovea("build", files / "model.onnx", "-o", "timed.plan", "--target", target, "--threads", threads, "--timing-cache", f"{target}.json", *UNPROVEN)
        return (fovea.folder / f"{target}.json").read_text()

    assert times("cuda:0", 1) == times("cuda:0", 2)
    assert times("cpu", 1) != times("cpu", 2)


@pytest.mark.parametrize("device", ["cuda:7", "cuda:-1", "cuda:x", "gpu"])
def test_unknown_devices_are_answered_with_the_known_ones(fovea, files, device):
    message = fovea("build", files / "model.onnx", "-o", "gpu.plan", "--target", device, code=2)
    assert f'no device "{device}"; it has cpu, reference, cuda:0, cuda:1' in message


def test_tf32_is_refused_where_nothing_rounds(fovea, files):
    message = fovea("build", files / "model.onnx", "-o", "cpu.plan", "--precision", "tf32", code=4)
    assert "use fp32, or --target cuda:0" in message


def test_bench_reports_every_part(fovea, files):
    fovea("build", files / "model.onnx", "-o", "gpu.plan", "--target", "cuda:0", *UNPROVEN)
    text = fovea("bench", "gpu.plan", "--seconds", "0.2", "--warm-up", "0")
    for part in ("kernels", "graph launch", "host to device", "device to host", "page-locked"):
        assert re.search(rf"^  {part} +median .* ms, p90 .*, p99 .*, spread .* %", text, re.MULTILINE), part
    assert "SM clock 1500 to 1500 MHz, memory 2600 MHz, throttled by power cap, 300 W, at most 50 °C" in text
    assert "  NOT STEADY: clocks were held down: power cap" in text
    contexts = [line.split()[0] for line in text.splitlines()[-3:]]
    assert contexts == ["1", "2", "4"] and "images/s, resident" in text


def test_bench_json_has_every_part(fovea, files):
    fovea("build", files / "model.onnx", "-o", "gpu.plan", "--target", "cuda:0", *UNPROVEN)
    (row,) = fovea.json("bench", "gpu.plan", "--seconds", "0.2", "--warm-up", "0")["rows"]
    device = row["device"]
    for times in (device["kernels"], device["launch"], device["upload"], device["download"], row["with_copies"], row["page_locked"]):
        assert {"median_us", "p90_us", "p99_us", "spread"} <= times.keys()
    assert (device["upload"]["bytes"], device["download"]["bytes"]) == (4 * 3 * 32 * 32, 4 * 10)
    sensors = device["sensors"]
    assert sensors["throttled"] == ["power cap"] and sensors["watts"] == 300
    runs = row["without_copies"]["runs"]
    assert sensors["joules_per_run"] == pytest.approx(300 * sensors["seconds"] / runs, rel=0.1)
    assert [streams["contexts"] for streams in row["streams"]] == [1, 2, 4]


@pytest.mark.parametrize("op, image, weights", [("Conv", [1, 32, 16, 16], [32, 32, 1, 1]), ("MatMul", [1, 256, 32], [32, 32])])
@pytest.mark.parametrize("kind, name", [(TensorProto.INT8, "i8"), (TensorProto.FLOAT8E4M3FN, "f8e4m3fn")])
def test_profile_holds_8_bit_products_against_the_peak_of_8_bits(fovea, tmp_path, kind, name, op, image, weights):
    tensors = {"s": (TensorProto.FLOAT, [], [0.5]), "z": (kind, [], [0]), "w": (kind, weights, [1] * 1024)}
    nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], name="quantise"),
             helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], name="dequantise"),
             helper.make_node("DequantizeLinear", ["w", "s", "z"], ["v"], name="weights"),
             helper.make_node(op, ["d", "v"], ["y"], name="product")]
    graph = helper.make_graph(nodes, "quantised", [helper.make_tensor_value_info("x", TensorProto.FLOAT, image)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, image)],
                              [helper.make_tensor(key, *tensor) for key, tensor in tensors.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9), tmp_path / "quantised.onnx")
    report = fovea.json("build", "quantised.onnx", "-o", "gpu.plan", "--target", "cuda:0", *UNPROVEN)
    assert {kernel["device"] for kernel in report["plan"]["targets"][0]["kernels"]} == {"cuda:0"}
    result = fovea.json("profile", "gpu.plan", "--runs", "3")
    (kernel,) = [kernel for kernel in result["kernels"] if "product" in kernel["nodes"]]
    peak = result["peak_flops_per_second"][name]
    assert peak == 2 * result["peak_flops_per_second"]["f16"]
    assert (kernel["type"], kernel["bound"]) == (name, "compute") and kernel["limit_us"] == pytest.approx(1e6 * kernel["flops"] / peak)


@pytest.mark.parametrize("precision, product", [("tf32", "tf32"), ("fp32", "f32"), ("fp16", "f16")])
def test_profile_names_the_type_of_the_tensor_cores(fovea, tmp_path, precision, product):
    """tf32 where products are rounded: not of a pooling, of a convolution channel by channel, of a product of one row."""
    tensors = {"w": (TensorProto.FLOAT, [64, 32, 3, 3], [0.01] * 18432), "v": (TensorProto.FLOAT, [64, 1, 3, 3], [0.1] * 576),
               "m": (TensorProto.FLOAT, [64, 128], [0.01] * 8192)}
    nodes = [helper.make_node("Conv", ["x", "w"], ["a"], name="wide"), helper.make_node("Conv", ["a", "v"], ["b"], name="each", group=64),
             helper.make_node("GlobalAveragePool", ["b"], ["p"], name="pool"), helper.make_node("Flatten", ["p"], ["f"]),
             helper.make_node("MatMul", ["f", "m"], ["y"], name="row")]
    graph = helper.make_graph(nodes, "types", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 32, 64, 64])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
                              [helper.make_tensor(key, *tensor) for key, tensor in tensors.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "types.onnx")
    fovea("build", "types.onnx", "-o", "gpu.plan", "--target", "cuda:0", "--precision", precision, *UNPROVEN)
    types = {kernel["nodes"][0]: kernel["type"] for kernel in fovea.json("profile", "gpu.plan", "--runs", "1")["kernels"] if kernel["nodes"]}
    other = "f16" if product == "f16" else "f32"
    assert (types["wide"], types["each"], types["pool"], types["row"]) == (product, other, other, other)


def test_profile_says_what_was_not_chosen_and_why(fovea, files):
    fovea("build", files / "model.onnx", "-o", "gpu.plan", "--target", "cuda:0", *UNPROVEN)
    expected = []
    for kernel in fovea.json("profile", "gpu.plan", "--runs", "1")["kernels"]:
        expected += [other["why"] for other in kernel["others"][:3]]
        if len(kernel["others"]) > 3:
            expected.append(f"and {len(kernel['others']) - 3} more in --json")
    text = fovea("profile", "gpu.plan", "--runs", "1", "--all").split("when the plan was built:\n")[1]
    table = text.split("\n\n")[0].splitlines()[1:]
    assert any("more in" in row for row in expected)
    assert len(table) == len(expected) and all(line.rstrip().endswith(row) for line, row in zip(table, expected))


def test_bench_says_which_point_of_a_sweep_it_speaks_of(fovea, files):
    fovea("build", files / "dynamic.onnx", "-o", "gpu.plan", "--target", "cuda:0", "--profile", "image=1x3x8x8:1x3x16x16:4x3x32x32", *UNPROVEN)
    text = fovea("bench", "gpu.plan", "--resident", "--sweep", "batch=1,2,size=8x16", "--runs", "10", "--warm-up", "0")
    assert [line[: line.index(" ms")].rsplit(": ")[0] for line in text.splitlines() if "on the device alone" in line] == [
        f"batch {batch}, size 8x16, on the device alone" for batch in (1, 2)]


def test_what_the_gpu_cannot_do_is_said_to_run_on_the_host(fovea, tmp_path):
    nodes = [helper.make_node("Relu", ["x"], ["a"], name="relu"), helper.make_node("Det", ["a"], ["y"], name="det"),
             helper.make_node("Unique", ["a"], ["u"], name="unique")]
    graph = helper.make_graph(nodes, "det", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [8, 16, 16])],
                              [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "u")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "det.onnx")
    report = fovea.json("build", "det.onnx", "-o", "gpu.plan", "--target", "cuda:0", "--gate", "off")
    devices = {tuple(kernel["nodes"]): (kernel["device"], kernel["note"]) for kernel in report["plan"]["targets"][0]["kernels"]}
    assert devices[("relu",)] == ("cuda:0", "")
    assert devices[("det",)] == ("cpu:0", "reference kernel: unsupported operator; copies up to 8.2 kB a run between the device and the host")
    assert "reference on cpu:0" in fovea("inspect", "gpu.plan", "--why", "det")
    assert ("how large the result of Unique is, the host knows only when it has run; copies up to 8.2 kB a run between the device and the host\n"
            in fovea("inspect", "gpu.plan"))
