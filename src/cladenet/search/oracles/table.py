"""The exact table: every cell of three operations, really trained on the digits.

729 cells of `edge_cells`, each with the fidelity `DIGITS` and several seeds, by
`benchmarks/search_table.py`; nothing is modelled or filled in. With it optimum, regret and rank are
known, and a search of a thousand trials takes a second.
"""

from functools import cached_property
from importlib.resources import as_file, files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cladenet.search.architecture import Architecture
from cladenet.search.spaces.edge_cells import EdgeCells

FILE = "digits_729.npz"


class ExactTable:
    """The table as an oracle.

    A trial gets the validation accuracy of one of the seeds, drawn anew, as a training would; the
    truth about a cell is its mean test accuracy over the seeds.

    Args:
        seed: of the draws of seeds.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.space = EdgeCells()
        place = files("cladenet.search.oracles") / FILE
        with as_file(place) as path, np.load(path, allow_pickle=False) as columns:
            self._columns: dict[str, Any] = {name: columns[name] for name in columns.files}
        val_images, test_images = (int(n) for n in self._columns["images"])
        self.vals: NDArray[np.float64] = self._columns["val"] / val_images
        self.tests: NDArray[np.float64] = self._columns["test"] / test_images

    @property
    def seeds(self) -> int:
        """How often each cell was trained."""
        return self.vals.shape[1]

    @cached_property
    def truths(self) -> NDArray[np.float64]:
        """Mean test accuracy of each cell, float64 (729,)."""
        return self.tests.mean(1)

    @property
    def optimum(self) -> float:
        """The truth about the best cell."""
        return float(self.truths.max())

    def index(self, architecture: Architecture) -> int:
        """Place of a cell in the table."""
        choices = self.space.choices_of(architecture)
        return int(np.ravel_multi_index(choices, (len(self.space.operations),) * len(choices)))

    def val(self, number: int, architecture: Architecture) -> float:
        """What selection sees of trial `number`."""
        rng = np.random.Generator(np.random.Philox([self.seed, number]))
        return float(self.vals[self.index(architecture), rng.integers(self.seeds)])

    def truth(self, architecture: Architecture) -> float:
        """Mean test accuracy over the seeds."""
        return float(self.truths[self.index(architecture)])

    def seconds(self, architecture: Architecture) -> float:
        """Processor time of the training, mean over the seeds."""
        return float(self._columns["seconds"][self.index(architecture)].mean())
