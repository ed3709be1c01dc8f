from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.norm import NoNorm
from cladenet.models.amoebanet import REDUCTION_C
from cladenet.models.cell_network import CellNetwork, Step
from cladenet.models.cells import (
    Block,
    BuiltCell,
    Cell,
    FactorizedReduction,
    SamePool,
    ScheduledDropPath,
    cell_text,
    operation,
    read_cell,
)
from cladenet.models.nasnet import NORMAL_A, REDUCTION_A
from cladenet.models.progress import followers
from cladenet.registry import create_model, find, list_models
from cladenet.vision import torchvision
from overfit import adam, steps_to_learn
from parity import randomised, worst


def copied(cell: BuiltCell, theirs: Any) -> None:
    """timm's cell with the weights of ours, part by part."""
    pairs: list[tuple[nn.Module, nn.Module]] = [(cell.fit, theirs.conv_1x1)]
    if hasattr(theirs, "conv_prev_1x1"):
        pairs.append((cell.fit_before, theirs.conv_prev_1x1))
    elif hasattr(theirs, "path_1"):
        halves = nn.ModuleList([theirs.path_1, theirs.path_2, theirs.final_path_bn])
        pairs.append((cell.fit_before, halves))
    for number in range(5):
        for side, name in enumerate(("left", "right")):
            part = getattr(theirs, f"comb_iter_{number}_{name}", None)
            if part is not None:
                pairs.append((cell.operations[2 * number + side], part))
    for ours, other in pairs:
        state = other.state_dict()
        tensors = list(ours.state_dict().values())
        assert len(state) == len(tensors)
        other.load_state_dict(dict(zip(state, tensors, strict=True)), assign=True)


@pytest.mark.slow
def test_nasnet_a_large_is_timms() -> None:
    ours = randomised("nasnet_a_large")
    torchvision()
    from timm.models.nasnet import NASNetALarge

    with torch.device("meta"):
        theirs: Any = NASNetALarge(pad_type="")  # windows centred, as ours
    stem = ours.stem
    assert isinstance(stem, nn.Sequential)
    first = theirs.conv0.state_dict()
    values = stem[0].state_dict().values()
    theirs.conv0.load_state_dict(dict(zip(first, values, strict=True)), assign=True)
    steps = [m for m in ours.modules() if isinstance(m, Step)]
    names = ["cell_stem_0", "cell_stem_1", *(f"cell_{i}" for i in range(6)), "reduction_cell_0"]
    names += [*(f"cell_{i}" for i in range(6, 12)), "reduction_cell_1"]
    names += [f"cell_{i}" for i in range(12, 18)]
    for step, name in zip(steps, names, strict=True):
        copied(step.cell, getattr(theirs, name))
    theirs.last_linear.load_state_dict(ours.head[-1].state_dict(), assign=True)
    images = torch.randn(1, 3, 99, 99, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), theirs.eval()(images)) < 1e-10


@pytest.mark.parametrize("lines", [cell_text(NORMAL_A), cell_text(REDUCTION_C)])
def test_a_cell_is_read_as_it_is_written(lines: list[str]) -> None:
    assert cell_text(read_cell(*lines)) == lines


@pytest.mark.parametrize(
    "name", list_models("nasnet*") + list_models("amoebanet*") + ["enas_micro_cifar"]
)
def test_the_ledger_prints_the_cells_that_are_built(name: str) -> None:
    with torch.device("meta"):
        model = create_model(name)
    assert isinstance(model, CellNetwork)
    steps = (m for m in model.stages[1].children() if isinstance(m, Step))
    reduction, normal, *_ = (step.cell.cell for step in steps)
    lines = find(name).layers
    start = lines.index("normal cell, s0 = h(i), s1 = h(i-1):")
    assert [line.strip() for line in lines[start + 1 : start + 7]] == cell_text(normal)
    assert [line.strip() for line in lines[start + 8 :]] == cell_text(reduction)


def test_a_block_adds_what_its_operations_make_of_its_states() -> None:
    """s2 = avg(s0) + s1, s3 = s2 + s2; out = [s3, s1], by hand on maps that fit already."""
    cell = Cell((Block("avg_pool_3x3", 0, "none", 1), Block("none", 2, "none", 2)), (3, 1))
    built = BuiltCell(cell, 4, 4, 4, False, 1, 0.0, NoNorm).eval()
    before, current = torch.rand(1, 4, 5, 5), torch.rand(1, 4, 5, 5)
    s0 = F.conv2d(F.relu(current), built.get_parameter("fit.1.weight"))
    inside = F.avg_pool2d(s0, 3, 1)  # the border of the map averages fewer pixels
    out = built(before, current)
    assert out.shape == (1, 8, 5, 5)
    torch.testing.assert_close(out[:, 4:], before)
    torch.testing.assert_close(out[:, :4, 1:-1, 1:-1], 2 * (inside + before[:, :, 1:-1, 1:-1]))
    corner = s0[:, :, :2, :2].mean((2, 3)) + before[:, :, 0, 0]
    torch.testing.assert_close(out[:, :4, 0, 0], 2 * corner)


