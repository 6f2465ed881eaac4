"""Trains one network on frames that already lie on the device, and writes what happened as JSON lines."""

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import torch
from torch import nn

from .. import roads
from ..contract import make_contract
from ..evaluation import Examiner
from ..networks.registry import Recipe
from .augment import PLAIN, augment
from .average import WeightAverage
from .batch import Batch
from .tasks import Task, build

WARM_UP, LOWEST_RATE = 0.03, 0.01
VALIDATION_BATCH = 25
CLASS_WEIGHT_FRAMES = 500


@dataclass(frozen=True)
class Limits:
    """Training ends with the first limit that is reached; the learning rate follows the larger share of them."""

    seconds: float | None = None
    steps: int | None = None
    evaluations: int = 6
    log_every: int = 50

    def progress(self, step: int, elapsed: float) -> float:
        shares = [step / self.steps if self.steps else 0, elapsed / self.seconds if self.seconds else 0]
        return min(max(shares), 1.0)


def rate(progress: float) -> float:
    """Factor of the learning rate: a linear warm-up, then half a cosine."""
    if progress < WARM_UP:
        return max(progress / WARM_UP, 0.01)
    return LOWEST_RATE + (1 - LOWEST_RATE) * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))) / 2


def optimiser(network: nn.Module, objective: nn.Module, task: Task) -> torch.optim.Optimizer:
    """AdamW; norms, biases and the objective's own parameters do not decay."""
    parameters = [*network.parameters(), *objective.parameters()]
    groups = [
        {"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": task.weight_decay},
        {"params": [p for p in network.parameters() if p.ndim <= 1] + list(objective.parameters()), "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=task.learning_rate, fused=parameters[0].is_cuda)


def compute_in_f32(module: nn.Module) -> None:
    """Keeps one module out of mixed precision, from its inputs to its results."""
    inner = module.forward

    def forward(*inputs):
        with torch.autocast(inputs[0].device.type, enabled=False):
            return inner(*(x.float() for x in inputs))

    module.forward = forward


def normalised(image: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    mean, std = (torch.tensor(x, device=image.device).view(1, 3, 1, 1) for x in (recipe.mean, recipe.std))
    return ((image - mean) / std).contiguous(memory_format=torch.channels_last)


class Forward(nn.Module):
    """A network's predictions for training, in mixed precision on GPUs. Holds no state of its own."""

    def __init__(self, network: nn.Module, method: str):
        super().__init__()
        self.network, self.method = network, method

    def forward(self, image: torch.Tensor):
        autocast = torch.autocast(image.device.type, torch.bfloat16, enabled=image.is_cuda, cache_enabled=False)
        with autocast, image.device:
            return getattr(self.network, self.method)(image)


class Trainer:
    """One network, its objective, optimiser and average.

    `available` says how many of the frames are rendered by now. `graph` records the network's forward and backward pass as
    CUDA graphs, which spares the launches of many small kernels.
    """

    def __init__(self, name: str, frames: Batch, available: Callable[[], int], seed: int, graph: bool = False):
        torch.manual_seed(seed)
        self.name, self.frames, self.available = name, frames, available
        self.device = frames.image.device
        self.task, self.recipe, network = build(name)
        self.network = network.to(self.device, memory_format=torch.channels_last).train()
        start = torch.arange(min(available(), CLASS_WEIGHT_FRAMES), device=self.device)
        self.objective = self.task.objective(network, frames.pick(start)).to(self.device)
        self.optimiser = optimiser(self.network, self.objective, self.task)
        self.average = WeightAverage(self.network, self.task.average)
        self.learning_rate = self.task.learning_rate
        for path in self.task.precise:
            compute_in_f32(self.network.get_submodule(path))
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self.forward = Forward(self.network, self.task.forward)
        if graph:
            self.forward = torch.cuda.make_graphed_callables(self.forward, (normalised(self.draw().image, self.recipe),))

    def draw(self) -> Batch:
        indices = torch.randint(self.available(), (self.task.batch,), device=self.device, generator=self.generator)
        return augment(self.frames.pick(indices, self.task.dense), self.recipe.size, self.task.augmentation, self.generator)

    def losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        return self.objective(self.forward(normalised(batch.image, self.recipe)), batch)

    def step(self, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate * rate(progress)
        losses = self.losses(batch)
        self.optimiser.zero_grad(set_to_none=True)
        sum(losses.values()).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.task.clip)
        self.optimiser.step()
        self.average.update()
        return losses

    def start_from(self, file: Path, rate_scale: float) -> None:
        """Goes on from saved weights with a part of the learning rate; the schedule starts anew."""
        content = torch.load(file, map_location=self.device, weights_only=True)
        self.network.load_state_dict(content["state"])
        self.average = WeightAverage(self.network, self.task.average)
        self.learning_rate = rate_scale * self.task.learning_rate

    def averaged(self) -> nn.Module:
        network = build(self.name)[2].to(self.device).eval()
        self.average.copy_to(network)
        return network

    def save(self, file: Path) -> None:
        """Averaged weights, those of convolutions and linear layers in f16, in the form that `networks.registry.load` reads."""
        state = {key: value.half() if value.ndim > 1 else value for key, value in self.average.state.items()}
        state = {key: value.cpu() for key, value in state.items()}
        torch.save({"network": self.name, "options": self.task.options, "state": state}, file)


@torch.inference_mode()
def examine(network: nn.Module, recipe: Recipe, frames: Batch, truth: list) -> dict:
    """Validation figures of a network; `frames` and `truth` are the same frames as tensors and as `roads.Frame`."""
    examiner = Examiner(make_contract(network, recipe.size), roads.LABELS, roads.CATEGORIES)
    generator = torch.Generator(frames.image.device)
    for first in range(0, len(truth), VALIDATION_BATCH):
        indices = torch.arange(first, min(first + VALIDATION_BATCH, len(truth)), device=frames.image.device)
        batch = augment(frames.pick(indices, dense=False), recipe.size, PLAIN, generator)
        outputs = network(normalised(batch.image, recipe))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        arrays = {key: value.float().cpu().numpy() for key, value in zip(recipe.outputs, outputs)}
        for row, frame in enumerate(truth[first : first + VALIDATION_BATCH]):
            examiner.add({key: value[row] for key, value in arrays.items()}, frame)
    return examiner.result()


def train(trainer: Trainer, limits: Limits, folder: Path, validation: tuple[Batch, list]) -> dict:
    """Trains to the limits; writes `NAME.jsonl` and `NAME.pt` into `folder` and returns the last figures."""
    started, step, evaluated = time.monotonic(), 0, 0
    with (folder / f"{trainer.name}.jsonl").open("w") as log:

        def write(**entry) -> None:
            entry = {"step": step, "seconds": round(time.monotonic() - started, 1), **entry}
            log.write(json.dumps(entry) + "\n")
            log.flush()

        def evaluate() -> dict:
            figures = examine(trainer.averaged(), trainer.recipe, *validation)
            trainer.save(folder / f"{trainer.name}.pt")
            write(validation=figures)
            return figures

        progress = 0.0
        while progress < 1:
            progress = limits.progress(step + 1, time.monotonic() - started)
            losses = trainer.step(trainer.draw(), progress)
            step += 1
            if step % limits.log_every == 0:
                values = {key: round(value.item(), 5) for key, value in losses.items()}
                if not all(math.isfinite(value) for value in values.values()):
                    raise FloatingPointError(f"{trainer.name}: step {step}: a loss is not finite: {values}")
                write(progress=round(progress, 4), frames=trainer.available(), batch=trainer.task.batch, losses=values)
            if progress * limits.evaluations >= evaluated + 1 and progress < 1:
                evaluated += 1
                evaluate()
        return evaluate()
