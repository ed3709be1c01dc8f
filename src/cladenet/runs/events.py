"""TensorBoard events, where the package is installed; the run's truth is `metrics.jsonl`."""

from pathlib import Path
from typing import Any


class Events:
    """Writes scalars for TensorBoard.

    Args:
        folder: of the event files.
        step: events of later steps, from before an interruption, are taken back.
        wanted: this process writes; the others hold an object that does nothing.
    """

    def __init__(self, folder: Path, step: int, wanted: bool) -> None:
        self._writer: Any = None
        if not wanted:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    def write(self, *rows: dict[str, Any]) -> None:
        """The numbers of `rows`, each of which has a `step`."""
        if self._writer is None:
            return
        for row in rows:
            for name, value in row.items():
                if name not in ("step", "epoch"):
                    self._writer.add_scalar(name, value, row["step"])
        self._writer.flush()

    def close(self) -> None:
        """Flush what is pending."""
        if self._writer is not None:
            self._writer.close()
