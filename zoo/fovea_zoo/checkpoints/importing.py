"""From checkpoint files to the network that they hold."""

from pathlib import Path

from torch import nn

from ..errors import UserError
from .formats import FORMATS, Format
from .matching import fill_network
from .reading import read_checkpoint
from .transformers_files import class_names, current_name, read_configuration


def recognise(keys: set[str], where: str) -> Format:
    """The format with the most telltale keys among `keys`."""
    found = [sum(key in keys for key in known.telltales) for known in FORMATS]
    if max(found) == 0:
        first = ", ".join(sorted(keys)[:4]) or "none"
        titles = "\n".join(f"  {known.title}: {' and '.join(known.telltales)}" for known in FORMATS)
        raise UserError(f"{where}: no known format; its first keys: {first}. Each format is known by its keys:\n{titles}")
    return FORMATS[found.index(max(found))]


def import_network(files: list[Path]) -> tuple[nn.Module, str, list[str] | None]:
    """The network in evaluation mode, the format's title, and the names of its classes where the files tell them."""
    tensors, extras, originals = {}, {}, {}
    for file in files:
        found, beside = read_checkpoint(file)
        originals |= {current_name(key): key for key in found}
        tensors |= {current_name(key): value for key, value in found.items()}
        extras |= {**read_configuration(file), **beside}
    where = " and ".join(map(str, files))
    known = recognise(set(tensors), where)
    try:
        network = known.build(tensors, extras)
        fill_network(network, tensors, known.sources(network, tensors), known.ignored, originals)
    except UserError as error:
        raise UserError(f"{where} looks like {known.title}, but does not fit.\n{error}") from None
    return network.eval(), known.title, class_names(extras)
