"""What training scripts put around a network's names, and beside them.

A wrapper's prefix is taken off: `module.`, `network.`, whatever all names share. Where most share
one and a few do not, as with the weights of a loss in Lightning's files, the few lie outside the
network.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from torch import Tensor

PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "backbone.", "encoder.")
# Counters of averages and of thop's profiler, which sit among a network's own names.
COUNTERS = re.compile(r"(.*\.)?(n_averaged|total_ops|total_params|num_updates|decay)")
MOST = 0.8  # of the names share the network's prefix where a few lie outside


def without_counters(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors without single numbers that count something, and those numbers' names."""
    left_out = [k for k, v in tensors.items() if v.numel() == 1 and COUNTERS.fullmatch(k)]
    return {k: v for k, v in tensors.items() if k not in left_out}, left_out


def unwrapped(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Without the wrappers that everybody knows, and which they were."""
    taken = ""
    while True:
        prefix = next((p for p in PREFIXES if all(name.startswith(p) for name in tensors)), "")
        if not prefix or not tensors:
            return tensors, taken
        tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
        taken += prefix


Reading = tuple[dict[str, Tensor], tuple[str, ...]]  # tensors, and what was done to them


def readings(tensors: Mapping[str, Tensor]) -> list[Reading]:
    """The tensors as they are, and without what all names share, or most; the likeliest first."""
    inside = list(_inside(tensors))
    wrapped = bool(inside) and inside[0][1][0].startswith(PREFIXES)
    return [*inside, (dict(tensors), ())] if wrapped else [(dict(tensors), ()), *inside]


def _inside(tensors: Mapping[str, Tensor]) -> Iterator[Reading]:
    taken = ""
    for _ in range(4):  # wrappers in wrappers
        first = Counter(name.partition(".")[0] for name in tensors)
        prefix = f"{first.most_common(1)[0][0]}." if first else ""
        inside = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        outside = [name for name in tensors if not name.startswith(prefix)]
        layers = any(tensors[name].ndim > 1 for name in outside)
        if len(inside) < MOST * len(tensors) or layers or inside.keys() == tensors.keys():
            return
        taken, tensors = taken + prefix, inside
        notes = [f"{taken} was taken off the names"]
        if outside:
            more = f" and {len(outside) - 1} more" if len(outside) > 1 else ""
            notes.append(f"{outside[0]}{more} lies outside {prefix} and is left out")
        yield inside, tuple(notes)
