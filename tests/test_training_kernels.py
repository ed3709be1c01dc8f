"""Operations that are computed in another way than torch's: the same values, the same gradients."""

from collections.abc import Callable
from copy import deepcopy
from math import inf
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from cladenet import processor
from cladenet.kernels import pointwise_norm as pointwise_norm_kernel
from cladenet.kernels import winograd as winograd_kernel
from cladenet.kernels.quicken import quicken
from cladenet.kernels.small_map_convolution import is_small
from cladenet.kernels.toom_cook import Axis, blocks, matrices
from cladenet.kernels.winograd import winograd
from cladenet.layers.response_norm import LocalResponseNorm
from cladenet.registry import create_model

BF16_ROUNDING = 2**-8  # relative, of a value with 8 significant bits


@pytest.fixture
def fast_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this processor is."""
    monkeypatch.setattr(processor, "products_against_onednn", lambda: 1.0)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)


@pytest.fixture(params=["mkl", "onednn"])
def narrow_products(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whoever is the faster one where channels are few."""
    ratio = {"mkl": 1.0, "onednn": 0.5}[request.param]
    monkeypatch.setattr(processor, "narrow_products_against_onednn", lambda: ratio)
    return str(request.param)


@pytest.fixture
def slow_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this processor is."""
    monkeypatch.setattr(processor, "products_against_onednn", lambda: 0.5)


@pytest.mark.parametrize(
    ("kernel_size", "stride", "padding", "size"),
    [
        (3, 2, 1, (8, 7)),
        (3, 2, 0, (9, 8)),
        (5, 1, 2, (6, 6)),
        (5, 2, 2, (9, 6)),
        (7, 3, 3, (11, 8)),
    ],
)
def test_gradients_of_a_depthwise_convolution_are_the_plain_ones(
    kernel_size: int, stride: int, padding: int, size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    compare_with_float32(
        nn.Conv2d(6, 12, kernel_size, stride, padding, groups=6), torch.randn(4, 6, *size)
    )


@pytest.mark.filterwarnings("ignore:TF32 acceleration")  # of oneDNN's switches, one of Intel's GPUs
def test_without_bfloat16_a_depthwise_convolution_is_that_of_float32_rounded_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """torch's loops, which take oneDNN's place there, round a sum after each tap and each image."""
    lacking = processor.abilities()._replace(bf16=False)
    monkeypatch.setattr(processor, "abilities", lambda: lacking)
    torch.manual_seed(0)
    conv = nn.Conv2d(6, 12, 5, 2, 2, groups=6, bias=False).bfloat16().float()
    x = torch.randn(32, 6, 9, 6).bfloat16().float()
    with torch.backends.mkldnn.flags(enabled=False):
        in_float32 = gradients_of(conv, x, precision="fp32")
        quicken(conv)
        in_bfloat16 = gradients_of(conv, x, precision="bf16")
    for ours, theirs in zip(in_bfloat16, in_float32, strict=True):
        assert torch.equal(ours, theirs.bfloat16().float())


@pytest.mark.parametrize(
    ("kernel_size", "padding", "size"),
    [(3, 1, (6, 5)), (5, 2, (4, 7)), ((3, 5), (0, 3), (4, 6)), (3, 1, (1, 1))],
)
def test_a_turned_kernel_gives_the_gradient_of_a_depthwise_convolution(
    kernel_size: Any, padding: Any, size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(64, 64, kernel_size, 1, padding, groups=64)
    x = torch.randn(4, 64, *size)
    quick = deepcopy(conv)
    quicken(quick)
    assert "Turned" in functions_behind(quick, x)
    compare_with_float64(conv, x)


@pytest.mark.parametrize("conv", [
    nn.Conv2d(63, 63, 3, 1, 1, groups=63), nn.Conv2d(64, 128, 3, 1, 1, groups=64),
    nn.Conv2d(64, 64, 3, 2, 1, groups=64), nn.Conv2d(64, 64, 3, 1, 3, groups=64),
    nn.Conv2d(64, 64, 3, 1, 2, 2, groups=64),
])  # fmt: skip
def test_other_depthwise_convolutions_stay_what_they_are_in_float32(conv: nn.Conv2d) -> None:
    conv = deepcopy(conv)
    quicken(conv)
    assert "Turned" not in functions_behind(conv, torch.randn(2, conv.in_channels, 5, 5))


@pytest.mark.parametrize(
    ("channels", "kernel_size", "stride", "padding", "size"),
    [
        ((128, 256), 3, 1, 1, (2, 2)),
        ((128, 256), 3, 2, 1, (4, 4)),
        ((128, 256), 3, 2, 1, (3, 3)),
        ((96, 96), 3, 1, 1, (1, 1)),
        ((256, 128), (3, 1), 1, (1, 0), (3, 1)),
        ((128, 128), 5, 2, 2, (4, 2)),
        ((128, 128), 5, 3, 3, (4, 1)),
        ((64, 256), 2, 1, 0, (2, 2)),
        ((256, 256), (2, 1), 1, (3, 0), (1, 1)),  # both ends see nothing but padding
    ],
)
def test_gradients_of_a_convolution_of_small_maps_are_the_plain_ones(
    channels: tuple[int, int],
    kernel_size: Any,
    stride: int,
    padding: Any,
    size: tuple[int, int],
    fast_products: None,
) -> None:
    torch.manual_seed(0)
    conv, x = nn.Conv2d(*channels, kernel_size, stride, padding), torch.randn(3, channels[0], *size)
    assert is_small(x, conv, torch.bfloat16)
    compare_with_float64(conv, x)
    compare_with_float32(conv, x)


@pytest.mark.parametrize(
    ("channels", "size", "bf16", "fp32"),
    [
        (512, 4, False, False), (512, 3, True, True), (256, 3, False, True), (256, 2, True, True),
        (128, 3, False, False), (128, 2, False, True), (128, 1, True, True),
    ],
)  # fmt: skip
def test_maps_are_small_where_matrix_products_were_measured_to_win(
    channels: int, size: int, bf16: bool, fp32: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float32 by fast products; slow ones win where those in bfloat16 do."""
    conv, x = nn.Conv2d(channels, channels, 3, 1, 1), torch.empty(2, channels, size, size)
    for fast, in_float32 in ((True, fp32), (False, bf16)):
        monkeypatch.setattr(processor, "has_fast_products", lambda fast=fast: fast)
        assert is_small(x, conv, torch.bfloat16) == bf16
        assert is_small(x, conv, torch.float32) == in_float32


