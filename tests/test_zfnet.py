from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.analysis.layer_table import layer_table
from cladenet.errors import BadArgument
from cladenet.models.zfnet import ZFNet
from cladenet.registry import create_model
from overfit import adam, steps_to_learn
from parity import randomised, worst


def response_norm(x: Tensor) -> Tensor:
    """AlexNet's Sec. 3.3 written out: 5 maps around, alpha 1e-4 not divided, k 2, beta 0.75."""
    squares = F.pad(x.square(), (0, 0, 0, 0, 2, 2))
    sums = torch.stack([squares[:, i : i + x.shape[1]] for i in range(5)]).sum(0)
    return x / (2 + 1e-4 * sums) ** 0.75


def by_the_figure(images: Tensor, values: list[Tensor]) -> Tensor:
    """Fig. 3 as plain functions. Pools round up by a border of minus infinity below and right."""
    w = iter(values)

    def conv(x: Tensor, **options: Any) -> Tensor:
        return F.relu(F.conv2d(x, next(w), next(w), **options))

    def pool_up(x: Tensor) -> Tensor:
        rest = (x.shape[2] - 3) % 2
        return F.max_pool2d(F.pad(x, (0, rest, 0, rest), value=-torch.inf), 3, 2)

    x = response_norm(pool_up(conv(images, stride=2, padding=1)))
    x = response_norm(pool_up(conv(x, stride=2)))
    x = F.max_pool2d(conv(conv(conv(x, padding=1), padding=1), padding=1), 3, 2).flatten(1)
    x = F.relu(F.relu(x @ next(w).T + next(w)) @ next(w).T + next(w))
    return x @ next(w).T + next(w)


def test_logits_are_those_of_the_papers_figure_as_functions() -> None:
    ours = randomised("zfnet", input_size=95, num_classes=7)
    images = torch.randn(2, 3, 95, 95, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), by_the_figure(images, list(ours.parameters()))) < 1e-10


@pytest.mark.parametrize(
    ("name", "widths"), [("zfnet", (384, 384, 256)), ("zfnet_wide", (512, 1024, 512))]
)
def test_maps_have_the_sizes_of_the_figure(name: str, widths: tuple[int, int, int]) -> None:
    """Fig. 3: 110, 55, 26, 13, 13, 13, 13, 6."""
    with torch.device("meta"):
        table = layer_table(create_model(name), (3, 224, 224))
    shapes = [row.out_shape for row in table if row.kind in ("Conv2d", "MaxPool2d")]
    assert [shape[1] for shape in shapes] == [110, 55, 26, 13, 13, 13, 13, 6]
    assert [shape[0] for shape in shapes][4:7] == list(widths)


def test_against_alexnet_the_first_filters_are_finer_and_nothing_is_grouped() -> None:
    """Sec. 4.1: 7x7 in place of 11x11, stride 2 in place of 4; no towers."""
    with torch.device("meta"):
        zfnet, alexnet = create_model("zfnet"), create_model("alexnet")
    first: list[Any] = [next(m for m in net.modules() if isinstance(m, nn.Conv2d))
                        for net in (zfnet, alexnet)]  # fmt: skip
    assert [(conv.kernel_size[0], conv.stride[0]) for conv in first] == [(7, 2), (11, 4)]
    assert {m.groups for m in zfnet.modules() if isinstance(m, nn.Conv2d)} == {1}
    assert {m.groups for m in alexnet.modules() if isinstance(m, nn.Conv2d)} == {1, 2}


def test_switches_of_all_pools_put_the_maxima_back_where_they_came_from() -> None:
    """Sec. 2.1: what unpooling makes of a pooled map has the same maxima, at their places."""
    model: Any = create_model("zfnet", input_size=95, num_classes=2).eval()
    pools = [module for module in model.modules() if isinstance(module, nn.MaxPool2d)]
    before: list[Tensor] = []
    for pool in pools:
        pool.register_forward_pre_hook(lambda _m, inputs: before.append(inputs[0]))
    with torch.no_grad():
        model(torch.randn(1, 3, 95, 95))
    seen = list(before)
    assert len(seen) == len(pools) == 3
    for pool, maps in zip(pools, seen, strict=True):
        pool.return_indices = True
        pooled, switches = pool(maps)
        back = nn.MaxUnpool2d(3, 2)(pooled, switches, output_size=list(maps.shape[2:]))
        assert torch.equal(back[back != 0], maps[back != 0])
        assert torch.equal(pool(back)[0], pooled)


@pytest.mark.parametrize(
    ("overrides", "linear"),
    [
        ({}, [9216, 4096, 4096, 1000]),
        ({"hidden": (4096,)}, [9216, 4096, 1000]),
        ({"hidden": ()}, [9216, 1000]),
        ({"hidden": (2048, 2048)}, [9216, 2048, 2048, 1000]),
        ({"widths": (256,)}, [9216, 4096, 4096, 1000]),
        ({"widths": (512, 1024, 512), "hidden": (8192, 8192)}, [18432, 8192, 8192, 1000]),
    ],
    ids=["whole", "without 7", "without 6, 7", "2048", "without 3, 4", "8192, wide"],
)
def test_layers_can_be_removed_and_adjusted_as_in_table_3(
    overrides: dict[str, Any], linear: list[int]
) -> None:
    with torch.device("meta"):
        model = ZFNet(**overrides)
        table = layer_table(model, (3, 224, 224))
    rows = [row for row in table if row.kind == "Linear"]
    assert [rows[0].in_shape[0], *(row.out_shape[0] for row in rows)] == linear
    assert model.head_hidden_size == linear[-2]
    kernels = [row for row in table if row.name.startswith("stages.1") and row.kind == "Conv2d"]
    assert [row.out_shape[0] for row in kernels] == list(overrides.get("widths", (384, 384, 256)))


def test_too_small_an_input_is_refused() -> None:
    with pytest.raises(BadArgument, match="input_size is 62; ZFNet needs at least 63"):
        create_model("zfnet", input_size=62)
    assert create_model("zfnet", input_size=63, num_classes=2).input_size == 63


def test_a_net_without_any_of_the_last_convolutions_is_refused() -> None:
    with pytest.raises(BadArgument, match="widths is empty; expected a width for at least one"):
        ZFNet(widths=())


@pytest.mark.slow
def test_eight_real_images_are_overfitted_without_layer_7() -> None:
    """A row of Table 3: 16 of 22 million weights less than the whole net at 63 pixels."""
    torch.manual_seed(0)
    model = ZFNet(num_classes=10, input_size=63, hidden=(4096,))
    assert 0 < steps_to_learn(model, adam(5e-4), size=63) < 200


@pytest.mark.slow
def test_eight_real_images_are_overfitted() -> None:
    torch.manual_seed(0)
    model = ZFNet(num_classes=10, input_size=63)
    assert 0 < steps_to_learn(model, adam(5e-4), size=63) < 200
