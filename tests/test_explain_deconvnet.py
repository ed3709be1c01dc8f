"""The deconvnet against a numpy reference, switches, and a pattern that a unit was made for."""

from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cladenet.errors import BadArgument
from cladenet.explain.deconvnet import (
    Deconvnet,
    max_pool,
    reconstructions,
    strongest,
    unpool,
)
from cladenet.explain.deconvnet.correspondence import correspondence
from cladenet.explain.deconvnet.evolution import evolution
from cladenet.layers.classifier import Classifier
from cladenet.models.alexnet import AlexNet
from cladenet.models.resnet import ResNetCifar
from cladenet.models.zfnet import ZFNet
from cladenet.registry import create_model
from explaining import images_for
from parity import randomised, saturate

Array = NDArray[np.float64]


class Chain(Classifier):
    """conv, ReLU, pool with overlapping windows, twice."""

    def __init__(self) -> None:
        super().__init__(2, 3)
        self.stem = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        )
        self.stages = nn.Sequential(
            nn.Sequential(nn.Conv2d(4, 3, 3), nn.ReLU(inplace=True), nn.MaxPool2d(3, 1))
        )
        self.head = self.average_head(3)


def convolved(x: Array, w: Array, b: Array, pad: int) -> Array:
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    size = x.shape[1] - w.shape[2] + 1
    out = np.zeros((len(w), size, size))
    for o, y, z in product(range(len(w)), range(size), range(size)):
        out[o, y, z] = (w[o] * x[:, y : y + 3, z : z + 3]).sum() + b[o]
    return out


def transposed(x: Array, w: Array, pad: int, side: int) -> Array:
    out = np.zeros((w.shape[1], side + 2 * pad, side + 2 * pad))
    for o, y, z in product(*map(range, x.shape)):
        out[:, y : y + 3, z : z + 3] += w[o] * x[o, y, z]
    return out[:, pad : pad + side, pad : pad + side]


Places = dict[tuple[int, int, int], list[tuple[int, int, int]]]


def pooled(x: Array, stride: int, pad: int) -> tuple[Array, Places]:
    """And for each pixel, the windows whose maximum it is."""
    size = (x.shape[1] + 2 * pad - 3) // stride + 1
    out, places = np.zeros((len(x), size, size)), Places()
    for c, y, z in product(range(len(x)), range(size), range(size)):
        rows = [r for r in range(y * stride - pad, y * stride - pad + 3) if 0 <= r < x.shape[1]]
        columns = [k for k in range(z * stride - pad, z * stride - pad + 3) if 0 <= k < x.shape[2]]
        best = max(product(rows, columns), key=lambda place: x[c, *place])
        out[c, y, z] = x[c, *best]
        places.setdefault((c, *best), []).append((c, y, z))
    return out, places


def placed(values: Array, places: Places, side: int) -> Array:
    out = np.zeros((len(values), side, side))
    for place, windows in places.items():
        out[place] = np.mean([values[window] for window in windows])
    return out


def test_a_deconvnet_is_the_numpy_reference_with_overlapping_windows() -> None:
    torch.manual_seed(3)
    network = Chain().double().eval()
    images = images_for(network, 12, n=2)
    deconvnet = Deconvnet(network, "stages", images)
    channels = deconvnet.maps.amax((2, 3)).argmax(1)
    seeds = deconvnet.seeds(channels)
    ours = deconvnet.project(seeds).numpy()
    w1, b1, w2, b2 = (p.detach().numpy() for p in list(network.parameters())[:4])
    shared = 0
    for n in range(2):
        first = np.maximum(convolved(images[n].numpy(), w1, b1, 1), 0)
        small, first_places = pooled(first, 2, 1)
        second = np.maximum(convolved(small, w2, b2, 0), 0)
        top, second_places = pooled(second, 1, 0)
        np.testing.assert_allclose(deconvnet.maps[n].numpy(), top, rtol=1e-9)
        seed = np.zeros_like(top)
        best = np.unravel_index(top[channels[n]].argmax(), top[0].shape)
        seed[channels[n], *best] = top[channels[n]].max()
        np.testing.assert_allclose(seeds[n].numpy(), seed, rtol=1e-9)
        for values in (seed, np.maximum(top, 0)):  # one activation, and all at once
            back = np.maximum(placed(values, second_places, second.shape[1]), 0)
            back = transposed(back, w2, 0, small.shape[1])
            back = np.maximum(placed(back, first_places, 12), 0)
            back = transposed(back, w1, 1, 12)
            if values is not seed:
                ours = deconvnet.project(deconvnet.maps).numpy()
            np.testing.assert_allclose(ours[n], back, rtol=1e-9, atol=1e-12)
            assert np.abs(back).max() > 1e-3
        ours = deconvnet.project(seeds).numpy()
        shared += sum(
            len(windows) > 1 for p in (first_places, second_places) for windows in p.values()
        )
    assert shared > 5  # windows overlap, and share maxima


