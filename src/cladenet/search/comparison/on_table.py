"""Searches side by side on an exact table, seed by seed: regret after each trial.

Same space, oracle and number of trained models for all; random search is always among them. Regret
is the test accuracy of the best cell of the table less that of the cell that was best on validation
so far, both means over the table's seeds; no search sees either.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cladenet.errors import BadArgument
from cladenet.plural import counted
from cladenet.search.methods import METHODS, method_named
from cladenet.search.oracles.drive import drive
from cladenet.search.oracles.table import ExactTable, Table

QUARTILES = (25, 50, 75)


class Compared(NamedTuple):
    """One search on the table.

    Args:
        method: its name.
        regrets: after each trial, float64 (seeds, trials).
        found: how many seeds ended at the table's best cell.
    """

    method: str
    regrets: NDArray[np.float64]
    found: int

    def quartiles(self, trial: int) -> tuple[float, float, float]:
        """Lower quartile, median and upper quartile of the regret after so many trials."""
        low, middle, high = np.percentile(self.regrets[:, trial - 1], QUARTILES)
        return float(low), float(middle), float(high)


def compare(
    methods: Sequence[str],
    seeds: int,
    trials: int,
    preset: str = "small",
    table: Table | None = None,
) -> list[Compared]:
    """Each search with seeds 0, 1, ...; random search is added where it is missing.

    Args:
        methods: names of `METHODS` that search cells trial by trial.
        seeds: how many.
        trials: trained models of each search.
        preset: of the searches' numbers.
        table: by default that of the package.

    Raises:
        BadArgument: a name is unknown, or a number below 1.
    """
    if seeds < 1 or trials < 1:
        raise BadArgument(f"seeds is {seeds}, trials {trials}; expected 1 or more of each")
    names = list(dict.fromkeys([*methods, "random"]))
    found = []
    for name in names:
        method = method_named(name)
        if name.startswith("enas"):
            raise BadArgument(
                f"{name} trains weights that are shared, which no table has; compare "
                f"{', '.join(m for m in METHODS if not m.startswith('enas'))}"
            )
        regrets = []
        for seed in range(seeds):
            oracle = ExactTable(seed, table)
            searcher = method.make(oracle.space, seed, **method.presets[preset])
            truth = np.array(drive(searcher, oracle, trials).truth)
            regrets.append(oracle.optimum - truth)
        curves = np.array(regrets)
        found.append(Compared(name, curves, int((curves[:, -1] < 1e-12).sum())))
    return found


def table_text(compared: Sequence[Compared]) -> str:
    """Median regret with its quartiles, in percentage points, at some numbers of trials."""
    trials = compared[0].regrets.shape[1]
    places = [t for t in (10, 25, 50, 100, 150, 300, 500, 1_000) if t < trials] + [trials]
    width = max(len(one.method) for one in compared)
    heads = "".join(f"{counted(t, 'trial'):>20}" for t in places)
    lines = [f"{'search':<{width}}{heads}{'best found':>12}"]
    for one in compared:
        cells = ""
        for trial in places:
            low, middle, high = (100 * value for value in one.quartiles(trial))
            cells += f"{f'{middle:.2f} ({low:.2f} {high:.2f})':>20}"
        share = f"{one.found}/{len(one.regrets)}"
        lines.append(f"{one.method:<{width}}{cells}{share:>12}")
    return "\n".join(lines)
