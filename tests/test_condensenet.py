import warnings

import openvino
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.analysis.cost import count_cost
from cladenet.errors import BadArgument
from cladenet.layers.norm import group_norm
from cladenet.models.condensenet import CondenseNet
from cladenet.models.learned_group import (
    Condensing,
    LearnedGroupConv,
    LearnedGroupLinear,
    group_lasso,
)
from cladenet.models.progress import followers
from cladenet.registry import create_model, find
from overfit import sgd, steps_to_learn
from parity import randomised, worst


def small(**overrides: object) -> CondenseNet:
    sizes = {"layers": (2, 2), "growth": (4, 8), "stem_stride": 1, "num_classes": 8}
    return CondenseNet(**{**sizes, **overrides})  # type: ignore[arg-type]


def condensed(model: CondenseNet) -> CondenseNet:
    """As in the middle of training; a network built without memory has no masks before."""
    for layer in followers(model):
        assert isinstance(layer, Condensing)
        layer.kept.fill_(1)
        layer.at_progress(0.5)
    return model


def test_each_group_lets_go_of_the_inputs_that_matter_least_to_it() -> None:
    """4 inputs, outputs 0 and 2 in group 0, 1 and 3 in group 1, by hand."""
    conv = LearnedGroupConv(4, 4, groups=2, factor=2)
    weights = [[1, 9, 1, 9], [5, 5, 0, 0], [3, 9, 1, 9], [5, -5, 0, 1]]
    conv.weight.data = torch.tensor(weights, dtype=torch.float)[:, :, None, None]
    conv.at_progress(0.49)
    assert conv.kept.tolist() == [[1, 1, 1, 1], [1, 1, 1, 1]]
    conv.at_progress(0.5)
    # Sums of magnitudes: group 0 has 4, 18, 2, 18; group 1 has 10, 10, 0, 1.
    assert conv.kept.tolist() == [[0, 1, 0, 1], [1, 1, 0, 0]]
    x = torch.randn(1, 4, 3, 3)
    left = torch.tensor([[0, 9, 0, 9], [5, 5, 0, 0], [0, 9, 0, 9], [5, -5, 0, 0]]).float()
    torch.testing.assert_close(conv(x), torch.einsum("oi,nihw->nohw", left, x))


@pytest.mark.parametrize(
    ("progress", "stage"),
    [(0.0, 0), (0.16, 0), (1 / 6, 1), (0.33, 1), (1 / 3, 2), (0.49, 2), (0.5, 3), (0.99, 3)],
)
def test_four_parts_go_at_a_sixth_a_third_and_a_half_of_training(
    progress: float, stage: int
) -> None:
    """Sec. 3.1: C - 1 condensing stages in the first half, C = 4; each drops a quarter."""
    torch.manual_seed(0)
    conv = LearnedGroupConv(16, 8, groups=4, factor=4)
    conv.at_progress(progress)
    assert conv.stage == stage
    assert conv.kept.sum(1).tolist() == [16 - 4 * stage] * 4


def test_what_was_let_go_stays_so_and_a_resumed_layer_goes_on() -> None:
    torch.manual_seed(0)
    conv = LearnedGroupConv(16, 8, groups=4, factor=4)
    conv.at_progress(0.2)
    before = conv.kept.clone()
    conv.weight.data = torch.randn_like(conv.weight)  # other inputs are small now
    again = LearnedGroupConv(16, 8, groups=4, factor=4)
    again.load_state_dict(conv.state_dict())
    for layer in (conv, again):
        layer.at_progress(0.25)
        assert torch.equal(layer.kept, before)
        layer.at_progress(0.4)
        assert bool((layer.kept <= before).all())
    assert torch.equal(conv.kept, again.kept)


def test_group_lasso_is_the_sum_of_the_columns_lengths() -> None:
    """Two outputs in one group: columns (3, 4) and (0, 0); the second counts as 1e-3."""
    model = nn.Sequential(LearnedGroupConv(2, 2, groups=1, factor=2))
    conv = model[0]
    conv.weight.data = torch.tensor([[3.0, 0.0], [4.0, 0.0]])[:, :, None, None]
    assert group_lasso(model).item() == pytest.approx(5.0 + 1e-3)
    # Each output in a group of its own: 3 + 4, and two columns of nothing.
    apart = LearnedGroupConv(2, 2, groups=2, factor=2)
    apart.weight.data = conv.weight.data
    assert apart.lasso().item() == pytest.approx(7.0 + 2e-3)
    apart.at_progress(0.5)
    assert apart.lasso().item() == 0


