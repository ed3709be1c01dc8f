"""How well runs do when each image costs what it needs: a curve, a budget, or a promise."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import torch

from cladenet.adaptive.costs import Costs, parse_budget
from cladenet.adaptive.curve import Choice, Point, Recorded, curve, fitted, points, within
from cladenet.adaptive.promise import fewest_images, promised
from cladenet.checkpoints import Loaded, load
from cladenet.data.check.verify import OnUnreadable
from cladenet.device import check_calibration, check_precision, choose_device
from cladenet.errors import BadArgument
from cladenet.evaluation.options import PassOptions
from cladenet.keywords import by_keyword
from cladenet.plural import counted
from cladenet.runs.adaptive.budgeted import Budgeted, Compared
from cladenet.runs.adaptive.images import Asked, ask
from cladenet.runs.adaptive.kept import Kept, keep
from cladenet.runs.adaptive.sequence import ENGINE, Cascade, Exits, InOrder
from cladenet.runs.evaluate.options import ReadingLimits
from cladenet.runs.undisturbed import undisturbed

CURVE = "curve"


@dataclass(frozen=True)
class BudgetOptions(PassOptions, ReadingLimits):
    """What runs may cost, and how their thresholds are set.

    Args:
        budget: `curve` for all values of the law, or what an image may cost on average: `20M`
            multiply-accumulates, `5ms`.
        max_drop: in place of a budget: so many points of accuracy below the whole network at most,
            with 95 % confidence.
        cascade: several runs, the smallest first, each asked about what those before it leave.
        law: `released` or `paper`, see `adaptive.shares`.
        averages: `none`, `greedy` or `released`, see `adaptive.curve.Choice`.
        confidence: `posterior`, `margin` or `entropy`.
        calibrated: divide the logits of each exit by its temperature first.
        data: see `open_dataset`; by default what the (first) run was trained on.
        split: `test` or nothing: validation images set thresholds, test images measure.
        batch_size: images that come at a time, whose milliseconds are measured.
        device: `auto` or `cpu`; thresholds are run on a CPU.
        precision: `fp32`, `bf16` or `int8`; thresholds hold for one.
        calibration: for `int8`, see `EvaluateOptions`.
        on_unreadable: `stop`, or `skip` to leave images out that cannot be decoded.
    """

    budget: str = CURVE
    max_drop: float | None = None
    cascade: bool = False
    law: str = "released"
    averages: str = "greedy"
    confidence: str = "posterior"
    calibrated: bool = False
    data: str | None = None
    split: str | None = None
    batch_size: int = 1
    device: str = "auto"
    calibration: str | None = None
    on_unreadable: OnUnreadable = "stop"

    @property
    def choice(self) -> Choice:
        """How thresholds are set."""
        return Choice(self.law, self.averages, self.confidence, self.calibrated)


@by_keyword(BudgetOptions)
@undisturbed()
def evaluate_budget(run: str | Path | Sequence[str | Path], options: BudgetOptions) -> Budgeted:
    """Accuracy at a mean cost, with thresholds from held-out images that are kept with the weights.

    A curve keeps none: it shows all of them.

    Args:
        run: run or checkpoint folder of a network with several exits; several runs for a cascade.
        options: keywords, see `BudgetOptions`.

    Raises:
        BadArgument: a network has one exit, an option is out of range, the budget is below the
            first answer, or too few images are held out for the promise.
        DataError: the data cannot be opened or are not the ones that the runs divided.
        CheckpointError: a checkpoint is damaged, or tells other classes apart than the data.
    """
    runs = [run] if isinstance(run, str | PathLike) else list(run)
    if len(runs) > 1 and not options.cascade:
        raise BadArgument("a budget is for one run with exits; for several add --cascade")
    if options.max_drop is not None and options.budget != CURVE:
        raise BadArgument(
            f"budget is {options.budget} and max-drop {options.max_drop:g}; give one of them"
        )
    if options.batch_size < 1:
        raise BadArgument(f"batch_size is {options.batch_size}; expected 1 or more")
    if choose_device("cpu" if options.device == "auto" else options.device).type != "cpu":
        raise BadArgument(f"device is {options.device}; images leave between exits on cpu alone")
    check_precision(options.precision, "cpu")
    check_calibration(options.calibration, options.precision)
    choice = options.choice
    if options.budget != CURVE:
        parse_budget(options.budget)
    loaded = [options.limits(load(each)) for each in runs]
    asked = ask(loaded, options.data, options.split, options.on_unreadable)
    start = time.perf_counter()
    with torch.inference_mode():
        answers = in_order(loaded, options)
        held = Recorded(answers.record(asked.held, options), asked.held[0].labels)
        measured = Recorded(answers.record(asked.measured, options), asked.measured[0].labels)
        costs = answers.costs()
    found, chosen = _points(held, measured, choice, costs, options)
    kept = None
    if chosen is not None:
        words = _asked(options)
        kept = keep(loaded, Kept(words, chosen.policy, costs, len(held.labels), asked.data))
    return Budgeted(
        asked=_asked(options),
        networks=tuple(each.card.network for each in loaded),
        checkpoints=tuple(each.folder for each in loaded),
        answers=answers.names,
        data=asked.data,
        split=asked.name,
        held=len(held.labels),
        precision=options.precision,
        choice=choice if options.max_drop is None else None,
        costs=costs,
        alone=(measured.logits.argmax(-1) == measured.labels),
        points=tuple(found),
        compared=_compared(held, measured, choice, costs) if chosen is None else (),
        kept=kept,
        notes=_notes(asked, found, chosen),
        seconds=time.perf_counter() - start,
    )


def in_order(loaded: Sequence[Loaded], options: BudgetOptions) -> InOrder:
    """The exits of one run, or several runs."""
    how = options.precision, options.batch_size, options.data, options.calibration
    return Cascade(loaded, *how) if options.cascade else Exits(loaded[0], *how)


def _asked(options: BudgetOptions) -> str:
    return options.budget if options.max_drop is None else f"max-drop {options.max_drop:g}"


def _points(
    held: Recorded, measured: Recorded, choice: Choice, costs: Costs, options: BudgetOptions
) -> tuple[list[Point], Point | None]:
    """What is shown, and what is kept."""
    if options.max_drop is not None:
        policy = promised(held, options.max_drop / 100, options.precision, ENGINE)
        if policy is None:
            raise BadArgument(
                "not with so few images: "
                f"{counted(len(held.labels), 'held-out image')} cannot exclude a "
                f"drop above {options.max_drop:g} points for any thresholds. Without a single "
                f"answer that differs {fewest_images(options.max_drop / 100):,} would do; hold out "
                "more, or allow a larger drop"
            )
        point = points([policy], held, measured)[0]
        return [point], point
    found = curve(held, measured, choice, options.precision, ENGINE)
    if options.budget == CURVE:
        return found, None
    whole = fitted(held, choice, options.precision, ENGINE)  # from which nobody leaves early
    found += points([whole], held, measured)
    point = within(found, costs, parse_budget(options.budget))
    return [point], point


def _compared(
    held: Recorded, measured: Recorded, choice: Choice, costs: Costs
) -> tuple[Compared, ...]:
    """The choice beside those that differ in one respect, at shares of the whole cost."""
    others = [
        choice,
        replace(choice, calibrated=not choice.calibrated),
        *(replace(choice, confidence=c) for c in ("posterior", "margin", "entropy")),
        *(replace(choice, averages=a) for a in ("none", "greedy", "released")),
        *(replace(choice, law=law) for law in ("released", "paper")),
    ]
    return tuple(
        Compared.of(each, curve(held, measured, each), costs) for each in dict.fromkeys(others)
    )


def _notes(asked: Asked, found: Sequence[Point], chosen: Point | None) -> tuple[str, ...]:
    notes = list(asked.notes)
    if chosen is not None:
        return (*notes, *chosen.policy.thresholds.notes)
    unmet = sum(bool(point.policy.thresholds.notes) for point in found)
    if unmet:
        notes.append(
            f"{unmet} of {len(found)} points have an exit whose share could not be met, so that "
            "all images pass on there; --json names them"
        )
    notes.append("a curve keeps no thresholds: name a budget such as --budget 20M")
    return tuple(notes)
