"""8-bit products: nothing saturates, what rounding shifts is made up for, every engine does it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cladenet import processor
from cladenet.inference.engine.onnx_graph import onnx_graph
from cladenet.inference.engine.packed import fold_and_pack
from cladenet.inference.graph.program import Program
from cladenet.inference.graph.ranges import seen_on
from cladenet.inference.graph.recording import record
from cladenet.inference.graph.rounding import quantised_weights, round_weights
from cladenet.inference.graph.running import runner
from cladenet.inference.graph.simplify import simplify
from cladenet.inference.request import Request
from cladenet.registry import create_model
from processors import AVX2

VNNI = AVX2._replace(vnni=True)


def sums_in_pairs(images: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n,) x (K, n) -> (K,), as VPMADDUBSW adds: each pair of products is cut to 16 bits."""
    products = images.astype(np.int64) * weights.astype(np.int64)
    pairs = products.reshape(len(weights), -1, 2).sum(-1)
    return pairs.clip(-(2**15), 2**15 - 1).sum(-1)


@pytest.fixture
def weights() -> torch.Tensor:
    """All of one sign, so that pairs of the largest meet; one row a hundred times smaller."""
    drawn = torch.rand(8, 64, generator=torch.Generator().manual_seed(0)) * 0.2 + 0.8
    drawn[3] *= -0.01
    return drawn


def test_pairs_of_the_brightest_pixels_and_largest_weights_do_not_saturate(
    weights: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    bright = np.full(64, 255)
    monkeypatch.setattr(processor, "abilities", lambda: AVX2)
    seven = quantised_weights(weights)[0].numpy()
    assert list(sums_in_pairs(bright, seven)) == list((bright * seven.astype(int)).sum(1))
    monkeypatch.setattr(processor, "abilities", lambda: VNNI)
    eight = quantised_weights(weights)[0].numpy()
    assert list(sums_in_pairs(bright, eight)) != list((bright * eight.astype(int)).sum(1))


@pytest.mark.parametrize(("able", "largest"), [(AVX2, 64), (VNNI, 127)])
def test_each_output_channel_uses_all_the_levels_that_there_are(
    able: processor.Processor,
    largest: int,
    weights: torch.Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processor, "abilities", lambda: able)
    levels, size = quantised_weights(weights)
    assert levels.abs().amax(1).tolist() == [largest] * 8
    assert (levels * size[:, None] - weights).abs().le(size[:, None] * 0.5001).all()


@pytest.mark.parametrize("able", [AVX2, VNNI])
def test_errors_of_a_filter_sum_to_half_a_level_at_most(
    able: processor.Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no weight moves by a level or more. Rounding to the nearest leaves sums of some 2 levels
    in 5x5 filters."""
    monkeypatch.setattr(processor, "abilities", lambda: able)
    weight = torch.randn(32, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    levels, size = quantised_weights(weight)
    errors = levels - weight / size.view(-1, 1, 1, 1)
    assert errors.sum((2, 3)).abs().max() < 0.5001
    assert errors.abs().max() < 1
    assert levels.abs().amax((1, 2, 3)).eq(127 if able.vnni else 64).all()
    again, same = quantised_weights(levels * size.view(-1, 1, 1, 1))
    assert again.equal(levels)
    torch.testing.assert_close(same, size)


@pytest.mark.parametrize("able", [AVX2, VNNI])
@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(6, 8, 3),
        nn.Conv2d(6, 6, 3, groups=6, bias=False),
        nn.Conv2d(6, 8, 1, groups=2, stride=2),
        nn.Sequential(nn.Flatten(), nn.Linear(6, 5, bias=False)),
    ],
)
def test_rounded_weights_give_the_same_on_the_average(
    layer: nn.Module, able: processor.Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So they give exactly the same for a map that is its own average; the weights differ."""
    monkeypatch.setattr(processor, "abilities", lambda: able)
    flat = torch.rand(1, 6, 1, 1, generator=torch.Generator().manual_seed(0)) * 6
    images = flat.expand(1, 6, 8, 8) if isinstance(layer, nn.Conv2d) else flat
    program = rounded(layer, images)
    torch.testing.assert_close(runner(program)(images), layer(images), rtol=1e-5, atol=1e-5)
    assert not runner(program)(0 * images).equal(layer(0 * images))


def rounded(model: nn.Module, images: torch.Tensor) -> Program:
    with torch.inference_mode():
        program = record(model, images)
        simplify(program)
        round_weights(program, seen_on(program, images).means)
    return program


@pytest.mark.parametrize(("able", "most"), [(AVX2, 64), (VNNI, 127)])
def test_the_graph_of_other_engines_has_such_weights_too(
    able: processor.Processor, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(processor, "abilities", lambda: able)
    model = create_model("resnet20_cifar", depth=8).eval()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    graph = onnx.load_from_string(onnx_graph(Request(model, images, "int8", 1, calibration=images)))
    arrays = [onnx.numpy_helper.to_array(tensor) for tensor in graph.graph.initializer]
    levels = [array for array in arrays if array.dtype == np.int8 and array.ndim > 1]
    assert len(levels) == 8  # the stem, two convolutions in each of three units, the linear layer
    assert max(int(np.abs(array.astype(int)).max()) for array in levels) == most


class Shortcuts(nn.Module):
    """Two residual units; the second has a convolution in its shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.first, self.second = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 16, 3, 2, padding=1)
        self.shortcut = nn.Conv2d(8, 16, 1, 2)
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x).relu()
        x = (x + self.first(x)).relu()
        x = (self.shortcut(x) + self.second(x)).relu()
        return self.head(x.mean((2, 3)))


def test_no_convolution_is_left_in_float(tmp_path: Path) -> None:
    """Of shortcuts either: with signed maps ONNX Runtime leaves those where they are."""
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    images = torch.randn(4, 3, 16, 16)
    graph = onnx_graph(Request(Shortcuts().eval(), images[:1], "int8", 1, calibration=images))
    options = runtime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    nodes = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert nodes.count("QLinearConv") == 4
    assert "Conv" not in nodes
    points = [
        tensor for tensor in onnx.load_from_string(graph).graph.initializer if "zero" in tensor.name
    ]
    maps = [onnx.numpy_helper.to_array(tensor) for tensor in points]
    assert {array.dtype for array in maps if array.ndim == 0} == {np.dtype(np.uint8)}
    assert not any(array.any() for array in maps if array.ndim)  # weights are symmetric
    program = record(Shortcuts().eval(), images[:1])
    fold_and_pack(program, torch.float32, images, 1)
    products = [str(step.function) for step in program.steps]
    assert sum("onednn.qconv2d_pointwise" in name for name in products) == 4
    assert sum("onednn.qlinear_pointwise" in name for name in products) == 1