@pytest.mark.parametrize("pool", [(2, 2, 0), (3, 2, 0), (3, 1, 1), (5, 3, 2)])
def test_switches_restore_what_was_pooled_in_its_places_exactly(pool: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 4, 13, 11)
    values, switches = max_pool(x, *pool)
    restored = unpool(values, switches)
    kept = restored != 0
    assert torch.equal(restored[kept], x[kept])
    assert kept.sum() == sum(len(p.unique()) for p in switches.places.flatten(0, 1))
    again, same = max_pool(torch.where(kept, x, -100.0), *pool)
    assert torch.equal(again, values)
    assert torch.equal(same.places, switches.places)


def test_captums_deconvolution_adds_where_windows_share_a_maximum() -> None:
    """The sum is the gradient of pooling: a maximum of four windows comes back four times."""
    x = torch.zeros(1, 1, 5, 5, requires_grad=True)
    with torch.no_grad():
        x[0, 0, 2, 2] = 1
    values, switches = max_pool(x, 3, 2)
    assert unpool(values, switches)[0, 0, 2, 2] == 1
    values.backward(values.detach())
    assert x.grad is not None
    assert x.grad[0, 0, 2, 2] == 4


CROSS = torch.tensor([[-1.0, 1, -1], [1, 1, 1], [-1, 1, -1]])


class CrossFinder(Classifier):
    """Made by hand: its one feature map fires for a cross of 3x3 pixels, also after the pool."""

    def __init__(self) -> None:
        super().__init__(1, 2)
        self.stem = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(inplace=True))
        self.stages = nn.Sequential(
            nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.Conv2d(2, 1, 1), nn.ReLU(inplace=True))
        )
        self.head = self.average_head(1)
        first, first_bias, second, second_bias, *_ = self.parameters()
        with torch.no_grad():
            first[0, 0], first[1, 0] = CROSS, 0.2
            first_bias.copy_(torch.tensor([-4.0, 0.0]))
            second.copy_(torch.tensor([1.0, -0.3]).view(1, 2, 1, 1))
            second_bias.zero_()


@pytest.mark.parametrize("corner", [(2, 3), (9, 11), (0, 13), (13, 6)])
def test_a_planted_pattern_is_reconstructed_where_it_is(corner: tuple[int, int]) -> None:
    torch.manual_seed(0)
    y, x = corner
    images = 0.3 * torch.rand(1, 1, 16, 16)
    images[0, 0, y : y + 3, x : x + 3] = (CROSS + 1) / 2
    pixels, fields = reconstructions(CrossFinder().eval(), "stages", images, torch.tensor([0]))
    inside = torch.zeros(16, 16)
    inside[y : y + 3, x : x + 3] = CROSS
    assert F.cosine_similarity(pixels.flatten(), inside.flatten(), dim=0) > 0.95
    assert pixels[0, 0][inside == 0].abs().max() == 0
    top, left, bottom, right = fields[0].tolist()  # the 5x5 pixels that the pool can see
    assert top <= y
    assert left <= x
    assert bottom >= y + 3
    assert right >= x + 3
    assert (bottom - top) * (right - left) <= 25


@pytest.mark.parametrize(
    ("network", "layer", "side"),
    [
        (AlexNet(input_size=63), "stages.1.5", 63),
        (ZFNet(input_size=63, widths=(12, 12, 8), hidden=(8,)), "stages.1.5", 63),
        (create_model("vgg_cifar"), "stages.1", 32),
        (ResNetCifar(8), "stages.2", 32),
        (create_model("densenet_40_12_cifar"), "stages.0", 32),
    ],
    ids=["alexnet", "zfnet", "vgg", "resnet", "densenet"],
)
def test_values_are_the_networks_and_reconstructions_lie_in_the_field(
    network: Classifier, layer: str, side: int
) -> None:
    network = saturate(network)
    images = images_for(network, side)
    deconvnet = Deconvnet(network, layer, images)
    found: list[Tensor] = []
    handle = network.get_submodule(layer).register_forward_hook(
        lambda module, inputs, output: found.append(output.clone())
    )
    network.eval()(images)
    handle.remove()
    torch.testing.assert_close(deconvnet.maps, found[0].detach())
    strong = deconvnet.maps.amax((2, 3)).argmax(1)
    pixels, fields = reconstructions(network, layer, images, strong)
    for picture, (top, left, bottom, right) in zip(pixels, fields.tolist(), strict=True):
        assert picture[:, top:bottom, left:right].abs().max() > 0
        outside = picture.clone()
        outside[:, top:bottom, left:right] = 0
        assert outside.abs().max() == 0
        assert (bottom - top) * (right - left) <= side**2