TILED = [
    ((3, 2), (9, 18), (1, 1)),  # some blocks of tiles
    ((5, 7), (8, 8), (1, 1)),  # whole tiles
    ((4, 6), (7, 10), (0, 1)),  # and parts of them
    ((3, 2), (3, 4), (1, 0)),
    ((2, 3), (1, 1), (1, 1)),  # nothing but padding around it
]


@pytest.mark.parametrize(("rows", "images"), [(128, 128), (1, 128), (1, 2)])
@pytest.mark.parametrize(("channels", "size", "padding"), TILED)
def test_a_convolution_in_tiles_is_the_plain_one(
    channels: tuple[int, int],
    size: tuple[int, int],
    padding: tuple[int, int],
    rows: int,
    images: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In float64, where matrices that were wrong anywhere would show, and what rounds does not.

    In one block of tiles and in some, of all images at once and of one or two.
    """
    monkeypatch.setattr(winograd_kernel, "FEWEST_ROWS", rows)
    monkeypatch.setattr(winograd_kernel, "MOST_IMAGES", images)
    torch.manual_seed(0)
    conv = nn.Conv2d(*channels, 3, 1, padding, bias=False).double()
    x = torch.randn(3, channels[0], *size, dtype=torch.float64, requires_grad=True)
    plain, ours = conv(x), winograd(x, conv.weight, (1, 1), padding)
    g = torch.randn_like(plain)
    found = [ours, *torch.autograd.grad(ours, (x, conv.weight), g)]
    exact = [plain, *torch.autograd.grad(plain, (x, conv.weight), g)]
    for one, other in zip(found, exact, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-13 * other.abs().max().item())
    assert ours.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("channels", "size", "padding"), [*TILED, ((64, 96), (14, 13), (1, 1))])
def test_what_a_convolution_in_tiles_rounds_is_what_its_sums_may(
    channels: tuple[int, int], size: tuple[int, int], padding: tuple[int, int]
) -> None:
    """Sums of n rounded products are off by at most n + 1 roundings of the magnitudes summed.

    Higham. Accuracy and Stability of Numerical Algorithms. 2002. Sec. 3.1. The magnitudes go
    through the same sums with the matrices' magnitudes, in float64. Each matrix is rounded, too.
    """
    torch.manual_seed(0)
    conv = nn.Conv2d(*channels, 3, 1, padding, bias=False)
    x = torch.randn(3, channels[0], *size, requires_grad=True)
    y = winograd(x, conv.weight, (1, 1), padding)
    g = torch.randn_like(y)
    found = [y, *torch.autograd.grad(y, (x, conv.weight), g)]
    exact_x, exact_w = (v.detach().double().requires_grad_() for v in (x, conv.weight))
    exact_y = F.conv2d(exact_x, exact_w, None, 1, padding)
    exact = [exact_y, *torch.autograd.grad(exact_y, (exact_x, exact_w), g.double())]
    sums = in_magnitudes(exact_x, exact_w, g, padding)
    across = -(-y.shape[2] // 4) * -(-y.shape[3] // 4) * len(x)
    of_tiles, of_taps, of_outputs = 2 * (6 + 1), 9 + 2, 2 * (6 + 1)  # terms, and the matrices' own
    into_x = of_outputs + of_taps + channels[1] + of_tiles + 4  # of four tiles that meet
    into_weight = of_outputs + of_tiles + across + 36 + 2
    roundings = [of_tiles + of_taps + channels[0] + of_outputs, into_x, into_weight]
    for one, other, magnitudes, count in zip(found, exact, sums, roundings, strict=True):
        assert ((one.double() - other).abs() <= (count + 4) * 2**-24 * magnitudes).all()


def in_magnitudes(
    x: Tensor, weight: Tensor, g: Tensor, padding: tuple[int, int]
) -> tuple[Tensor, ...]:
    """Eq. 8 of Lavin with no sign anywhere, and what reaches the gradients: all that is summed."""
    x, weight = (v.detach().abs().requires_grad_() for v in (x, weight))
    axes = [Axis(*of) for of in zip(x.shape[2:], padding, strict=True)]
    (above, below), (left, right) = (
        [m.abs().view(6, -1, m.shape[1]) if i == 0 else m.abs().view(len(m), 6, -1)
         for i, m in enumerate(blocks(axis, torch.float64, axis.outputs)[0][2:])]
        for axis in axes
    )  # fmt: skip
    taps = matrices()[1].abs()
    spread = torch.einsum("itr,jsc,nkrc->ijtsnk", above, left, x)
    kernels = torch.einsum("ia,jb,okab->ijok", taps, taps, weight)
    products = torch.einsum("ijtsnk,ijok->ijtsno", spread, kernels)
    y = torch.einsum("rit,cjs,ijtsno->norc", below, right, products)
    return y, *torch.autograd.grad(y, (x, weight), g.double().abs())


@pytest.mark.parametrize(
    ("conv", "size", "expected"),
    [
        (nn.Conv2d(64, 64, 3, 1, 1), (8, 64, 16, 16), True),
        (nn.Conv2d(64, 64, 3, 1, 1), (7, 64, 16, 16), False),  # few tiles in a row
        (nn.Conv2d(63, 64, 3, 1, 1), (8, 63, 16, 16), False),  # few channels
        (nn.Conv2d(64, 64, 3, 1, 1), (16, 64, 9, 9), False),  # 12x12 in tiles
        (nn.Conv2d(64, 64, 3, 1, 1), (8, 64, 4, 80), True),  # wide
        (nn.Conv2d(64, 64, 3, 2, 1), (8, 64, 32, 32), False),
        (nn.Conv2d(64, 64, 3, 1, 2), (8, 64, 14, 14), False),
        (nn.Conv2d(64, 64, (3, 1), 1, (1, 0)), (8, 64, 16, 16), False),
    ],
)
def test_a_convolution_is_in_tiles_where_that_was_measured_to_win(
    conv: nn.Conv2d, size: tuple[int, ...], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With AVX2 and fast products alone, and in float32."""
    conv = deepcopy(conv)
    quicken(conv)
    x = torch.empty(size).normal_().contiguous(memory_format=torch.channels_last)
    for vectors, fast in (("AVX2", True), ("AVX2", False), ("AVX512", True)):
        able = processor.abilities()._replace(vectors=vectors)
        monkeypatch.setattr(processor, "abilities", lambda able=able: able)
        monkeypatch.setattr(processor, "has_fast_products", lambda fast=fast: fast)
        tiled = expected and vectors == "AVX2" and fast
        assert ("Winograd" in functions_behind(conv, x)) == tiled
        with torch.autocast("cpu", torch.bfloat16):
            assert "Winograd" not in functions_behind(conv, x)


def test_a_layer_in_tiles_has_the_gradients_of_torch_in_float64(
    fast_products: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    able = processor.abilities()._replace(vectors="AVX2")
    monkeypatch.setattr(processor, "abilities", lambda: able)
    torch.manual_seed(0)
    conv, x = nn.Conv2d(64, 64, 3, 1, 1), torch.randn(8, 64, 16, 16)
    quick = deepcopy(conv)
    quicken(quick)
    assert "Winograd" in functions_behind(quick, x)
    compare_with_float64(conv, x)


@pytest.mark.parametrize(
    ("channels", "size"), [((6, 10), (5, 3)), ((16, 4), (1, 1)), ((144, 24), (17, 14))]
)
def test_gradients_of_a_1x1_convolution_are_the_plain_ones(
    channels: tuple[int, int], size: tuple[int, int], fast_products: None, narrow_products: str
) -> None:
    torch.manual_seed(0)
    conv, x = nn.Conv2d(*channels, 1), torch.randn(3, channels[0], *size)
    quick = deepcopy(conv)
    quicken(quick)
    with Products() as products:
        functions_behind(quick, x.contiguous(memory_format=torch.channels_last))
    many = 3 * channels[0] * channels[1] * size[0] * size[1] >= 2**21
    assert products.onednns == (many and narrow_products == "onednn")
    compare_with_float64(conv, x)


@pytest.mark.parametrize("conv", [
    nn.Conv2d(8, 8, 1, 2), nn.Conv2d(8, 8, 1, padding=1), nn.Conv2d(8, 8, 1, groups=2),
])  # fmt: skip
def test_only_what_maps_each_pixel_to_one_is_a_product(conv: nn.Conv2d) -> None:
    quicken(conv)
    assert "_conv_forward" not in vars(conv)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(140, 128), (2, 70, 128), (2, 5, 14, 128)])
