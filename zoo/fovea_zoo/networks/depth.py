"""Monocular depth: a ResNet encoder and the decoder of Monodepth2 (Godard et al., 2019), highest resolution only."""

import torch
import torch.nn.functional as functional
from torch import nn

from .layers import depth_in_metres, disparity_start
from .resnet import ResNetFeatures


class ReflectConvolution(nn.Module):
    """3x3 convolution whose input is padded by reflection, which avoids seams at the image border."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.convolution(functional.pad(x, (1, 1, 1, 1), mode="reflect"))


class DepthNetwork(nn.Module):
    """Input: image in [0, 1], sides divisible by 32. Output: (batch, 1, height, width) depth in metres, in `metres`."""

    def __init__(self, depth: int, width: int = 64, metres: tuple[float, float] = (0.1, 100.0)):
        super().__init__()
        self.metres = metres
        self.encoder = ResNetFeatures(depth, width)
        self.before_upsample, self.after_upsample = nn.ModuleList(), nn.ModuleList()
        inputs = self.encoder.channels[-1]
        skips = [*reversed(self.encoder.channels[:-1]), 0]
        for level, skip in enumerate(skips):
            outputs = 4 * width >> level
            self.before_upsample.append(ReflectConvolution(inputs, outputs))
            self.after_upsample.append(ReflectConvolution(outputs + skip, outputs))
            inputs = outputs
        self.disparity = ReflectConvolution(inputs, 1)

    def initialise_heads(self) -> None:
        nn.init.constant_(self.disparity.convolution.bias, disparity_start(*self.metres))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        maps = self.encoder((image - 0.45) / 0.225)
        x = maps[-1]
        for level, (before, after) in enumerate(zip(self.before_upsample, self.after_upsample), 1):
            x = functional.interpolate(functional.elu(before(x)), scale_factor=2, mode="nearest")
            if level < len(maps):
                x = torch.cat([x, maps[-1 - level]], 1)
            x = functional.elu(after(x))
        return depth_in_metres(self.disparity(x).sigmoid(), *self.metres)
