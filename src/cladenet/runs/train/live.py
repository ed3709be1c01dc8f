"""A run's progress as one line of a terminal that is redrawn, by rich."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cladenet.translations import translated

EVERY = 0.2  # seconds between two drawings


class Live:
    """A `Display`."""

    def __init__(self, bar: Any, total: int, first: int) -> None:
        self.bar = bar
        self.task = bar.add_task("", total=total, completed=first)
        self._last, self._shown = time.monotonic(), first

    def wants(self) -> bool:
        """Five times a second."""
        return time.monotonic() - self._last >= EVERY

    def step(self, step: int, lr: float, loss: float, error: float, images: int) -> None:
        """Redraw."""
        now = time.monotonic()
        speed = images * (step - self._shown) / max(1e-9, now - self._last)
        self._last, self._shown = now, step
        text = f"loss {loss:.4f}  error {error:5.2f} %  lr {lr:.3g}  {speed:,.0f} images/s"
        self.bar.update(self.task, completed=step, description=translated(text))

    def say(self, line: str) -> None:
        """Above the line that is redrawn."""
        self.bar.console.print(translated(line), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def live(total: int, first: int) -> Iterator[Live]:
    """On stderr: `total` steps, of which `first` are done."""
    columns = (
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    # transient: a bar that stopped between two drawings would stay behind at 35 of 40
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Live(bar, total, first)
