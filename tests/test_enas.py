"""ENAS: both networks against the numbers of the authors' scripts and functions written out."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.models.cells import Cell, FactorizedReduction, ScheduledDropPath
from cladenet.models.enas import MACRO_ARC, NORMAL, REDUCTION, EnasCell, read_arc
from cladenet.models.macro_network import OPERATIONS, MacroLayer, MacroNetwork, macro_text
from cladenet.registry import create_model, find
from overfit import adam, steps_to_learn
from parity import randomised, worst

# cifar10_micro_final.sh: of each pair input, operation, input, operation; 0 is h_(i-1), 1 is h_i.
NORMAL_ARC = [0, 2, 0, 0, 0, 4, 0, 1, 0, 4, 1, 1, 1, 0, 0, 1, 0, 2, 1, 1]
REDUCTION_ARC = [1, 0, 1, 0, 0, 3, 0, 2, 1, 1, 3, 1, 1, 0, 0, 4, 0, 3, 1, 1]
NUMBERS = ["separable_3x3_2", "separable_5x5_2", "avg_pool_3x3", "max_pool_3x3", "identity"]


@pytest.mark.parametrize(("cell", "arc"), [(NORMAL, NORMAL_ARC), (REDUCTION, REDUCTION_ARC)])
def test_cells_are_the_arcs_of_the_script(cell: Cell, arc: list[int]) -> None:
    numbers, read = [], set()
    for left_operation, left, right_operation, right, _ in cell.blocks:
        sources = [{0: 1, 1: 0}.get(state, state) for state in (left, right)]
        read.update(sources)
        operations = [NUMBERS.index(name) for name in (left_operation, right_operation)]
        numbers += [sources[0], operations[0], sources[1], operations[1]]
    assert numbers == arc
    assert set(cell.output) == set(range(7)) - read  # "loose ends" are concatenated


def fitted(x: Tensor, *layers: Any) -> Tensor:
    """ReLU, 1x1, norm in functional calls."""
    conv, norm = layers
    x = F.conv2d(F.relu(x), conv.weight)
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)


def fitted_relu(x: Tensor, layers: Any) -> Tensor:
    """Convolution, norm, ReLU in functional calls."""
    conv, norm, _ = layers
    x = F.conv2d(x, conv.weight)
    return F.relu(F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias))


def test_both_inputs_are_fitted_and_h_i_passes_one_more_layer() -> None:
    """At the start h_0 stands for both, and each has a 1x1 of its own."""
    torch.manual_seed(0)
    cell = EnasCell(NORMAL, 4, None, 12, False, 1, 0.0, nn.BatchNorm2d).eval()
    assert [type(m).__name__ for m in cell.fit] == ["ReLU", "Conv2d", "BatchNorm2d"] * 2
    x = torch.randn(2, 12, 5, 5)
    seen: list[Tensor] = []
    cell.operations[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    cell.operations[5].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    assert cell(None, x).shape == (2, 5 * 4, 5, 5)
    before: Any = cell.fit_before
    torch.testing.assert_close(seen[0], fitted(x, *before[1:]))
    twice = fitted(fitted(x, cell.fit[1], cell.fit[2]), cell.fit[4], cell.fit[5])
    torch.testing.assert_close(seen[1], twice)


def test_an_identity_that_strides_is_a_factorized_reduction_and_is_never_dropped() -> None:
    cell = EnasCell(REDUCTION, 8, 8, 8, False, 2, 0.4, nn.BatchNorm2d)
    strides = cell.operations[7]  # s5 = separable(s0) + identity(s1)
    assert isinstance(strides, nn.Sequential)
    assert [type(layer) for layer in strides] == [FactorizedReduction]
    normal = EnasCell(NORMAL, 8, 8, 8, False, 1, 0.4, nn.BatchNorm2d)
    dropped = [
        any(isinstance(m, ScheduledDropPath) for m in op.modules()) for op in normal.operations
    ]
    assert dropped == [number != 4 for number in NORMAL_ARC[1::2]]


def test_the_auxiliary_classifier_pads_its_last_convolution_and_has_no_last_bias() -> None:
    """micro_child.py: SAME over a map of 2x2 with a kernel of 2x2, the average, w alone."""
    model = create_model("enas_micro_cifar", n=1, width=8, auxiliary=True, num_classes=4)
    assert model.auxiliary is not None
    (head,) = model.auxiliary
    assert isinstance(head, nn.Sequential)
    head.eval()
    x = torch.randn(3, 160, 8, 8)
    pooled = F.avg_pool2d(F.relu(x), 5, 3)
    proj, conv = head[2], head[4]
    small = fitted_relu(pooled, proj)
    assert small.shape == (3, 128, 2, 2)
    large = fitted_relu(F.pad(small, (0, 1, 0, 1)), conv)
    assert large.shape == (3, 768, 2, 2)
    last = head[-1].get_parameter("weight")
    torch.testing.assert_close(head(x), large.mean((2, 3)) @ last.T)
    model.reset_classifier(7)
    assert head[-1].bias is None


def test_the_macro_arc_says_24_layers_that_double_twice() -> None:
    layers = read_arc(MACRO_ARC, OPERATIONS)
    assert [OPERATIONS.index(layer.operation) for layer in layers] == [
        0, 3, 0, 2, 2, 3, 2, 2, 1, 0, 2, 0, 2, 1, 0, 2, 2, 2, 3, 3, 0, 3, 0, 0,
    ]  # fmt: skip
    assert sum(len(layer.skips) for layer in layers) == 98
    assert layers[5] == MacroLayer("separable_5x5", (0, 1, 3))
    assert layers[-1].skips == (0, 1, 5, 6, 7, 9, 13, 15, 18, 19)


def test_the_ledger_prints_the_layers_that_are_built() -> None:
    lines = [line.strip() for line in find("enas_macro_cifar").layers]
    assert [line for line in lines[1:] if line.startswith("x")] == macro_text(read_arc(MACRO_ARC))


def test_separable_convolutions_where_the_arc_says_so_make_a_network_of_31_million() -> None:
    with torch.device("meta"):
        model = create_model("enas_macro_cifar", layers=read_arc(MACRO_ARC, OPERATIONS))
    assert sum(p.numel() for p in model.parameters()) == 30_947_424


def halved(x: Tensor, layer: FactorizedReduction) -> Tensor:
    first, second = (path[1].weight for path in layer.paths)  # type: ignore[index]
    shifted = F.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
    pair = [F.conv2d(x[:, :, ::2, ::2], first), F.conv2d(shifted[:, :, ::2, ::2], second)]
    norm: Any = layer.norm
    return F.batch_norm(
        torch.cat(pair, 1), norm.running_mean, norm.running_var, norm.weight, norm.bias
    )


def test_a_macro_network_is_the_equations_written_out() -> None:
    """A layer in each stage: a pool, a separable convolution joined to the stem, a 5x5."""
    layers = (
        MacroLayer("avg_pool_3x3", ()),
        MacroLayer("separable_3x3", (0,)),
        MacroLayer("conv_5x5", (0, 1)),
    )
    model = randomised("enas_macro_cifar", layers=layers, width=4)
    stages: Any = model.stages
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        states = list(model.stem(x))
        y = fitted(states[0], *stages[0][0].operation[1:3])
        counts = F.avg_pool2d(torch.ones_like(y), 3, 1, 1)  # the border averages what is there
        states.append(F.avg_pool2d(y, 3, 1, 1) / counts)

        states = [halved(s, r) for s, r in zip(states, stages[1][0], strict=True)]
        operation = stages[1][1].operation
        y = F.relu(fitted(states[-1], *operation[1:3]))
        y = F.conv2d(F.conv2d(y, operation[4].weight, padding=1, groups=8), operation[5].weight)
        y = operation[6](y)
        states.append(fitted(torch.cat([states[0], y], 1), *stages[1][1].join[1:]))

        states = [halved(s, r) for s, r in zip(states, stages[2][0], strict=True)]
        operation = stages[2][1].operation
        y = F.relu(fitted(states[-1], *operation[1:3]))
        y = operation[5](F.conv2d(y, operation[4].weight, padding=2))
        last = fitted(torch.cat([states[0], states[1], y], 1), *stages[2][1].join[1:])
        assert worst(model.forward_features(x), last) < 1e-10
        assert worst(model(x), last.mean((2, 3)) @ model.head[-1].get_parameter("weight").T) < 1e-10


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((MacroLayer("conv_3x3", ()),) * 4, "4 layers of width 8; expected a multiple of three"),
        ((MacroLayer("conv_7x7", ()),) * 3, "layer 1 is .*conv_7x7.*; expected one of conv_3x3"),
        (
            (MacroLayer("conv_3x3", (0,)),) * 3,
            "layer 1 .*expected .* from layers before 0",
        ),
    ],
)
def test_impossible_layers_are_refused(layers: tuple[MacroLayer, ...], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        MacroNetwork(layers, 8)


def test_it_overfits_eight_digits() -> None:
    torch.manual_seed(0)
    micro = create_model("enas_micro_cifar", n=1, width=16, drop_path=0.0, drop_rate=0.0)
    assert steps_to_learn(micro, adam(3e-3), 16) > 0
    layers = read_arc(MACRO_ARC)[:6]
    macro = create_model("enas_macro_cifar", layers=layers, width=8, drop_rate=0.0)
    assert steps_to_learn(macro, adam(3e-3), 32) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["enas_micro_cifar", "enas_macro_cifar"])
def test_the_whole_networks_overfit_eight_digits(name: str) -> None:
    torch.manual_seed(0)
    still: dict[str, Any] = {"drop_path": 0.0} if "micro" in name else {}
    model = create_model(name, num_classes=8, drop_rate=0.0, **still)
    assert steps_to_learn(model, adam(1e-3), 32) > 0
