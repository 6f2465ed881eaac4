"""The machine that figures were measured on."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

MATTERING_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8")
BUSY_LOAD = 0.5


@dataclass(frozen=True)
class Machine:
    processor: str
    features: tuple[str, ...]
    cores: int
    threads: int
    load: float
    system: str

    def __str__(self) -> str:
        text = f"{self.processor} ({', '.join(self.features)}), {self.cores} cores available, {self.threads} threads used"
        text += f", {self.system}"
        if self.load > BUSY_LOAD:
            text += f"; the machine was not quiet (load {self.load:.1f} at the start)"
        return text


def cpu_information(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.split("\t")[0].strip() == key), "")


def describe_machine(threads: int) -> Machine:
    flags = set(cpu_information("flags").split())
    family, model = cpu_information("cpu family"), cpu_information("model")
    return Machine(
        processor=f"{cpu_information('model name') or platform.processor()} (family {family}, model {model})",
        features=tuple(feature for feature in MATTERING_FEATURES if feature in flags),
        cores=len(os.sched_getaffinity(0)),
        threads=threads,
        load=os.getloadavg()[0],
        system=f"{platform.system()} {platform.release()}",
    )
