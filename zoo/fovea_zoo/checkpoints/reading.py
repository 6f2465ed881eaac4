"""Reads the tensors of a checkpoint file, without running code that it may contain."""

import argparse
import pickle
from pathlib import Path

import torch

from ..errors import UserError

WRAPPERS = ("model", "state_dict")
PREFIXES = ("module.1.", "module.")


def read_file(file: Path) -> dict:
    if not file.is_file():
        raise UserError(f"{file}: no such file")
    if file.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(file)
        except SafetensorError as error:
            raise UserError(f"{file}: not a safetensors file ({error})") from None
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"{file}: not a file of plain PyTorch tensors ({reason})") from None
    if not isinstance(content, dict):
        raise UserError(f"{file}: expected a dictionary of tensors, found {type(content).__name__}")
    return content


def read_checkpoint(file: Path) -> tuple[dict[str, torch.Tensor], dict]:
    """Tensors by key, and what else lies beside them. Wrappers that trainers put around both are removed."""
    content = read_file(file)
    for wrapper in WRAPPERS:
        if isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    tensors = {str(key): value for key, value in content.items() if isinstance(value, torch.Tensor)}
    extras = {key: value for key, value in content.items() if not isinstance(value, torch.Tensor)}
    for prefix in PREFIXES:
        if tensors and all(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    return tensors, extras