def test_a_residual_unit_sends_what_arrives_down_both_ways() -> None:
    """By hand from Eq. (1): rectify, then the shortcut plus the residual branch transposed."""
    network = randomised("resnet20_cifar")
    images = images_for(network, 32, n=1)
    whole = Deconvnet(network, "stages.0.0", images)
    seeds = whole.seeds(torch.tensor([5]))
    stem = Deconvnet(network, "stem", images)
    conv1, (norm1, _), conv2, norm2 = network.stages[0][0].residual  # type: ignore[index]

    def back(x: Tensor, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> Tensor:
        assert norm.running_var is not None
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        return F.conv_transpose2d(x * scale[:, None, None], conv.weight, padding=1)

    above = seeds.clamp(min=0)
    below = above + back(back(above, conv2, norm2).clamp(min=0), conv1, norm1)
    torch.testing.assert_close(whole.project(seeds), stem.project(below.detach()))


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("airbench94", "gelu"),
        ("mobilenet_v2_x0_35", "a clipped ReLU"),
        ("seresnet110_cifar", "sigmoid"),
        ("efficientnet_b0", "silu"),
    ],
)
def test_a_network_where_it_has_no_meaning_is_refused(name: str, activation: str) -> None:
    network = create_model(name)
    message = f"a deconvnet is defined for ReLU; this network computes {activation}"
    with pytest.raises(BadArgument, match=message):
        Deconvnet(network, "stages", torch.randn(1, 3, 32, 32))


def test_the_strongest_images_are_found_over_batches() -> None:
    network = ResNetCifar(8).eval()
    images = torch.randn(23, 3, 32, 32)
    with torch.no_grad():
        maps = network.stages[0](network.stem(images))
    found = strongest(network, "stages.0", images.split(5), channels=[3, 7], top=9)
    for k, channel in enumerate((3, 7)):
        each = maps[:, channel].flatten(1).max(1)
        expected = each.values.sort(descending=True)
        assert found.images[k].tolist() == expected.indices[:9].tolist()
        torch.testing.assert_close(found.values[k], expected.values[:9])
        for image, (row, column) in zip(found.images[k], found.places[k].tolist(), strict=True):
            assert maps[image, channel, row, column] == each.values[image]
    assert strongest(network, "stem", images[:2].split(1)).values.shape == (16, 2)
    with pytest.raises(BadArgument, match="no images"):
        strongest(network, "stem", [])
    with pytest.raises(BadArgument, match="feature maps 0 to 15"):
        strongest(network, "stem", [images], channels=[16])


def test_evolution_takes_the_strongest_image_of_each_checkpoint() -> None:
    torch.manual_seed(0)
    networks: list[Classifier] = [ResNetCifar(8).eval() for _ in range(3)]
    images = torch.randn(12, 3, 32, 32)
    found = evolution(networks, "stages.1", lambda: images.split(5), [4, 9])
    for network, epoch in zip(networks, found, strict=True):
        best = strongest(network, "stages.1", [images], [4, 9], top=1)
        assert epoch.images.tolist() == best.images[:, 0].tolist()
        torch.testing.assert_close(epoch.values, best.values[:, 0])
        pixels, fields = reconstructions(
            network, "stages.1", images[epoch.images], torch.tensor([4, 9])
        )
        torch.testing.assert_close(epoch.pixels, pixels)
        assert torch.equal(epoch.fields, fields)


def test_correspondence_counts_signs_that_differ() -> None:
    """By hand: a layer that passes the pixels on; two images whose covered halves differ."""
    network = ResNetCifar(8).eval()
    network.stem = nn.Identity()
    images = torch.ones(3, 3, 8, 8)
    images[1, :, 0] = -1
    images[2, :, 1] = -1
    parts = [(0, 0, 4, 8)] * 3  # rows 0 to 3: 4 of 8 rows change
    # Rows of 8 whose signs differ: images 0 and 1: 1, 0 and 2: 1, 1 and 2: 2.
    expected = 2 * (1 + 1 + 2) / 8 / 6
    assert correspondence(network, "stem", images, parts) == pytest.approx(expected)
    with pytest.raises(BadArgument, match="a part of each"):
        correspondence(network, "stem", images, parts[:2])
    with pytest.raises(BadArgument, match="within 8x8"):
        correspondence(network, "stem", images, [(0, 0, 9, 8)] * 3)
