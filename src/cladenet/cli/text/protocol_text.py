"""Protocols side by side, for a terminal: one table in the layout of VGG's Tables 3 to 6."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cladenet.cli.text.tables import interval, percent
from cladenet.cli.text.text_table import text_table
from cladenet.data.images.decode import readable
from cladenet.plural import counted
from cladenet.translations import heading

if TYPE_CHECKING:
    from cladenet.runs.evaluate.evaluated import Evaluated
    from cladenet.runs.evaluate.protocol_table import ProtocolTable

HEAD = (
    "network", "train S", "test Q", "protocol", "views", "images",
    "top-1 err", "95 %", "top-5 err", "95 %",
)  # fmt: skip


def as_table(table: "ProtocolTable") -> str:
    """One line for each run and protocol; those of the ensemble come last."""
    first = table.rows[0]
    runs = list(dict.fromkeys(row.checkpoint for row in table.rows))
    numbers = [f" {n}" if len(runs) > 1 else "" for n in range(1, len(runs) + 1)]
    weights = "\n".join(
        f"{heading('weights')}{number}  {readable(str(folder))}"
        for number, folder in zip(numbers, runs, strict=True)
    )
    lines = [_line(row, runs) for row in table.rows]
    few = first.evaluation.top5_error is None
    note = (
        f"\n(no top-5 error: {counted(first.evaluation.num_classes, 'class')} only)" if few else ""
    )
    title = f"{readable(first.data)}, {heading(first.split)}"
    return f"{title}\n{weights}\n\n{text_table(HEAD, lines, 'lllllrrlrl')}{note}"


def _line(row: "Evaluated", runs: Sequence[Path]) -> list[str]:
    found, viewing = row.evaluation, row.viewing
    assert viewing is not None  # noqa: S101  (the checkpoint's own view alone has none)
    numbers = [str(runs.index(folder) + 1) for folder in viewing.checkpoints]
    return [
        f"{' + '.join(numbers)}: {row.network}" if len(runs) > 1 else row.network,
        _distinct(
            str(smallest) if smallest == largest else f"[{smallest};{largest}]"
            for smallest, largest in viewing.trained
        ),
        _distinct(",".join(map(str, scales)) for scales in viewing.scales),
        row.protocol,
        _distinct(viewing.views),
        f"{found.n:,}",
        percent(found.top1_error),
        interval(found.top1_interval),
        percent(found.top5_error),
        interval(found.top5_interval),
    ]


def _distinct(texts: Iterable[str]) -> str:
    """The value of each ensemble member, once where it is the same."""
    return "; ".join(dict.fromkeys(texts))
