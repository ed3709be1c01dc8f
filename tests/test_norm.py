"""Normalisation layers against the sums of their papers, written out number by number."""

from collections.abc import Callable
from functools import partial
from itertools import product
from math import fsum, sqrt

import pytest
import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.conv import Norm, norm_relu
from cladenet.layers.instance_norm import InstanceBatchNorm, InstanceNorm
from cladenet.layers.norm import NoNorm, group_norm, layer_norm
from cladenet.surgery.weight_norm import MeanOnlyBatchNorm

IMAGES, CHANNELS, HEIGHT, WIDTH = 3, 6, 2, 4
EPS = 1e-5
instance_affine = partial(InstanceNorm, affine=True)
Place = tuple[int, int]  # image and channel


def maps(scale: float = 3.0) -> Tensor:
    torch.manual_seed(0)
    x = torch.randn(IMAGES, CHANNELS, HEIGHT, WIDTH, dtype=torch.float64)
    return 2 + scale * x


def drawn(layer: nn.Module) -> nn.Module:
    """The layer in float64, its weights and biases random."""
    torch.manual_seed(1)
    for parameter in layer.double().parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
    return layer


@torch.no_grad()
def by_hand(x: Tensor, together: Callable[[Place, Place], bool], layer: nn.Module) -> Tensor:
    """gamma (x - mu) / sqrt(var + eps) + beta, mu and var over all places that go `together`."""
    y = torch.empty_like(x)
    places = list(product(range(IMAGES), range(CHANNELS)))
    parameters = dict(layer.named_parameters())
    for image, channel in places:
        members = [place for place in places if together((image, channel), place)]
        values = [v for n, c in members for v in x[n, c].flatten().tolist()]
        mean = fsum(values) / len(values)
        variance = fsum((v - mean) ** 2 for v in values) / len(values)
        gamma = float(parameters["weight"][channel]) if parameters else 1.0
        beta = float(parameters["bias"][channel]) if parameters else 0.0
        for i, j in product(range(HEIGHT), range(WIDTH)):
            value = float(x[image, channel, i, j])
            y[image, channel, i, j] = gamma * (value - mean) / sqrt(variance + EPS) + beta
    return y


def same_channel(one: Place, other: Place) -> bool:
    return one[1] == other[1]


def same_image(one: Place, other: Place) -> bool:
    return one[0] == other[0]


def same_image_and_channel(one: Place, other: Place) -> bool:
    return one == other


def same_image_and_pair(one: Place, other: Place) -> bool:
    return one[0] == other[0] and one[1] // 2 == other[1] // 2


@pytest.mark.parametrize(
    ("norm", "together"),
    [
        (nn.BatchNorm2d, same_channel),
        (layer_norm, same_image),
        (InstanceNorm, same_image_and_channel),
        (instance_affine, same_image_and_channel),
        (partial(group_norm, groups=3), same_image_and_pair),
    ],
    ids=["batch", "layer", "instance", "instance_affine", "group"],
)
def test_a_layer_is_its_formula_over_its_own_set_of_values(
    norm: Norm, together: Callable[[Place, Place], bool]
) -> None:
    layer, x = drawn(norm(CHANNELS)), maps()
    torch.testing.assert_close(layer(x), by_hand(x, together, layer), rtol=0, atol=1e-12)


@pytest.mark.parametrize("norm", [layer_norm, InstanceNorm, instance_affine, group_norm])
def test_a_layer_without_batch_statistics_is_the_same_in_evaluation(norm: Norm) -> None:
    layer, x = drawn(norm(CHANNELS)), maps()
    torch.testing.assert_close(layer.eval()(x), layer.train()(x), rtol=0, atol=0)
    alone = torch.cat([layer(image[None]) for image in x])
    torch.testing.assert_close(alone, layer(x), rtol=0, atol=1e-12)


