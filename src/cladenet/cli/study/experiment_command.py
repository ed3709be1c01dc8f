"""`cladenet experiment`: the papers' claims as trainings that are compared."""

import argparse
import json
import sys
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from cladenet.checkpoints.atomic import write_file
from cladenet.cli.text.tables import columns, fit, paragraph
from cladenet.durations import clock
from cladenet.errors import BadArgument
from cladenet.experiments.claim import SCALES
from cladenet.experiments.claims import CLAIMS
from cladenet.plural import counted
from cladenet.translations import show

if TYPE_CHECKING:
    from cladenet.experiments.outcome import Compared, Outcome

HEADINGS = ("better", "", "worse", "", "measure", "difference", "95 %", "printed", "verdict")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """[NAME...] [--data DATA] [--scale laptop] [--seeds N] [--workers N] [--out FOLDER]."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="experiments, or all")
    parser.add_argument("--data", default="digits", help="digits, cifar10:ROOT, FOLDER (digits)")
    parser.add_argument(
        "--scale", choices=SCALES, default="laptop", help="size of networks and trainings (laptop)"
    )
    parser.add_argument(
        "--seeds", metavar="N", type=int, default=0, help="seeds of each network (the claim's own)"
    )
    parser.add_argument(
        "--workers", metavar="N", type=int, default=0, help="trainings at once (one per core)"
    )
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        default="runs/experiments",
        help="folder of the trainings (runs/experiments)",
    )
    parser.add_argument("--json", action="store_true", help="print the same as JSON")


def run(arguments: argparse.Namespace) -> int:
    """List the claims, or train, compare and print.

    Raises:
        BadArgument: no claim has this name, or a number is below 0.
    """
    if not arguments.names:
        rows = [(claim.name, claim.sentence) for claim in CLAIMS.values()]
        show(fit(columns(("experiment", "claim"), rows)))
        return 0
    for name in ("seeds", "workers"):
        if getattr(arguments, name) < 0:
            raise BadArgument(f"--{name} is {getattr(arguments, name)}; expected 0 or more")
    from cladenet.experiments.outcome import to_json
    from cladenet.experiments.run import experiment, find_claims
    from cladenet.threads import our_share

    found = experiment(
        find_claims(arguments.names),
        arguments.data,
        arguments.scale,
        root=Path(arguments.out),
        seeds=arguments.seeds,
        workers=arguments.workers or our_share().cores,
        tell=lambda line: show(line, file=sys.stderr, flush=True),
    )
    if arguments.json:
        print(json.dumps([to_json(one) for one in found], indent=1))
    else:
        show("\n\n".join(_text(one, Path(arguments.out)) for one in found))
    return 0


def _text(found: "Outcome", root: Path) -> str:
    from cladenet.experiments.outcome import counts_diverged
    from cladenet.experiments.plot import plot

    picture = root / f"{found.claim}-{found.scale}.svg"
    if drawn := plot(found):
        write_file(picture, drawn.encode())
    claim = CLAIMS[found.claim]
    lines = [
        f"{claim.name}: {found.verdict}",
        paragraph("", claim.sentence, 2),
        paragraph("", f"{claim.source}; {found.data}, {found.scale} scale, "
                  f"{counted(found.seeds, 'seed')}, {clock(found.seconds)} of processor time", 2),
        fit(columns(HEADINGS, [_row(one) for one in found.compared], right="lrlrlrl")),
    ]  # fmt: skip
    for arm, count in counts_diverged(found).items():
        lost = counted(count, "training")
        text = f"{arm}: {lost} of {found.seeds} diverged, counted as guessing"
        lines.append(paragraph("", text, 2))
    if found.verdict != "seen" and claim.if_not:
        lines.append(paragraph("", f"likely reason: {claim.if_not}", 2))
    if drawn:
        lines.append(f"  plot: {picture}")
    return "\n".join(lines)


def _row(one: "Compared") -> tuple[str, ...]:
    from cladenet.experiments.measures import MEASURES

    measure = MEASURES[one.measure]
    mean = {arm: sum(x) / len(x) if x else float("nan") for arm, x in one.figures.items()}
    unit = measure.unit and f" {measure.unit}"
    by = one.difference
    spread = f"{by.low:.3g} to {by.high:.3g}" if by and isfinite(by.low) else "one seed"
    return (
        one.better,
        f"{mean[one.better]:.4g}{unit}",
        one.worse,
        f"{mean[one.worse]:.4g}{unit}",
        measure.words,
        f"{by.value:.3g}" if by else "-",
        spread if by else "-",
        one.printed or "-",
        one.verdict,
    )
