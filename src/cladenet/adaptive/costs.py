"""What it costs to come to each exit, and which of them a budget reaches."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from cladenet.errors import BadArgument

UNITS = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9}
REPEATS = 15
MOST_SECONDS = 5.0


@dataclass(frozen=True)
class Budget:
    """A cost an image.

    Args:
        amount: in `unit`.
        unit: `MACs` or `ms`.
        text: as it was given.
    """

    amount: float
    unit: str
    text: str


def parse_budget(text: str) -> Budget:
    """`20M`, `1.5G` and `800k` are multiply-accumulates an image, `5ms` is a time.

    Raises:
        BadArgument: it is none of these.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(ms|[kKMG]?)\s*", text)
    amount = float(found[1]) if found else 0.0
    if found is None or amount <= 0:
        raise BadArgument(
            f"budget is {text!r}; expected multiply-accumulates per image, such as 20M, or a time "
            "such as 5ms"
        )
    if found[2] == "ms":
        return Budget(amount, "ms", text.strip())
    return Budget(amount * UNITS[found[2].upper()], "MACs", text.strip())


@dataclass(frozen=True)
class Costs:
    """From an image to the answer of each exit, those before it included.

    Args:
        macs: multiply-accumulates.
        ms: milliseconds an image, where `batch_size` of them come at a time.
        batch_size: images that came at a time.
        threads: that torch had.
    """

    macs: tuple[int, ...]
    ms: tuple[float, ...]
    batch_size: int
    threads: int

    def of(self, unit: str) -> tuple[float, ...]:
        """In `MACs` or `ms`."""
        return self.ms if unit == "ms" else tuple(map(float, self.macs))

    def mean(self, unit: str, exits: NDArray[np.intp]) -> float:
        """Of images that left at those exits, from 0; nan without any."""
        return float(np.array(self.of(unit))[exits].mean()) if len(exits) else float("nan")

    def last_within(self, budget: Budget) -> int:
        """Anytime prediction: the last exit, from 0, that the budget reaches.

        Raises:
            BadArgument: it does not reach the first.
        """
        costs = self.of(budget.unit)
        reached = [k for k, cost in enumerate(costs) if cost <= budget.amount]
        if not reached:
            raise BadArgument(
                f"budget is {budget.text}; the first answer costs {in_words(costs[0], budget.unit)}"
                f", the last {in_words(costs[-1], budget.unit)}"
            )
        return reached[-1]


def in_words(cost: float, unit: str) -> str:
    """`20.1M MACs`, `5.02 ms`."""
    if unit == "ms":
        return f"{cost:.3g} ms"
    letter = next((u for u in ("G", "M", "K") if cost >= UNITS[u]), "")
    return f"{cost / UNITS[letter]:.3g}{letter} MACs"


def ms_to_each(start: Callable[[], Iterator[object]], images: int) -> tuple[float, ...]:
    """Milliseconds an image to each thing that `start()` gives: medians of repeated passes.

    Args:
        start: begins a pass over a batch.
        images: in the batch.
    """
    passes: list[list[float]] = []
    end = time.perf_counter() + MOST_SECONDS
    for number in range(REPEATS + 1):
        begun = time.perf_counter()
        times = [time.perf_counter() - begun for _ in start()]
        if number:  # the first one warms up
            passes.append(times)
            if begun > end:
                break
    return tuple(1e3 * median(column) / images for column in zip(*passes, strict=True))
