"""Steps that torch runs as TorchScript: the same numbers as from Python, whatever the steps."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cladenet.inference.engine.packed import fold_and_pack
from cladenet.inference.graph.program import Program, Slot, Step
from cladenet.inference.graph.recording import record
from cladenet.inference.graph.running import blank, executor, runner
from cladenet.inference.graph.script import written
from cladenet.models.msdnet import MSDNetCifar


class Coded(nn.Module):
    """A network that is one function."""

    def __init__(self, code: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.code = code

    def forward(self, x: Tensor) -> Tensor:
        return self.code(x)


def in_script(program: Program) -> list[bool]:
    return [bool(written(step, lambda slot: f"v{slot.number}")) for step in program.steps]


MEAN, VAR = torch.tensor([0.5, -1.0, 2.0, 0.0]), torch.tensor([1.0, 4.0, 0.25, 2.0])


@pytest.mark.parametrize(
    "code",
    [
        lambda x: torch.cat([x, F.relu(x, inplace=True)], dim=1),
        lambda x: torch.flatten(x.relu() + torch.relu(x - x), 1) * 3,
        lambda x: F.silu(x) * F.hardswish(x) + torch.sigmoid(F.hardsigmoid(x)) + x.sigmoid(),
        lambda x: F.avg_pool2d(x, 3, 2, 1, False, True, None) + F.avg_pool2d(x, (2, 3), (2, 2), 1),
        lambda x: F.max_pool2d(x, 3, stride=2, padding=1, ceil_mode=True).flatten(1, -1),
        lambda x: F.max_pool2d(F.max_pool2d(x, 2), (2, 1), None, (0, 0)),
        lambda x: F.batch_norm(x, MEAN.to(x), VAR.to(x), eps=1e-3),
        lambda x: F.batch_norm(
            x, MEAN.to(x), VAR.to(x), VAR.to(x), bias=MEAN.to(x), training=False
        ),
        lambda x: torch.channel_shuffle(x, 2) + 0.5,
    ],
)
def test_a_function_is_the_same_in_torchscript(code: Callable[[Tensor], Tensor]) -> None:
    images = torch.randn(3, 4, 7, 6)
    program = record(Coded(code), torch.randn(1, 4, 7, 6))
    steps = zip(program.steps, in_script(program), strict=True)
    assert all(known or step.function in (Tensor.sub, Tensor.to) for step, known in steps)
    found = runner(program)(images.clone())
    assert found.equal(runner(program, from_python=True)(images.clone()))
    torch.testing.assert_close(found.double(), code(images.double()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("images", [1, 2, 3, 40])
def test_a_whole_network_is_one_piece_of_script_at_any_number(images: int) -> None:
    """Of few images 1x1 convolutions and linear layers are products, of many they are not."""
    torch.manual_seed(0)
    model = MSDNetCifar((1, 2), norm=nn.BatchNorm2d).eval()
    program = record(model, torch.randn(1, 3, 16, 16))
    fold_and_pack(program, torch.float32, None, 40)
    assert all(in_script(program))
    x = torch.randn(images, 3, 16, 16)
    with torch.inference_mode():
        found = runner(program)(x.to(memory_format=torch.channels_last))
        exact = model.double()(x.double())
    torch.testing.assert_close(found.double(), exact, rtol=1e-4, atol=1e-5)


def test_steps_of_other_kinds_are_run_between() -> None:
    """Two parts of a tensor, and a sine, which no line is written for."""

    def code(x: Tensor) -> Tensor:
        first, second = x.relu().chunk(2, 1)
        return torch.sin(torch.cat([second, first], 1) * 2 + 1).relu().flatten(1)

    program = record(Coded(code), torch.randn(1, 4, 3, 3))
    assert in_script(program) == [True, False, True, True, True, False, True, True]
    images = torch.randn(5, 4, 3, 3)
    torch.testing.assert_close(runner(program)(images), code(images))


@pytest.mark.parametrize("error", [RuntimeError, AttributeError])
def test_what_torch_does_not_take_is_run_from_python(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise error("no TorchScript")

    monkeypatch.setattr(torch.jit, "CompilationUnit", refuse)
    program = record(Coded(lambda x: (x.relu() + x).flatten(1)), torch.randn(1, 4, 3, 3))
    images = torch.randn(5, 4, 3, 3)
    torch.testing.assert_close(runner(program)(images), (images.relu() + images).flatten(1))


@pytest.mark.parametrize("from_python", [False, True])
def test_a_tensor_is_let_go_when_nobody_reads_it_any_more(from_python: bool) -> None:
    """Two parts of two steps: the first leaves what the second reads, and what is kept, alone."""

    def code(x: Tensor) -> Tensor:
        y = x.relu()
        z = y * 2
        return (z + y).flatten(1)

    program = record(Coded(code), torch.randn(1, 4, 3, 3))
    parts = [
        executor(program, steps, {program.logits}, from_python=from_python)
        for steps in (program.steps[:2], program.steps[2:])
    ]
    held = blank(program)
    held[program.images.number] = torch.randn(2, 4, 3, 3)
    parts[0](held)
    there = [number for number, value in enumerate(held) if value is not None]
    assert there == [step.output.number for step in program.steps[:2]]
    parts[1](held)
    assert [n for n, value in enumerate(held) if value is not None] == [program.logits.number]


@pytest.mark.parametrize("value", [float("nan"), 1j, slice(1)])
def test_a_value_that_torchscript_has_no_word_for(value: Any) -> None:
    step = Step(torch.mul, (Slot(0), value), {}, Slot(1))
    assert written(step, lambda slot: f"v{slot.number}") == []
