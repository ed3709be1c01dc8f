"""20,000 trials in a journal: time of an ask and of a tell, time to read it again, memory.

    python benchmarks/search_journal.py [--trials 20000]

Aging evolution as in the paper (P = 100, S = 25, cells of AmoebaNet's space), every line forced to
the disk. An ask is a proposal and its line, a tell the line and what the searcher learns. Memory is
what the process grows by over an empty search, modules already loaded. NASNet's controller is
measured over a tenth of the trials; of 20 of its tells eight take a part of a lesson.
What is written: benchmarks/results/search_journal.json.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cladenet.allocator import keep_freed_memory
from cladenet.search.journal import Journal, ask_row, read_journal
from cladenet.search.oracles.simple import Target
from cladenet.search.searchers.aging import AgingEvolution
from cladenet.search.searchers.controller_search import ControllerSearch
from cladenet.search.searchers.searcher import Searcher
from cladenet.search.spaces.cell_pairs import CellPairs
from cladenet.search.state import State, replayed, tell_row
from machine import announced

RESULT = Path(__file__).parent / "results" / "search_journal.json"


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(make: Any, space: CellPairs, trials: int) -> dict[str, Any]:
    oracle = Target(space, space.random(np.random.default_rng(0)))
    searcher: Searcher = make()
    asks, tells, before = [], [], resident_mb()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        journal, state = Journal(path), State(searcher)
        for _ in range(trials):
            begin = time.perf_counter()
            asked = state.ask()
            assert asked is not None
            journal.append(ask_row(*asked))
            middle = time.perf_counter()
            number, proposal = asked
            val = oracle.val(number, proposal.architecture)
            figures = {"val": val, "test": val, "params": 9_000, "macs": 99_999, "seconds": 9.9}
            told = time.perf_counter()
            row = tell_row(number, figures, "", 1)
            journal.append(row)
            state.tell(row)
            tells.append(time.perf_counter() - told)
            asks.append(middle - begin)
        grown = resident_mb() - before
        size = path.stat().st_size
        begin = time.perf_counter()
        again = replayed(make(), read_journal(path))
        reading = time.perf_counter() - begin
        assert again.best == state.best
    return {
        "trials": trials,
        "ask_ms": quantiles(asks),
        "tell_ms": quantiles(tells),
        "grown_mb": round(grown, 1),
        "journal_mb": round(size / 1e6, 1),
        "read_again_s": round(reading, 1),
    }


def quantiles(seconds: list[float]) -> dict[str, float]:
    return {f"p{q}": round(1e3 * float(np.percentile(seconds, q)), 3) for q in (50, 95, 99, 100)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=20_000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # as the command does
    amoebanet, nasnet = CellPairs("amoebanet"), CellPairs("nasnet")
    result: dict[str, Any] = {"machine": announced()}
    result["aging"] = measure(lambda: AgingEvolution(amoebanet, 0), amoebanet, arguments.trials)
    print(result["aging"])
    few = arguments.trials // 10
    result["nasnet"] = measure(lambda: ControllerSearch(nasnet, 0), nasnet, few)
    print(result["nasnet"])
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
