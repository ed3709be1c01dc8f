"""Convolutions of prepared networks in tiles: the same values, where that was measured to win."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from cladenet import processor
from cladenet.inference import for_inference
from cladenet.inference.engine.packed import Packed, fold_and_pack
from cladenet.inference.graph import tiles
from cladenet.inference.graph.program import Program
from cladenet.inference.graph.recording import record
from cladenet.inference.graph.running import runner
from cladenet.inference.graph.script import compiled, written
from cladenet.inference.nearness import NO_WORSE
from cladenet.kernels.toom_cook import MADE, READ, matrices, of_ones, side_by_side
from cladenet.kernels.winograd import spread_kernels
from processors import AVX2

POINTS = READ**2


@pytest.fixture(autouse=True)
def avx2(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this processor is."""
    monkeypatch.setattr(processor, "abilities", lambda: AVX2)
    monkeypatch.setattr(processor, "products_against_onednn", lambda: 1.0)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)


class Block(nn.Module):
    """relu(norm(conv(x)) [+ x]), or without the activation."""

    def __init__(
        self, conv: nn.Conv2d, *, norm: bool = True, shortcut: bool = False, relu: bool = True
    ) -> None:
        super().__init__()
        self.conv = conv
        self.norm = nn.BatchNorm2d(conv.out_channels) if norm else nn.Identity()
        self.shortcut, self.relu = shortcut, relu
        for value in self.norm.state_dict().values():
            if value.is_floating_point():
                value.uniform_(0.5, 1.5)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.conv(x))
        y = y + x if self.shortcut else y
        return F.relu(y) if self.relu else y


