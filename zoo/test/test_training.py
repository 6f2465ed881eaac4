"""Each of the five networks learns a few frames by heart, through the whole training step."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from fovea_zoo import roads
from fovea_zoo.networks import registry
from fovea_zoo.training.batch import Batch
from fovea_zoo.training.frames import to_batch
from fovea_zoo.training.loop import Limits, Trainer, examine, rate, train
from fovea_zoo.training.tasks import TASKS

FRAMES = 4


@pytest.fixture(scope="module")
def truth() -> list:
    return [roads.render(11, index, 256, 512) for index in range(FRAMES)]


@pytest.fixture(scope="module")
def frames(truth) -> Batch:
    return to_batch(truth, "cpu")


@pytest.mark.parametrize("name", TASKS)
def test_a_few_steps_on_the_same_frames_lower_the_loss(name, frames):
    trainer = small_trainer(name, frames, seed=3)
    first = sum(trainer.losses(fixed_batch(trainer)).values()).item()
    for _ in range(10):
        losses = trainer.step(fixed_batch(trainer), progress=0.05)
    last = sum(losses.values()).item()
    assert np.isfinite(last)
    assert last < 0.75 * first


def small_trainer(name: str, frames: Batch, seed: int) -> Trainer:
    trainer = Trainer(name, frames, lambda: FRAMES, seed)
    trainer.task = replace(trainer.task, batch=2)
    return trainer


def fixed_batch(trainer) -> Batch:
    """The same two frames with the same augmentation every time."""
    trainer.generator.manual_seed(5)
    return trainer.draw()


def test_training_writes_a_log_and_weights_that_give_the_same_figures(tmp_path, frames, truth):
    trainer = small_trainer("swiftnet_r18_narrow", frames, seed=3)
    figures = train(trainer, Limits(steps=3, evaluations=1, log_every=1), tmp_path, (frames, truth))
    lines = [json.loads(line) for line in (tmp_path / "swiftnet_r18_narrow.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "losses" in line] == [1, 2, 3]
    assert lines[-1]["validation"] == figures
    loaded = registry.load(tmp_path / "swiftnet_r18_narrow.pt")
    again = examine(loaded, trainer.recipe, frames, truth)
    assert again["miou"] == pytest.approx(figures["miou"], abs=2e-3)


def test_training_from_the_same_seed_is_the_same(frames):
    def weights():
        trainer = small_trainer("swiftnet_r18_narrow", frames, seed=9)
        trainer.step(fixed_batch(trainer), 0.1)
        return torch.cat([p.detach().reshape(-1) for p in trainer.network.parameters()])

    torch.testing.assert_close(weights(), weights(), rtol=0, atol=0)


def test_the_rate_warms_up_and_falls():
    assert rate(0.0) < rate(0.015) < rate(0.03) == pytest.approx(1.0, abs=1e-3)
    assert rate(0.03) > rate(0.5) > rate(1.0) == pytest.approx(0.01)


def test_progress_follows_the_first_limit():
    limits = Limits(seconds=100, steps=1000)
    assert limits.progress(100, 50) == 0.5
    assert limits.progress(900, 50) == 0.9
    assert limits.progress(2000, 50) == 1
