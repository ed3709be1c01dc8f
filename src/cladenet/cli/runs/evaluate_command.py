"""`cladenet evaluate RUN`: errors with intervals, class by class, and the most frequent confusions.

Several runs or protocols become one table, in the layout of VGG's Tables 3 to 6.
"""

import argparse
import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cladenet.cli import budget
from cladenet.cli.engine_options import (
    add_calibration,
    add_engine,
    add_image_limits,
    note,
    use_threads,
)
from cladenet.cli.imports import lasting_imports
from cladenet.cli.index_first import index_first
from cladenet.cli.text.tables import interval, percent
from cladenet.cli.text.text_table import text_table
from cladenet.data.images.decode import readable
from cladenet.errors import BadArgument
from cladenet.plural import counted
from cladenet.translations import heading, show

if TYPE_CHECKING:  # they import torch, which --help need not wait for
    from cladenet.evaluation.result import Evaluation
    from cladenet.runs.adaptive.budgeted import Budgeted
    from cladenet.runs.evaluate.evaluated import Evaluated
    from cladenet.runs.evaluate.exit_table import ExitTable
    from cladenet.runs.evaluate.protocol_table import ProtocolTable

    Shown = tuple[
        Budgeted | Evaluated | ExitTable | ProtocolTable, str
    ]  # what was found, and as text

MATRIX_UP_TO = 12  # classes; beyond, the most frequent confusions are listed
PAIRS = 15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes: runs, the fields of `EvaluateOptions`, and where the result goes.

    An option that is not given is not in the namespace: `EvaluateOptions` has the defaults.
    """
    parser.argument_default = argparse.SUPPRESS
    parser.add_argument(
        "runs",
        metavar="RUN",
        nargs="+",
        help="run or checkpoint folder; several also as an ensemble",
    )
    parser.add_argument("--data", metavar="DATA", help="by default what the run was trained on")
    parser.add_argument(
        "--split", metavar="NAME", help="test, val or train; by default test, else val"
    )
    parser.add_argument(
        "--protocol",
        metavar="P",
        help="single-scale (the default), dense, multi-scale, multi-crop, multi-crop+dense, "
        "ten-crop, googlenet-144, mirror-shift; several separated by commas, or all",
    )
    parser.add_argument("--scales", type=_sides, metavar="Q,...", help="short sides in evaluation")
    parser.add_argument(
        "--train-scale",
        type=_sides,
        metavar="S",
        help="short side in training, or smallest and largest: 256,512; default --scales follow",
    )
    parser.add_argument(
        "--flip",
        action=argparse.BooleanOptionalAction,
        help="mirror images too; by default for all but single-scale, if trained with them",
    )
    parser.add_argument(
        "--average",
        metavar="WHAT",
        help="scores (the default) or posteriors, over the positions of a dense evaluation",
    )
    parser.add_argument("--batch-size", type=int, metavar="N", help="images in one forward pass")
    parser.add_argument("--device", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--precision", help="fp32, bf16 or int8")
    add_calibration(parser)
    parser.add_argument("--workers", type=int, metavar="N", help="threads that decode")
    parser.add_argument("--worst", type=int, metavar="N", help="list the N worst mistakes")
    parser.add_argument(
        "--on-unreadable",
        choices=("stop", "skip"),
        help="what to do with images that are damaged, or too large at a scale",
    )
    add_image_limits(parser)
    parser.argument_default = None
    add_engine(parser)
    parser.add_argument(
        "--exits", action="store_true", help="each exit of a network with several, with its cost"
    )
    budget.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write the JSON to a file as well"
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print."""
    with lasting_imports():
        from cladenet.allocator import keep_freed_memory
        from cladenet.checkpoints.atomic import to_json, write_file
        from cladenet.runs.evaluate.options import EvaluateOptions

    keep_freed_memory()
    if arguments.threads is not None:
        use_threads(arguments.threads)
    output: Path | None = arguments.output
    if output is not None and not output.absolute().parent.is_dir():
        raise BadArgument(f"--output {output}: its folder does not exist; create it first")
    index_first(getattr(arguments, "data", None))
    names = {field.name for field in fields(EvaluateOptions)}
    options = {name: value for name, value in vars(arguments).items() if name in names}
    protocol = options.get("protocol", "")
    several = len(arguments.runs) > 1 or protocol == "all" or "," in protocol
    evaluated = _exits if arguments.exits else _table if several else _single
    found, text = (
        budget.found_and_text(arguments)
        if budget.wanted(arguments)
        else evaluated(arguments.runs, options, arguments.verbose)
    )
    for sentence in found.notes:
        note(sentence)
    if output is not None:
        write_file(output, to_json(found.to_json()))
    if arguments.json:
        print(json.dumps(found.to_json(), indent=2))
    else:
        show(text)
    return 0