def test_only_operations_on_the_inputs_of_a_reduction_stride() -> None:
    built = BuiltCell(REDUCTION_A, 8, 8, 8, False, 2, 0.0, nn.BatchNorm2d)
    strides = [
        max((m.stride[0] for m in op.modules() if isinstance(m, nn.Conv2d)), default=1)
        for op in built.operations
    ]
    sources = [source for block in REDUCTION_A.blocks for source in (block.left, block.right)]
    convs = [any(isinstance(m, nn.Conv2d) for m in op.modules()) for op in built.operations]
    assert [s for s, c in zip(strides, convs, strict=True) if c] == [
        2 if source < 2 else 1 for source, c in zip(sources, convs, strict=True) if c
    ]
    assert built(torch.rand(2, 8, 9, 9), torch.rand(2, 8, 9, 9)).shape == (2, 32, 5, 5)


def test_a_separable_operation_is_applied_twice_with_one_norm_each() -> None:
    kinds = [type(m).__name__ for m in operation("separable_5x5_2", 8, 16, 2, nn.BatchNorm2d)]
    assert kinds == ["ReLU", "Conv2d", "Conv2d", "BatchNorm2d"] * 2


def test_a_factorized_reduction_sees_pixels_that_lie_apart_by_one() -> None:
    reduce = FactorizedReduction(1, 2, NoNorm)
    for path in reduce.paths:
        nn.init.ones_(path[1].weight)  # type: ignore[index]
    x = torch.arange(9.0).view(1, 1, 3, 3)
    first, second = reduce(x)[0].tolist()
    assert first == [[0, 2], [6, 8]]
    assert second == [[4, 0], [0, 0]]  # beyond the edge are zeros
    assert SamePool(2, 2)(x)[0, 0].tolist() == [[4, 5], [7, 8]]


@pytest.mark.parametrize(("skip", "read"), [(False, [1, 2, 3]), (True, [1, 1, 3])])
def test_what_follows_a_reduction_may_skip_it(skip: bool, read: list[int]) -> None:
    """Maps are counted from the stem's, 0; two normal cells make 1 and 2, the reduction 3.

    Released code, `skip_reduction_layer_input`: the next cell's h_(i-1) is map 1, not 2.
    """
    model = create_model("nasnet_a_cifar", n=2, width=8, skip_reduction=skip, num_classes=4).eval()
    maps: list[Tensor] = []
    befores: list[int] = []

    def look(_: nn.Module, args: Any, out: Tensor) -> None:
        before, current = args
        if not maps:
            maps.append(current)
        befores.append(-1 if before is None else [m is before for m in maps].index(True))
        maps.append(out)

    for step in (m for m in model.modules() if isinstance(m, Step)):
        step.cell.register_forward_hook(look)
    model(torch.rand(1, 3, 16, 16))
    assert befores[:2] == [-1, 0]
    assert befores[2:5] == read


def test_paths_are_dropped_more_often_the_longer_training_lasts_and_the_deeper_they_lie() -> None:
    model = create_model("nasnet_a_cifar", n=1, width=8, num_classes=4)
    drops = [layer for layer in followers(model) if isinstance(layer, ScheduledDropPath)]
    assert len(drops) == 3 * (10 - 2) + 2 * (10 - 1)  # without NORMAL_A's two `none`, and one
    for layer in drops:
        layer.at_progress(0.5)
    # 5 cells: 0.4 k / 5 at the end, half of that in the middle.
    assert sorted({round(layer.rate, 6) for layer in drops}) == [0.04, 0.08, 0.12, 0.16, 0.2]


def test_what_passes_a_state_on_is_never_dropped_even_where_it_strides() -> None:
    """TF-Slim's and the TPU's `_apply_operation`: drop path, if the operation is not `none`."""
    cell = Cell((Block("none", 0, "avg_pool_3x3", 1), Block("1x1", 0, "none", 2)), (2, 3))
    built = BuiltCell(cell, 4, 4, 4, False, 2, 0.4, nn.BatchNorm2d)
    kinds = [[type(layer).__name__ for layer in op.children()] for op in built.operations]
    assert kinds == [
        ["ReLU", "Conv2d", "BatchNorm2d"],
        ["AvgPool2d", "ScheduledDropPath"],
        ["ReLU", "Conv2d", "BatchNorm2d", "ScheduledDropPath"],
        [],
    ]


def test_amoebanets_paths_are_dropped_alike_in_all_cells() -> None:
    """The TPU code's default `drop_connect_version`, v1: in the course of training alone."""
    model = create_model("amoebanet_a_n6_f32_cifar", n=1, width=8, num_classes=4)
    drops = [layer for layer in followers(model) if isinstance(layer, ScheduledDropPath)]
    assert len(drops) == 3 * (10 - 2) + 2 * 10
    assert {layer.rate for layer in drops} == {0.3}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nasnet_a_cifar", "amoebanet_a_n6_f32_cifar"])
