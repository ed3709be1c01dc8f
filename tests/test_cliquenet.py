import warnings
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.models.clique_block import CliqueLayer
from cladenet.models.cliquenet import CliqueNet, CliqueNetCifar
from cladenet.registry import create_model
from overfit import sgd, steps_to_learn
from parity import randomised, worst


def written_out(model: CliqueNet, images: Tensor, ks: list[int], ns: list[int]) -> Tensor:
    """The network in the authors' manner: a dictionary of kernels for pairs, features at the end.

    Stage I and II read the same dictionary; every block's feature is averaged over its own size.
    """
    values = dict(model.state_dict())
    eps = 1e-3 if isinstance(model, CliqueNetCifar) else 1e-5

    def norm_relu(x: Tensor, name: str) -> Tensor:
        parts = ("running_mean", "running_var", "weight", "bias")
        mean, variance, scale, shift = (values[f"{name}.0.{part}"] for part in parts)
        return F.relu(F.batch_norm(x, mean, variance, scale, shift, eps=eps))

    if "stem.weight" in values:
        x = F.conv2d(images, values["stem.weight"], padding=1)
    else:
        x = F.conv2d(images, values["stem.0.weight"], stride=2, padding=3)
        x = F.max_pool2d(norm_relu(x, "stem.1"), 3, 2, 1)
    features, clique = [], x
    for b, (k, n) in enumerate(zip(ks, ns, strict=True)):
        if b:
            name = f"stages.{b}.transition"
            x = F.conv2d(norm_relu(clique, f"{name}.0"), values[f"{name}.1.weight"])
            if f"{name}.2.excite.0.weight" in values:
                excite = f"{name}.2.excite"
                y = x.mean((2, 3))
                for i, gate in ((0, F.relu), (2, torch.sigmoid)):
                    weight, bias = values[f"{excite}.{i}.weight"], values[f"{excite}.{i}.bias"]
                    y = gate(F.linear(y, weight.flatten(1), bias))
                x = x * y[:, :, None, None]
            x = F.avg_pool2d(x, 2)
        pairs: dict[tuple[int, int], Tensor] = {}
        for i in range(1, n + 1):
            kernels = values[f"stages.{b}.block.{i - 1}.kernels.weight"]
            pieces = kernels.split([x.shape[1]] + [k] * (n - 1), 1)
            sources = [j for j in range(n + 1) if j != i]
            pairs |= {(j, i): piece for j, piece in zip(sources, pieces, strict=True)}
        maps = {0: x}
        for stage, reads in ((0, range(n)), (1, range(1, n + 1))):
            for i in range(1, n + 1):
                sources = [j for j in reads if j != i and (stage or j < i)]
                layer = f"stages.{b}.block.{i - 1}"
                read = norm_relu(
                    torch.cat([maps[j] for j in sources], 1), f"{layer}.before.{stage}"
                )
                weight = torch.cat([pairs[j, i] for j in sources], 1)
                y = F.conv2d(read, weight, padding=weight.shape[2] // 2)
                if f"{layer}.write.weight" in values:
                    y = norm_relu(y, f"{layer}.between.{stage}")
                    y = F.conv2d(y, values[f"{layer}.write.weight"], padding=1)
                maps[i] = y
        clique = torch.cat([maps[i] for i in range(1, n + 1)], 1)
        name = f"stages.{b}.feature"
        both = torch.cat([x, clique], 1)
        if f"{name}.1.weight" in values:
            both = F.conv2d(norm_relu(both, f"{name}.0"), values[f"{name}.1.weight"])
            feature = norm_relu(both, f"{name}.2")
        else:
            feature = F.relu(
                F.batch_norm(
                    both,
                    values[f"{name}.0.running_mean"],
                    values[f"{name}.0.running_var"],
                    values[f"{name}.0.weight"],
                    values[f"{name}.0.bias"],
                    eps=eps,
                )
            )
        features.append(feature.mean((2, 3)))
    return F.linear(torch.cat(features, 1), values["head.2.weight"], values["head.2.bias"])


@pytest.mark.parametrize(
    ("name", "ks", "ns", "size"),
    [
        ("cliquenet_36_12_cifar", [36] * 3, [4] * 3, 32),
        ("cliquenet_12_36_cifar", [12] * 3, [12] * 3, 32),
        ("cliquenet_s0", [36, 64, 100, 80], [5, 6, 6, 6], 64),
    ],
)
def test_logits_are_those_of_the_equations_written_out(
    name: str, ks: list[int], ns: list[int], size: int
) -> None:
    model = randomised(name)
    assert isinstance(model, CliqueNet)
    images = torch.randn(2, 3, size, size, dtype=torch.float64)
    with torch.no_grad():
        assert worst(model(images), written_out(model, images, ks, ns)) < 1e-10


def test_without_attention_the_sizes_are_those_that_the_paper_tabulates() -> None:
    """S0 to S2 are remembered as 5.7, 7.96 and 10.0M: counted without attention."""
    for name, million in (("s0", 5.70), ("s1", 7.96), ("s2", 10.00)):
        with torch.device("meta"):
            model = create_model(f"cliquenet_{name}", attention=False)
        assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == million


def test_dropout_follows_every_convolution_and_precedes_what_attention_averages() -> None:
    """models/utils.py, `transition` and `compress`: conv2d, dropout; attention or norm."""
    model: Any = create_model("cliquenet_150_30_abc_cifar", k=8, T=12, drop_rate=0.5)
    transition, feature = model.stages[1].transition, model.stages[0].feature
    made: list[Tensor] = []
    for place in (transition.get_submodule("1"), feature.get_submodule("1")):
        place.register_forward_hook(lambda _layer, _inputs, output: made.append(output))
    read: list[Tensor] = []
    for place in (transition.get_submodule("2"), feature.get_submodule("2")):
        place.register_forward_pre_hook(lambda _layer, inputs: read.append(inputs[0]))
    torch.manual_seed(0)
    transition(torch.randn(2, 16, 8, 8))
    feature(torch.randn(2, 80, 8, 8))
    for before, after in zip(made, read, strict=True):
        kept = after != 0
        assert 0.4 < kept.double().mean() < 0.6
        torch.testing.assert_close(after[kept], 2 * before[kept])
    dropping = sum(isinstance(m, nn.Dropout) for m in model.modules())
    assert dropping == 3 * 2 + 3 + 2  # a layer's two convolutions share one


def test_weights_keep_the_names_they_had_before_dropout_came_between() -> None:
    with torch.device("meta"):
        names = create_model("cliquenet_150_30_abc_cifar").state_dict()
    assert {"stages.1.transition.2.excite.0.weight", "stages.0.feature.2.0.weight"} <= set(names)


def test_stage_one_is_a_dense_block_that_stage_two_computes_anew() -> None:
    """In stage I the first layer hears of x_0 alone; in stage II of all but x_0."""
    layer = CliqueLayer(64, 1, 3, 4, 2, bottleneck=False, drop_rate=0.0, norm=nn.BatchNorm2d)
    layer.eval()

    def read(maps: list[Tensor], stage: int) -> list[bool]:
        (grad,) = torch.autograd.grad(layer(maps, stage).sum(), layer.kernels.weight)
        return (grad.abs().sum((0, 2, 3)) > 0).tolist()

    others = [torch.randn(1, 4, 8, 8) for _ in range(2)]
    assert read([torch.randn(1, 64, 8, 8)], 0) == [True] * 64 + [False] * 8
    assert read(others, 1) == [False] * 64 + [True] * 8


def test_a_pair_of_layers_has_one_kernel_however_often_it_is_used() -> None:
    """More feedback costs time and norms, no kernels (Sec. 4: parameters are recycled)."""
    once, twice = (CliqueNetCifar(k=4, T=9, feedbacks=n) for n in (1, 2))

    def kernels(model: CliqueNet) -> int:
        return sum(p.numel() for p in model.parameters() if p.ndim == 4)

    assert kernels(once) == kernels(twice)
    images = torch.randn(1, 3, 16, 16)
    twice.eval().load_state_dict(once.eval().state_dict(), strict=False)
    assert not torch.equal(once(images), twice(images))


def test_the_classifier_sees_the_average_of_every_block_at_its_own_size() -> None:
    model = CliqueNetCifar(k=4, T=6).eval()
    images = torch.randn(2, 3, 32, 32)
    seen = []
    for stage in model.stages:
        stage.get_submodule("feature").register_forward_hook(
            lambda *args: seen.append(args[2].mean((2, 3)))
        )
    with torch.no_grad():
        maps = model.forward_features(images)
        read = model.forward_head(maps, pre_logits=True)
    assert [x.shape[1] for x in seen] == [64 + 8, 8 + 8, 8 + 8]
    assert maps.shape == (2, 104, 8, 8)
    torch.testing.assert_close(read, torch.cat(seen, 1))


@pytest.mark.parametrize("name", ["cliquenet_36_12_cifar", "cliquenet_150_30_abc_cifar"])
def test_it_overfits_eight_digits(name: str) -> None:
    torch.manual_seed(0)
    model = create_model(name, k=8, T=30 if "abc" in name else 12, drop_rate=0.0)
    assert steps_to_learn(model, sgd(0.05), 16) > 0


@pytest.mark.slow
def test_the_imagenet_network_overfits_eight_digits() -> None:
    torch.manual_seed(0)
    assert steps_to_learn(create_model("cliquenet_s0", num_classes=8), sgd(0.05), 64) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 4, "T": 10}, "T is 10; expected 3n, such as 12, and n of 2 or more"),
        ({"k": 4, "T": 33, "bottleneck": True}, "T is 33; expected 6n with bottlenecks"),
        ({"k": 0, "T": 12}, "k .*0.*; expected as many layers as k"),
    ],
)
def test_impossible_sizes_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        CliqueNetCifar(**arguments)


def test_a_traced_network_works_out_no_sizes() -> None:
    """Of kernels: Core ML's converter takes no slice whose end is computed."""
    model = create_model("cliquenet_36_12_cifar").eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = torch.jit.trace(model, torch.randn(2, 3, 32, 32), check_trace=False)
    assert "aten::Int" not in str(script.inlined_graph)