class Groups(TorchDispatchMode):
    """Writes down the groups of each packed convolution."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: list[int] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if "_convolution_pointwise" in str(func):
            self.seen.append(args[6])
        return func(*args, **(kwargs or {}))


def prepared(model: nn.Module, images: Tensor) -> Program:
    """In evaluation mode, for as many images, in tiles if it can be."""
    with torch.inference_mode():
        program = record(model.eval(), images[:1])
        fold_and_pack(program, torch.float32, None, len(images), tiles=True)
    return program


def are_in_tiles(program: Program) -> list[bool]:
    return [step.function is tiles.convolved for step in program.steps]


def images_of(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator).to(memory_format=torch.channels_last)


def rounding(found: Tensor, exact: Tensor) -> float:
    return (found - exact).square().mean().sqrt().item()


@pytest.mark.parametrize("from_python", [True, False], ids=["python", "script"])
@pytest.mark.parametrize(
    ("channels", "padding", "size", "options"),
    [
        ((128, 128), (1, 1), (28, 28), {}),
        ((128, 128), (1, 1), (28, 28), {"shortcut": True}),
        ((128, 128), (1, 1), (13, 16), {"shortcut": True, "relu": False}),
        ((130, 131), (0, 0), (21, 17), {"norm": False}),
        ((129, 128), (1, 0), (31, 63), {}),  # rows and columns in several parts
        ((128, 137), (0, 1), (18, 40), {"relu": False}),
        ((256, 192), (1, 1), (14, 14), {}),
        ((160, 128), (1, 1), (7, 7), {}),
    ],
)
def test_a_convolution_in_tiles_is_the_plain_one(
    channels: tuple[int, int],
    padding: tuple[int, int],
    size: tuple[int, int],
    options: dict[str, bool],
    from_python: bool,
) -> None:
    """For any number of images: as prepared for, fewer, more, none; and of any size."""
    torch.manual_seed(0)
    bias = not options.get("norm", True)
    model = Block(nn.Conv2d(*channels, 3, padding=padding, bias=bias), **options)
    program = prepared(model, images_of(5, channels[0], *size))
    assert are_in_tiles(program) == [True]
    run = runner(program, from_python=from_python)
    sizes = [size, (size[0] - 1, size[1] + 2), (4 + size[0], 3), (3, 5), (40, 40)]
    with torch.inference_mode():
        for count, (high, wide) in [
            *((n, size) for n in (5, 0, 1, 4, 13)),
            *((3, s) for s in sizes),
        ]:
            x = images_of(count, channels[0], high, wide)
            before = x.clone()
            found, plain = run(x), model.float()(x)
            exact = model.double()(x.double())
            assert found.shape == exact.shape
            assert found.is_contiguous(memory_format=torch.channels_last)
            assert torch.equal(x, before)
            if count:
                assert rounding(found, exact) <= NO_WORSE * rounding(plain, exact)


def test_torchscript_takes_a_convolution_in_tiles() -> None:
    program = prepared(Block(nn.Conv2d(128, 128, 3, padding=1)), images_of(1, 128, 28, 28))
    [step] = program.steps
    names = {slot: f"v{slot.number}" for slot in (*step.reads(), step.output)}
    lines = written(step, names.__getitem__)
    given = [names[slot] for slot in dict.fromkeys(step.reads())]
    assert compiled(lines, given, [names[step.output]]) is not None


def test_images_that_would_fill_less_than_half_of_the_tiles_are_convolved_directly() -> None:
    """oneDNN would lay the packed weights out anew for another number of tiles."""
    model = Block(nn.Conv2d(128, 128, 3, padding=1))
    run = runner(prepared(model, images_of(8, 128, 8, 8)), from_python=True)
    for count, expected in [
        (8, [POINTS]),
        (4, [POINTS]),
        (3, [1]),
        (19, [POINTS, POINTS, 1]),
        (20, [POINTS] * 3),
    ]:
        with torch.inference_mode(), Groups() as groups:
            run(images_of(count, 128, 8, 8))
        assert groups.seen == expected
    with torch.inference_mode(), Groups() as groups:
        run(images_of(1, 128, 26, 26))  # 49 tiles, packed for 32
    assert groups.seen == [1]


def test_on_other_threads_than_packed_for_it_is_convolved_directly(two_threads: None) -> None:
    model = Block(nn.Conv2d(128, 128, 3, padding=1))
    x = images_of(4, 128, 12, 12)
    run = runner(prepared(model, x), from_python=True)
    for threads, groups_then in ((2, POINTS), (1, 1)):
        torch.set_num_threads(threads)
        with torch.inference_mode(), Groups() as groups:
            found = run(x)
            torch.testing.assert_close(found, model(x), rtol=1e-4, atol=1e-4)
        assert groups.seen == [groups_then]


@pytest.mark.parametrize("threads", [1, 2])
def test_weights_are_packed_for_the_threads_that_read_them(threads: int, two_threads: None) -> None:
    model = nn.Sequential(Block(nn.Conv2d(128, 128, 3, padding=1)), nn.Flatten()).eval()
    fast = for_inference(model, batch_size=4, size=(128, 8, 8), engine="packed", threads=threads)
    run = fast.now.run
    assert isinstance(run, Packed)
    assert run.in_tiles
    assert torch.get_num_threads() == 2
    program = prepared(model, images_of(4, 128, 8, 8))
    assert program.steps[0].args[4][1] == 2


@pytest.mark.parametrize("count", [4, 32], ids=["all threads together", "images of their own"])
@pytest.mark.parametrize("channels", [128, 256])
def test_weights_are_read_as_they_were_packed(
    count: int, channels: int, two_threads: None, capfd: pytest.CaptureFixture[str]
) -> None:
    """Laying 36 matrices out anew takes oneDNN ten times as long as all products of the tiles."""
    model = nn.Sequential(Block(nn.Conv2d(channels, channels, 3, padding=1)), nn.Flatten()).eval()
    x = images_of(count, channels, 8, 8)
    with torch.inference_mode():
        run = Packed(model, x, "fp32", None, tiles=True)
        run(x)
        capfd.readouterr()
        with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):
            run(x)
    said = [line for line in capfd.readouterr().out.splitlines() if ",exec," in line]
    assert any(",convolution," in line and f"g{POINTS}" in line for line in said)
    assert not [line for line in said if ",reorder," in line and f"{POINTS}x" in line]


@pytest.mark.parametrize(
    ("conv", "images", "expected"),
    [
        (nn.Conv2d(128, 128, 3, padding=1), (1, 128, 28, 28), 49),
        (nn.Conv2d(256, 256, 3, padding=1), (1, 256, 14, 14), 16),
        (nn.Conv2d(512, 512, 3, padding=1), (1, 512, 7, 7), 0),  # 4 tiles
        (nn.Conv2d(512, 512, 3, padding=1), (8, 512, 7, 7), 32),
        (nn.Conv2d(128, 128, 3, padding=1), (5, 128, 28, 28), 98),  # three times 2 images
        (nn.Conv2d(128, 128, 3, padding=1), (8, 128, 5, 5), 0),  # 8x8 in tiles
        (nn.Conv2d(128, 64, 3, padding=1), (1, 128, 28, 28), 0),
        (nn.Conv2d(128, 128, 3, padding=2), (1, 128, 28, 28), 0),
        (nn.Conv2d(128, 128, 3, 2, padding=1), (1, 128, 28, 28), 0),
        (nn.Conv2d(128, 128, 3, padding=1, dilation=2), (1, 128, 28, 28), 0),
        (nn.Conv2d(128, 128, 3, padding=1, groups=2), (1, 128, 28, 28), 0),
        (nn.Conv2d(128, 128, (3, 1), padding=(1, 0)), (1, 128, 28, 28), 0),
        (nn.Conv2d(128, 128, 5, padding=1), (1, 128, 28, 28), 0),
    ],
)
def test_a_convolution_is_in_tiles_where_that_was_measured_to_win(
    conv: nn.Conv2d, images: tuple[int, ...], expected: int
) -> None:
    program = prepared(Block(conv), images_of(*images))
    assert are_in_tiles(program) == [expected > 0]
    if expected:
        assert program.steps[0].args[4][0] == expected


@pytest.mark.parametrize(("vectors", "speed"), [("AVX512", 1.0), ("AVX2", 0.5)])
def test_elsewhere_nothing_is_in_tiles(
    vectors: str, speed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "abilities", lambda: AVX2._replace(vectors=vectors))
    monkeypatch.setattr(processor, "products_against_onednn", lambda: speed)
    program = prepared(Block(nn.Conv2d(128, 128, 3, padding=1)), images_of(1, 128, 28, 28))
    assert are_in_tiles(program) == [False]


@pytest.mark.parametrize(("off", "kept"), [(0.0, True), (1e-3, False)])
def test_tiles_that_are_not_near_enough_are_refused(
    off: float, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then convolutions are what they were before, in the same engine."""
    monkeypatch.setattr(tiles, "spread_kernels", lambda weight: spread_kernels(weight) * (1 + off))
    torch.manual_seed(0)
    model = nn.Sequential(Block(nn.Conv2d(128, 128, 3, padding=1)), nn.Flatten()).eval()
    fast = for_inference(model, batch_size=4, size=(128, 8, 8), engine="packed")
    run = fast.now.run
    assert isinstance(run, Packed)
    assert (fast.engine, run.in_tiles) == ("packed", kept)
    assert fast.difference < 1e-5


def test_tiles_side_by_side_are_each_ones_matrices() -> None:
    of_inputs, _, of_outputs = matrices()
    spread, collect = side_by_side(3, torch.float64)
    x = torch.arange(float(3 * MADE + 2), dtype=torch.float64)
    windows = x.unfold(0, READ, MADE)
    torch.testing.assert_close(spread @ x, (windows @ of_inputs.T).flatten())
    points = torch.randn(3, READ, dtype=torch.float64)
    torch.testing.assert_close(collect @ points.flatten(), (points @ of_outputs.T).flatten())


def test_the_products_of_a_constant_make_ones() -> None:
    of_outputs = matrices()[2]
    made = of_outputs @ of_ones(torch.float64).view(READ, READ) @ of_outputs.T
    torch.testing.assert_close(made, torch.ones_like(made))
