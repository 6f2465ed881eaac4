"""Driver's-view road scenes with exact truth; see zoo/roads.md. Needs NumPy and a C++ compiler; `load` also Pillow."""

from .frame import CATEGORIES, LABELS, PALETTE, Box, Camera, Frame
from .generate import render, render_many, sequence, sequence_frame
from .storage import Writer, groups, load

__all__ = ["CATEGORIES", "LABELS", "PALETTE", "Box", "Camera", "Frame", "Writer", "groups", "load", "render", "render_many", "sequence",
           "sequence_frame"]
