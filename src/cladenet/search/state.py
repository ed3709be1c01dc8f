"""What a search knows so far: the searcher, what is in training, and the best."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cladenet.errors import CheckpointError
from cladenet.search.journal import Row, proposal_of
from cladenet.search.searchers.searcher import Proposal, Searcher


@dataclass
class Best:
    """The trial with the highest validation accuracy; of equals the first that ended."""

    number: int
    val: float
    test: float | None


@dataclass
class State:
    """A searcher and the trials that it has asked for.

    Args:
        searcher: fresh.

    Attributes:
        asked: trials so far, those in training included.
        open: what is in training, by number.
        done: trials that have ended.
        failed: of these, those without a result.
        reasons: the latest failures.
        seconds: spent in trials.
    """

    searcher: Searcher
    asked: int = 0
    open: dict[int, Proposal] = field(default_factory=dict)
    done: int = 0
    failed: int = 0
    reasons: list[str] = field(default_factory=list)
    seconds: float = 0.0
    best: Best | None = None

    def ask(self) -> tuple[int, Proposal] | None:
        """The next trial, unless the searcher waits for results."""
        proposal = self.searcher.ask(self.asked)
        if proposal is None:
            return None
        number = self._opened(proposal)
        return number, proposal

    def apply(self, row: Row) -> None:
        """Take in a line of the journal that another process has written, or this one.

        Raises:
            CheckpointError: the line does not follow from those before it.
        """
        if "ask" in row:
            if row["ask"] != self.asked:
                raise CheckpointError(
                    f"the journal asks for trial {row['ask']} where {self.asked} is next; it has "
                    "lost lines"
                )
            proposal = proposal_of(row)
            self.searcher.restore(self.asked, proposal)
            self._opened(proposal)
        else:
            self.tell(row)

    def tell(self, row: Row) -> None:
        """Take in the end of a trial.

        Raises:
            CheckpointError: the trial is not in training.
        """
        number = row["tell"]
        if number not in self.open:
            raise CheckpointError(
                f"the journal tells of trial {number}, which is not in training; it has lines twice"
            )
        del self.open[number]
        val = row["val"]
        self.done += 1
        self.seconds += row["seconds"]
        self.searcher.tell(number, val)
        if val is None:
            self.failed += 1
            self.reasons = [*self.reasons[-2:], row["failed"]]
        elif self.best is None or val > self.best.val:
            self.best = Best(number, val, row["test"])

    def _opened(self, proposal: Proposal) -> int:
        number = self.asked
        self.open[number] = proposal
        self.asked += 1
        return number


def replayed(searcher: Searcher, rows: Iterable[Row]) -> State:
    """The state that the lines of a journal lead to."""
    state = State(searcher)
    for row in rows:
        state.apply(row)
    return state


def check_replay(searcher: Searcher, rows: Iterable[Row]) -> int:
    """Ask anew for every trial of a journal, and compare bit by bit; how many were compared.

    Raises:
        CheckpointError: a proposal is not the one that was written down.
    """
    state = State(searcher)
    count = 0
    for row in rows:
        if "ask" not in row:
            state.apply(row)
            continue
        asked = state.ask()
        if asked is None or asked[0] != row["ask"] or asked[1] != proposal_of(row):
            raise CheckpointError(
                f"trial {row['ask']} of the journal is {row['architecture']}; the same seed and "
                f"history give {asked and asked[1].architecture} here"
            )
        count += 1
    return count


def tell_row(number: int, figures: dict[str, Any] | None, failed: str, attempts: int) -> Row:
    """The line of a `tell`."""
    nothing = {"val": None, "test": None, "params": 0, "macs": 0, "seconds": 0.0}
    return {
        "tell": number,
        **(figures or nothing),
        "failed": failed or None,
        "attempts": attempts,
    }
