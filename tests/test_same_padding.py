"""TensorFlow's SAME padding against timm's layers and against arithmetic by hand."""

from typing import Any

import pytest
import torch
from torch import nn

from cladenet.errors import BadArgument
from cladenet.inference.engine.onnx_graph import exported
from cladenet.registry import create_model
from cladenet.surgery.same_padding import SameAvgPool, SameConv, SameMaxPool, pad_as_tensorflow
from cladenet.vision import torchvision


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("side", [7, 8])
def test_a_convolution_is_timms(kernel: int, side: int) -> None:
    torchvision()
    from timm.layers.conv2d_same import Conv2dSame

    ours, theirs = SameConv(4, 6, kernel, 2, groups=2), Conv2dSame(4, 6, kernel, 2, groups=2)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 4, side, side + 1)
    torch.testing.assert_close(ours(x), theirs(x))


def test_windows_begin_at_the_first_pixel_where_the_size_is_even() -> None:
    """4 pixels, windows of 3, stride 2: one zero is needed, and it stands at the end."""
    x = torch.tensor([1.0, 2, 3, 4]).expand(1, 1, 4, 4)
    ones = SameConv(1, 1, 3, 2, bias=False)
    nn.init.ones_(ones.weight)
    assert ones(x)[0, 0, 0].tolist() == [18, 21]  # 3 (1 + 2 + 3), 3 (3 + 4)
    assert SameMaxPool(3, 2)(-x)[0, 0, 0].tolist() == [-1, -3]  # no zero is larger than these
    assert SameAvgPool(3, 2)(x)[0, 0, 0].tolist() == pytest.approx(
        [2, 3.5]
    )  # of the pixels that are there


@pytest.mark.parametrize("layer", [SameConv(3, 4, 3, 2), SameMaxPool(5, 2), SameAvgPool(3, 3)])
@pytest.mark.parametrize("free", [None, {0: "N", 2: "H", 3: "W"}])
def test_onnx_has_the_same_padding_at_odd_sizes(
    layer: nn.Module, free: dict[int, str] | None
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    sizes = [(9, 9), (8, 7), (10, 13)] if free else [(9, 8)]
    images = torch.randn(1, 3, 9, 8)
    graph = exported(layer.eval(), images, free=free)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    for size in sizes:
        x = torch.randn(2 if free else 1, 3, *size)
        (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        with torch.no_grad():
            torch.testing.assert_close(torch.from_numpy(found), layer(x))


def test_only_what_strides_and_pads_is_changed_and_tensors_keep_their_names() -> None:
    torch.manual_seed(0)
    plain = create_model("mobilenet_v2_x1_0").eval()
    torch.manual_seed(0)
    same = create_model("mobilenet_v2_x1_0", padding="same").eval()
    assert [*plain.state_dict()] == [*same.state_dict()]
    changed = [name for name, m in same.named_modules() if isinstance(m, SameConv)]
    strided = [
        name for name, m in plain.named_modules() if isinstance(m, nn.Conv2d) and m.stride[0] == 2
    ]
    assert changed == strided
    odd, even = torch.randn(1, 3, 65, 65), torch.randn(1, 3, 64, 64)
    with torch.no_grad():  # 65, 33, 17, 9, 5: the windows lie alike
        torch.testing.assert_close(same(odd), plain(odd))
        assert not torch.allclose(same(even), plain(even))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"padding": "valid"}, "padding is 'valid'; expected centred or same"),
        ({"norm_eps": 2}, "norm_eps is 2; expected a small number such as 1e-5"),
    ],
)
def test_other_words_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        create_model("resnet18", **given)


def test_a_dilated_convolution_cannot_be_moved() -> None:
    with pytest.raises(BadArgument, match="the windows of a Conv2d cannot be moved"):
        pad_as_tensorflow(nn.Sequential(nn.Conv2d(3, 3, 3, 2, padding=2, dilation=2)))


def test_another_epsilon_is_that_of_all_norms() -> None:
    model = create_model("efficientnet_b0", norm_eps=1e-5)
    assert {m.eps for m in model.modules() if isinstance(m, nn.BatchNorm2d)} == {1e-5}
