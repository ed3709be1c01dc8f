"""The loop of a search: keep the workers busy, write down what ends, stop when asked to."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from cladenet.data.augment.draws import step_seed
from cladenet.errors import Diverged, Interrupted, OutOfSpace
from cladenet.search.config import WEIGHTS, SearchConfig
from cladenet.search.journal import Journal, ask_row
from cladenet.search.searchers.large_scale import LargeScaleEvolution
from cladenet.search.state import State, tell_row
from cladenet.search.trials.pool import Outcome
from cladenet.search.trials.work import Job
from cladenet.training.signals import StopRequest

ATTEMPTS = 2  # of a trial whose process died
POLL = 0.5  # seconds between looks at the signals
FEW = 10  # trials before which failures stop nothing

Say = Callable[[str], None]


class Workers(Protocol):
    """Who carries out trials."""

    @property
    def free(self) -> int:
        """How many more trials may begin."""

    def submit(self, number: int, job: Job) -> None:
        """Begin a trial."""

    def wait(self, timeout: float | None = None) -> list[Outcome]:
        """Trials that have ended."""

    def end(self) -> None:
        """Nothing more will be asked."""


class Coordinator:
    """The loop: keep the workers busy, write down what ends.

    Args:
        config: of the search.
        state: as the journal left it.
        journal: open.
        workers: idle.
        say: see `search`.
        folder: for messages.
    """

    def __init__(
        self,
        config: SearchConfig,
        state: State,
        journal: Journal,
        workers: Workers,
        say: Say,
        folder: Path,
    ) -> None:
        self.config, self.state, self.journal = config, state, journal
        self.workers, self.say, self.folder = workers, say, folder
        self._waiting = sorted(state.open)  # asked for before a kill, and not ended
        self._attempts: dict[int, int] = {}
        self._begin, self._begun_with = time.monotonic(), state.done

    def run(self, stop: StopRequest) -> None:
        """Until all trials have ended.

        Raises:
            Interrupted, Diverged, OutOfSpace: see `search`.
        """
        while self.state.done < self.config.trials:
            self._fill()
            for outcome in self.workers.wait(POLL):
                self._take(outcome)
                self._stop_if_most_fail()
            if stop.number and self.state.done < self.config.trials:
                raise Interrupted(
                    f"stopped by a signal after {self.state.done} of {self.config.trials} trials; "
                    f"they are saved. Continue with `cladenet search --resume {self.folder}`",
                    stop.number,
                )

    def _fill(self) -> None:
        while self.workers.free > 0:
            if self._waiting:
                number = self._waiting.pop(0)
            elif self.state.asked < self.config.trials:
                asked = self.state.ask()
                if asked is None:
                    return
                number = asked[0]
                self.journal.append(ask_row(*asked))
            else:
                return
            proposal = self.state.open[number]
            self._attempts[number] = self._attempts.get(number, 0) + 1
            seed = step_seed(self.config.seed, number)
            self.workers.submit(number, Job(number, proposal.architecture, proposal.parent, seed))

    def _take(self, outcome: Outcome) -> None:
        attempts = max(self._attempts[outcome.number], outcome.attempts)
        if outcome.lost and attempts < ATTEMPTS:
            self.say(f"trial {outcome.number}: {outcome.failed}; it is run once more")
            self._waiting.insert(0, outcome.number)
            return
        row = tell_row(outcome.number, outcome.value, outcome.failed, attempts)
        self.journal.append(row)
        self.state.tell(row)
        del self._attempts[outcome.number]
        self._forget_weights()
        self.say(self._line(row["val"], outcome))

    def _forget_weights(self) -> None:
        """Remove the weights of trials that no child will descend from."""
        searcher, folder = self.state.searcher, self.folder / WEIGHTS
        if isinstance(searcher, LargeScaleEvolution) and folder.is_dir():
            needed = searcher.needed()
            for path in folder.glob("*.safetensors"):
                if int(path.stem) not in needed and int(path.stem) not in self.state.open:
                    path.unlink(missing_ok=True)

    def _line(self, val: float | None, outcome: Outcome) -> str:
        state, total = self.state, self.config.trials
        result = f"failed: {outcome.failed}" if val is None else f"val {100 * val:.2f} %"
        text = f"trial {outcome.number}  {result}  {state.done}/{total} done"
        if state.best is not None:
            text += f"  best {100 * state.best.val:.2f} % (trial {state.best.number})"
        done = state.done - self._begun_with
        left = (time.monotonic() - self._begin) / done * (total - state.done)
        return f"{text}  {_duration(left)} left"

    def _stop_if_most_fail(self) -> None:
        state = self.state
        if state.done < FEW or state.failed <= self.config.max_failed * state.done:
            return
        kind = OutOfSpace if all("memory" in reason for reason in state.reasons) else Diverged
        raise kind(
            f"{state.failed} of {state.done} trials failed, more than max_failed="
            f"{self.config.max_failed:g}; the latest: {'; '.join(state.reasons)}. The journal is "
            f"kept in {self.folder}; begin again with other options, such as lr or width"
        )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3600:.1f} h"
