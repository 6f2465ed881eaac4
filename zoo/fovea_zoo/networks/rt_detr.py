"""A small real-time detection transformer, after RT-DETR (Zhao et al., 2023).

It has DETR's set prediction and converges much faster from scratch: self-attention on the coarsest map only, a pyramid of
three maps (strides 8, 16, 32), queries chosen among the cells by their class score, deformable attention around each
query's box (Zhu et al., 2020), and a box that each decoder layer refines.
"""

import math

import torch
import torch.nn.functional as functional
from torch import nn

from .detr import Attention, EncoderLayer, FeedForward, sine_positions
from .mix_transformer import to_map, to_sequence
from .resnet import ResNetFeatures

STRIDES = (8, 16, 32)
CELL_BOX = 0.05
PRIOR = 0.01


def convolution_norm(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def inverse_sigmoid(x: torch.Tensor) -> torch.Tensor:
    x = x.clamp(1e-4, 1 - 1e-4)
    return (x / (1 - x)).log()


def perceptron(inputs: int, inner: int, outputs: int, layers: int) -> nn.Sequential:
    sizes = [inputs, *[inner] * (layers - 1), outputs]
    steps = [step for a, b in zip(sizes, sizes[1:]) for step in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*steps[:-1])


class DeformableAttention(nn.Module):
    """Each query samples some points of every map around its box, and weighs them."""

    def __init__(self, channels: int, heads: int, levels: int, points: int):
        super().__init__()
        self.heads, self.levels, self.points = heads, levels, points
        self.offsets = nn.Linear(channels, heads * levels * points * 2)
        self.weights = nn.Linear(channels, heads * levels * points)
        self.value, self.output = nn.Linear(channels, channels), nn.Linear(channels, channels)
        nn.init.zeros_(self.offsets.weight)
        nn.init.zeros_(self.weights.weight)
        nn.init.zeros_(self.weights.bias)
        angles = torch.arange(heads) * (2 * math.pi / heads)
        directions = torch.stack((angles.cos(), angles.sin()), 1)
        directions = directions / directions.abs().amax(1, keepdim=True)
        distances = torch.arange(1, points + 1) / points
        grid = directions[:, None, None] * distances[None, None, :, None]
        self.offsets.bias.data.copy_(grid.expand(heads, levels, points, 2).reshape(-1))

    def forward(self, query: torch.Tensor, boxes: torch.Tensor, maps: list[torch.Tensor]) -> torch.Tensor:
        """`query` (batch, queries, channels); `boxes` (batch, queries, 4), centre and size; `maps` with `channels` each."""
        batch, count, channels = query.shape
        shape = (batch, count, self.heads, self.levels, self.points)
        offsets = self.offsets(query).reshape(*shape, 2)
        weights = self.weights(query).reshape(*shape[:3], -1).softmax(-1)
        centre, size = boxes[:, :, None, None, None, :2], boxes[:, :, None, None, None, 2:]
        places = 2 * (centre + 0.5 * offsets * size) - 1
        places = places.permute(0, 2, 3, 1, 4, 5).flatten(0, 1)
        sampled = []
        for level, x in enumerate(maps):
            height, width = x.shape[2:]
            value = to_map(self.value(to_sequence(x)), height, width)
            value = value.reshape(batch * self.heads, channels // self.heads, height, width)
            sampled.append(functional.grid_sample(value, places[:, level], align_corners=False))
        weights = weights.transpose(1, 2).reshape(batch * self.heads, 1, count, -1)
        mixed = (torch.cat(sampled, 3) * weights).sum(3)
        return self.output(mixed.reshape(batch, channels, count).transpose(1, 2))


class DecoderLayer(nn.Module):
    def __init__(self, channels: int, heads: int, inner: int, points: int):
        super().__init__()
        self.self_attention = Attention(channels, heads)
        self.cross_attention = DeformableAttention(channels, heads, len(STRIDES), points)
        self.feed_forward = FeedForward(channels, inner)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))

    def forward(self, x: torch.Tensor, places: torch.Tensor, boxes: torch.Tensor, maps: list[torch.Tensor]) -> torch.Tensor:
        placed = x + places
        x = self.norms[0](x + self.self_attention(placed, placed, x))
        x = self.norms[1](x + self.cross_attention(x + places, boxes, maps))
        return self.norms[2](x + self.feed_forward(x))


