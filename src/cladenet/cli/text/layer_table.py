"""The layers and units of a network as text: windows, shapes, costs, and what joins the paths."""

from collections.abc import Sequence
from typing import Any

from cladenet.cli.text.tables import columns, fit, paragraph
from cladenet.plural import agree, counted
from cladenet.translations import heading, translated

HEADINGS = (
    *("layer", "kind", "kernel", "groups", "out", "params", "MACs", "memory"),
    *("receptive field", "total stride"),
)
MOST_DRAWN = 3  # kinds of units, if no one is asked for
JOINS = {"add": "+ add", "cat": "= concatenate", "mul": "x multiply", "lerp": "+ gated sum"}
REMARKS = (
    "kernel: height x width / stride; groups: of the channels, where there are several",
    "memory: bytes of the output for one image in float32, none if it overwrites the input",
    "receptive field: side in pixels of what one value of the output depends on; "
    "total stride: pixels between neighbours",
)


def layers_text(rows: Sequence[dict[str, Any]]) -> str:
    """Layers with weights or a new shape, what joins paths, and the totals; cut to the terminal.

    Args:
        rows: of `cladenet.analysis.cost.layer_table`, as plain values.
    """
    shown = [row for row in rows if is_shown(row)]
    totals = (f"{sum(row[key] for row in rows):,}" for key in ("params", "macs", "memory"))
    lines = [*map(_cells, shown), (heading("total"), "", "", "", "", *totals, "", "")]
    hidden = len(rows) - len(shown)
    remarks = [*REMARKS]
    if hidden:
        remarks.append(
            f"{counted(hidden, 'step')} with neither weights nor a new shape "
            f"{agree(hidden, 'is', 'are')} not shown"
        )
    return fit("\n".join([columns(HEADINGS, lines, right="lllrrrrrrr"), *map(translated, remarks)]))


def is_shown(row: dict[str, Any]) -> bool:
    """Has it weights, a new shape, or several inputs?"""
    return bool(
        row["params"] or row["in_shape"] != row["out_shape"] or row["kind"] in JOINS or row["macs"]
    )


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    groups = row["groups"] or 1
    return (
        row["name"],
        heading(JOINS.get(row["kind"], row["kind"])),
        _window(row["kernel"], row["kernel_stride"]),
        f"{groups}" if groups > 1 else "",
        "x".join(map(str, row["out_shape"])),
        f"{row['params']:,}" if row["params"] else "",
        f"{row['macs']:,}" if row["macs"] else "",
        f"{row['memory']:,}" if row["memory"] else "",
        f"{row['receptive_field']}" if row["receptive_field"] else heading("all"),
        f"{row['stride']}" if row["stride"] else "",
    )


def _window(kernel: tuple[int, int] | None, stride: tuple[int, int] | None) -> str:
    """`3x3 / 2`; the stride only where it is not 1."""
    if not kernel or not stride:
        return ""
    size = f"{kernel[0]}x{kernel[1]}"
    if set(stride) == {1}:
        return size
    down, across = stride
    return f"{size} / {down}" if down == across else f"{size} / {down}x{across}"


def units_text(units: Sequence[dict[str, Any]]) -> str:
    """The drawings of the units that there are most of, and where the others are."""
    drawn = [f"{unit['title']}\n\n{unit['drawing']}" for unit in units[:MOST_DRAWN]]
    if others := units[MOST_DRAWN:]:
        named = ", ".join(unit["name"] for unit in others)
        drawn.append(paragraph("others", f"{named}; --unit {others[0]['name']} draws that one"))
    return fit("\n\n".join(drawn))
