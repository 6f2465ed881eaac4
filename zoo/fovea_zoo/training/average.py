"""The exponential average of a network's weights over the steps, which is what gets evaluated and shipped."""

import torch
from torch import nn


class WeightAverage:
    """Averages parameters and floating-point buffers; young averages forget faster, so that random weights do not linger."""

    def __init__(self, network: nn.Module, decay: float):
        self.decay, self.steps = decay, 0
        self.source = {key: value for key, value in network.state_dict().items() if value.is_floating_point()}
        self.state = {key: value.detach().clone() for key, value in self.source.items()}

    @torch.no_grad()
    def update(self) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(list(self.state.values()), list(self.source.values()), 1 - decay)

    def copy_to(self, network: nn.Module) -> None:
        network.load_state_dict(self.state, strict=False)
