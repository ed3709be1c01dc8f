"""A measure in a process of its own: no library's threads, allocator or settings reach another's.

`Apart` is the side that asks, `serve` the one that answers: a line a question, a line of JSON each
answer. The first answer are facts about what is measured; each later one has the seconds of a
visit and the highest resident memory of the process so far.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from cladenet.bench.paired import Measure
from cladenet.errors import BadArgument


class Apart:
    """A `cladenet.bench.paired.Measure`: `python` with `words` runs until the block ends.

    Attributes:
        facts: what the process says about what it measures.
        peak_mib: its highest resident memory, Python and libraries included, up to the last visit.

    Raises:
        BadArgument: it ended without an answer, or reported that it cannot be measured and why.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.peak_mib = 0.0
        try:
            self.facts = self._answer()
        except BaseException:
            self.close()
            raise

    def __call__(self) -> float:
        """Seconds of one call, from one visit."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):  # `_answer` says what became of it
                self._process.stdin.write("\n")
                self._process.stdin.flush()
        answer = self._answer()
        self.peak_mib = answer["peak_mib"]
        seconds: float = answer["seconds"]
        return seconds

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            status = self._process.wait()
            raise BadArgument(f"the process that measures it ended with status {status}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BadArgument(answer["error"])
        return answer

    def close(self) -> None:
        """End the process, which is waiting for a question."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.wait()

    def __enter__(self) -> "Apart":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Answers:
    """The answering side: it keeps standard output to itself, whatever libraries print."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    def refuse(self, error: Exception) -> None:
        """Say why there is nothing to measure."""
        self._tell({"error": str(error) or type(error).__name__})

    def serve(self, measure: Measure, facts: dict[str, Any]) -> None:
        """Tell the facts, then measure whenever asked, until the other side is gone."""
        self._tell(facts)
        for _ in sys.stdin:
            self._tell({"seconds": measure(), "peak_mib": round(peak_mib())})

    def _tell(self, answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=self._out, flush=True)


def peak_mib() -> float:
    """The highest resident memory of this process, as Linux counts it; 0 elsewhere."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
