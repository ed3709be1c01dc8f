"""`cladenet info NAME`: what the ledger knows of one network; its layers if asked for."""

import argparse
import json
from dataclasses import asdict
from typing import Any

from cladenet.cli.text.fidelity import sheet, sheet_text
from cladenet.cli.text.tables import columns, paragraph
from cladenet.errors import BadArgument
from cladenet.ledger import Entry, Family, ancestors, descendants, families, takers
from cladenet.registry import accepts, create_model, find

ERRORS = {
    "top1_err": "top-1",
    "top5_err": "top-5",
    "top1_err_10crop": "10-crop top-1",
    "top5_err_10crop": "10-crop top-5",
    "top1_err_1crop": "1-crop top-1",
    "top5_err_1crop": "1-crop top-5",
    "top1_err_320": "320-pixel crop top-1",
    "top5_err_320": "320-pixel crop top-5",
    "cifar10_err": "CIFAR-10",
    "cifar100_err": "CIFAR-100",
    "cifar10_err_noaug": "CIFAR-10 as it is",
    "cifar100_err_noaug": "CIFAR-100 as it is",
    "svhn_err": "SVHN",
}
HEADINGS = ("layer", "kind", "out", "params", "MACs", "memory", "receptive field", "stride")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """NAME [--layers] [--fidelity] [--json]."""
    parser.add_argument("name", help="a name that `cladenet models` prints")
    parser.add_argument(
        "--layers",
        action="store_true",
        help="shape, size, cost, memory and receptive field of each layer",
    )
    parser.add_argument(
        "--size", type=int, metavar="N", help="with --layers: for images of N x N pixels"
    )
    parser.add_argument(
        "--fidelity",
        action="store_true",
        help="what it was compared with, how, the largest difference, what differs on purpose",
    )
    parser.add_argument("--json", action="store_true", help="the same facts for a program")


def run(arguments: argparse.Namespace) -> int:
    """Print the facts of one network.

    Raises:
        BadArgument: no network has this name, or it cannot look at images of that size.
    """
    entry = find(arguments.name)
    if arguments.size is not None and not arguments.layers:
        raise BadArgument(f"--size is {arguments.size}; it needs --layers")
    rows = layers(entry, arguments.size) if arguments.layers else []
    if arguments.json:
        facts = {**asdict(entry), "tree": family_line(entry)}
        if arguments.layers:
            facts["layer_table"] = rows
        if arguments.fidelity:
            facts["fidelity"] = sheet(entry)
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        print(facts_text(entry))
        if arguments.layers:
            print("\n" + layers_text(rows))
        if arguments.fidelity:
            print("\n" + sheet_text(entry))
    return 0


def family_line(entry: Entry) -> dict[str, Any]:
    """The family's own row, and the names of those before and after it."""
    return {
        **asdict(families()[entry.family]),
        "ancestors": [family.name for family in ancestors(entry.family)],
        "descendants": [family.name for family in descendants(entry.family)],
        "given_to": [family.name for family in takers(entry.family)],
    }


def facts_text(entry: Entry) -> str:
    """The ledger's row in words; what it leaves empty is left out."""
    family = families()[entry.family]
    printed = [
        f"{label} {value} %"
        for key, label in ERRORS.items()
        if (value := getattr(entry, key)) is not None
    ]
    hundred = [
        f"{value:,} {what}"
        for value, what in ((entry.params_cifar100, "params"), (entry.macs_cifar100, "MACs"))
        if value is not None
    ]
    who = f"{entry.first_author}, " if entry.first_author else ""
    source = f". {'arXiv:' if entry.arxiv[0].isdigit() else ''}{entry.arxiv}" if entry.arxiv else ""
    facts = {
        "also called": ", ".join(entry.aliases),
        "paper": f"{who}{entry.year}. {entry.paper}{source}",
        "family": f"{family.title} ({family.authors}, {family.year}). {family.idea}",
        "ancestors": _names(ancestors(entry.family)),
        "descendants": _names(descendants(entry.family)),
        "takes": "; ".join(_taken(family)),
        "given to": _names(takers(entry.family)),
        "input": "x".join(map(str, entry.input)),
        "classes": str(entry.classes),
        "params": _counted(entry.params, entry.paper_params),
        "MACs": _counted(entry.macs, entry.paper_flops),
        "100 classes": ", ".join(hundred),
        "in training": _in_training(entry),
        "exits": _exits(entry),
        "shortcut": entry.shortcut,
        "stride on": entry.stride_on,
        "error": ", ".join(printed),
        "protocol": entry.protocol,
        "figures": entry.figures,
        "recipe": entry.recipe,
        "reference": f"{entry.reference} ({entry.verified})",
        "release": entry.release,
        "notes": entry.notes,
    }
    lines = [paragraph(label, text) for label, text in facts.items() if text]
    return "\n".join([entry.name, "", *lines, "", *(f"    {line}" for line in entry.layers)])


