"""8-bit weights on processors that add pairs of products in 16 bits: nothing saturates there."""

import numpy as np
import pytest
import torch

from cladenet import processor
from cladenet.inference.engine.onnx_graph import onnx_graph
from cladenet.inference.graph.quantised import quantised_weights
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


@pytest.mark.parametrize(("able", "largest"), [(AVX2, 63), (VNNI, 127)])
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
