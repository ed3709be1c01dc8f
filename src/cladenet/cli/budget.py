"""`cladenet evaluate RUN --budget ...`, `--max-drop ...` and `evaluate A B --cascade`."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cladenet.cli.imports import lasting_imports
from cladenet.cli.text.tables import interval
from cladenet.cli.text.text_table import text_table
from cladenet.data.images.decode import readable
from cladenet.errors import BadArgument
from cladenet.plural import counted

if TYPE_CHECKING:
    from cladenet.runs.adaptive.budgeted import Budgeted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What an adaptive evaluation takes beside what all evaluations do."""
    group = parser.add_argument_group(
        "adaptive inference", "each image goes as far as it needs; thresholds from held-out images"
    )
    group.argument_default = argparse.SUPPRESS
    group.add_argument(
        "--budget",
        metavar="B",
        help="curve, or what an image may cost on average: 20M multiply-accumulates, or 5ms",
    )
    group.add_argument(
        "--max-drop",
        type=float,
        metavar="POINTS",
        help="the cheapest thresholds that lose at most POINTS of accuracy, with 95 %% confidence",
    )
    group.add_argument(
        "--cascade",
        action="store_true",
        help="several runs, the smallest first, the next for what is left",
    )
    group.add_argument(
        "--law", metavar="LAW", help="how images are shared among the exits: released or paper"
    )
    group.add_argument(
        "--averages",
        metavar="A",
        help="averaging an exit's answer with those before it: none, greedy, released",
    )
    group.add_argument(
        "--confidence", metavar="C", help="how sure an exit is: posterior, margin or entropy"
    )
    group.add_argument(
        "--calibrated",
        action="store_true",
        help="a temperature for each exit, from held-out images",
    )
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw accuracy against cost")


def wanted(arguments: argparse.Namespace) -> bool:
    """Was an adaptive evaluation asked for?

    Raises:
        BadArgument: an option of one was given without one.
    """
    given = vars(arguments)
    if any(name in given for name in ("budget", "max_drop", "cascade")):
        return True
    alone: list[str] = [n for n in ("law", "averages", "confidence", "calibrated") if n in given]
    alone += ["svg"] if arguments.svg is not None else []
    if alone:
        raise BadArgument(
            f"--{alone[0]} is for --budget, --max-drop or --cascade; give one of them"
        )
    return False


def found_and_text(arguments: argparse.Namespace) -> "tuple[Budgeted, str]":
    """What was found, also as text; the picture is written where it is asked for."""
    with lasting_imports():
        from cladenet.checkpoints.atomic import write_file
        from cladenet.runs.adaptive.evaluate_budget import BudgetOptions, evaluate_budget

    _refuse_others(arguments)
    names = {field.name for field in fields(BudgetOptions)}
    options: dict[str, Any] = {k: v for k, v in vars(arguments).items() if k in names}
    found = evaluate_budget(arguments.runs, **options)
    if arguments.svg is not None:
        write_file(arguments.svg, found.to_svg().encode())
    return found, as_text(found)


def _refuse_others(arguments: argparse.Namespace) -> None:
    others = ("protocol", "scales", "train_scale", "flip", "average", "worst")
    given = [name for name in others if name in vars(arguments)]
    given += ["exits"] if arguments.exits else []
    if given:
        raise BadArgument(
            f"--{given[0].replace('_', '-')} is for another evaluation; an adaptive one shows "
            "images as the checkpoint describes"
        )
    if arguments.engine not in ("auto", "packed"):
        raise BadArgument(
            f"--engine {arguments.engine} cannot be stopped between exits; leave it out"
        )
    if arguments.svg is not None and not arguments.svg.absolute().parent.is_dir():
        raise BadArgument(f"--svg {arguments.svg}: its folder does not exist; create it first")


def as_text(found: "Budgeted") -> str:
    """Tables for a terminal."""
    cost = f"ms per image for {found.costs.batch_size} at a time, {found.costs.threads} thread(s)"
    title = (
        f"{' + '.join(found.networks)} on {readable(found.data)}, {found.split}, "
        f"{counted(found.n, 'image')}"
        f"\nthresholds from {counted(found.held, 'held-out image')}, {found.precision}, "
        f"{found.choice.words if found.choice else 'one threshold for all exits'}\n{cost}"
    )
    parts = [title, _answers(found), _points(found)]
    if found.compared:
        parts.append(_compared(found))
    if found.kept is not None:
        use = "--cascade" if len(found.networks) > 1 else "--budget kept"
        parts.append(f"kept in {readable(str(found.kept))}, for `cladenet predict` with {use}")
    return "\n\n".join(parts)


def _answers(found: "Budgeted") -> str:
    rows = []
    for k, name in enumerate(found.answers):
        accuracy, low, high = found.accuracy(found.alone[k])
        macs, ms = found.costs.macs[k], found.costs.ms[k]
        rows.append([name, f"{macs:,}", f"{ms:.3f}", f"{accuracy:.2f} %", interval((low, high))])
    return text_table(["every image to", "MACs", "ms", "accuracy", "95 %"], rows, "lrrrl")


def _points(found: "Budgeted") -> str:
    rows = []
    whole = found.costs.macs[-1]
    for point in found.points:
        accuracy, low, high = found.accuracy(point.right)
        drop, *reach = found.drop(point.right)
        macs = found.costs.mean("MACs", point.exits)
        counts = [int((point.exits == k).sum()) for k in range(len(found.answers))]
        rows.append(
            [
                found.asked if point.value is None or found.kept else f"{point.value:g}",
                f"{macs:,.0f}", f"{100 * macs / whole:.0f} %",
                f"{found.costs.mean('ms', point.exits):.3f}",
                f"{accuracy:.2f} %", interval((low, high)),
                f"{0 - drop:+.2f}", f"{0 - reach[1]:+.2f} to {0 - reach[0]:+.2f}",
                " ".join(map(str, counts)),
            ]
        )  # fmt: skip
    law = "asked" if found.kept else {"released": "p", "paper": "q"}[found.choice.law]  # type: ignore[union-attr]
    head = [law, "mean MACs", "of all", "ms", "accuracy", "95 %", "points", "95 %", "leave at"]
    return text_table(head, rows, "lrrrrlrll")


def _compared(found: "Budgeted") -> str:
    from cladenet.runs.adaptive.budgeted import AT_SHARES

    rows = [
        [each.choice.words, *("-" if a is None else f"{a:.2f} %" for a in each.accuracies)]
        for each in found.compared
    ]
    head = ["accuracy at", *(f"{100 * share:.0f} % of the MACs" for share in AT_SHARES)]
    return text_table(head, rows, "lrrr")
