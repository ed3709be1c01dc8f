"""A run's network at each of its exits: what one more step of computing buys."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cladenet.analysis.cost import macs_to_exits
from cladenet.checkpoints import load
from cladenet.device import check_calibration, check_precision, choose_device
from cladenet.errors import BadArgument
from cladenet.evaluation.at_exits import evaluate_at_exits
from cladenet.evaluation.options import PLAIN_PRECISIONS
from cladenet.evaluation.protocol import PLAIN
from cladenet.evaluation.result import Evaluation
from cladenet.html_table import html_table
from cladenet.keywords import by_keyword
from cladenet.runs.evaluate.options import EvaluateOptions
from cladenet.runs.evaluate.scored import opened, scored
from cladenet.runs.undisturbed import undisturbed


@dataclass(frozen=True, eq=False)
class ExitTable:
    """Errors and costs at each exit, the earliest first.

    Args:
        rows: what was counted at each exit.
        macs: multiply-accumulates from an image to each exit, those before it included.
        network: name in the registry.
        checkpoint: folder of the weights.
        data: what was opened.
        split: `test`, `val` or `train`.
        precision: `fp32` or `bf16`.
        notes: sentences for the user.
        seconds: of the evaluation, without loading.
    """

    rows: Sequence[Evaluation]
    macs: tuple[int, ...]
    network: str
    checkpoint: Path
    data: str
    split: str
    precision: str
    notes: tuple[str, ...]
    seconds: float

    def _repr_html_(self) -> str:
        """A row for each exit, which a notebook shows."""
        rows = [
            (number, f"{macs:,}", f"{row.top1_error:.2f} %", f"{row.n:,}")
            for number, (macs, row) in enumerate(zip(self.macs, self.rows, strict=True), 1)
        ]
        title = f"{self.network}, {self.split} images of {self.data}"
        return html_table(("exit", "MACs", "top-1 error", "images"), rows, title)

    def to_json(self) -> dict[str, Any]:
        """Plain values: of each exit its cost and its headline figures."""
        return {
            "network": self.network,
            "checkpoint": str(self.checkpoint),
            "data": self.data,
            "split": self.split,
            "precision": self.precision,
            "seconds": round(self.seconds, 3),
            "notes": list(self.notes),
            "exits": [
                {"exit": number, "macs": macs, **row.summary()}
                for number, (macs, row) in enumerate(zip(self.macs, self.rows, strict=True), 1)
            ],
        }


@by_keyword(EvaluateOptions)
@undisturbed()
def evaluate_exits(run: str | Path, options: EvaluateOptions) -> ExitTable:
    """Errors of a network with several exits at each of them.

    Args:
        run: run or checkpoint folder.
        options: keywords, see `EvaluateOptions`; but for those of protocols, engines and mistakes.

    Raises:
        BadArgument: the network has one exit, or an argument is out of range.
        DataError: the data cannot be opened or are not the ones that the run divided.
        CheckpointError: the checkpoint is damaged, or tells other classes apart than the data.
    """
    _refuse_views(options)
    device = choose_device(options.device)
    check_precision(options.precision, device.type, PLAIN_PRECISIONS)
    check_calibration(options.calibration, options.precision)
    loaded = options.limits(load(run))
    if loaded.model.num_exits == 1:
        raise BadArgument(
            f"{loaded.card.network} has one exit; evaluate it without --exits. "
            "`cladenet models 'msdnet*'` lists networks with several"
        )
    preprocess = loaded.card.preprocess
    whole = opened(loaded, options.data, options.on_unreadable)
    given = options.data is not None
    dataset, name, images, notes = scored(whole, loaded, options.split, given=given)
    macs = macs_to_exits(loaded.model, (preprocess.channels, preprocess.height, preprocess.width))
    start = time.perf_counter()
    model = loaded.model.to(device)
    rows = evaluate_at_exits(model, images, preprocess, options)
    return ExitTable(
        rows=rows,
        macs=macs,
        network=loaded.card.network,
        checkpoint=loaded.folder,
        data=dataset.spec,
        split=name,
        precision=options.precision,
        notes=notes,
        seconds=time.perf_counter() - start,
    )


def _refuse_views(options: EvaluateOptions) -> None:
    """Raise BadArgument for what only another evaluation can give."""
    given = {
        "protocol": options.protocol not in ("", PLAIN),
        "scales": options.scales,
        "train_scale": options.train_scale,
        "flip": options.flip,
        "worst": options.worst,
        "engine": options.engine != EvaluateOptions.engine,
    }
    if wrong := [name for name, value in given.items() if value]:
        raise BadArgument(
            f"--exits measures one run in the checkpoint's own view; leave out {', '.join(wrong)}"
        )
