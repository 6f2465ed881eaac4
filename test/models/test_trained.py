"""The trained networks of zoo/trained on frames of the validation set: fp32 and bf16 plans see what ONNX Runtime sees."""

from itertools import islice

import numpy as np
import pytest

pytest.importorskip("fovea", reason="the Python module is not built: run scripts/build")

from demo_roads import PEER, SCENES, accuracies, contact_sheet, pictures, prepare, trained_networks  # noqa: E402
from fovea_zoo import roads  # noqa: E402
from plans import THREADS  # noqa: E402

FRAMES = 8
LARGEST_LOSS = {"fovea fp32": 0.002, "fovea bf16": 0.03}
# Far from what an untrained network reaches; abs_rel is better when small.
WORST = {"abs_rel": 0.15, "mIoU": 0.5, "mAP": 0.2}


@pytest.fixture(scope="module")
def frames():
    return list(islice(roads.load(SCENES, "frames"), FRAMES))


def test_there_are_five():
    assert len(trained_networks()) == 5


@pytest.mark.parametrize("network", trained_networks(), ids=lambda network: network.name)
def test_sees_what_onnxruntime_sees(network, frames, tmp_path):
    import fovea

    pixels = network.contract.prepare(frames[0].image)
    runners, _ = prepare(network, pixels, THREADS, tmp_path)
    found = accuracies(network, runners, pixels, frames)
    for name, loss in LARGEST_LOSS.items():
        for exact, own in zip(found[PEER], found[name]):
            assert abs(own.figure() - exact.figure()) <= loss
            good = own.figure() <= WORST[own.name] if own.name == "abs_rel" else own.figure() >= WORST[own.name]
            assert good, f"{own.name} {own.figure():.3f}"
    columns = pictures(network, fovea.Engine(tmp_path / f"{network.name}_bf16.plan"), frames[:2])
    assert len(columns) == len(network.outputs)
    sheet = np.asarray(contact_sheet(columns))
    assert sheet.std() > 20
