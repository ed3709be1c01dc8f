"""The exact table: every network that a cell of three operations can be, trained on the digits.

The 729 cells of `edge_cells` are 484 networks; each was really trained, once or more, with the
fidelity `DIGITS` by `benchmarks/search_table.py`, and cells that compute the same share their
trainings. Nothing is modelled or filled in. So optimum, regret and rank are known, and a search of
a thousand trials takes a second.
"""

from collections import defaultdict
from functools import cached_property
from importlib.resources import as_file, files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cladenet.search.architecture import Architecture
from cladenet.search.spaces.edge_cells import EdgeCells, isomorphic_key

FILE = "digits_729.npz"


class ExactTable:
    """The table as an oracle.

    A trial gets the validation accuracy of one of its network's trainings, drawn anew; the truth
    about a cell is their mean test accuracy.

    Args:
        seed: of the draws.

    Attributes:
        trainings: rows of the table.
        networks: how many there are.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.space = EdgeCells()
        with (
            as_file(files("cladenet.search.oracles") / FILE) as path,
            np.load(path, allow_pickle=False) as columns,
        ):
            self._columns: dict[str, Any] = {name: columns[name] for name in columns.files}
        self.trainings = len(self._columns["cell"])
        cells = self.space.all()
        rows = defaultdict(list)
        for row, cell in enumerate(self._columns["cell"]):
            rows[isomorphic_key(cells[cell])].append(row)
        self.networks = len(rows)
        self._rows = [rows[isomorphic_key(cell)] for cell in cells]

    @cached_property
    def truths(self) -> NDArray[np.float64]:
        """Mean test accuracy of each cell, float64 (729,)."""
        images = int(self._columns["images"][1])
        return np.array([self._columns["test"][rows].mean() for rows in self._rows]) / images

    @property
    def optimum(self) -> float:
        """The truth about the best cell."""
        return float(self.truths.max())

    def index(self, architecture: Architecture) -> int:
        """Place of a cell among all 729."""
        choices = self.space.choices_of(architecture)
        return int(np.ravel_multi_index(choices, (len(self.space.operations),) * len(choices)))

    def val(self, number: int, architecture: Architecture) -> float:
        """What selection sees of trial `number`."""
        rows = self._rows[self.index(architecture)]
        rng = np.random.Generator(np.random.Philox([self.seed, number]))
        right = self._columns["val"][rows[rng.integers(len(rows))]]
        return float(right) / int(self._columns["images"][0])

    def truth(self, architecture: Architecture) -> float:
        """Mean test accuracy."""
        return float(self.truths[self.index(architecture)])

    def seconds(self, architecture: Architecture) -> float:
        """Processor time of a training, mean."""
        return float(self._columns["seconds"][self._rows[self.index(architecture)]].mean())
