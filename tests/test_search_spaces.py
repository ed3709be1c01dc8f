"""Search spaces: every mutation is valid, reaches what it should, and comes as often as printed."""

from collections import Counter
from math import sqrt
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cladenet.errors import BadArgument
from cladenet.models.cells import operation, read_cell
from cladenet.models.enas import MACRO_ARC, NORMAL, REDUCTION, read_arc
from cladenet.models.macro_network import OPERATIONS
from cladenet.search.architecture import fingerprint
from cladenet.search.spaces.cell_pairs import AMOEBANET, NASNET, CellPairs
from cladenet.search.spaces.dna import Dna, dna_of, weight_keys
from cladenet.search.spaces.dna_mutations import MUTATIONS
from cladenet.search.spaces.edge_cells import EDGES, EdgeCells, isomorphic_key
from cladenet.search.spaces.macro import Macro, macro_layers
from cladenet.search.spaces.named import MAKERS, space_named
from cladenet.search.spaces.space import Scale


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", MAKERS)
def test_draws_and_mutations_are_valid_and_leave_their_parent_alone(name: str) -> None:
    space, rng = space_named(name), generator()
    architecture = space.random(rng)
    for _ in range(60):
        before = fingerprint(architecture)
        child = space.mutate(architecture, rng).architecture
        space.validate(child)
        assert fingerprint(architecture) == before
        architecture = child
    assert space.describe(architecture)


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "dna"])
def test_choices_and_architectures_are_inverses(name: str) -> None:
    space: Any = space_named(name)
    rng = generator(1)
    for _ in range(10):
        choices = [int(rng.integers(one.choices)) for one in space.decisions]
        architecture = space.of_choices(choices)
        space.validate(architecture)
        assert space.choices_of(architecture) == choices


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "bits100"])
def test_what_is_drawn_can_be_built(name: str) -> None:
    space, rng = space_named(name), generator(2)
    model = space.build(space.random(rng), Scale(n=1, width=4, num_classes=3, in_channels=1))
    assert model.eval()(torch.zeros(2, 1, 8, 8)).shape == (2, 3)


def test_a_controller_for_nasnets_space_makes_ten_decisions_a_block_pair() -> None:
    """Zoph et al. 2018, Sec. 3.1: 2 x 5B decisions, of 13 operations."""
    space = CellPairs("nasnet")
    assert len(space.decisions) == 2 * 5 * 5
    assert len(NASNET) == len(set(NASNET)) == 13
    assert len(AMOEBANET) == len(set(AMOEBANET)) == 8
    assert [one.choices for one in space.decisions[:10]] == [2, 2, 13, 13, 2, 3, 3, 13, 13, 2]


def test_mutations_of_cells_come_as_often_as_printed() -> None:
    """Real et al. 2019, Sec. 3.2: 5 % identity, then a coin between state and operation."""
    space, rng, n = CellPairs("amoebanet"), generator(3), 8_000
    parent = space.random(rng)
    kinds = Counter(space.mutate(parent, rng).mutation for _ in range(n))
    for kind, rate in {"identity": 0.05, "hidden state": 0.475, "operation": 0.475}.items():
        assert abs(kinds[kind] - n * rate) < 5 * sqrt(n * rate * (1 - rate))


def test_one_mutation_reaches_every_other_state_and_every_operation_of_every_place() -> None:
    space, rng = CellPairs("amoebanet", blocks=2), generator(4)
    parent = space.random(rng)
    before = space.choices_of(parent)
    seen = set()
    for _ in range(6_000):
        mutated = space.mutate(parent, rng)
        after = space.choices_of(mutated.architecture)
        changed = [(at, new) for at, new in enumerate(after) if new != before[at]]
        assert len(changed) <= 1
        assert (mutated.mutation == "hidden state") <= (len(changed) == 1)
        seen |= set(changed)
    every = {
        (at, new)
        for at, one in enumerate(space.decisions)
        for new in range(one.choices)
        if new != before[at]
    }
    assert seen == every