def test_a_network_says_what_its_paper_adds_to_the_loss() -> None:
    model = small()
    penalty = model.regularisation()
    assert penalty is not None
    columns = [
        row.norm()
        for layer in model.modules()
        if isinstance(layer, LearnedGroupConv)
        for row in layer.in_groups().permute(1, 2, 0).flatten(0, 1)
    ]
    torch.testing.assert_close(penalty, torch.stack(columns).sum(), rtol=1e-5, atol=0)
    assert small(converted=True).regularisation() is None
    assert create_model("lenet5_relu").regularisation() is None


def test_the_network_of_training_is_a_masked_densenet() -> None:
    """Written out with dense kernels, the mask laid over them output by output."""
    model = condensed(randomised("condensenet_50_cifar"))  # type: ignore[arg-type]
    values = dict(model.state_dict())

    def norm_relu(x: Tensor, name: str) -> Tensor:
        parts = ("running_mean", "running_var", "weight", "bias")
        return F.relu(F.batch_norm(x, *(values[f"{name}.{part}"] for part in parts)))

    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    x = F.conv2d(images, values["stem.weight"], padding=1)
    for stage in range(3):
        first = 0 if stage == 0 else 1
        if stage:
            x = F.avg_pool2d(x, 2)
        for number in range(first, first + 8):
            name = f"stages.{stage}.{number}"
            kernel, kept = values[f"{name}.read.2.weight"], values[f"{name}.read.2.kept"]
            mask = torch.stack([kept[o % 4] for o in range(len(kernel))])[:, :, None, None]
            y = F.conv2d(norm_relu(x, f"{name}.read.0.0"), kernel * mask)
            y = norm_relu(y, f"{name}.write.0.0")
            y = F.conv2d(y, values[f"{name}.write.1.weight"], padding=1, groups=4)
            x = torch.cat([x, y], 1)
    x = norm_relu(x, "head.0.0").mean((2, 3))
    logits = F.linear(x, values["head.3.weight"] * values["head.3.kept"][0], values["head.3.bias"])
    with torch.no_grad():
        assert worst(model(images), logits) < 1e-10


@pytest.mark.parametrize("name", ["condensenet_50_cifar", "condensenet_86_cifar"])
def test_the_converted_network_gives_the_same_logits_at_the_cost_of_the_ledger(name: str) -> None:
    model = condensed(randomised(name))  # type: ignore[arg-type]
    converted = create_model(name, converted=True).double().eval()
    assert isinstance(converted, CondenseNet)
    model.convert_into(converted)
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        assert worst(model(images), converted(images)) < 1e-10
    entry = find(name)
    assert count_cost(converted, entry.input) == (entry.params, entry.macs)


def test_openvino_takes_no_mask_for_weights_in_8_bits() -> None:
    """As in findings/openvino-masked-weights.sh, were the masks whole numbers in a product."""
    torch.manual_seed(0)
    model = condensed(small()).eval()
    images = torch.randn(3, 3, 8, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        converted = openvino.convert_model(model, example_input=images)
    compiled = openvino.compile_model(converted, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.inference_mode():
        torch.testing.assert_close(torch.from_numpy(compiled(images.numpy())[0]), model(images))


def test_what_cannot_be_converted_is_refused() -> None:
    converted = small(converted=True)
    with pytest.raises(BadArgument, match=r"pruned inputs 0 times of 3; .*after that"):
        small().convert_into(converted)
    with pytest.raises(BadArgument, match="converted already; use it as it is"):
        converted.convert_into(small(converted=True))
    with pytest.raises(BadArgument, match=r"GroupNorm, whose.*only batch norm can be condensed"):
        condensed(small(norm=group_norm)).convert_into(small(converted=True, norm=group_norm))


def test_a_new_head_condenses_too() -> None:
    model = small()
    model.reset_classifier(5)
    assert isinstance(model.head[-1], LearnedGroupLinear)
    assert sum(isinstance(layer, Condensing) for layer in model.modules()) == 5
    small(converted=True).reset_classifier(5)


@pytest.mark.parametrize("converted", [False, True])
def test_it_overfits_eight_digits(converted: bool) -> None:
    torch.manual_seed(0)
    model = create_model("condensenet_50_cifar", layers=(4, 4, 4), converted=converted)
    assert steps_to_learn(model, sgd(0.05), 16) > 0


@pytest.mark.slow
def test_the_imagenet_network_overfits_eight_digits() -> None:
    torch.manual_seed(0)
    model = create_model("condensenet_74_g4", num_classes=8)
    assert steps_to_learn(model, sgd(0.05), 64) > 0


def test_groups_that_do_not_divide_the_channels_are_refused() -> None:
    with pytest.raises(BadArgument, match="the groups must divide the outputs, the factor the inp"):
        small(groups=3)
    with pytest.raises(BadArgument, match="expected a number of layers and a growth rate for each"):
        small(layers=(2,))
