"""What an ONNX graph is before ONNX Runtime reads it: other nodes, the same results."""

from collections import Counter

import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from cladenet.inference.engine.onnx_blocks import in_blocks
from cladenet.inference.engine.onnx_graph import IMAGES, exported
from cladenet.layers.squeeze_excite import SqueezeExcite


def both(model: nn.Module, images: Tensor) -> tuple[Counter[str], Counter[str]]:
    """The kinds of node before and after; that the results are torch's is asserted on the way."""
    model.eval()
    with torch.no_grad():
        graph, expected = exported(model, images), model(images)
    rewritten = in_blocks(graph)
    onnx.checker.check_model(onnx.load_from_string(rewritten), full_check=True)
    session = onnxruntime.InferenceSession(rewritten, providers=["CPUExecutionProvider"])
    found = torch.from_numpy(session.run(None, {IMAGES: images.numpy()})[0])
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    return kinds(graph), kinds(rewritten)


def kinds(graph: bytes) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load_from_string(graph).graph.node)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_scale_for_each_map_is_enlarged_before_the_product(batch: int) -> None:
    model = nn.Sequential(nn.Conv2d(3, 16, 3), SqueezeExcite(16, 4), nn.Conv2d(16, 8, 1))
    before, after = both(model, torch.randn(batch, 3, 9, 7))
    assert after == before + Counter(Resize=1)


def test_a_scale_that_is_a_weight_stays() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.rand(1, 8, 1, 1))

        def forward(self, x: Tensor) -> Tensor:
            return torch.sigmoid(x) * self.scale

    before, after = both(Scaled(), torch.randn(1, 8, 5, 5))
    assert after == before


def head(channels: int, classes: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, channels, 3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(channels, 24),
        nn.Hardswish(),
        nn.Dropout(0.5),
        nn.Linear(24, classes),
    )


def test_linear_layers_of_one_row_are_convolutions_of_a_pixel() -> None:
    """And the activation between them sees the pixel: nothing is flattened but the logits."""
    before, after = both(head(16, 10), torch.randn(1, 3, 8, 8))
    assert before["Gemm"] == 2
    assert after == before + Counter(Conv=2) - Counter(Gemm=2)


def test_linear_layers_of_several_rows_stay() -> None:
    """A convolution would read the weights once for each."""
    before, after = both(head(16, 10), torch.randn(2, 3, 8, 8))
    assert after == before


def test_channels_that_are_not_laid_out_in_blocks_stay() -> None:
    before, after = both(head(18, 10), torch.randn(1, 3, 8, 8))
    assert (before["Gemm"], after["Gemm"]) == (2, 1)


def test_a_row_that_is_also_read_as_such_is_made() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(16, 16), nn.Linear(16, 16)

        def forward(self, x: Tensor) -> Tensor:
            middle = torch.relu(self.first(x.mean((2, 3))))
            return torch.cat([middle.softmax(1), self.second(middle)], 1)

    before, after = both(Both(), torch.randn(1, 16, 4, 4))
    assert (before["Gemm"], after["Gemm"], after["Flatten"]) == (2, 0, 2)


def test_weights_that_two_layers_share_stay() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(16, 16)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(torch.relu(self.layer(x.mean((2, 3)))))

    before, after = both(Twice(), torch.randn(1, 16, 4, 4))
    assert (before["Gemm"], after["Gemm"]) == (2, 2)