def test_layer_norm_has_ba_and_others_statistics_and_a_gain_for_each_channel() -> None:
    """Their gains, one a neuron, are torch's LayerNorm over (C, H, W)."""
    layer, x = drawn(layer_norm(CHANNELS)), maps()
    theirs = nn.LayerNorm([CHANNELS, HEIGHT, WIDTH]).double()
    with torch.no_grad():
        for name in ("weight", "bias"):
            own = layer.get_parameter(name)[:, None, None]
            theirs.get_parameter(name).copy_(own.expand(-1, HEIGHT, WIDTH))
    torch.testing.assert_close(layer(x), theirs(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("channels", "groups"),
    [(64, 32), (2048, 32), (96, 32), (48, 24), (16, 8), (24, 12), (58, 29), (3, 1), (1, 1)],
)
def test_groups_are_32_or_the_most_that_leave_no_channel_to_itself(
    channels: int, groups: int
) -> None:
    """Wu and He 2018, Sec. 4: 32 groups, of 64 channels and more."""
    assert group_norm(channels).num_groups == groups


def appearance(x: Tensor) -> Tensor:
    """Another contrast and tint for each image and channel."""
    torch.manual_seed(2)
    contrast = torch.rand(IMAGES, CHANNELS, 1, 1, dtype=x.dtype) + 0.5
    tint = torch.randn(IMAGES, CHANNELS, 1, 1, dtype=x.dtype)
    return contrast * x + 1000 * tint


def test_instance_norm_removes_the_appearance_of_an_image_and_batch_norm_keeps_it() -> None:
    """Pan and others 2018, Sec. 1. The maps are so large that epsilon does not count."""
    x = maps(scale=1e4)
    changed = appearance(x)
    forgets, keeps = InstanceNorm(CHANNELS), nn.BatchNorm2d(CHANNELS).double()
    torch.testing.assert_close(forgets(changed), forgets(x), rtol=0, atol=1e-9)
    assert (keeps(changed) - keeps(x)).abs().max() > 0.3
    contrasts = keeps(changed).std((2, 3)) / changed.std((2, 3))
    torch.testing.assert_close(contrasts, contrasts[:1].expand(IMAGES, -1))


@pytest.mark.parametrize("instance_first", [True, False])
def test_ibn_is_instance_norm_on_its_share_and_batch_norm_on_the_rest(
    instance_first: bool,
) -> None:
    layer = drawn(InstanceBatchNorm(CHANNELS, ratio=0.35, instance_first=instance_first))
    x = maps()
    y = layer(x)
    instance = slice(0, 2) if instance_first else slice(3, 6)  # int(2.1); after int(3.9)
    batch = slice(2, 6) if instance_first else slice(0, 3)
    names = ("first", "last") if instance_first else ("last", "first")
    for share, name, mean_over in ((instance, names[0], (2, 3)), (batch, names[1], (0, 2, 3))):
        part, own = x[:, share], layer.get_submodule(name)
        mean = part.mean(mean_over, keepdim=True)
        std = (part.var(mean_over, correction=0, keepdim=True) + EPS).sqrt()
        gamma, beta = (own.get_parameter(key)[:, None, None] for key in ("weight", "bias"))
        expected = gamma * (part - mean) / std + beta
        torch.testing.assert_close(y[:, share], expected, rtol=0, atol=1e-12)


def test_ibn_halves_an_odd_number_of_channels_as_the_authors_code_does() -> None:
    layer = InstanceBatchNorm(7)
    sizes = [part.num_features for part in layer.children() if hasattr(part, "num_features")]
    assert sizes == [3, 4]
    assert isinstance(layer.first, InstanceNorm)
    assert isinstance(layer.last, nn.BatchNorm2d)


def test_instance_norm_refuses_a_map_of_one_value() -> None:
    with pytest.raises(BadArgument, match=r"a map of 1x1.*larger images, or another norm"):
        InstanceNorm(4)(torch.zeros(2, 4, 1, 1))


def test_mean_only_batch_norm_centres_by_the_batch_and_then_by_what_it_remembers() -> None:
    """Salimans and Kingma 2016, Sec. 4, Eq. (9)."""
    layer, x = MeanOnlyBatchNorm(CHANNELS).double(), maps()
    nn.init.uniform_(layer.bias, 0.5, 1.5)
    means = [fsum(x[:, c].flatten().tolist()) / x[:, c].numel() for c in range(CHANNELS)]
    mean, offset = torch.tensor(means, dtype=x.dtype)[:, None, None], layer.bias[:, None, None]
    torch.testing.assert_close(layer(x), x - mean + offset, rtol=0, atol=1e-12)
    layer.eval()  # a tenth of the way from 0 to the batch's means
    torch.testing.assert_close(layer(x), x - 0.1 * mean + offset, rtol=0, atol=1e-12)


def test_no_norm_hands_out_no_memory_that_the_relu_after_it_would_change() -> None:
    x = -maps()
    kept = x.clone()
    torch.testing.assert_close(norm_relu(NoNorm, CHANNELS)(x), kept.relu(), rtol=0, atol=0)
    torch.testing.assert_close(x, kept, rtol=0, atol=0)
