"""Residual networks (He et al., 2015), in the variant whose bottleneck strides in its 3x3 convolution."""

import torch
from torch import nn

BLOCKS_PER_STAGE = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


class FrozenBatchNorm(nn.Module):
    """Batch normalisation with constant statistics, written out as a scale and a shift, as detectors use it."""

    def __init__(self, channels: int, epsilon: float = 1e-5):
        super().__init__()
        self.epsilon = epsilon
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.ones(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight, bias, mean, variance = (
            tensor.reshape(1, -1, 1, 1) for tensor in (self.weight, self.bias, self.running_mean, self.running_var)
        )
        scale = weight * (variance + self.epsilon).rsqrt()
        return x * scale + (bias - mean * scale)


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A convolution without bias whose output is as large as its input, divided by the stride."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class ResidualBlock(nn.Module):
    """Adds `body(x)` to `x`, or to a strided projection of `x` where the shapes differ; then a ReLU, if `activate`."""

    def __init__(self, body: nn.Sequential, inputs: int, outputs: int, stride: int, norm):
        super().__init__()
        self.body = body
        self.activate = True
        same_shape = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same_shape else nn.Sequential(convolution(inputs, outputs, 1, stride), norm(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.body(x) + self.shortcut(x)
        return x.relu() if self.activate else x


def basic_block(inputs: int, width: int, stride: int, norm) -> ResidualBlock:
    body = nn.Sequential(
        convolution(inputs, width, 3, stride), norm(width), nn.ReLU(),
        convolution(width, width, 3), norm(width),
    )
    return ResidualBlock(body, inputs, width, stride, norm)


def bottleneck_block(inputs: int, width: int, stride: int, norm) -> ResidualBlock:
    body = nn.Sequential(
        convolution(inputs, width, 1), norm(width), nn.ReLU(),
        convolution(width, width, 3, stride), norm(width), nn.ReLU(),
        convolution(width, 4 * width, 1), norm(4 * width),
    )
    return ResidualBlock(body, inputs, 4 * width, stride, norm)


class ResNetFeatures(nn.Module):
    """The convolutional part of ResNet-18, ResNet-34 or ResNet-50.

    Returns the stem's output (stride 2) and the output of each stage (strides 4, 8, ... unless `strides` differs);
    `channels` holds their numbers of channels. With `before_relu`, the stages' outputs are returned before the ReLU
    that the next stage's input has.
    """

    def __init__(self, depth: int, width: int = 64, strides: tuple[int, ...] = (1, 2, 2, 2), norm=nn.BatchNorm2d,
                 before_relu: bool = False):
        super().__init__()
        self.before_relu = before_relu
        block, expansion = (basic_block, 1) if depth < 50 else (bottleneck_block, 4)
        self.stem = nn.Sequential(convolution(3, width, 7, 2), norm(width), nn.ReLU())
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.stages = nn.ModuleList()
        self.channels = [width]
        for stage, (blocks, stride) in enumerate(zip(BLOCKS_PER_STAGE[depth], strides)):
            inputs, inner = self.channels[-1], width << stage
            outputs = inner * expansion
            first = block(inputs, inner, stride, norm)
            rest = (block(outputs, inner, 1, norm) for _ in range(blocks - 1))
            self.stages.append(nn.Sequential(first, *rest))
            self.stages[-1][-1].activate = not before_relu
            self.channels.append(outputs)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        maps = [self.stem(image)]
        x = self.pool(maps[0])
        for stage in self.stages:
            maps.append(stage(x))
            x = maps[-1].relu() if self.before_relu else maps[-1]
        return maps


class ResNetClassifier(nn.Module):
    """ResNet with average pooling and one fully connected layer. Output: (batch, classes) logits."""

    def __init__(self, depth: int, width: int = 64, classes: int = 1000):
        super().__init__()
        self.features = ResNetFeatures(depth, width)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(self.features.channels[-1], classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.pool(self.features(image)[-1]).flatten(1))
