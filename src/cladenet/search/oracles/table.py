"""Tables of cells that were all trained: optimum, regret and rank are known.

The package has one: the 729 cells of three operations, which are 484 networks, each really trained
on the digits, once or more, with the fidelity `DIGITS` by `benchmarks/search_table.py`. Cells that
compute the same share their trainings; nothing is modelled or filled in. A search of a thousand
trials takes a second. `nas_bench_201` reads others.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from cladenet.search.architecture import Architecture
from cladenet.search.spaces.edge_cells import EdgeCells, isomorphic_key

FILE = "digits_729.npz"

Shares = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Table:
    """All cells of a space with their trainings.

    Args:
        name: of it, for headings.
        space: whose cells they are, in the order of `EdgeCells.all`.
        vals: of each cell the validation accuracies of its trainings, shares.
        tests: the same of the test accuracies; they may be of other trainings.
        seconds: of a training, mean of each cell, float64 (cells,); NaN where it is unknown.
        trainings: how many there are.
        networks: how many of the cells compute something of their own.
    """

    name: str
    space: EdgeCells
    vals: Sequence[Shares]
    tests: Sequence[Shares]
    seconds: Shares
    trainings: int
    networks: int


@cache
def digits_table() -> Table:
    """The one of the package."""
    with (
        as_file(files("cladenet.search.oracles") / FILE) as path,
        np.load(path, allow_pickle=False) as columns,
    ):
        content = {name: columns[name] for name in columns.files}
    space = EdgeCells()
    cells = space.all()
    found = defaultdict(list)
    for row, cell in enumerate(content["cell"]):
        found[isomorphic_key(cells[cell])].append(row)
    rows = [found[isomorphic_key(cell)] for cell in cells]
    val_images, test_images = map(int, content["images"])
    return Table(
        name="digits, 3 operations",
        space=space,
        vals=[content["val"][own] / val_images for own in rows],
        tests=[content["test"][own] / test_images for own in rows],
        seconds=np.array([float(content["seconds"][own].mean()) for own in rows]),
        trainings=len(content["cell"]),
        networks=len(found),
    )


class ExactTable:
    """A table as an oracle.

    A trial gets the validation accuracy of one of its cell's trainings, drawn anew; the truth about
    a cell is its mean test accuracy.

    Args:
        seed: of the draws.
        table: by default that of the package.
    """

    def __init__(self, seed: int = 0, table: Table | None = None) -> None:
        self.seed = seed
        self.table = digits_table() if table is None else table
        self.space = self.table.space

    @cached_property
    def truths(self) -> NDArray[np.float64]:
        """Mean test accuracy of each cell, float64 (cells,)."""
        return np.array([tests.mean() for tests in self.table.tests])

    @property
    def optimum(self) -> float:
        """The truth about the best cell."""
        return float(self.truths.max())

    def index(self, architecture: Architecture) -> int:
        """Place of a cell among all."""
        choices = self.space.choices_of(architecture)
        return int(np.ravel_multi_index(choices, (len(self.space.operations),) * len(choices)))

    def val(self, number: int, architecture: Architecture) -> float:
        """What selection sees of trial `number`."""
        vals = self.table.vals[self.index(architecture)]
        rng = np.random.Generator(np.random.Philox([self.seed, number]))
        return float(vals[rng.integers(len(vals))])

    def truth(self, architecture: Architecture) -> float:
        """Mean test accuracy."""
        return float(self.truths[self.index(architecture)])

    def seconds(self, architecture: Architecture) -> float:
        """Processor time of a training, mean."""
        return float(self.table.seconds[self.index(architecture)])
