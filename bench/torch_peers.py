"""PyTorch and ONNX Runtime on a GPU, in a process of their own that answers requests (`Worker` is the asking side)."""

import contextlib
import multiprocessing
import os
import signal
import sys
import time
import traceback
from pathlib import Path

import numpy as np

from gpu_devices import Alone, Gpu
from gpu_point import Point
from ort_peer import Setting, open_session

ROOT = Path(__file__).resolve().parent.parent
COMPILE_MODES = {"torch-compile": "reduce-overhead", "torch-max-autotune": "max-autotune"}
# Contestants that share a process: one that is not ready in time is ended without the others.
PROCESSES = (("torch-eager", "torch-graph"), ("torch-compile",), ("onnxruntime",), ("torch-max-autotune",))
PEERS = tuple(name for names in PROCESSES for name in names)
LEAST_RUNS = 10


def is_compiled(names: tuple[str, ...]) -> bool:
    """Whether these contestants of one process load the cores while they are prepared."""
    return any(name in COMPILE_MODES for name in names)


def absent_peers() -> dict[str, str]:
    """Those that cannot take part on this machine, and why."""
    try:
        import onnxruntime
    except ImportError as error:
        return {"onnxruntime": f"absent: {error}"}
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return {"onnxruntime": "absent: this onnxruntime package has no CUDAExecutionProvider"}
    return {}


class Peers:
    """The peers of one point. All of them read the same image, which lies on the device."""

    def __init__(self, point: Point, lock: Path, threads: int):
        os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", str(threads))
        import torch

        sys.path.insert(0, str(ROOT / "zoo"))
        from fovea_zoo.graphs import EXPORTS, speed_network

        self.torch, self.point, self.alone = torch, point, Alone(lock)
        self.names = EXPORTS[point.network.graph].outputs
        torch.set_grad_enabled(False)
        torch.set_num_threads(threads)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = point.precision == "tf32"
        torch.backends.cudnn.benchmark = True
        self.type = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(point.precision, torch.float32)
        self.make_network = lambda: speed_network(point.network.graph).cuda()
        self.image = self.place(torch.from_numpy(point.image()), self.type)
        self.threads = threads
        self.calls = {}

    def place(self, tensor, dtype):
        return tensor.to("cuda", dtype, memory_format=self.torch.channels_last)

    def prepare(self, name: str, setting: Setting | None = None) -> float:
        """Seconds until the first result; ONNX Runtime has a setting."""
        start = time.perf_counter()
        if name == "onnxruntime":
            self.calls[name] = self.onnxruntime(setting)
        else:
            network = self.make_network().to(dtype=self.type, memory_format=self.torch.channels_last)
            if name == "torch-graph":
                self.calls[name] = self.captured(network)
            elif name in COMPILE_MODES:
                self.calls[name] = self.compiled(network, COMPILE_MODES[name])
            else:
                self.calls[name] = lambda: network(self.image)
        with self.alone:
            for _ in range(3):
                self.calls[name]()
            self.torch.cuda.synchronize()
        self.torch.cuda.empty_cache()  # other points need the memory, too
        return time.perf_counter() - start

    def captured(self, network):
        torch = self.torch
        with self.alone:
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(3):
                    network(self.image)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                result = network(self.image)

        def call(network=network):  # whose weights the graph reads
            graph.replay()
            return result

        return call

    def compiled(self, network, mode: str):
        """What the compiler and cuDNN time, they time with nothing else on the GPU."""
        from torch._inductor.runtime.benchmarking import benchmarker

        with self.alone:
            network(self.image)  # cuDNN keeps its choice of algorithms
            self.torch.cuda.synchronize()
        benchmark = benchmarker.benchmark_gpu

        def benchmark_alone(run, *arguments, **options):  # also called by itself
            run()  # a kernel's first call compiles it, which nobody should wait for
            with self.alone:
                return benchmark(run, *arguments, **options)

        benchmarker.benchmark_gpu = benchmark_alone
        function = self.torch.compile(network, mode=mode, dynamic=False, fullgraph=True)
        function(self.image)
        benchmarker.benchmark_gpu = benchmark
        return lambda: function(self.image)

    def onnxruntime(self, setting: Setting):
        from fill import fill

        model = fill(self.point.network, "full", batch=self.point.shape[0])
        return open_session(model, self.point.precision, setting, self.threads, self.image.contiguous())

    def describe(self) -> str:
        torch = self.torch
        return f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}"

    def turn(self, name: str, seconds: float) -> float:
        """Median seconds of a call with the wait for it."""
        call, synchronize = self.calls[name], self.torch.cuda.synchronize
        start = time.perf_counter()
        while time.perf_counter() - start < seconds:
            call()
            synchronize()
        times: list[float] = []
        start = time.perf_counter()
        while len(times) < LEAST_RUNS or time.perf_counter() - start < seconds:
            before = time.perf_counter()
            call()
            synchronize()
            times.append(time.perf_counter() - before)
        self.torch.cuda.empty_cache()
        return float(np.median(times))

    def kernels(self, name: str) -> int:
        """Kernels and copies of one call."""
        profiler = self.torch.profiler
        with profiler.profile(activities=[profiler.ProfilerActivity.CUDA]) as profile:
            self.calls[name]()
            self.torch.cuda.synchronize()
        return sum(event.device_type == self.torch.autograd.DeviceType.CUDA for event in profile.events())

    def arrays(self, results, images: list[int]) -> dict[str, np.ndarray]:
        """Outputs by name, of these images; bf16 as f32."""
        results = results if isinstance(results, (tuple, list)) else (results,)
        chosen = [result[images].cpu() for result in results]
        return {name: (x.float() if x.dtype == self.torch.bfloat16 else x).numpy() for name, x in zip(self.names, chosen)}

    def outputs(self, name: str) -> dict[str, np.ndarray]:
        """Of the checked images."""
        if name == "onnxruntime":
            return {key: value.numpy()[self.point.checked_images] for key, value in self.calls[name]().items()}
        return self.arrays(self.calls[name](), self.point.checked_images)

    def reference(self) -> dict[str, np.ndarray]:
        """The same, computed in f64, image by image."""
        network = self.make_network().double()
        images = self.torch.from_numpy(self.point.image()[self.point.checked_images]).double().cuda()
        results = [self.arrays(network(image[None]), [0]) for image in images]
        return {name: np.concatenate([result[name] for result in results]) for name in self.names}


