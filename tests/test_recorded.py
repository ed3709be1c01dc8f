"""torch.fx, torch.jit and hooks on networks: one variant of each family."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, fx, nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.ledger import load
from cladenet.registry import create_model

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

# Families whose smallest variant is so small that compiling it takes less than a second.
SMALL = {"alexnet", "lenet", "resnet", "vgg", "large_scale_evolution", "squeezenet", "igcv1"}

# Those whose smallest variant has so many layers that one pass takes long.
LARGE = {
    *("amoebanet", "enas", "nasnet", "inception_resnet", "inception_v3", "inception_v4"),
    *("senet", "preact_resnet", "resnet_shortcuts", "stochastic_depth", "dpn", "igcv3"),
    *("condensenet", "densenet", "resnext", "msdnet", "zfnet"),
}


def cheapest_of_each_family(slow: Callable[[str], bool]) -> list[object]:
    cheapest: dict[str, str] = {}
    for name, entry in sorted(load().items(), key=lambda row: row[1].macs):
        cheapest.setdefault(entry.family, name)
    return [
        pytest.param(name, id=family, marks=[pytest.mark.slow] if slow(family) else [])
        for family, name in sorted(cheapest.items())
    ]


def built(name: str) -> tuple[Classifier, Tensor]:
    """A network in evaluation mode whose logits are not all alike, and two images for it."""
    torch.manual_seed(0)
    model = create_model(name, num_classes=10).eval()
    for parameter in model.head[-1].parameters():
        nn.init.normal_(parameter, std=0.05)
    side = model.input_size or max(model.least_size, 32)
    return model, torch.randn(2, model.in_channels, side, side)


def same(found: Tensor, expected: Tensor) -> bool:
    scale = expected.abs().max().item()
    return scale > 0 and (found - expected).abs().max().item() < 1e-4 * scale


@contextmanager
def backward_hooks(model: nn.Module) -> Iterator[set[str]]:
    """Full backward hooks on all modules; the names of those that were called."""
    called: set[str] = set()
    hooks = [
        module.register_full_backward_hook(lambda *_, name=name: called.add(name))
        for name, module in model.named_modules()
    ]
    yield called
    for hook in hooks:
        hook.remove()


# The recording of a ViT is tied to the size of the images, of which torch rightly warns.
@pytest.mark.filterwarnings("ignore:Converting a tensor to a Python:torch.jit.TracerWarning")
@pytest.mark.filterwarnings("ignore:Iterating over a tensor:torch.jit.TracerWarning")
@pytest.mark.parametrize("name", cheapest_of_each_family(lambda family: family not in SMALL))
def test_a_network_is_recorded_and_compiled(name: str) -> None:
    """Each gives the same logits, also for another number of images than it was recorded with."""
    model, images = built(name)
    more = torch.cat([images, images.flip(3)])[:3]
    with torch.no_grad():
        expected = model(more)
        assert same(torch.jit.trace(model, images, check_trace=False)(more), expected)
        assert same(fx.symbolic_trace(model)(more), expected)
        assert same(torch.jit.script(model)(more), expected)


@pytest.mark.filterwarnings("ignore:Full backward hook is firing:UserWarning")
@pytest.mark.parametrize("name", cheapest_of_each_family(lambda family: family in LARGE))
def test_backward_hooks_see_every_layer(name: str) -> None:
    """Gradients are those without hooks; each layer with weights that the images reach is seen."""
    model, images = built(name)
    inputs = images.clone().requires_grad_()
    model(inputs).sum().backward()
    expected, inputs = inputs.grad, images.clone().requires_grad_()
    reached = {n.rpartition(".")[0] for n, p in model.named_parameters() if p.grad is not None}
    with backward_hooks(model) as called:
        model(inputs).sum().backward()
    torch.testing.assert_close(inputs.grad, expected)
    direct = {n for n in reached if not isinstance(model.get_submodule(n), nn.MultiheadAttention)}
    assert direct <= called


def test_the_script_follows_its_mode() -> None:
    """Drop path and dropout draw in training and in no other mode; statistics move."""
    model, images = built("efficientnet_lite0")
    script = torch.jit.script(model)
    with torch.no_grad():
        assert same(script.eval()(images), model(images))
        script.train()
        first, second = script(images), script(images)
    assert not torch.equal(first, second)
    assert not model.training


def test_the_script_of_a_network_with_units_left_out_draws_them() -> None:
    model = create_model("resnet110_stochastic_depth_cifar", depth=20).eval()
    script = torch.jit.script(model)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert same(script(images), model(images))
        script.train()
        answers = {round(script(images).sum().item(), 3) for _ in range(6)}
    assert len(answers) > 1
    with pytest.raises(BadArgument, match=r"no recording can hold; call eval\(\) first"):
        fx.symbolic_trace(model.train())


def test_a_recorded_vit_takes_other_sizes() -> None:
    """fx and script keep the resize of positions as an operation on the size."""
    model = create_model("vit_ti_16", input_size=64, depth=1, num_classes=5).eval()
    nn.init.normal_(model.head[-1].get_parameter("weight"), std=0.05)
    images = torch.randn(2, 3, 32, 96)
    with torch.no_grad():
        expected = model(images)
        assert same(fx.symbolic_trace(model)(images), expected)
        assert same(torch.jit.script(model)(images), expected)


def test_a_forward_hook_keeps_what_it_saw() -> None:
    """The input of a ReLU stays: some values below 0 after the backward pass."""
    model, images = built("resnet20_cifar")
    seen: list[Tensor] = []
    norm = model.get_submodule("stem.1.0")
    hook = norm.register_forward_hook(lambda _, __, output: seen.append(output))
    model(images)
    hook.remove()
    assert seen[0].min() < 0
