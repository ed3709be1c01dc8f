"""How fast networks answer: as torch runs them, and made ready by `for_inference`.

Each side is a process of its own (`python -m cladenet.bench.inference CASE`), with the same weights
and images; the sides of a network take turns. Weights are fresh: they change no time, but the
differences that are reported are those of fresh weights too.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from cladenet.bench.apart import Answers, Apart
from cladenet.bench.limits import Limits
from cladenet.bench.paired import Spread, paired, repeated, spread, times_as_fast
from cladenet.device import PRECISIONS
from cladenet.errors import BadArgument, CladeNetError
from cladenet.registry import find

PLAIN = "plain"


class Case(NamedTuple):
    """One side of a comparison.

    Args:
        network: its name.
        form: "plain", the network as torch runs it in float32, or a precision of `for_inference`.
        batch: images a call.
        engine: of `for_inference`.
        device: "cpu" or "cuda".
        threads: of torch; 0 leaves torch's own choice.
        visit: seconds of each visit.
        clock: "wall" or "cpu".
    """

    network: str
    form: str
    batch: int
    engine: str = "auto"
    device: str = "cpu"
    threads: int = 0
    visit: float = 0.3
    clock: str = "wall"


class Row(NamedTuple):
    """What was measured of one side.

    Args:
        network: its name.
        batch: images a call.
        form: as in `Case`.
        ms: milliseconds of a call.
        images_s: images a second.
        times: as fast as the plain network in the same rounds.
        share: of the machine's peak for this precision, counted in the network's MACs; None
            without limits.
        peak_mib: highest resident memory of the process.
        facts: engine, largest difference of the logits, seconds of preparation, threads.
    """

    network: str
    batch: int
    form: str
    ms: Spread
    images_s: float
    times: Spread
    share: float | None
    peak_mib: float
    facts: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Plain values, spreads by name."""
        return {
            **self._asdict(),
            "ms": {k: round(v, 3) for k, v in self.ms._asdict().items()},
            "times": {k: round(v, 3) for k, v in self.times._asdict().items()},
        }


class Compared(NamedTuple):
    """The sides of a network that were measured, and why others were not, by form."""

    rows: list[Row]
    refused: dict[str, str]


def inference_speed(
    names: Sequence[str],
    batches: Sequence[int] = (1, 32),
    precisions: Sequence[str] = PRECISIONS,
    *,
    rounds: int = 5,
    limits: Limits | None = None,
    **settings: Any,
) -> Iterator[Compared]:
    """Measure each network at each batch size; the plain network's row is the first.

    Args:
        names: networks, by name or alias.
        batches: images a call.
        precisions: of `for_inference`.
        rounds: turns that count, after one that does not.
        limits: of this machine, for the share of its peak.
        settings: `engine`, `device`, `threads`, `visit` and `clock` of `Case`.

    Raises:
        BadArgument: an unknown name or precision, or a plain network that does not run.
    """
    entries = [find(name) for name in names]
    for precision in precisions:
        if precision not in PRECISIONS:
            raise BadArgument(f"precision is {precision!r}; expected {', '.join(PRECISIONS)}")
    for batch in batches:
        if batch < 1:
            raise BadArgument(f"batch is {batch}; expected 1 or more")
    for entry in entries:
        for batch in batches:
            cases = [Case(entry.name, form, batch, **settings) for form in (PLAIN, *precisions)]
            yield _measured(cases, rounds, limits)


def _measured(cases: Sequence[Case], rounds: int, limits: Limits | None) -> Compared:
    sides: dict[str, Apart] = {}
    refused: dict[str, str] = {}
    with ExitStack() as stack:
        for case in cases:
            words = ["-m", "cladenet.bench.inference", json.dumps(case)]
            try:
                sides[case.form] = stack.enter_context(Apart(words))
            except BadArgument as error:
                if case.form == PLAIN:
                    raise
                refused[case.form] = str(error)
        seconds = paired(sides, rounds)
        rows = [
            row_of(
                case.network,
                case.batch,
                case.form,
                seconds[case.form],
                seconds[PLAIN],
                limits.peak("fp32" if case.form == PLAIN else case.form) if limits else None,
                sides[case.form],
            )
            for case in cases
            if case.form in sides
        ]
    return Compared(rows, refused)


def row_of(
    network: str,
    batch: int,
    form: str,
    seconds: list[float],
    plain: list[float],
    peak: float | None,
    side: Apart,
) -> Row:
    """The row of one side from its seconds, those of the plain network, and its process.

    `peak` is in billions of operations a second.
    """
    middle = spread(seconds)
    images_s = batch / middle.median
    share = 2e-9 * find(network).macs * images_s / peak if peak else None
    return Row(
        network,
        batch,
        form,
        Spread(*(1000 * value for value in middle)),
        round(images_s, 2),
        times_as_fast(plain, seconds),
        None if share is None else round(share, 4),
        side.peak_mib,
        side.facts,
    )


def example_images(batch: int, shape: tuple[int, ...], seed: int = 0) -> Any:
    """Smooth noise, as smooth as photographs are: normalised float32 (batch, *shape)."""
    import torch
    import torch.nn.functional as F

    generator = torch.Generator().manual_seed(seed)
    channels, height, width = shape
    coarse = torch.randn(batch, channels, -(-height // 8), -(-width // 8), generator=generator)
    return F.interpolate(coarse, (height, width), mode="bilinear", antialias=True)


def main() -> None:
    """Answer for the case in the first argument."""
    answers = Answers()
    case = Case(*json.loads(sys.argv[1]))
    try:
        measure, facts = _side(case)
    except (CladeNetError, ImportError) as error:
        answers.refuse(error)
        return
    answers.serve(measure, facts)


def _side(case: Case) -> tuple[Any, dict[str, Any]]:
    import torch

    from cladenet.bench.limits import waiting
    from cladenet.registry import create_model

    if case.threads:
        torch.set_num_threads(case.threads)
    torch.manual_seed(0)
    device = torch.device(case.device)
    shape = find(case.network).input
    net: Any = create_model(case.network).eval().to(device)
    images = example_images(case.batch, shape).to(device)
    facts: dict[str, Any] = {"threads": torch.get_num_threads()}
    if case.form != PLAIN:
        import cladenet

        calibration = example_images(16, shape, seed=1) if case.form == "int8" else None
        net = cladenet.for_inference(
            net,
            case.form,
            batch_size=case.batch,
            size=shape,
            engine=case.engine,
            calibration=calibration,
        )
        facts |= {
            "engine": net.engine,
            "precision": net.precision,
            "difference": net.difference,
            "prepared_s": round(net.seconds, 3),
            "why": net.why,
        }

    def call() -> Any:
        with torch.inference_mode():
            return net(images)

    return repeated(waiting(call, device), case.visit, case.clock), facts


if __name__ == "__main__":
    main()
