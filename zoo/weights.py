"""Draws a network's weights from descriptions: the same bits on every machine, and for every form of a network.

Each parameter has a random stream of its own, keyed by the parameter's name. Only integer generators and single
IEEE operations are used, which NumPy guarantees to be stable; library functions such as a normal distribution are not.
"""

import math
import zlib

import numpy as np

SEED = 20240607
BATCH_NORM_RANGES = {
    "weight": (0.3, 0.7),
    "bias": (-0.15, 0.15),
    "running_mean": (-0.15, 0.15),
    "running_var": (0.5, 1.5),
}
GAINS = {"he": 6.0, "lecun": 3.0}


def draw_uniform(name: str, count: int, low: float, high: float) -> np.ndarray:
    """`count` float32 values in [low, high)."""
    stream = np.random.Philox(key=(SEED << 32) + zlib.crc32(name.encode()))
    words = stream.random_raw((count + 1) // 2)
    bits = np.stack([words & np.uint64(0xFFFFFFFF), words >> np.uint64(32)], 1).astype(np.uint32).reshape(-1)[:count]
    unit = (bits >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
    return unit * np.float32(high - low) + np.float32(low)


def draw_norm_parameter(norm: str, part: str, count: int) -> np.ndarray:
    return draw_uniform(f"{norm}.{part}", count, *BATCH_NORM_RANGES[part])


def folded_norm(description: dict, count: int) -> np.ndarray:
    """The scale or the shift that frozen batch normalisation comes down to, for each channel."""
    norm = description["norm"]
    variance = draw_norm_parameter(norm, "running_var", count) + np.float32(description["epsilon"])
    scale = draw_norm_parameter(norm, "weight", count) / np.sqrt(variance)
    if description["init"] == "norm_scale":
        return scale
    return draw_norm_parameter(norm, "bias", count) - draw_norm_parameter(norm, "running_mean", count) * scale


def make_weight(tensor_name: str, shape: tuple[int, ...], description: dict) -> np.ndarray:
    """The float32 tensor of this shape that `description` (see `fovea_zoo/graphs.py`) stands for.

    `he` and `lecun` draw from the uniform distributions with variance 2 / fan_in and 1 / fan_in.
    """
    init = description["init"]
    count = math.prod(shape)
    if init in ("norm_scale", "norm_shift"):
        return folded_norm(description, count).reshape(shape)
    if init in GAINS:
        high = math.sqrt(GAINS[init] / description["fan_in"])
        low = -high
    elif init == "uniform":
        low, high = description["low"], description["high"]
    else:
        raise ValueError(f"{tensor_name}: unknown initialisation '{init}'")
    values = draw_uniform(description.get("parameter", tensor_name), count, low, high)
    if description.get("transposed"):
        return np.ascontiguousarray(values.reshape(shape[::-1]).T)
    return values.reshape(shape)