def serve(connection, make_peers, point: Point, gpu: Gpu, threads: int) -> None:
    """Answers (method, arguments) with (True, result) or (False, what went wrong) until the other side is gone.

    What the libraries print goes to a file beside the lock.
    """
    os.setsid()
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu.number
    os.dup2(os.open(gpu.lock.with_name("log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    peers = None
    with contextlib.suppress(EOFError):
        while True:
            method, arguments = connection.recv()
            try:
                peers = peers or make_peers(point, gpu.lock, threads)
                connection.send((True, getattr(peers, method)(*arguments)))
            except Exception as error:
                traceback.print_exc()
                connection.send((False, f"{type(error).__name__}: {error}".splitlines()[0][:200]))


class Worker:
    """A process with some of a point's peers, made by `make_peers(point, lock, threads)`. Requests are answered in order."""

    def __init__(self, make_peers, point: Point, gpu: Gpu, threads: int):
        context = multiprocessing.get_context("spawn")
        self.connection, far = context.Pipe()
        self.process = context.Process(target=serve, args=(far, make_peers, point, gpu, threads), daemon=False)
        self.process.start()
        far.close()

    def ask(self, method: str, *arguments) -> None:
        self.connection.send((method, arguments))

    def answer(self, timeout: float):
        """Raises TimeoutError after `timeout` seconds, RuntimeError with the other side's message when it failed."""
        if not self.connection.poll(timeout):
            raise TimeoutError
        good, result = self.connection.recv()
        if not good:
            raise RuntimeError(result)
        return result

    def request(self, method: str, *arguments, timeout: float):
        self.ask(method, *arguments)
        return self.answer(timeout)

    def end(self) -> None:
        """Kills it with the processes that it compiles in; who waits for an answer gets EOFError."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()
