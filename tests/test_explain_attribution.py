"""Attribution against captum where it is right, and against arithmetic in numpy."""

from functools import partial
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cladenet.errors import BadArgument
from cladenet.explain.attribution.attention import attention_relevance, attention_rollout
from cladenet.explain.attribution.grad_cam import grad_cam
from cladenet.explain.attribution.guided import guided_backpropagation
from cladenet.explain.attribution.integrated import completeness_gap, integrated_gradients
from cladenet.explain.attribution.occlusion import occlusion
from cladenet.explain.attribution.overlay import overlay
from cladenet.explain.attribution.saliency import saliency
from cladenet.layers.classifier import Classifier
from cladenet.models.vit import VisionTransformer
from cladenet.registry import create_model, find, list_models
from explaining import FAMILIES, Small, captum, family, images_for, small_vit
from parity import randomised, saturate

RELU_FAMILIES = [name for name in FAMILIES if not name.startswith("mobilenet_v3")]


def close(ours: Tensor, theirs: Tensor) -> None:
    """Within 1e-5 of the largest value, of which there must be one."""
    scale = theirs.abs().max().item()
    assert scale > 1e-9
    theirs = theirs.detach().to(ours.dtype)  # captum's occlusion adds up in float32
    torch.testing.assert_close(ours / scale, theirs / scale, rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def finder() -> VisionTransformer:
    """A vision transformer that was trained to see whether a pattern is pasted into the image."""
    torch.manual_seed(2)
    network = VisionTransformer(
        4, depth=2, width=24, heads=2, num_classes=2, in_channels=1, input_size=24, drop_rate=0.0
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(100):
        labels = torch.randint(2, (32,))
        loss = F.cross_entropy(network(pasted(labels)[0]), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def pasted(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Images of faint noise, with 8x8 pixels of squares where the label is 1; and where."""
    images = 0.3 * torch.randn(len(labels), 1, 24, 24)
    corners = 4 * torch.randint(0, 5, (len(labels), 2))
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    pattern = 2 * ((rows // 2 + columns // 2) % 2) - 1
    for image, label, (y, x) in zip(images, labels.tolist(), corners.tolist(), strict=True):
        image[:, y : y + 8, x : x + 8] += label * pattern
    return images, corners


@pytest.mark.parametrize("name", FAMILIES)
def test_grad_cam_is_captums(name: str) -> None:
    network, images = family(name)
    theirs = captum().LayerGradCam(network, network.stages)
    classes = list(range(7))  # of all of them: where nothing speaks for a class its map is 0
    images = images[:1].repeat(7, 1, 1, 1)
    close(
        grad_cam(network, images, classes),
        theirs.attribute(images, target=classes, relu_attributions=True)[:, 0],
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_integrated_gradients_are_captums(name: str) -> None:
    network, images = family(name)
    theirs = captum().IntegratedGradients(network)
    close(
        integrated_gradients(network, images, [3, 5], steps=6),
        theirs.attribute(images, target=[3, 5], n_steps=6),
    )


@pytest.mark.parametrize("name", RELU_FAMILIES)
@pytest.mark.filterwarnings("ignore:Setting backward hooks")
def test_guided_backpropagation_is_captums(name: str) -> None:
    network, images = family(name)
    ours = guided_backpropagation(network, images, [3, 5])
    theirs = captum().GuidedBackprop(network)
    close(ours, theirs.attribute(images.requires_grad_(), target=[3, 5]))


@pytest.mark.parametrize("name", ["resnet20_cifar", "mobilenet_v3_small"])
def test_occlusion_is_captums(name: str) -> None:
    network, images = family(name)
    side = images.shape[2]
    theirs = captum().Occlusion(network).attribute(
        images, target=[3, 5], sliding_window_shapes=(3, side // 4, side // 4),
        strides=(3, side // 8, side // 8), baselines=0.5,
    )  # fmt: skip
    close(occlusion(network, images, [3, 5], cover=0.5), theirs[:, 0])


def test_grad_cam_before_a_global_average_is_the_class_activation_map() -> None:
    """Sec. 3.1: with average and linear layer alpha_k = w_ck / (h w)."""
    network = randomised("resnet20_cifar")
    images = images_for(network, 32)
    maps = network.forward_features(images).detach().numpy()
    last = network.head[-1]
    assert isinstance(last, nn.Linear)
    weights = last.weight.detach().numpy()[[4, 4]] / maps[0, 0].size
    expected = np.maximum(0, np.einsum("nk,nkij->nij", weights, maps))
    np.testing.assert_allclose(grad_cam(network, images, 4).numpy(), expected, rtol=1e-9)


def test_grad_cam_works_on_a_layer_inside_a_stage() -> None:
    network = randomised("resnet20_cifar")
    images = images_for(network, 32)
    assert grad_cam(network, images, layer="stages.1.0").shape == (2, 16, 16)
    with pytest.raises(BadArgument, match=r"no module called 'stage.1'; it has stem, stem.0"):
        grad_cam(network, images, layer="stage.1")
    with pytest.raises(BadArgument, match="gives no feature maps"):
        grad_cam(network, images, layer="head.1")


def test_saliency_reaches_from_0_to_1_over_the_image() -> None:
    network, images = family("resnet20_cifar")
    found = saliency(network, images)
    assert found.shape == (2, 32, 32)
    assert found.amin() >= 0
    torch.testing.assert_close(found.amax((1, 2)), torch.ones(2))
    coarse = grad_cam(network, images)
    places = F.interpolate(found[:, None], (8, 8), mode="area")[:, 0].flatten(1).argmax(1)
    assert places.tolist() == coarse.flatten(1).argmax(1).tolist()


def test_a_vision_transformers_map_is_that_of_the_tokens_before_the_last_block() -> None:
    """By hand: the gradient of what enters the last block, without the class token."""
    network = small_vit()
    images = images_for(network, 16)
    tokens = network.stages[:-1](network.stem(images)).detach().requires_grad_()
    network.head(network.stages[-1](tokens))[:, 2].sum().backward()
    assert tokens.grad is not None
    weights = tokens.grad[:, 1:].mean(1)
    expected = (tokens[:, 1:] * weights[:, None]).sum(2).relu().unflatten(1, (4, 4))
    close(grad_cam(network, images, 2), expected)


def test_attention_rollout_is_the_product_of_the_blocks() -> None:
    network = small_vit()
    images = images_for(network, 16, n=1)
    projected: list[np.ndarray] = []
    for block in network.stages:
        block[0].queries_keys_values.register_forward_hook(  # type: ignore[index]
            lambda module, inputs, output: projected.append(output.detach().numpy()[0])
        )
    network(images)
    rolled = np.eye(17)
    for values in projected[:3]:
        heads = []
        for head in range(3):
            q = values[:, head * 8 : head * 8 + 8]
            k = values[:, 24 + head * 8 : 24 + head * 8 + 8]
            e = np.exp(q @ k.T / np.sqrt(8))
            heads.append(e / e.sum(1, keepdims=True))
        rolled = (0.5 * np.mean(heads, axis=0) + 0.5 * np.eye(17)) @ rolled
    ours = attention_rollout(network, images)
    np.testing.assert_allclose(ours[0].numpy().ravel(), rolled[0, 1:], rtol=1e-5)
    assert 0 < ours.sum() < 1
    with pytest.raises(BadArgument, match="has no attention"):
        attention_rollout(randomised("resnet20_cifar"), images)


class Squares(nn.Module):
    """The logit of class c is the sum over i of w_ci x_i^2."""

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.arange(1.0, 1 + 2 * x[0].numel()).reshape(2, -1)
        return x.flatten(1).square() @ weights.T


def test_integrated_gradients_of_squares_are_exact_with_one_point() -> None:
    """The integral of 2 w_i (b_i + a (x_i - b_i)) (x_i - b_i) is w_i (x_i^2 - b_i^2)."""
    images = torch.tensor([[[[1.0, -2.0], [3.0, 0.5]]]])
    baseline = torch.full((1, 1, 2, 2), 0.25)
    network = cast(Classifier, Squares())
    found = integrated_gradients(network, images, 1, baseline=baseline, steps=1)
    by_hand = torch.tensor([5.0, 6.0, 7.0, 8.0]) * (torch.tensor([1.0, 4.0, 9.0, 0.25]) - 0.0625)
    torch.testing.assert_close(found.flatten(), by_hand)


def test_integrated_gradients_refuse_classes_that_do_not_fit() -> None:
    network = randomised("resnet20_cifar")
    images = images_for(network, 32)
    with pytest.raises(BadArgument, match="the classes 0 to 9"):
        integrated_gradients(network, images, 10, steps=1)
    with pytest.raises(BadArgument, match=r"expected \(2,\), as images"):
        integrated_gradients(network, images, [1, 2, 3], steps=1)


@pytest.mark.parametrize("batch_size", [7, 256])
def test_integrated_gradients_are_complete(finder: VisionTransformer, batch_size: int) -> None:
    torch.manual_seed(0)
    images = pasted(torch.tensor([1, 1]))[0]
    baseline = 0.3 * torch.randn(1, 24, 24)
    found = integrated_gradients(
        finder, images, 1, baseline=baseline, steps=128, batch_size=batch_size
    )
    assert completeness_gap(finder, images, found, 1, baseline=baseline).max() < 1e-2
    few = integrated_gradients(finder, images, 1, baseline=baseline, steps=1)
    assert completeness_gap(finder, images, few, 1, baseline=baseline).min() > 0.1


def test_guided_backpropagation_by_hand() -> None:
    network = saturate(Small()).eval()
    images = images_for(network, 4)
    w, b, last, _ = (p.detach().numpy() for p in network.parameters())
    x = images.numpy()
    before = np.einsum("oc,nchw->nohw", w[:, :, 0, 0], x) + b[:, None, None]
    above = last[1].reshape(3, 4, 4)
    passed = np.where((before > 0) & (above > 0), above, 0)
    expected = np.einsum("oc,nohw->nchw", w[:, :, 0, 0], passed)
    ours = guided_backpropagation(network, images, 1).numpy()
    np.testing.assert_allclose(ours, expected, rtol=1e-9)
    assert (np.where(before > 0, above, 0) != passed).any()  # else it is the plain gradient


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("mobilenet_v3_small", "hardswish"),
        ("mobilenet_v2_x0_35", "a clipped ReLU"),
        ("lenet5", "tanh"),
    ],
)
def test_guided_backpropagation_refuses_what_is_not_relu(name: str, activation: str) -> None:
    network = create_model(name)
    side = max(network.least_size, 32)
    images = torch.randn(1, network.in_channels, side, side)
    with pytest.raises(BadArgument, match=f"defined for ReLU; this network computes {activation}"):
        guided_backpropagation(network, images)


def test_occlusion_by_hand() -> None:
    """A linear logit falls by what the square covered; the last squares end with the image."""

    class Linear(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([x.sum((1, 2, 3)), (x * weights).sum((1, 2, 3))], 1)

    rng = np.random.default_rng(0)
    weights = torch.tensor(rng.normal(size=(2, 5, 7)))
    images = torch.tensor(rng.normal(size=(2, 2, 5, 7)))
    loss = (images * weights).sum(1).numpy()
    expected, counts = np.zeros((2, 5, 7)), np.zeros((5, 7))
    for y in (0, 2):
        for x in (0, 2, 4):
            counts[y : y + 3, x : x + 3] += 1
            fall = loss[:, y : y + 3, x : x + 3].sum((1, 2))
            expected[:, y : y + 3, x : x + 3] += fall[:, None, None]
    network = cast(Classifier, Linear())
    ours = occlusion(network, images, 1, window=3, stride=2, batch_size=4)
    np.testing.assert_allclose(ours.numpy(), expected / counts, rtol=1e-9)


def test_the_network_is_left_as_it_was() -> None:
    network = create_model("resnet20_cifar").train()
    network.stem.eval()
    network.stages[0].requires_grad_(False)
    images = torch.randn(2, 3, 32, 32)

    def state() -> list[object]:
        modes = [module.training for module in network.modules()]
        hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules()]
        wanted = [p.requires_grad for p in network.parameters()]
        return [modes, hooks, wanted, [p.grad for p in network.parameters()]]

    before, weights = state(), {k: v.clone() for k, v in network.state_dict().items()}
    random = torch.random.get_rng_state()
    for method in (grad_cam, saliency, guided_backpropagation, occlusion):
        method(network, images)
    integrated_gradients(network, images, steps=2)
    with pytest.raises(BadArgument, match="the classes 0 to 9"):
        grad_cam(network, images, 10)
    with pytest.raises(BadArgument, match="expected \\(2,\\), as images"):
        grad_cam(network, images, [1, 2, 3])
    assert state() == before
    assert torch.equal(random, torch.random.get_rng_state())
    for name, value in network.state_dict().items():
        assert torch.equal(value, weights[name]), name


def test_explanations_work_inside_inference_mode() -> None:
    network = create_model("resnet20_cifar")
    with torch.inference_mode():
        images = torch.randn(1, 3, 32, 32)
        assert saliency(network, images).shape == (1, 32, 32)


def test_an_overlay_colours_what_is_salient() -> None:
    pixels = np.full((8, 8, 3), (10, 200, 60), np.uint8)
    heat = np.zeros((2, 2), np.float32)
    heat[0, 0] = 1
    drawn = overlay(pixels, heat).astype(int)
    assert drawn.shape == (8, 8, 3)
    assert np.ptp(drawn[0, 0]) > 30
    assert np.ptp(drawn[7, 7]) == 0
    assert overlay(pixels[:, :, :1], heat).shape == (8, 8, 3)


def hits(maps: Tensor, corners: Tensor) -> int:
    """How many maps (N, 6, 6) have their largest value on the pattern."""
    tops = maps.flatten(1).argmax(1)
    apart = torch.stack([tops // 6, tops % 6], 1) - corners // 4
    return int(((apart >= 0) & (apart < 2)).all(1).sum())


def test_a_vision_transformers_maps_move_with_the_object(finder: VisionTransformer) -> None:
    """Of 40 maps that do not move, 4 or 5 would have their largest value on it."""
    torch.manual_seed(5)
    labels = torch.ones(40, dtype=torch.long)
    images, corners = pasted(labels)
    assert (finder(images).argmax(1) == 1).float().mean() > 0.95
    assert hits(attention_rollout(finder, images), corners) >= 34
    assert hits(attention_relevance(finder, images, 1), corners) >= 28
    assert (grad_cam(finder, images, 1).amax((1, 2)) > 0).sum() >= 38
    assert hits(F.avg_pool2d(saliency(finder, images, 1), 4), corners) >= 28


def test_attention_relevance_by_hand() -> None:
    """Eq. (5) and (6) with gradients by finite differences of the attention of each block."""
    network = small_vit(8)
    images = images_for(network, 8, n=1)
    attend = [block[0].attend for block in network.stages]  # type: ignore[index]
    nudge: dict[int, Tensor] = {}
    seen: dict[int, Tensor] = {}

    def forward(number: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        attention = torch.softmax(torch.einsum("nhld,nhmd->nhlm", q, k) / 8**0.5, 3)
        seen[number] = attention.detach()
        return (attention + nudge.get(number, torch.zeros(()))) @ v

    ours = attention_relevance(network, images, 3)[0].flatten()
    for number, module in enumerate(attend):
        module.forward = partial(forward, number)
    with torch.no_grad():
        network(images)
        rolled = torch.eye(5, dtype=torch.float64)
        for number, attention in dict(seen).items():
            slope = torch.zeros_like(attention)
            for place in torch.cartesian_prod(*(torch.arange(s) for s in (3, 5, 5))):
                for sign in (1, -1):
                    step = torch.zeros_like(attention)
                    step[0, *place] = 1e-4 * sign
                    nudge[number] = step
                    slope[0, *place] += sign * network(images)[0, 3] / 2e-4
            nudge.clear()
            rolled = rolled + (slope * attention).clamp(min=0)[0].mean(0) @ rolled
    close(ours, rolled[0, 1:])


@pytest.mark.slow
def test_every_family_has_saliency() -> None:
    cheapest: dict[str, str] = {}
    for name in list_models():
        entry, best = find(name), find(cheapest.get(find(name).family, name))
        if (entry.macs or 1e18) <= (best.macs or 1e18):
            cheapest[entry.family] = name
    assert len(cheapest) > 38
    for name in cheapest.values():
        torch.manual_seed(0)
        network: Classifier = create_model(name).eval()
        last = network.head[-1]
        if name.startswith("vit") and isinstance(last, nn.Linear):
            nn.init.normal_(last.weight)  # 0 before training
        images = torch.randn(1, *find(name).input)
        answer = int(network(images).argmax())
        found = saliency(network, images, answer)
        assert found.shape == (1, *images.shape[2:]), name
        assert found.amax() == 1, name
