"""A fused step on channels-last weights: what is shown to it, and that it is the same step."""

from typing import Any

import pytest
import torch
from torch import nn

from cladenet.training.memory_order import in_memory_order

LAST = torch.channels_last


def net() -> Any:
    torch.manual_seed(0)
    layers = (nn.Conv2d(4, 6, 3), nn.Conv2d(6, 8, 1), nn.Flatten(), nn.Linear(8, 3))
    model: Any = nn.Sequential(*layers)
    return model.to(memory_format=LAST)


def gradients(model: Any) -> None:
    model.zero_grad()
    torch.manual_seed(1)
    model(torch.randn(5, 4, 3, 3)).square().sum().backward()


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_the_step_is_the_same_to_the_last_bit(kind: Any) -> None:
    settings = {"lr": 0.1, "weight_decay": 0.01}
    if kind is torch.optim.SGD:
        settings |= {"momentum": 0.9, "nesterov": True}
    ours, plain = net(), net()
    fused, reference = (kind(model.parameters(), **settings, fused=True) for model in (ours, plain))
    for _ in range(3):
        gradients(ours)
        gradients(plain)
        with in_memory_order(fused):
            fused.step()
        reference.step()
        for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
            assert a.shape == b.shape
            assert a.stride() == b.stride()
            assert torch.equal(a, b)
            for quantity, value in reference.state[b].items():
                found = fused.state[a][quantity]
                assert torch.equal(found, value)
                assert found.ndim < 4 or found.is_contiguous(memory_format=LAST)


def test_what_it_sees_is_contiguous_and_is_the_same_memory() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, fused=True)
    gradients(model)
    with in_memory_order(optimizer):
        optimizer.step()
    weight = model[0].weight
    place, gradient = weight.data_ptr(), weight.grad.data_ptr()
    with in_memory_order(optimizer):
        assert weight.shape == (6, 3, 3, 4)
        for tensor in (weight, weight.grad, optimizer.state[weight]["momentum_buffer"]):
            assert tensor.is_contiguous()
        assert (weight.data_ptr(), weight.grad.data_ptr()) == (place, gradient)
    assert weight.shape == (6, 4, 3, 3)


def test_all_is_put_back_after_an_error() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, fused=True)
    gradients(model)
    before = [(p.shape, p.stride()) for p in model.parameters()]
    with pytest.raises(KeyboardInterrupt), in_memory_order(optimizer):
        raise KeyboardInterrupt
    assert [(p.shape, p.stride()) for p in model.parameters()] == before
    assert all(p.grad is not None for p in model.parameters())


def test_an_optimizer_that_is_not_fused_sees_its_weights_as_they_are() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with in_memory_order(optimizer):
        assert model[0].weight.shape == (6, 4, 3, 3)
