"""What the family-tree page knows of each network, in a file small enough to load at once.

Units of a stage mostly repeat, or grow by a fixed amount, as in a DenseNet. They are written as
arithmetic sequences, from which the page gets every unit back exactly.
"""

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch

from cladenet.analysis.drawing.boxes import boxes_of
from cladenet.analysis.drawing.svg import as_svg
from cladenet.analysis.drawing.units import recorded, units_of
from cladenet.analysis.form import Form
from cladenet.analysis.layer_table import Layer, layer_table
from cladenet.ledger import families, load
from cladenet.ledger.entry import Entry
from website.families import fact, idea, what_was_taken

MOST_DRAWN = 2  # kinds of units of one network
# Families that begin a colour; the others have their parent's.
LINEAGES = ("lenet", "vgg", "googlenet", "mobilenet_v1", "nasnet", "resnet", "densenet", "vit")

# Printed errors that can be compared with one another, in the order in which a network shows one.
ERRORS = (
    ("ImageNet top-1", ("top1_err", "top1_err_1crop", "top1_err_10crop", "top1_err_320")),
    ("CIFAR-10", ("cifar10_err", "cifar10_err_noaug")),
    ("CIFAR-100", ("cifar100_err", "cifar100_err_noaug")),
    ("SVHN", ("svhn_err",)),
    ("MNIST", ()),
)


class Unit(NamedTuple):
    """One unit as it ran.

    Args:
        macs: multiply-accumulates for one image.
        params: values of its own.
        field: side in pixels of what one output value depends on; 0 for the whole image.
        shape: of its output for one image.
    """

    macs: int
    params: int
    field: int
    shape: tuple[int, ...]


class Part(NamedTuple):
    """The stem, a stage or the head: its name and units."""

    name: str
    units: list[Unit]


class Traced(NamedTuple):
    """What one pass of a network shows: its parts, and its units as SVG."""

    parts: list[Part]
    drawing: str


def traced(name: str) -> Traced:
    """One network, built and run on the meta device."""
    torch.set_num_threads(1)
    built = Form().build(load()[name])
    passed = recorded(*built)
    # a network without stages, such as evolution's linear one, is drawn whole
    units = [(unit.title, unit.boxes) for unit in units_of(passed)[:MOST_DRAWN]]
    drawing = as_svg(units or [(name, boxes_of(passed.steps))])
    return Traced(parts_of(layer_table(*built)), drawing)


def parts_of(layers: Iterable[Layer]) -> list[Part]:
    """The layers put together: by unit in the stages, and else one by one."""
    found: dict[str, dict[str, Unit]] = {}
    for layer in layers:
        words = layer.name.split(".")
        deep = words[0] == "stages"
        part, unit = ".".join(words[: 1 + deep]), ".".join(words[: 2 + deep])
        units = found.setdefault(part, {})
        before = units.get(unit, Unit(0, 0, 1, ()))
        field = layer.receptive_field
        units[unit] = Unit(
            before.macs + layer.macs,
            before.params + layer.params,
            max(before.field, field) if field and before.field else 0,
            layer.out_shape,
        )
    return [Part(part, _merged(part, units.values())) for part, units in found.items()]


def _merged(part: str, units: Iterable[Unit]) -> list[Unit]:
    """Without activations, dropout and the like as units of their own; the head is one unit."""
    merged: list[Unit] = []
    for unit in units:
        before = merged[-1] if merged else None
        free = before and not unit.macs and (unit.field, unit.shape) == before[2:]
        if before and (free or part == "head"):
            costs = before.macs + unit.macs, before.params + unit.params
            merged[-1] = Unit(*costs, unit.field, unit.shape)
        else:
            merged.append(unit)
    return merged


def runs(units: Sequence[Unit]) -> list[tuple[object, ...]]:
    """Units as arithmetic sequences: (count, shape, MACs, params, field, and their steps).

    The three steps are left out where the count is 1 or nothing changes.
    """
    found: list[tuple[object, ...]] = []
    place = 0
    while place < len(units):
        first, count, steps = units[place], 1, (0, 0, 0)
        for before, unit in pairwise(units[place:]):
            if unit.shape != first.shape:
                break
            steps = _differences(unit, before) if count == 1 else steps
            if _differences(unit, before) != steps:
                break
            count += 1
        shape = "x".join(map(str, first.shape))
        found.append((count, shape, *first[:3], *(steps if any(steps) else ())))
        place += count
    return found


def _differences(unit: Unit, before: Unit) -> tuple[int, int, int]:
    return unit.macs - before.macs, unit.params - before.params, unit.field - before.field


def lineage_of(family: str) -> int:
    """The number of the colour that a family has."""
    while family not in LINEAGES:
        family = families()[family].parent
    return LINEAGES.index(family)


def error_of(entry: Entry) -> tuple[str, float] | None:
    """The error that places a network beside others: its data set and percentage."""
    for data, keys in ERRORS:
        for key in keys:
            value = getattr(entry, key)
            if value is not None:
                on_mnist = entry.protocol.startswith("MNIST")  # whose rows have a top-1 error, too
                return "MNIST" if on_mnist else data, float(value)
    return None


def tree_data(networks: dict[str, Traced]) -> str:
    """The file: one assignment of one object.

    Args:
        networks: those that the page is to show.
    """
    place = {name: number for number, name in enumerate(families())}
    lines: dict[str, int] = {}
    shapes: dict[str, int] = {}
    rows: dict[tuple[object, ...], int] = {}
    names: dict[str, int] = {}
    protocols: dict[str, int] = {}
    errors = [data for data, _ in ERRORS]

    def packed(run: tuple[object, ...]) -> int:
        count, shape, *values = run
        row = (count, shapes.setdefault(str(shape), len(shapes)), *values)
        return rows.setdefault(row, len(rows))

    def network(entry: Entry) -> list[object]:
        error = error_of(entry)
        stages = [
            [names.setdefault(part.name, len(names)), *(packed(run) for run in runs(part.units))]
            for part in networks[entry.name].parts
        ]
        return [
            entry.name,
            place[entry.family],
            entry.year * 12 + entry.month - 1,
            "x".join(map(str, entry.input)),
            entry.params,
            entry.macs,
            [
                errors.index(error[0]),
                error[1],
                protocols.setdefault(entry.printed_for, len(protocols)),
            ]
            if error
            else 0,
            [lines.setdefault(line, len(lines)) for line in entry.layers],
            stages,
            int(bool(networks[entry.name].drawing)),
        ]

    listed = [network(entry) for name, entry in load().items() if name in networks]
    data = {
        "families": [
            [
                name,
                family.title,
                family.year,
                place.get(family.parent, -1),
                [idea(family, "en"), idea(family, "zh")],
                [
                    [
                        place[taken.family],
                        [what_was_taken(taken, "en"), what_was_taken(taken, "zh")],
                    ]
                    for taken in family.takes
                ],
                lineage_of(name),
            ]
            for name, family in families().items()
        ],
        "errors": errors,
        "lineages": LINEAGES,
        "protocols": [[text, fact(text, "zh")] for text in protocols],
        "lines": list(lines),
        "parts": list(names),
        "shapes": list(shapes),
        "rows": list(rows),
        "networks": listed,
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"window.CLADENET_TREE={text};\n"
