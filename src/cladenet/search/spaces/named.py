"""The spaces by name, for the command line and for journals."""

from collections.abc import Callable

from cladenet.errors import BadArgument
from cladenet.search.spaces.bits import Bits
from cladenet.search.spaces.cell_pairs import CellPairs
from cladenet.search.spaces.dna import Dna
from cladenet.search.spaces.edge_cells import FIVE, FOUR, EdgeCells
from cladenet.search.spaces.macro import Macro
from cladenet.search.spaces.space import Space

MAKERS: dict[str, Callable[[], Space]] = {
    "amoebanet": lambda: CellPairs("amoebanet"),
    "nasnet": lambda: CellPairs("nasnet"),
    "enas_micro": lambda: CellPairs("enas_micro"),
    "enas_macro": lambda: Macro(6),
    "enas_macro12": lambda: Macro(12),
    "dna": Dna,
    "edges3": EdgeCells,
    "edges4": lambda: EdgeCells(FOUR),
    "edges5": lambda: EdgeCells(FIVE),
    "bits100": Bits,
}


def space_named(name: str) -> Space:
    """A space.

    Raises:
        BadArgument: none is called so.
    """
    if name not in MAKERS:
        raise BadArgument(f"no search space is called {name!r}; expected {', '.join(MAKERS)}")
    return MAKERS[name]()
