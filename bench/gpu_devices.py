"""The GPUs of one host that `bench/peers --device` spreads its points over, and the locks under which each is had alone."""

import contextlib
import ctypes
import fcntl
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Gpu:
    """What the processes of one GPU see of the host: this GPU alone, as cuda:0, and its share of the cores."""

    name: str
    number: str  # in CUDA_VISIBLE_DEVICES
    cores: frozenset[int]
    lock: Path  # what must have the GPU alone takes turns under this name

    def environment(self) -> dict[str, str]:
        return {**os.environ, "CUDA_VISIBLE_DEVICES": self.number}


@contextlib.contextmanager
def held(file: Path) -> Iterator[None]:
    """Holds a file's lock."""
    with open(file, "a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


class Alone:
    """A context that has a GPU alone among all that take turns under a name: the locks of `fovea build --timing-lock`.

    Who is next holds the gate, so that one who comes back at once does not overtake it. A thread may enter it again.
    """

    def __init__(self, lock: Path):
        self.lock, self.mine, self.depth, self.handle = lock, threading.RLock(), 0, None

    def __enter__(self) -> None:
        self.mine.acquire()
        self.depth += 1
        if self.depth == 1:
            self.handle = open(f"{self.lock}.lock", "a")
            with held(f"{self.lock}.gate.lock"):
                fcntl.flock(self.handle, fcntl.LOCK_EX)

    def __exit__(self, *exception) -> None:
        self.depth -= 1
        if self.depth == 0:
            self.handle.close()
        self.mine.release()


def gpu_names() -> list[str]:
    """Of the GPUs that CUDA shows to this process; raises OSError where there are none."""
    driver = ctypes.CDLL("libcuda.so.1")
    count, text, names = ctypes.c_int(), ctypes.create_string_buffer(256), []
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        raise OSError("the CUDA driver finds no GPU")
    for number in range(count.value):
        driver.cuDeviceGetName(text, len(text), number)
        names.append(text.value.decode())
    return names


def choose_gpus(devices: list[str], names: list[str], folder: Path) -> list[Gpu]:
    """The devices cuda:N, each with an equal share of this process's cores; locks lie in `folder`.

    Raises ValueError for one that does not exist or is named twice, and where they are not all of one kind.
    """
    known = {f"cuda:{number}": number for number in range(len(names))}
    for device in devices:
        if device not in known:
            raise ValueError(f"there is no GPU '{device}'; there are: {', '.join(known) or 'none'}")
    if len(set(devices)) < len(devices):
        raise ValueError("a GPU is named twice")
    chosen = [known[device] for device in devices]
    if len({names[number] for number in chosen}) > 1:
        kinds = ", ".join(f"{device} is {names[known[device]]}" for device in devices)
        raise ValueError(f"figures of unlike GPUs cannot stand in one table: {kinds}")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(len(names))))).split(",")
    cores = sorted(os.sched_getaffinity(0))
    share = max(len(cores) // len(chosen), 1)
    parts = [frozenset(cores[i * share % len(cores) :][:share]) for i in range(len(chosen))]
    return [Gpu(names[number], visible[number], part, folder / f"gpu{number}") for number, part in zip(chosen, parts)]
