"""`cladenet evaluate RUN`: errors with intervals, class by class, and who is taken for whom."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cladenet.data.decode import readable
from cladenet.errors import BadArgument
from cladenet.runs.text_table import text_table

if TYPE_CHECKING:  # they import torch, which --help need not wait for
    from cladenet.evaluation import Evaluation
    from cladenet.runs.evaluate_run import Evaluated

MATRIX_UP_TO = 12  # classes; beyond, the most frequent confusions are listed
PAIRS = 15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("run", metavar="RUN", help="run or checkpoint folder")
    parser.add_argument("--data", metavar="DATA", help="by default what the run was trained on")
    parser.add_argument(
        "--split", metavar="NAME", help="test, val or train; by default test, else val"
    )
    parser.add_argument("--protocol", default="single-scale", help="single-scale")
    parser.add_argument("--batch-size", type=int, default=256, metavar="N")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--precision", default="fp32", help="fp32 or bf16")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="threads that decode")
    parser.add_argument(
        "--worst", type=int, default=0, metavar="N", help="list the N worst mistakes"
    )
    parser.add_argument(
        "--on-unreadable", default="stop", choices=("stop", "skip"), help="images that are damaged"
    )
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write the JSON to a file as well"
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print."""
    from cladenet.checkpoints.atomic import to_json, write_file
    from cladenet.runs.evaluate_run import evaluate

    if arguments.output is not None and not arguments.output.absolute().parent.is_dir():
        raise BadArgument(f"--output {arguments.output}: its folder is not there; make it first")
    found = evaluate(
        arguments.run,
        arguments.data,
        arguments.split,
        batch_size=arguments.batch_size,
        device=arguments.device,
        protocol=arguments.protocol,
        precision=arguments.precision,
        worst=arguments.worst,
        workers=arguments.workers,
        on_unreadable=arguments.on_unreadable,
    )
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    if arguments.output is not None:
        write_file(arguments.output, to_json(found.to_json()))
    print(json.dumps(found.to_json(), indent=2) if arguments.json else as_text(found))
    return 0


def as_text(found: "Evaluated") -> str:
    """The whole result, for a terminal."""
    evaluation = found.evaluation
    names = [readable(name) for name in found.classes]
    parts = [
        f"{found.network} on {readable(found.data)}, {found.split}, {found.protocol}\n"
        f"weights  {readable(str(found.checkpoint))}",
        _headline(evaluation),
        _per_class(evaluation, names),
        _confusion(evaluation, names),
    ]
    if evaluation.mistakes:
        parts.append(_mistakes(evaluation, names))
    return "\n\n".join(part for part in parts if part)


def _headline(found: "Evaluation") -> str:
    rows = [
        ["images", f"{found.n:,}", ""],
        ["top-1 error", _percent(found.top1_error), _interval(found.top1_interval)],
        ["top-5 error", _percent(found.top5_error), _interval(found.top5_interval)],
        ["loss", f"{found.loss:.4f}", ""],
    ]
    table = text_table([], rows, "lrl")
    few = found.top5_error is None
    return table + (f"\n(no top-5 error: there are {found.num_classes} classes)" if few else "")


def _per_class(found: "Evaluation", names: list[str]) -> str:
    rows = [
        [
            names[row.label],
            f"{row.n:,}",
            _percent(row.recall),
            _interval(row.recall_interval),
            _percent(row.precision),
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


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} %"


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"[{interval[0]:.2f}, {interval[1]:.2f}]"
