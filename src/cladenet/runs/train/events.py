"""TensorBoard events, where the package is installed; the run's truth is `metrics.jsonl`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


class Events:
    """Writes scalars for TensorBoard.

    Args:
        folder: of the event files.
        step: events of later steps, from before an interruption, are taken back.
        wanted: this process writes; the others hold an object that does nothing.
        say: called once if the disk refuses the events, which does not stop a run.
    """

    def __init__(self, folder: Path, step: int, wanted: bool, say: Callable[[str], None]) -> None:
        self._writer: Any = None
        self._folder, self._step = folder, step
        self._wanted = wanted
        self._say = say

    def write(self, *rows: dict[str, Any]) -> None:
        """The numbers of `rows`, each of which has a `step`.

        The file comes with the first: a run that has nothing left to do gets none.
        """
        with self._tolerated():
            if self._wanted:
                self._wanted = False
                with suppress(ImportError):
                    from torch.utils.tensorboard import SummaryWriter

                    self._writer = SummaryWriter(str(self._folder), purge_step=self._step + 1)
            if self._writer is None:
                return
            for row in rows:
                for name, value in row.items():
                    if name not in ("step", "epoch", "since"):
                        self._writer.add_scalar(name, value, row["step"])
            self._writer.flush()

    def close(self) -> None:
        """Flush what is pending."""
        if self._writer is not None:
            with self._tolerated():
                self._writer.close()

    @contextmanager
    def _tolerated(self) -> Iterator[None]:
        try:
            yield
        except (OSError, UnicodeError) as error:  # the latter: it takes names in UTF-8 alone
            self._writer = None
            self._say(f"note: TensorBoard gets no more events: {error}")