def test_all_729_cells_are_reached_from_any_by_mutations() -> None:
    space, rng = EdgeCells(), generator(5)
    start = space.all()[0]
    neighbours = {fingerprint(space.mutate(start, rng).architecture) for _ in range(400)}
    assert len(neighbours) == 2 * len(EDGES)  # two other operations on each edge
    assert len({fingerprint(cell) for cell in space.all()}) == 3**6


def test_cells_that_compute_the_same_have_one_key() -> None:
    """Node 1 and node 2 may swap where no edge joins them."""
    a = ["conv_3x3", "skip", "zero", "zero", "skip", "conv_1x1"]
    b = ["skip", "conv_3x3", "zero", "zero", "conv_1x1", "skip"]
    assert isomorphic_key(a) == isomorphic_key(b) != isomorphic_key(["zero"] * 6) == ""


@pytest.mark.parametrize("expected", [(NORMAL, REDUCTION)])
def test_enas_cells_are_the_released_ones(expected: tuple[Any, Any]) -> None:
    """The outputs of the authors' arcs follow from what is read, inputs included."""
    architecture = {
        name: [list(block[:4]) for block in cell.blocks]
        for name, cell in zip(("normal", "reduction"), expected, strict=True)
    }
    space = CellPairs("enas_micro")
    space.validate(architecture)
    assert space.cells(architecture) == expected


def test_unread_inputs_go_out_in_enas_space_and_not_in_nasnets() -> None:
    blocks = [["none", 1, "none", 1], ["none", 2, "none", 1]]
    amoebanet = CellPairs("amoebanet", blocks=2)
    assert amoebanet.cells({"normal": blocks, "reduction": blocks})[0].output == (3,)
    enas = CellPairs("enas_micro", blocks=2)
    assert enas.cells({"normal": blocks, "reduction": blocks})[0].output == (0, 3)


def test_a_macro_architecture_is_the_released_arc() -> None:
    layers = read_arc(MACRO_ARC, OPERATIONS)
    architecture = [[layer.operation, list(layer.skips)] for layer in layers]
    Macro(24).validate(architecture)
    assert macro_layers(architecture) == layers
    assert len(Macro(12).decisions) == 12 + 11 * 12 // 2


def test_a_dilated_separable_convolution_reaches_two_pixels_far() -> None:
    torch.manual_seed(0)
    layers = operation("dilated_separable_3x3_2", 4, 4, 1, torch.nn.BatchNorm2d).eval()
    x = torch.randn(1, 4, 9, 9)
    y = x
    for first in (0, 4):
        depthwise, pointwise = (
            dict(layers.named_parameters())[f"{first + k}.weight"] for k in (1, 2)
        )
        y = F.conv2d(F.relu(y), depthwise, padding=2, dilation=2, groups=4)
        y = F.conv2d(y, pointwise) / sqrt(1 + 1e-5)
    torch.testing.assert_close(layers(x), y)


def test_a_block_may_put_its_results_side_by_side() -> None:
    space = CellPairs("nasnet", blocks=2)
    blocks = [["none", 0, "none", 1, "concat"], ["none", 2, "none", 2, "add"]]
    architecture = {"normal": blocks, "reduction": blocks}
    normal, _ = space.cells(architecture)
    assert read_cell(*space.describe(architecture)[1:4]) == normal
    # Block 0 has 2 F channels; block 1 brings them back to F and is what goes out.
    model = space.build(architecture, Scale(width=8))
    assert model.head[-1].in_features == 4 * 8
    alone = {"normal": [*blocks[:1], ["none", 0, "none", 1, "concat"]], "reduction": blocks}
    # Two blocks of 2 F each, unread, in the last stage where F is four times as wide.
    assert space.build(alone, Scale(width=8)).head[-1].in_features == 2 * 2 * 4 * 8


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("amoebanet", {"normal": [], "reduction": []}),
        ("amoebanet", {"normal": [["none", 2, "none", 0]] * 5, "reduction": []}),
        ("enas_macro", [["conv_3x3", [0]]] * 6),
        ("edges3", ["skip"] * 5),
        ("bits100", "01"),
        ("dna", {"learning_rate": 0.1, "head": 0, "vertices": [{"id": 1, "edges": []}]}),
        ("dna", {"learning_rate": 0.0, "head": 0, "vertices": []}),
    ],
)
def test_what_is_not_of_the_space_is_refused(name: str, architecture: Any) -> None:
    with pytest.raises(BadArgument):
        space_named(name).validate(architecture)


