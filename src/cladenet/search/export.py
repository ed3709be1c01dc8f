"""A found architecture as a network of the library: a name and arguments that build it anywhere.

    amoebanet     amoebanet_a_n6_f32_cifar   normal=, reduction=, n=, width=
    nasnet        nasnet_a_cifar             the same
    enas_micro    enas_micro_cifar           the same
    enas_macro    enas_macro_cifar           layers=, width=
    dna           lse_initial_cifar          dna=

The arguments are texts and numbers, so that they stand in a run's config.yaml and in the metadata
of its checkpoints: what was trained once can be loaded where the search's folder is not.
"""

from typing import Any, NamedTuple

from cladenet.errors import BadArgument
from cladenet.models.cells import cell_text
from cladenet.models.macro_network import OPERATIONS
from cladenet.search.architecture import Architecture
from cladenet.search.spaces.cell_pairs import CellPairs
from cladenet.search.spaces.dna import Dna, positions
from cladenet.search.spaces.macro import Macro
from cladenet.search.spaces.space import Scale, Space

HOMES = {
    "amoebanet": "amoebanet_a_n6_f32_cifar",
    "nasnet": "nasnet_a_cifar",
    "enas_micro": "enas_micro_cifar",
}


class Exported(NamedTuple):
    """What `create_model(network, **arguments)` builds."""

    network: str
    arguments: dict[str, Any]


def exported(space: Space, architecture: Architecture, scale: Scale) -> Exported:
    """The architecture at a scale, as name and arguments.

    Raises:
        BadArgument: the space has no network by name.
    """
    space.validate(architecture)
    if isinstance(space, CellPairs):
        normal, reduction = ("; ".join(cell_text(cell)) for cell in space.cells(architecture))
        sizes = {"n": scale.n, "width": scale.width}
        return Exported(HOMES[space.name], {"normal": normal, "reduction": reduction, **sizes})
    if isinstance(space, Macro):
        lines = []
        for k, (name, skips) in enumerate(architecture, 1):
            bits = "".join(str(int(j in skips)) for j in range(k - 1))
            lines.append(f"{OPERATIONS.index(name)} {bits}".strip())
        return Exported("enas_macro_cifar", {"layers": "; ".join(lines), "width": scale.width})
    if isinstance(space, Dna):
        return Exported("lse_initial_cifar", {"dna": positions(architecture)})
    raise BadArgument(
        f"{space.name} is a space for tests; its networks have no name to build them by"
    )
