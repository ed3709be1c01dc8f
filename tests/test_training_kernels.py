"""Operations that are computed in another way than torch's: the same values, the same gradients."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.layers.depthwise_gradients import quicken_depthwise
from cladenet.layers.response_norm import LocalResponseNorm
from cladenet.registry import create_model


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
    """In bfloat16, against those of float32 on the same rounded values."""
    torch.manual_seed(0)
    plain = nn.Conv2d(6, 12, kernel_size, stride, padding, groups=6)
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.copy_(parameter.bfloat16())
    x = torch.randn(4, 6, *size).bfloat16().float()
    out, *reference = gradients_of(plain, x, precision="fp32")
    quicken_depthwise(plain)
    assert "_conv_forward" in vars(plain)
    quick, *found = gradients_of(plain, x, precision="bf16")
    torch.testing.assert_close(quick, out, rtol=0.02, atol=0.02)
    for ours, theirs in zip(found, reference, strict=True):
        scale = theirs.abs().max().item()
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0.012 * scale)


def test_only_depthwise_convolutions_that_are_slow_are_changed_and_no_tensor_is() -> None:
    model = create_model("mobilenet_v2_x0_35")
    before = list(model.state_dict())
    quicken_depthwise(model)
    convs = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    changed = [conv for conv in convs if "_conv_forward" in vars(conv)]
    assert changed == [conv for conv in convs if conv.stride == (2, 2) and conv.groups > 1]
    assert len(changed) == 4
    assert list(model.state_dict()) == before


def test_float32_stays_what_it_was_to_the_last_bit() -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(6, 6, 3, 2, 1, groups=6)
    x = torch.randn(2, 6, 9, 9)
    before = gradients_of(conv, x, precision="fp32")
    quicken_depthwise(conv)
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


def gradients_of(layer: nn.Conv2d, x: Tensor, precision: str) -> list[Tensor]:
    """What the layer gives, and the gradients for its input, weight and bias, in float32."""
    layer.zero_grad()
    x = x.clone().contiguous(memory_format=torch.channels_last).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        out = layer(x)
    torch.manual_seed(1)
    out.backward(torch.randn(out.shape).bfloat16().to(out.dtype))
    assert x.grad is not None
    assert layer.weight.grad is not None
    assert layer.bias is not None
    assert layer.bias.grad is not None
    return [v.detach().float() for v in (out, x.grad, layer.weight.grad, layer.bias.grad)]