def grown() -> Any:
    """A graph on which every mutation is possible."""
    space, rng = Dna(), generator(6)
    architecture = space.first()
    while not all(places(architecture) for places, _ in MUTATIONS.values()):
        architecture = space.mutate(architecture, rng).architecture
    return architecture


def test_the_eleven_mutations_of_dna_are_equally_likely() -> None:
    """Real et al. 2017, Sec. 3.3: one of the set, at random."""
    space, rng, n, parent = Dna(), generator(7), 3_300, grown()
    kinds = Counter(space.mutate(parent, rng).mutation for _ in range(n))
    assert len(kinds) == len(MUTATIONS) == 11
    assert all(abs(count - n / 11) < 5 * sqrt(n * 10 / 121) for count in kinds.values())


def test_the_first_individual_is_linear_and_can_only_grow() -> None:
    """40 parameters: 3 means and a bias for each of 10 classes. Fig. 1."""
    space = Dna()
    model = space.build(space.first(), Scale())
    assert sum(p.numel() for p in model.parameters()) == 40
    rng = generator(8)
    kinds = {space.mutate(space.first(), rng).mutation for _ in range(200)}
    assert kinds == {
        *("alter-learning-rate", "identity", "reset-weights"),
        *("insert-convolution", "insert-one-to-one"),
    }


def test_genes_are_redrawn_between_half_and_twice() -> None:
    space, rng, parent = Dna(), generator(9), grown()
    rates = []
    for _ in range(3_000):
        child, kind = space.mutate(parent, rng)
        if kind == "alter-learning-rate":
            rates.append(child["learning_rate"] / parent["learning_rate"])
    assert 0.5 <= min(rates) < 0.6
    assert 1.9 < max(rates) <= 2.0
    assert abs(np.mean(rates) - 1.25) < 5 * 1.5 / sqrt(12 * len(rates))  # uniform, not log-uniform


def test_ids_are_never_used_twice_in_a_line_of_descent() -> None:
    space, rng = Dna(), generator(10)
    architecture, dead = space.first(), set[str]()
    alive = set(weight_keys(architecture).values())
    for _ in range(150):
        architecture, kind = space.mutate(architecture, rng)
        now = set(weight_keys(architecture).values())
        assert not now & dead
        assert (kind == "reset-weights") <= (not now & alive)
        dead |= alive - now
        alive = now
    assert len(dna_of(architecture).vertices) > 3


def test_removing_a_convolution_joins_its_neighbours() -> None:
    conv = {"half_height": 1.0, "half_width": 1.0, "depth_factor": 1.0, "stride_scale": 0.0}
    one = {"id": 1, "norm_relu": True, "edges": [{"id": 2, "source": 0, **conv}]}
    two = {
        "id": 3,
        "norm_relu": True,
        "edges": [{"id": 4, "source": 1}, {"id": 5, "source": 0}],
    }
    parent = {"learning_rate": 0.1, "head": 0, "newest": 5, "vertices": [one, two]}
    child = MUTATIONS["remove-convolution"][1](parent, generator())
    assert [vertex["edges"] for vertex in child["vertices"]] == [[{"id": 4, "source": 0}]]
    Dna().validate(child)
