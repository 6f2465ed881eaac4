"""Augmentation of a whole batch on its device: windows, flips and colours.

A window is (left, top, width, height) in fractions of the image, a part of it or, beyond 1, more than it; it is resampled to
the size that the network takes, so one step crops, zooms and resizes. Outside of the image is grey, without labels and depth.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as functional

from .batch import Batch

GREY = 0.45
SMALLEST_VISIBLE = 0.4
SMALLEST_SIDE = 0.008
UNLABELLED = 255


@dataclass(frozen=True)
class Augmentation:
    """Ranges to draw from; the default leaves the image as it is, apart from its size."""

    smallest_window: float = 1.0
    largest_window: float = 1.0
    aspect: float = 1.0
    flip: bool = False
    colour: float = 0.0
    always: float = 1.0  # share of the images that get a window of their own


PLAIN = Augmentation()


def uniform(shape, low: float, high: float, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(shape, device=generator.device, generator=generator) * (high - low) + low


def draw_windows(count: int, settings: Augmentation, generator: torch.Generator) -> torch.Tensor:
    """Windows (count, 4) whose sides are log-uniform in the range; their places are uniform."""
    logs = torch.tensor([settings.smallest_window, settings.largest_window, settings.aspect]).log().tolist()
    side = uniform((count,), logs[0], logs[1], generator).exp()
    aspect = uniform((count,), -logs[2], logs[2], generator).mul(0.5).exp()
    size = torch.stack((side * aspect, side / aspect), 1)
    size = torch.where(uniform((count, 1), 0, 1, generator) < settings.always, size, torch.ones_like(size))
    corner = uniform((count, 2), 0, 1, generator) * (1 - size)
    return torch.cat((corner, size), 1)


def sampling_grid(windows: torch.Tensor, flipped: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    corner, extent = windows[:, :2], windows[:, 2:]
    matrix = torch.zeros(len(windows), 2, 3, device=windows.device)
    matrix[:, 0, 0] = torch.where(flipped, -extent[:, 0], extent[:, 0])
    matrix[:, 1, 1] = extent[:, 1]
    matrix[:, :, 2] = 2 * corner + extent - 1
    return functional.affine_grid(matrix, [len(windows), 1, *size], align_corners=False)


def sample(values: torch.Tensor, grid: torch.Tensor, mode: str) -> torch.Tensor:
    """Values of (batch, channels, height, width) at the grid's places, 0 outside of the image."""
    return functional.grid_sample(values, grid, mode=mode, padding_mode="zeros", align_corners=False)


def warp_boxes(batch: Batch, windows: torch.Tensor, flipped: torch.Tensor) -> Batch:
    """Boxes cut at the window's borders. What is cut to a small part becomes an ignored box, what is left out vanishes."""
    centre = (batch.boxes[..., :2] - windows[:, None, :2]) / windows[:, None, 2:]
    centre = torch.stack((torch.where(flipped[:, None], 1 - centre[..., 0], centre[..., 0]), centre[..., 1]), -1)
    size = batch.boxes[..., 2:] / windows[:, None, 2:]
    low, high = (centre - size / 2).clamp(0, 1), (centre + size / 2).clamp(0, 1)
    visible = (high - low).prod(-1) / size.prod(-1).clamp(min=1e-9)
    inside = ((high - low) > 0.25 * SMALLEST_SIDE).all(-1)
    poor = (visible < SMALLEST_VISIBLE) | ((high - low) < SMALLEST_SIDE).any(-1)
    return Batch(
        image=batch.image, depth=batch.depth, labels=batch.labels,
        boxes=torch.cat(((low + high) / 2, high - low), -1),
        classes=torch.where(inside, batch.classes, -torch.ones_like(batch.classes)), ignore=batch.ignore | poor,
    )


def jitter_colours(image: torch.Tensor, strength: float, generator: torch.Generator) -> torch.Tensor:
    """Gamma, contrast, brightness, white balance, saturation and noise, drawn for each image; values stay in [0, 1]."""

    def draw(low, high, channels=1):
        return uniform((len(image), channels, 1, 1), low, high, generator)

    image = image.clamp(1e-4, 1) ** draw(-0.4 * strength, 0.4 * strength).exp()
    grey = image.mean(1, keepdim=True)
    image = grey + (image - grey) * draw(1 - 0.6 * strength, 1 + 0.6 * strength)
    image = image * draw(1 - 0.12 * strength, 1 + 0.12 * strength, 3)
    middle = image.mean((1, 2, 3), keepdim=True)
    image = middle + (image - middle) * draw(1 - 0.4 * strength, 1 + 0.4 * strength)
    image = image + draw(-0.15 * strength, 0.15 * strength)
    noise = torch.randn(image.shape, device=image.device, generator=generator)
    return (image + noise * draw(0, 0.03 * strength)).clamp(0, 1)


def augment(batch: Batch, size: tuple[int, int], settings: Augmentation, generator: torch.Generator) -> Batch:
    """The batch at `size`, image as float in [0, 1].

    Depth is that of a camera of the frames' own focal length that sees the window: a window of half the height shows things
    twice as large, as if they were half as far.
    """
    count = len(batch.image)
    windows = draw_windows(count, settings, generator)
    flipped = uniform((count,), 0, 1, generator) < (0.5 if settings.flip else 0.0)
    grid = sampling_grid(windows, flipped, size)
    image = sample(batch.image.float() / 255 - GREY, grid, "bilinear") + GREY
    if settings.colour:
        image = jitter_colours(image, settings.colour, generator)
    warped = warp_boxes(batch, windows, flipped)
    warped.image = image
    if batch.depth is not None:
        scale = windows[:, 3].view(-1, 1, 1)
        warped.depth = sample(batch.depth.float()[:, None], grid, "nearest")[:, 0] * scale
    if batch.labels is not None:
        shifted = sample((batch.labels + 1).float()[:, None], grid, "nearest")[:, 0].round().long()
        warped.labels = torch.where(shifted == 0, UNLABELLED, shifted - 1)
    return warped
