"""`cladenet info NAME`: what the ledger knows of a network or family; its layers if asked for."""

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cladenet.cli.text.family_text import (
    family_facts,
    family_text,
    find_family,
    names,
    networks_of,
    taken_text,
)
from cladenet.cli.text.fidelity import sheet, sheet_text
from cladenet.cli.text.layer_table import MOST_DRAWN, layers_text, units_text
from cladenet.cli.text.tables import folded, paragraph
from cladenet.errors import BadArgument
from cladenet.ledger import (
    aliases,
    ancestors,
    descendants,
    families,
    load,
    look_up,
    takers,
)
from cladenet.ledger.entry import Entry
from cladenet.ledger.family import Family
from cladenet.suggest import hint

if TYPE_CHECKING:
    from cladenet.layers.classifier import Classifier

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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """NAME [--layers] [--unit PART] [--svg FILE] [--size N] ... [--fidelity] [--json]."""
    parser.add_argument(
        "name", metavar="NAME", help="a network or a family, as `cladenet models` prints them"
    )
    parser.add_argument(
        "--layers",
        action="store_true",
        help="kernel, groups, shape, cost, memory and receptive field of each layer, and where "
        "paths are added or concatenated; then its units, drawn",
    )
    parser.add_argument("--unit", metavar="PART", help="draw that part alone, such as stages.1.0")
    parser.add_argument("--svg", metavar="FILE", help="write the drawings as SVG")
    parser.add_argument("--size", type=int, metavar="N", help="for images of N x N pixels")
    parser.add_argument("--classes", type=int, metavar="N", help="for N classes")
    parser.add_argument("--channels", type=int, metavar="N", help="for images of N channels")
    parser.add_argument(
        "--fidelity",
        action="store_true",
        help="what it was compared with, how, the largest difference, what differs on purpose",
    )
    parser.add_argument("--json", action="store_true", help="print the same as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the facts of one network, or of a family.

    Raises:
        BadArgument: nothing has this name, or the network cannot be built so.
    """
    family = None if look_up(arguments.name) else find_family(arguments.name)
    if family is not None:
        return _print_family(family, arguments)
    entry = look_up(arguments.name)
    if entry is None:
        raise _unknown(arguments.name)
    form = {key: getattr(arguments, key) for key in ("size", "classes", "channels")}
    asked = [value for value in form.values() if value is not None]
    traced = arguments.layers or arguments.unit is not None or arguments.svg is not None
    parts: dict[str, Any] = {}
    if asked or traced:
        from cladenet.analysis.form import Form

        built = Form(**form)
        if asked:
            parts["counted"] = built.count(entry)._asdict()
        if traced:
            parts |= _traced(built.build(entry), arguments)
    if arguments.fidelity:
        parts["fidelity"] = sheet(entry)
    if arguments.json:
        facts = {**asdict(entry), "tree": family_facts(families()[entry.family]), **parts}
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return 0
    texts = [facts_text(entry, parts.get("counted"))]
    if arguments.layers:
        texts.append(layers_text(parts["layer_table"]))
    if traced:
        texts.append(units_text(parts["units"]))
    if arguments.fidelity:
        texts.append(sheet_text(entry))
    print("\n\n".join(texts))
    return 0


def _unknown(name: str) -> BadArgument:
    """The error for a name that neither a network nor a family has."""
    from cladenet.ledger.elsewhere import ELSEWHERE

    if name in ELSEWHERE:
        return BadArgument(
            f"no network or family is called {name!r}; {ELSEWHERE[name][0]}'s is "
            f"{ELSEWHERE[name][1]} here"
        )
    if os.path.isdir(name):
        return BadArgument(
            f"{name} is a folder, and `cladenet info` takes a network or family; a run is "
            "described in its report.html"
        )
    near = hint(name, [*families(), *load(), *aliases()])
    return BadArgument(
        f"no network or family is called {name!r}; {near}`cladenet models` prints all {len(load())}"
    )


def _traced(
    built: tuple["Classifier", tuple[int, int, int]], arguments: argparse.Namespace
) -> dict[str, Any]:
    """The layers and the units of a network, as plain values; writes the SVG that is asked for.

    Raises:
        BadArgument: there is no such unit, or images of that size cannot be looked at.
    """
    from cladenet.analysis.drawing.svg import as_svg
    from cladenet.analysis.drawing.units import draw_module, recorded, units_of
    from cladenet.analysis.layer_table import layer_table
    from cladenet.checkpoints.atomic import write_file

    passed = recorded(*built)
    units = units_of(passed) if arguments.unit is None else [draw_module(passed, arguments.unit)]
    if arguments.svg is not None:
        drawn = [(f"{arguments.name} {unit.title}", unit.boxes) for unit in units[:MOST_DRAWN]]
        write_file(Path(arguments.svg), as_svg(drawn).encode())
    found = {"units": [unit.as_json() for unit in units]}
    if arguments.layers:
        found["layer_table"] = [layer._asdict() for layer in layer_table(*built)]
    return found


def _print_family(family: Family, arguments: argparse.Namespace) -> int:
    """Its facts and its networks.

    Raises:
        BadArgument: something was asked that one network alone can answer.
    """
    networks = networks_of(family)
    asked = {
        f"--{key}": getattr(arguments, key)
        for key in ("layers", "unit", "svg", "size", "classes", "channels", "fidelity")
    }
    for option, value in asked.items():
        if value not in (None, False):
            raise BadArgument(
                f"{family.name} is a family of {len(networks)} networks; {option} needs one of "
                f"them, such as {networks[0].name}. `cladenet info {family.name}` lists them"
            )
    if arguments.json:
        facts = {**family_facts(family), "networks": [asdict(entry) for entry in networks]}
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        print(family_text(family))
    return 0


def facts_text(entry: Entry, counted: dict[str, Any] | None = None) -> str:
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
        "ancestors": names(ancestors(entry.family)),
        "descendants": names(descendants(entry.family)),
        "takes": "; ".join(taken_text(family)),
        "given to": names(takers(entry.family)),
        "input": "x".join(map(str, entry.input)),
        "classes": str(entry.classes),
        "params": _counted(entry.params, entry.paper_params),
        "MACs": _counted(entry.macs, entry.paper_flops),
        "as asked": _as_asked(counted),
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
    return "\n".join(
        [entry.name, "", *lines, "", *(folded(f"    {line}") for line in entry.layers)]
    )


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


def _as_asked(counted: dict[str, Any] | None) -> str:
    if counted is None:
        return ""
    shape = "x".join(map(str, counted["input"]))
    plural = "class" if counted["classes"] == 1 else "classes"
    return (
        f"{counted['params']:,} params, {counted['macs']:,} MACs for {shape} and "
        f"{counted['classes']:,} {plural}"
    )