class HybridEncoder(nn.Module):
    """Self-attention on the coarsest of three maps, then a pyramid from coarse to fine and back."""

    def __init__(self, inputs: list[int], channels: int, heads: int, inner: int, layers: int):
        super().__init__()
        self.channels = channels
        self.projections = nn.ModuleList(
            nn.Sequential(nn.Conv2d(c, channels, 1, bias=False), nn.BatchNorm2d(channels)) for c in inputs
        )
        self.layers = nn.ModuleList(EncoderLayer(channels, heads, inner) for _ in range(layers))
        self.finer = nn.ModuleList(convolution_norm(2 * channels, channels, 3) for _ in range(2))
        self.shrink = nn.ModuleList(convolution_norm(channels, channels, 3, 2) for _ in range(2))
        self.coarser = nn.ModuleList(convolution_norm(2 * channels, channels, 3) for _ in range(2))

    def forward(self, maps: list[torch.Tensor]) -> list[torch.Tensor]:
        fine, middle, coarse = (project(x) for project, x in zip(self.projections, maps))
        height, width = coarse.shape[2:]
        positions = sine_positions(height, width, self.channels, coarse.device)
        x = to_sequence(coarse)
        for layer in self.layers:
            x = layer(x, positions)
        coarse = to_map(x, height, width)
        middle = self.finer[0](self.join(coarse, middle))
        fine = self.finer[1](self.join(middle, fine))
        middle = self.coarser[0](torch.cat((self.shrink[0](fine), middle), 1))
        coarse = self.coarser[1](torch.cat((self.shrink[1](middle), coarse), 1))
        return [fine, middle, coarse]

    @staticmethod
    def join(coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        return torch.cat((functional.interpolate(coarse, scale_factor=2, mode="nearest"), fine), 1)


def cell_boxes(maps: list[torch.Tensor]) -> torch.Tensor:
    """(1, cells, 4) boxes around the cells of all maps, in logits of centre and size; coarser maps have larger ones."""
    boxes = []
    for level, x in enumerate(maps):
        height, width = x.shape[2:]
        rows = ((torch.arange(height, device=x.device).float() + 0.5) / height)[:, None].expand(height, width)
        columns = ((torch.arange(width, device=x.device).float() + 0.5) / width)[None].expand(height, width)
        size = torch.full_like(rows, CELL_BOX * 2**level)
        boxes.append(torch.stack((columns, rows, size, size), 2).flatten(0, 1))
    return inverse_sigmoid(torch.cat(boxes)[None])


class RealTimeDetectionTransformer(nn.Module):
    """Input: sides divisible by 32, with at least as many cells as queries. Outputs: class logits (batch, queries, classes),
    each through a sigmoid by itself, and boxes (batch, queries, 4), centre and size in [0, 1].

    `forward_training` also returns what the earlier decoder layers and the cells themselves predict.
    """

    def __init__(self, depth: int = 18, width: int = 64, channels: int = 128, heads: int = 8, inner: int = 512,
                 encoder_layers: int = 1, decoder_layers: int = 3, queries: int = 100, classes: int = 80, points: int = 4):
        super().__init__()
        self.query_count, self.activation = queries, "sigmoid"
        self.features = ResNetFeatures(depth, width)
        self.encoder = HybridEncoder(self.features.channels[2:], channels, heads, inner, encoder_layers)
        self.cell = nn.Sequential(nn.Linear(channels, channels), nn.LayerNorm(channels))
        self.cell_classifier = nn.Linear(channels, classes)
        self.cell_box = perceptron(channels, channels, 4, 3)
        self.places = perceptron(4, 2 * channels, channels, 2)
        self.layers = nn.ModuleList(DecoderLayer(channels, heads, inner, points) for _ in range(decoder_layers))
        self.classifiers = nn.ModuleList(nn.Linear(channels, classes) for _ in range(decoder_layers))
        self.boxes = nn.ModuleList(perceptron(channels, channels, 4, 3) for _ in range(decoder_layers))

    def initialise_heads(self) -> None:
        """Classes start improbable, boxes where the cells are."""
        for classifier in (self.cell_classifier, *self.classifiers):
            nn.init.constant_(classifier.bias, -math.log(1 / PRIOR - 1))
        for box in (self.cell_box, *self.boxes):
            nn.init.zeros_(box[-1].weight)
            nn.init.zeros_(box[-1].bias)

    def predict_cells(self, maps: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Features, class logits and box logits of every cell."""
        cells = self.cell(torch.cat([to_sequence(x) for x in maps], 1))
        return cells, self.cell_classifier(cells), self.cell_box(cells) + cell_boxes(maps)

    def decode(self, x: torch.Tensor, boxes: torch.Tensor, maps: list[torch.Tensor]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Class logits and boxes after each layer, from queries `x` and their box logits."""
        results = []
        for layer, classifier, box in zip(self.layers, self.classifiers, self.boxes):
            start = boxes.detach().sigmoid()
            x = layer(x, self.places(start), start, maps)
            boxes = box(x) + boxes.detach()
            results.append((classifier(x), boxes.sigmoid()))
        return results

    def forward_training(self, image: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """(class logits, boxes) of all cells first, then of each decoder layer; the last one is `forward`'s result."""
        maps = self.encoder(self.features(image)[2:])
        cells, logits, boxes = self.predict_cells(maps)
        best = logits.amax(2).topk(self.query_count, 1).indices[:, :, None]
        chosen = cells.detach().gather(1, best.expand(-1, -1, cells.shape[2]))
        start = boxes.gather(1, best.expand(-1, -1, 4))
        return [(logits, boxes.sigmoid()), *self.decode(chosen, start, maps)]

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.forward_training(image)[-1]