def test_it_overfits_eight_digits(name: str) -> None:
    torch.manual_seed(0)
    model = create_model(name, n=1, width=16, drop_path=0.0)
    assert steps_to_learn(model, adam(1e-2), 16) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nasnet_a_mobile", "amoebanet_a_mobile", "amoebanet_c_mobile"])
def test_the_imagenet_networks_overfit_eight_digits(name: str) -> None:
    torch.manual_seed(0)
    model = create_model(name, num_classes=8, drop_path=0.0, drop_rate=0.0)
    assert steps_to_learn(model, adam(1e-3), 64) > 0


@pytest.mark.parametrize(
    ("name", "overrides", "channels", "side"),
    [
        # The last map before the last reduction: 6 x 2 F at 16x16, of which 5x5 / 3 leaves 4x4.
        ("nasnet_a_cifar", {"n": 1, "width": 8}, 6 * 16, 4),
        ("amoebanet_a_n6_f32_cifar", {"n": 1, "width": 8}, 4 * 16, 4),
        # One cell after it: 5 x 4 F at 8x8, 2x2.
        ("enas_micro_cifar", {"n": 1, "width": 8}, 5 * 32, 2),
        # 224 -> 111 -> 56 -> 28 -> 28 -> 14: 4x4; 331 -> 165 -> 83 -> 42 -> 21: 6x6.
        ("nasnet_a_mobile", {"n": 1, "width": 16}, 6 * 32, 4),
        ("nasnet_a_large", {"n": 1, "width": 16}, 6 * 32, 6),
    ],
)
def test_the_auxiliary_classifier_is_full_size_on_the_last_map_before_the_reduction(
    name: str, overrides: dict[str, Any], channels: int, side: int
) -> None:
    size = find(name).input[-1]
    model = create_model(name, num_classes=4, auxiliary=True, **overrides)
    assert model.auxiliary is not None
    (head,) = model.auxiliary
    shapes = [m.weight.shape for m in head.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert shapes == [(128, channels, 1, 1), (768, 128, side, side), (4, 768)]
    kernel = next(
        m for m in head.modules() if isinstance(m, nn.Conv2d) and m.kernel_size[0] == side
    )
    seen: list[torch.Size] = []
    kernel.register_forward_hook(lambda _layer, _inputs, output: seen.append(output.shape[2:]))
    logits, auxiliary = model(torch.randn(2, 3, size, size))
    assert logits.shape == auxiliary.shape == (2, 4)
    left = side if name == "enas_micro_cifar" else 1  # padded there
    assert seen == [(left, left)]
    model.eval()
    images = torch.randn(1, 3, size, size)
    torch.testing.assert_close(model(images), model.forward_head(model.forward_features(images)))


def test_amoebanets_released_auxiliary_classifier_has_two_fifths_of_the_widths() -> None:
    """tensorflow/tpu, amoeba_net_model.py: aux_scaling=0.4, cut to whole channels."""
    model = create_model(
        "amoebanet_a_n6_f32_cifar",
        n=1, width=8, num_classes=4, auxiliary=True, auxiliary_width=0.4,
    )  # fmt: skip
    assert model.auxiliary is not None
    (head,) = model.auxiliary
    shapes = [m.weight.shape for m in head.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert shapes == [(51, 64, 1, 1), (307, 51, 4, 4), (4, 307)]
    assert [logits.shape for logits in model(torch.randn(2, 3, 32, 32))] == [(2, 4), (2, 4)]


def test_an_auxiliary_classifier_without_channels_is_refused() -> None:
    with pytest.raises(BadArgument, match=r"auxiliary_width is 0\.001; expected at least 0\.0078"):
        create_model("amoebanet_a_mobile", auxiliary=True, auxiliary_width=0.001)


def test_logits_are_the_same_with_an_auxiliary_classifier_beside_them() -> None:
    """States, not maps, travel between cells: the way with auxiliaries must hand them on whole."""
    for name in ("nasnet_a_cifar", "enas_micro_cifar"):
        model = create_model(
            name, n=1, width=8, auxiliary=True, drop_rate=0.0, drop_path=0.0, norm=NoNorm
        )
        images = torch.randn(2, 3, 32, 32)
        torch.testing.assert_close(model(images)[0], model.eval()(images))


def test_an_auxiliary_classifier_needs_a_map_for_its_pool() -> None:
    with pytest.raises(BadArgument, match=r"image_size is 16: a map of 4x4 is left for the auxil"):
        create_model("enas_micro_cifar", auxiliary=True, image_size=16)
    model = create_model("nasnet_a_cifar", n=1, width=8, auxiliary=True)
    with pytest.raises(BadArgument, match="needs at least 32x32"):
        model(torch.randn(1, 3, 24, 24))