def test_gradients_of_a_linear_layer_by_onednn_are_the_plain_ones(
    size: tuple[int, ...], bias: bool, slow_products: None
) -> None:
    torch.manual_seed(0)
    layer, x = nn.Linear(128, 130, bias), torch.randn(size, requires_grad=True)
    exact_x = x.detach().double().requires_grad_()
    exact = exact_linear(layer, exact_x)
    quicken(layer)
    assert "Linear" in functions_behind(layer, x)
    with Products() as products:
        y = layer(x)
        found = [y, *torch.autograd.grad(y.sin().sum(), [x, *layer.parameters()])]
    assert products.onednns == 3
    for ours, theirs in zip(found, exact, strict=True):
        scale = theirs.abs().max().item()
        torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=3e-6 * scale)


def exact_linear(layer: nn.Linear, x: Tensor) -> list[Tensor]:
    """What it makes of `x` in float64, and the gradients of the sum of that value's sine."""
    layer = deepcopy(layer).double()
    y = layer(x)
    return [y, *torch.autograd.grad(y.sin().sum(), [x, *layer.parameters()])]


class Products(TorchDispatchMode):
    """Counts matrix products that oneDNN was asked for."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.onednns = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.onednns += "_linear_pointwise" in str(function)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("layer", "rows", "precision"),
    [
        (nn.Linear(128, 127), 1000, torch.float32),  # few channels
        (nn.Linear(128, 128), 127, torch.float32),  # few products
        (nn.Linear(128, 128), 128, torch.float64),
        (nn.Linear(128, 128), 128, torch.bfloat16),
    ],
)
def test_other_linear_layers_stay_what_they_are(
    layer: nn.Linear, rows: int, precision: torch.dtype, slow_products: None
) -> None:
    layer, x = deepcopy(layer).to(precision), torch.randn(rows, 128, dtype=precision)
    expected = layer(x)
    quicken(layer)
    with Products() as products:
        assert torch.equal(layer(x), expected)
    assert products.onednns == 0


@pytest.mark.parametrize(("against_onednn", "expected"), [(0.5, True), (1.0, True), (inf, False)])
def test_a_small_map_is_products_in_float32_wherever_their_speed_is_known(
    against_onednn: float, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without oneDNN to compare with, and without MKL, torch's own way stays."""
    monkeypatch.setattr(processor, "products_against_onednn", lambda: against_onednn)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: against_onednn < inf)
    conv, x = nn.Conv2d(256, 256, 3, 1, 1), torch.randn(3, 256, 2, 2)
    quicken(conv)
    assert (functions_behind(conv, x) >= {"SmallMap"}) == expected
    compare_with_float64(conv, x)


