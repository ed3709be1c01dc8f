"""A run's network at each of its exits: what one more step of computing buys."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from cladenet.analysis.cost import macs_to_exits
from cladenet.checkpoints import load
from cladenet.data.check.verify import OnUnreadable
from cladenet.errors import BadArgument
from cladenet.evaluation import Evaluation
from cladenet.evaluation.at_exits import evaluate_at_exits
from cladenet.evaluation.forward import check_precision
from cladenet.runs.evaluate.scored import opened, scored
from cladenet.world import choose_device


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


def evaluate_exits(
    run: str | Path,
    data: str | None = None,
    split: str | None = None,
    *,
    batch_size: int = 256,
    device: str = "auto",
    precision: str = "fp32",
    workers: int = 0,
    on_unreadable: OnUnreadable = "stop",
    cache_dir: str | PathLike[str] | None = None,
) -> ExitTable:
    """Errors of a network with several exits at each of them; arguments are those of `evaluate`.

    Raises:
        BadArgument: the network has one exit, or an argument is out of range.
        DataError: the data cannot be opened or are not the ones that the run divided.
        CheckpointError: the checkpoint is damaged, or tells other classes apart than the data.
    """
    where = choose_device(device)
    check_precision(precision, where)
    loaded = load(run)
    if loaded.model.num_exits == 1:
        raise BadArgument(
            f"{loaded.card.network} has one exit; evaluate it without --exits. "
            "`cladenet models 'msdnet*'` lists networks with several"
        )
    preprocess = loaded.card.preprocess
    whole = opened(loaded, data, on_unreadable)
    dataset, name, images, notes = scored(whole, loaded, split, given=data is not None)
    macs = macs_to_exits(loaded.model, (preprocess.channels, preprocess.height, preprocess.width))
    start = time.perf_counter()
    rows = evaluate_at_exits(
        loaded.model.to(where),
        images,
        preprocess,
        batch_size=batch_size,
        device=where,
        precision=precision,
        workers=workers,
        cache_dir=cache_dir,
    )
    return ExitTable(
        rows=rows,
        macs=macs,
        network=loaded.card.network,
        checkpoint=loaded.folder,
        data=dataset.spec,
        split=name,
        precision=precision,
        notes=notes,
        seconds=time.perf_counter() - start,
    )
