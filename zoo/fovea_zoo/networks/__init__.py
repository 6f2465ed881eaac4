"""PyTorch definitions of the zoo's networks, one file per family, and the table of the named ones."""

from .registry import NETWORKS, Recipe, create, load, recipe_of, save

__all__ = ["NETWORKS", "Recipe", "create", "load", "recipe_of", "save"]
