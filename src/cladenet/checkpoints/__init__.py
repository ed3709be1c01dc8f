"""Weights on disk: what is written, how it is verified, how it becomes a network again."""

from cladenet.checkpoints.card import Card
from cladenet.checkpoints.loading import Loaded, found_at, instead_of, load, load_into, locate

__all__ = ["Card", "Loaded", "found_at", "instead_of", "load", "load_into", "locate"]
