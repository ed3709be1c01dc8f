"""Exits and budgets of a network that has several answers."""

from collections.abc import Sequence

from cladenet.analysis.cost import macs_to_exits
from cladenet.checkpoints import Loaded
from cladenet.data.dataset import Split
from cladenet.errors import CladeNetError
from cladenet.evaluation.at_exits import evaluate_at_exits
from cladenet.evaluation.options import PassOptions
from cladenet.report.text import NBSP, amount, between, percent, section, table, text
from cladenet.runs.adaptive.kept import find_kept


def exits(loaded: Loaded, split: Split, batch_size: int) -> str:
    """Error and cost at each exit, and the thresholds that were kept, if there are any."""
    if loaded.model.num_exits == 1:
        return ""
    preprocess = loaded.card.preprocess
    shape = (preprocess.channels, preprocess.height, preprocess.width)
    found = evaluate_at_exits(loaded.model, split, preprocess, PassOptions(batch_size=batch_size))
    rows: Sequence[Sequence[str]] = [
        [f"{number}", f"{amount(macs)}", percent(row.top1_error), between(row.top1_interval)]
        for number, (macs, row) in enumerate(
            zip(macs_to_exits(loaded.model, shape), found, strict=True), 1
        )
    ]
    head = ("exit", "MACs up to it", "error", f"95{NBSP}% interval")
    body = table(head, rows, ("", "num", "num", "num")) + _kept(loaded)
    why = "What more computing buys: the error if every image left at this exit."
    return section("exits", "Exits", why, body)


def _kept(loaded: Loaded) -> str:
    try:
        kept = find_kept([loaded], "fp32")
    except CladeNetError:  # none were kept
        return ""
    return (
        f'<p class="next">Thresholds are kept for {text(kept.asked)}, set on {kept.held:,} images '
        f"of {text(kept.data)}.</p>"
    )
