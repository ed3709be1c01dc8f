"""`cladenet info NAME --fidelity`: what a network was compared with, and what differs."""

from dataclasses import asdict
from typing import Any

from cladenet.cli.text.tables import columns, paragraph
from cladenet.ledger.entry import Entry
from cladenet.ledger.fidelity.compared import Comparison, comparisons
from cladenet.ledger.fidelity.on_purpose import differing
from cladenet.translations import translated

KEYS = ("what", "here", "there", "why")
HEADINGS = ("compared with", "built with", "images", "modes", "difference")
METHOD = (
    "The same random weights in both, the same batch of three images, in float64. Biases of 1 to 4 "
    "and some of 12 lead every activation below 0 and beyond 6. odd and nominal: evaluation mode, "
    "at an odd side and at the paper's. training: training mode with nothing dropped. statistics: "
    "what one step leaves in the running statistics of the norms. path, dropout: training mode "
    "with all of one path or of one place of dropout dropped, one after the other. Differences are "
    "the largest between the logits, in units of the largest logit."
)


def sheet(entry: Entry) -> dict[str, Any]:
    """The same facts for a program."""
    return {
        "compared": [asdict(row) for row in comparisons() if row.ours == entry.name],
        "on_purpose": [dict(zip(KEYS, row, strict=True)) for row in differing(entry.name)],
    }


def sheet_text(entry: Entry) -> str:
    """The fidelity sheet of one network."""
    found = [row for row in comparisons() if row.ours == entry.name]
    if not found:
        return translated("compared with no other implementation; see docs/fidelity.md")
    lines = [line(row) for row in found]
    parts = [columns(HEADINGS, lines, right="llllr"), "", paragraph("how", METHOD)]
    for what, here, there, why in differing(entry.name):
        parts.append(paragraph("differs", f"{what}. Here: {here}. There: {there}. {why}"))
    return "\n".join(parts)


def line(row: Comparison) -> tuple[str, ...]:
    """One comparison in the words of the table's columns."""
    built = ", ".join(f"{key}={value}" for key, value in row.arguments.items())
    sides = ", ".join(map(str, dict.fromkeys(row.sides)))
    double, single = row.largest(), row.largest("float32")
    shown = [f"{double:.1e}"] if double is not None else []
    shown += [f"in float32 {single:.1e}"] if single is not None else []
    return row.theirs, built, sides, ", ".join(row.differences), ", ".join(shown)