def _single(runs: list[str], options: dict[str, Any], verbose: bool) -> "Shown":
    """One run under one protocol, in full."""
    from cladenet.runs.evaluate.evaluate_run import evaluate

    found = evaluate(runs[0], **options)
    if verbose and found.engine:
        note(found.engine)
    return found, as_text(found)


def _table(runs: list[str], options: dict[str, Any], verbose: bool) -> "Shown":
    """Runs and protocols side by side."""
    from cladenet.cli.text.protocol_text import as_table
    from cladenet.runs.evaluate.protocol_table import evaluate_protocols

    if options.get("worst"):
        raise BadArgument(
            "--worst lists the mistakes of one run under one protocol; name one of each"
        )
    table = evaluate_protocols(runs, **{"protocol": "single-scale", **options})
    if verbose:
        for sentence in dict.fromkeys(row.engine for row in table.rows if row.engine):
            note(sentence)
    return table, as_table(table)


def _exits(runs: list[str], options: dict[str, Any], _verbose: bool) -> "Shown":
    """Every exit of one run."""
    from cladenet.runs.evaluate.exit_table import evaluate_exits

    if len(runs) > 1:
        raise BadArgument("--exits measures one run; leave out further runs")
    found = evaluate_exits(runs[0], **options)
    return found, _exits_text(found)


def _exits_text(found: "ExitTable") -> str:
    rows = [
        [
            str(number), f"{macs:,}", f"{row.n:,}",
            percent(row.top1_error), interval(row.top1_interval),
            percent(row.top5_error), interval(row.top5_interval),
        ]
        for number, (macs, row) in enumerate(zip(found.macs, found.rows, strict=True), 1)
    ]  # fmt: skip
    head = ["exit", "MACs", "images", "top-1 err", "95 %", "top-5 err", "95 %"]
    title = f"{found.network} on {readable(found.data)}, {found.split}, exit by exit"
    return f"{title}\nweights  {readable(str(found.checkpoint))}\n\n" + text_table(
        head, rows, "rrrrlrl"
    )


def _sides(text: str) -> tuple[int, ...]:
    """Whole numbers separated by commas."""
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of short sides in pixels, such as 224,256,288"
        ) from None


def as_text(found: "Evaluated") -> str:
    """The whole result, for a terminal."""
    evaluation = found.evaluation
    names = [readable(name) for name in found.classes]
    parts = [
        f"{found.network} on {readable(found.data)}, {found.split}, {_protocol(found)}\n"
        f"weights  {readable(str(found.checkpoint))}",
        _headline(evaluation),
        _per_class(evaluation, names),
        _confusion(evaluation, names),
    ]
    if evaluation.mistakes:
        parts.append(_mistakes(evaluation, names))
    return "\n\n".join(part for part in parts if part)


def _protocol(found: "Evaluated") -> str:
    if found.viewing is None:
        return found.protocol
    scales = ", ".join(map(str, found.viewing.scales[0]))
    return f"{found.protocol}: {found.viewing.views[0]} at Q = {scales}"


def _headline(found: "Evaluation") -> str:
    rows = [
        ["images", f"{found.n:,}", ""],
        ["top-1 error", percent(found.top1_error), interval(found.top1_interval)],
        ["top-5 error", percent(found.top5_error), interval(found.top5_interval)],
        ["loss", f"{found.loss:.4f}", ""],
    ]
    table = text_table([], [[heading(name), *figures] for name, *figures in rows], "lrl")
    few = found.top5_error is None
    return table + (
        f"\n(no top-5 error: {counted(found.num_classes, 'class')} only)" if few else ""
    )


def _per_class(found: "Evaluation", names: list[str]) -> str:
    rows = [
        [
            names[row.label],
            f"{row.n:,}",
            percent(row.recall),
            interval(row.recall_interval),
            percent(row.precision),
            "" if row.confused_with is None else f"{names[row.confused_with]} ({row.confused:,})",
        ]
        for row in found.per_class
    ]
    head = ["class", "images", "recall", "", "precision", "most often taken for"]
    return text_table(head, rows, "lrrlrl")


def _confusion(found: "Evaluation", names: list[str]) -> str:
    if found.num_classes <= MATRIX_UP_TO:
        rows = [
            [name, *(str(count) if count else "." for count in counts)]
            for name, counts in zip(names, found.confusion.tolist(), strict=True)
        ]
        table = text_table(["", *names], rows, "l" + "r" * len(names))
        return "confusion: rows are the true classes, columns the answers\n" + table
    pairs = [
        [names[truth], names[guess], f"{count:,}"]
        for truth, guess, count in found.confused_pairs(PAIRS)
    ]
    return text_table(["most often confused", "taken for", "images"], pairs, "llr") if pairs else ""


def _mistakes(found: "Evaluation", names: list[str]) -> str:
    rows = [
        [
            readable(mistake.id),
            names[mistake.truth],
            names[mistake.guess],
            f"{100 * mistake.probability:.1f} %",
        ]
        for mistake in found.mistakes
    ]
    return text_table(["worst mistakes", "labelled", "answer", ""], rows, "lllr")
