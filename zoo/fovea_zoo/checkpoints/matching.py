"""Puts the tensors of a checkpoint into a network, or says exactly what does not fit."""

import re
from dataclasses import dataclass

import torch
from torch import nn

from ..errors import UserError

SHOWN = 8
COUNTER = "num_batches_tracked"


@dataclass(frozen=True)
class Joined:
    """One of our layers that the checkpoint keeps as several, to be stacked."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """One of our layers that the checkpoint keeps as one of three, stacked: `in_proj_weight` of PyTorch's attention."""

    name: str
    index: int


Source = str | Joined | Part


@dataclass(frozen=True)
class Piece:
    """A tensor of the checkpoint, or the third of it with `index`."""

    key: str
    index: int | None = None

    def shape(self, ours: tuple[int, ...], pieces: int) -> tuple[int, ...]:
        """The checkpoint's shape for our parameter of shape `ours` that `pieces` make up."""
        if self.index is not None:
            return (3 * ours[0], *ours[1:])
        return (ours[0] // pieces, *ours[1:]) if pieces > 1 else ours

    def take(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor if self.index is None else tensor.chunk(3)[self.index]


def pieces_of(key: str, sources: dict[str, Source]) -> list[Piece]:
    """Where our parameter `key` comes from; `sources` map our layers, or whole keys, to the checkpoint's."""
    if key in sources:
        return [Piece(sources[key])]
    layer, _, leaf = key.rpartition(".")
    source = sources[layer]
    if isinstance(source, Joined):
        return [Piece(f"{name}.{leaf}") for name in source.names]
    if isinstance(source, Part):
        return [Piece(f"{source.name}_{leaf}", source.index)]
    return [Piece(f"{source}.{leaf}")]


def some(title: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    rest = [f"    and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return [f"  {title}:", *(f"    {line}" for line in lines[:SHOWN]), *rest]


def fill_network(network: nn.Module, tensors: dict[str, torch.Tensor], sources: dict[str, Source], ignored: str,
                 originals: dict[str, str]) -> None:
    """Loads `tensors`; keys that match `ignored` may be left over. Raises `UserError` with what else does not fit, by the
    names that the keys have in the file: `originals`."""
    state, used, missing, misshapen = {}, set(), set(), {}
    for key, ours in network.state_dict().items():
        pieces = pieces_of(key, sources)
        values = []
        for piece in pieces:
            expected = piece.shape(tuple(ours.shape), len(pieces))
            used.add(piece.key)
            if piece.key not in tensors:
                missing.add(piece.key)
            elif tuple(tensors[piece.key].shape) != expected:
                misshapen[piece.key] = f"{originals[piece.key]}: expected {expected}, found {tuple(tensors[piece.key].shape)}"
            else:
                values.append(piece.take(tensors[piece.key]))
        if len(values) == len(pieces):
            state[key] = torch.cat(values) if len(values) > 1 else values[0]
        elif key.endswith(COUNTER):
            state[key] = ours
    missing = sorted(key for key in missing if not key.endswith(COUNTER))
    unexpected = sorted(originals[key] for key in tensors if key not in used and not re.search(f"{ignored}|{COUNTER}$", key))
    problems = [*some("missing", missing), *some("unexpected", unexpected), *some("wrong shape", sorted(misshapen.values()))]
    if problems:
        raise UserError("\n".join(problems))
    network.load_state_dict(state)
