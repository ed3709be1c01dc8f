"""The tensors of networks of public repositories, without their values: foreign/keys.txt."""

from functools import cache
from pathlib import Path

import torch
from torch import Tensor

LEAVES = {"w": ".weight", "b": ".bias", "m": ".running_mean", "v": ".running_var", "-": ""}


@cache
def foreign() -> dict[str, dict[str, Tensor]]:
    """A network's tensors by their names there, for each network in the file."""
    found: dict[str, dict[str, Tensor]] = {}
    for line in (Path(__file__).parent / "foreign" / "keys.txt").read_text().splitlines():
        if line.startswith("["):
            found[line[1:-1]] = network = {}
        elif line and not line.startswith("#"):
            part, *tensors = line.split()
            for letters, shape in (tensor.split("=") for tensor in tensors):
                sizes = [int(size) for size in shape.split("x") if size]
                for letter in letters:
                    name = f"{part}{LEAVES[letter]}"
                    network[name] = torch.empty(sizes, device="meta")
    return found