def layers(entry: Entry, size: int | None = None) -> list[dict[str, Any]]:
    """The network's layers, built and run on the meta device: no memory, no arithmetic.

    Raises:
        BadArgument: the network cannot look at images of `size` x `size`.
    """
    import torch

    from cladenet.analysis.cost import layer_table

    channels, height, width = entry.input
    if size is not None:
        height = width = size
    arguments: dict[str, Any] = {}
    if size is not None and accepts(entry.name, "input_size"):
        arguments["input_size"] = size
    if entry.train_params:
        arguments["converted"] = True  # the one that the ledger counts
    with torch.device("meta"):
        model = create_model(entry.name, **arguments)
    return [layer._asdict() for layer in layer_table(model, (channels, height, width))]


def layers_text(rows: list[dict[str, Any]]) -> str:
    """The layers that have weights or change the shape, as a table, and the totals."""
    shown = [row for row in rows if row["params"] or row["in_shape"] != row["out_shape"]]
    lines: list[tuple[str, ...]] = [
        (
            row["name"],
            row["kind"],
            "x".join(map(str, row["out_shape"])),
            f"{row['params']:,}" if row["params"] else "",
            f"{row['macs']:,}" if row["macs"] else "",
            f"{row['memory']:,}" if row["memory"] else "",
            f"{row['receptive_field']}" if row["receptive_field"] else "all",
            f"{row['stride']}" if row["stride"] else "",
        )
        for row in shown
    ]
    totals = (f"{sum(row[key] for row in rows):,}" for key in ("params", "macs", "memory"))
    lines.append(("total", "", "", *totals, "", ""))
    hidden = len(rows) - len(shown)
    remarks = [
        "memory: bytes of the output for one image in float32, none if it overwrites the input",
        "receptive field: side in pixels of what one value of the output depends on; "
        "stride: pixels between neighbours",
        f"{hidden} layers with neither weights nor a new shape are not shown" if hidden else "",
    ]
    return "\n".join([columns(HEADINGS, lines, right="lllrrrrr"), *filter(None, remarks)])


def _taken(family: Family) -> list[str]:
    """What it has from families that are not its parent: "SENet (2017): ... (Sec. 4)"."""
    return [
        f"{families()[taken.family].title} ({families()[taken.family].year}): {taken.what} "
        f"({taken.source})"
        for taken in family.takes
    ]


def _names(line: list[Family]) -> str:
    return ", ".join(f"{family.title} ({family.year})" for family in line)


def _in_training(entry: Entry) -> str:
    if entry.train_params:
        return f"{entry.train_params:,} params, {entry.train_macs:,} MACs"
    if entry.params_with_aux:
        return f"{entry.params_with_aux:,} params with the auxiliary classifiers"
    return ""


def _exits(entry: Entry) -> str:
    pairs = zip(entry.exits_params, entry.exits_macs, strict=True)
    return ", ".join(f"{params:,} params and {macs:,} MACs" for params, macs in pairs)


def _counted(count: int, printed: str) -> str:
    return f"{count:,}" + (f"    (printed: {printed})" if printed else "")