@pytest.mark.parametrize(("onednn", "fast"), [(0.5, False), (0.9, True), (1.1, True)])
def test_products_are_fast_or_slow_by_what_they_take(
    onednn: float, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever made the processor: what counts is the time of each, not a name."""
    monkeypatch.setattr(processor, "_shortest", lambda *_: [onednn, 1.0])
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    processor.products_against_onednn.cache_clear()
    try:
        assert processor.products_against_onednn() == onednn
        assert (processor.has_fast_products(), processor.has_slow_products()) == (fast, not fast)
        monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)
        assert not processor.has_fast_products()
    finally:
        processor.products_against_onednn.cache_clear()


def test_products_are_measured_in_float32_on_the_cpu_whatever_is_set_around(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Tensor] = []

    def answered(*calls: Callable[[], Tensor]) -> list[float]:
        made.extend(call() for call in calls)
        return [1.0, 1.0]

    monkeypatch.setattr(processor, "_shortest", answered)
    processor.products_against_onednn.cache_clear()
    try:
        with torch.device("meta"), torch.autocast("cpu", torch.bfloat16):
            assert processor.products_against_onednn() == 1.0
    finally:
        processor.products_against_onednn.cache_clear()
    assert [(y.dtype, y.device.type) for y in made] == 2 * [(torch.float32, "cpu")]


def test_measuring_products_leaves_the_number_of_threads() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    seen: list[int] = []
    try:
        assert all(
            t >= 0 for t in processor._shortest(lambda: seen.append(torch.get_num_threads()))
        )
        assert set(seen) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_relu6_in_place_gives_the_bits_and_gradients_of_torch_and_keeps_no_copy() -> None:
    """At its ends, beyond them and at what is no number; once and twice differentiated."""
    ends = torch.tensor([-1.0, -0.0, 0.0, 1e-30, 5.9, 6.0, 6.1, torch.inf, -torch.inf, torch.nan])
    x = torch.cat((ends, 5 * torch.randn(54))).reshape(1, 4, 4, 4)
    layer = nn.ReLU6(inplace=True)
    plain, kept_by_torch = both_orders(layer, x), kept(layer, x)
    quicken(layer)
    for ours, theirs in zip(both_orders(layer, x), plain, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)
    assert kept_by_torch == [False]
    assert kept(layer, x) == [True]


def kept(layer: nn.Module, x: Tensor) -> list[bool]:
    """Of each tensor that is kept for the backward pass: does it share the memory of the output?"""
    saved: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        saved.append(tensor)
        return tensor

    x = x.clone().requires_grad_() + 0
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        y = layer(x)
    return [tensor.data_ptr() == y.data_ptr() for tensor in saved]


def both_orders(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """Its answer, the gradient of the sum of a power of it, and the gradient of that."""
    x = x.clone().requires_grad_()
    y = layer(x * 1)
    (first,) = torch.autograd.grad(y.pow(3).nansum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.nansum(), x)
    return [y.detach(), first.detach(), second]


@pytest.mark.parametrize("activation", [None, nn.ReLU(True), nn.ReLU6(True), nn.SiLU(True)])
def test_a_widening_convolution_and_its_norm_are_one_with_the_plain_gradients(
    activation: nn.Module | None,
    fast_products: None,
    narrow_products: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Against autograd in float64: results, gradients, running statistics, in pieces of 7 rows."""
    for piece in ("PIECE", "PIECE_BY_ONEDNN"):
        monkeypatch.setattr(pointwise_norm_kernel, piece, 7 * 4 * 20)
    torch.manual_seed(0)
    x = 1.0 + torch.randn(3, 5, 9, 7) * torch.rand(1, 5, 1, 1)
    plain = widening(5, 20, activation)
    quick = deepcopy(plain)
    quicken(quick)
    assert wide_maps_kept(plain, x, 20) > wide_maps_kept(quick, x, 20)
    exact = step_of(deepcopy(plain).double(), x.double())
    for name, ours in step_of(quick, x).items():
        scale = exact[name].abs().max().item()
        torch.testing.assert_close(ours, exact[name], rtol=0, atol=3e-6 * scale, msg=name)


def widening(channels: int, made: int, activation: nn.Module | None) -> nn.Sequential:
    """A 1x1 convolution and a batch norm with values of their own, and what follows them."""
    conv, norm = nn.Conv2d(channels, made, 1, bias=False), nn.BatchNorm2d(made, momentum=0.3)
    nn.init.uniform_(norm.weight, -1.5, 1.5)
    nn.init.normal_(norm.bias)
    return nn.Sequential(conv, norm, *([activation] if activation else []), nn.Conv2d(made, 2, 1))


def step_of(layers: nn.Sequential, x: Tensor) -> dict[str, Tensor]:
    """What one step of training gives and leaves, by name."""
    x = x.clone().contiguous(memory_format=torch.channels_last).requires_grad_()
    out = layers.train()(x)
    out.backward(torch.linspace(-1, 1, out.numel(), dtype=x.dtype).sin().view_as(out))
    assert x.grad is not None
    gradients = {name: weight.grad for name, weight in layers.named_parameters()}
    found = {"out": out, "x": x.grad, **gradients, **dict(layers[1].named_buffers())}
    return {name: v.detach().float() for name, v in found.items() if v is not None}


def wide_maps_kept(layers: nn.Sequential, x: Tensor, made: int) -> int:
    """How many feature maps as wide as those between the convolutions wait for the backward pass.

    The layers themselves stay as they are.
    """
    saved: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.numel() == x[:, 0].numel() * made:
            saved[tensor.data_ptr()] = tensor
        return tensor

    x = x.contiguous(memory_format=torch.channels_last).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        deepcopy(layers).train()(x)
    return len(saved)


def looked_at(layers: nn.Sequential) -> None:
    layers[1].register_forward_hook(lambda *_: None)


@pytest.mark.parametrize(
    ("change", "size"),
    [
        (looked_at, 9),
        (lambda layers: layers[1].eval(), 9),
        (lambda layers: None, 3),  # fewer rows than make up for the other products
    ],
    ids=["hooked", "frozen", "small"],
)
def test_a_widening_convolution_stays_where_one_is_not_the_same_or_not_faster(
    change: Any, size: int, fast_products: None
) -> None:
    layers = widening(5, 20, nn.ReLU6(True)).train()
    change(layers)
    quicken(layers)
    x = torch.randn(2, 5, size, size).contiguous(memory_format=torch.channels_last)
    assert "PointwiseNorm" not in functions_behind(layers, x)


def test_activations_that_may_not_write_over_their_input_come_after(fast_products: None) -> None:
    """A second reader, or a user who has kept the norm's output, would see something else."""
    layers = widening(5, 20, nn.ReLU6()).train()
    quicken(layers)
    x = torch.randn(2, 5, 9, 9).contiguous(memory_format=torch.channels_last)
    assert {"PointwiseNorm", "Hardtanh"} <= functions_behind(layers, x)


def functions_behind(layers: nn.Module, x: Tensor) -> set[str]:
    """Names of the functions whose gradients autograd would ask for."""
    found: set[str] = set()
    waiting: list[Any] = [layers(x).grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None:
            found.add(node.name().strip("_").split("Backward")[0])
            waiting += [before for before, _ in node.next_functions]
    return found


@pytest.mark.parametrize("frozen", ["x", "weight"])
def test_a_gradient_that_nobody_wants_is_not_computed(frozen: str) -> None:
    conv = nn.Conv2d(96, 96, 3, 1, 1, bias=False)
    quicken(conv)
    x = torch.randn(2, 96, 1, 1, requires_grad=frozen != "x")
    conv.weight.requires_grad_(frozen != "weight")
    with torch.autocast("cpu", torch.bfloat16):
        conv(x).sum().backward()
    assert (x.grad is None) == (frozen == "x")
    assert (conv.weight.grad is None) == (frozen == "weight")


def test_global_average_and_its_gradient_are_those_of_torch_in_the_layout_of_the_map() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 5, 4, 7, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    pool = nn.AdaptiveAvgPool2d(1)
    reference = pool(theirs)
    quicken(pool)
    out = pool(ours)
    g = torch.randn_like(out)
    torch.testing.assert_close(out, reference, rtol=1e-14, atol=1e-14)
    (to_ours,) = torch.autograd.grad(out, ours, g)
    (to_theirs,) = torch.autograd.grad(reference, theirs, g)
    torch.testing.assert_close(to_ours, to_theirs, rtol=1e-14, atol=1e-14)
    assert to_ours.is_contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        assert torch.equal(pool(x), reference)


class Layouts(TorchDispatchMode):
    """Notes the operations of layers that take a map in another layout than channels last."""

    LOOKED_AT = (
        "convolution", "convolution_backward", "native_batch_norm", "native_batch_norm_backward",
        "relu_", "threshold_backward", "hardswish", "hardswish_backward", "add", "mul", "cat",
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.others: list[str] = []

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        given = args[0] if args and isinstance(args[0], list) else args
        maps = [a for a in given if isinstance(a, Tensor) and a.ndim == 4]
        maps = [m for m in maps if m.shape[1] > 1 and m.shape[2] * m.shape[3] > 1]
        name = function.__name__.split(".")[0]
        if name in self.LOOKED_AT and any(m.is_contiguous() and m.stride(1) != 1 for m in maps):
            self.others.append(f"{name} {[tuple(m.shape) for m in maps]}")
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "name",
    [
        "resnet20_cifar",  # shortcuts of option A
        "resnet18",
        "seresnet50",  # squeeze-and-excitation
        "mobilenet_v3_small",
        "shufflenet_v1_x0_25_g3",  # channel shuffle
        "shufflenet_v2_x0_5",
        "igcv1_l24m2_d20_cifar",
        "wrn_16_4_cifar",
        "googlenet_bn",
    ],
)
def test_no_map_changes_its_layout_in_a_step(name: str) -> None:
    """A ReLU whose map and gradient lie in two layouts takes 25 times as long."""
    torch.manual_seed(0)
    model: Any = create_model(name)
    model.to(memory_format=torch.channels_last)
    quicken(model)
    x = torch.randn(2, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    with Layouts() as layouts:
        with torch.autocast("cpu", torch.bfloat16):
            outputs = model(x)
        logits = outputs if isinstance(outputs, Tensor) else outputs[0]
        logits.float().square().sum().backward()
    assert layouts.others == []


def test_only_slow_depthwise_and_1x1_convolutions_are_changed_and_no_tensor_is() -> None:
    model = create_model("mobilenet_v2_x0_35")
    before = list(model.state_dict())
    quicken(model)
    convs = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    changed = [conv for conv in convs if "_conv_forward" in vars(conv)]
    depthwise = [conv for conv in convs if conv.groups > 1]
    slow = [conv for conv in depthwise if conv.stride == (2, 2) or conv.groups >= 64]
    assert len([conv for conv in slow if conv.stride == (2, 2)]) == 4
    assert changed == [conv for conv in convs if conv in slow or conv.kernel_size == (1, 1)]
    assert list(model.state_dict()) == before


def test_float32_stays_what_it_was_to_the_last_bit() -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(6, 6, 3, 2, 1, groups=6)
    x = torch.randn(2, 6, 9, 9)
    before = gradients_of(conv, x, precision="fp32")
    quicken(conv)
    after = gradients_of(conv, x, precision="fp32")
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("size", "channels", "beta"), [(5, 7, 0.75), (5, 2, 0.75), (3, 6, 0.5)])
def test_response_normalisation_and_its_gradient_are_the_formula(
    size: int, channels: int, beta: float, layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    x = (3 * torch.randn(2, channels, 4, 5, dtype=torch.float64)).contiguous(memory_format=layout)
    g = torch.randn_like(x)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    layer = LocalResponseNorm(size, alpha=0.3, beta=beta, k=2.0)
    out, reference = layer(ours), F.local_response_norm(theirs, size, 0.3, beta, 2.0)
    torch.testing.assert_close(out, reference, rtol=1e-12, atol=1e-12)
    (to_ours,) = torch.autograd.grad(out, ours, g)
    (to_theirs,) = torch.autograd.grad(reference, theirs, g)
    torch.testing.assert_close(to_ours, to_theirs, rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        assert torch.equal(layer(x), out)


def compare_with_float32(conv: nn.Conv2d, x: Tensor) -> None:
    """Quickened in bfloat16, against the plain layer in float32 on the same rounded values.

    A product of bfloat16 values is exact in float32, which is what sums them: a value may be
    rounded when the taps of its windows have been summed, and once more when they and the bias are
    added.
    """
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.copy_(parameter.bfloat16())
    x = x.bfloat16().float()
    reference, of_taps = gradients_of(conv, x, precision="fp32"), taps_of(conv, x)
    quicken(conv)
    assert "_conv_forward" in vars(conv)
    found = gradients_of(conv, x, precision="bf16")
    for ours, theirs, terms in zip(found, reference, of_taps, strict=True):
        noise = 1e-6 * terms.max()  # of float32's sums
        excess = (ours - theirs).abs() - (2 * BF16_ROUNDING * terms + noise)
        assert excess.max() <= 0


def taps_of(conv: nn.Conv2d, x: Tensor) -> list[Tensor]:
    """For each value of `gradients_of`, the sum of the magnitudes of what each tap gives to it."""
    sums = [torch.zeros(())] * 2
    assert conv.bias is not None
    for tap in torch.eye(conv.weight[0, 0].numel()).view(-1, *conv.weight.shape[2:]):
        alone = deepcopy(conv)
        with torch.no_grad():
            alone.weight.mul_(tap)
            torch.nn.init.zeros_(cast(Tensor, alone.bias))
        out, to_x, to_weight, to_bias = gradients_of(alone, x, precision="fp32")
        sums = [sums[0] + out.abs(), sums[1] + to_x.abs()]
    bias = conv.bias.detach().abs()[:, None, None]
    return [sums[0] + bias, sums[1], to_weight.abs(), to_bias.abs()]


def compare_with_float64(conv: nn.Conv2d, x: Tensor) -> None:
    """Quickened in float32, against what autograd makes of the plain layer in float64."""
    double = deepcopy(conv).double()
    exact = gradients_of(double, x.double(), precision="fp32")
    quick = deepcopy(conv)
    quicken(quick)
    for ours, theirs in zip(gradients_of(quick, x, precision="fp32"), exact, strict=True):
        scale = theirs.abs().max().item()
        torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-6 * scale)


def gradients_of(layer: nn.Conv2d, x: Tensor, precision: str) -> list[Tensor]:
    """What the layer gives, and the gradients for its input and parameters, in float32."""
    layer.zero_grad()
    x = x.clone().contiguous(memory_format=torch.channels_last).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        out = layer(x)
    torch.manual_seed(1)
    out.backward(torch.randn(out.shape).bfloat16().to(out.dtype))
    found = [out, x.grad, *(parameter.grad for parameter in layer.parameters())]
    assert all(v is not None for v in found)
    return [v.detach().float() for v in found if v is not None]
