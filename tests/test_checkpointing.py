"""Activations that are computed twice: the same step, bit for bit, from less memory."""

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor, nn

import cladenet
from cladenet import processor
from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import conv, norm_relu
from cladenet.layers.methods.checkpointing import EVERY, Every, checkpoint_activations, recompute
from cladenet.models.densenet import DenseNetCifar
from cladenet.models.resnet import ResNetCifar
from cladenet.registry import accepts, create_model, find, list_models
from cladenet.runs.folder.folder import RunFolder
from cladenet.runs.train.decide import decide_again
from cladenet.training.sync_norm import share_statistics
from forking import join, start, wait
from shallow import shallow


def _smallest() -> list[str]:
    """Of each family the network that is quickest to run; a linear classifier keeps nothing."""
    networks = (name for name in list_models() if find(name).params > 1000)
    names = sorted(networks, key=lambda name: find(name).macs, reverse=True)
    return sorted({find(name).family: name for name in names}.values())


def loss_of(outputs: Tensor | tuple[Tensor, ...]) -> Tensor:
    """One that looks at all logits, those of auxiliary classifiers too."""
    tensors = outputs if isinstance(outputs, tuple) else (outputs,)
    return torch.stack([logits.float().pow(2).mean() for logits in tensors]).sum()


class Step:
    """A forward and a backward pass: what was kept in between, and all that is there after.

    Args:
        model: in the mode in which it comes; its own state is left as it was.
        images: a batch.
    """

    def __init__(self, model: nn.Module, images: Tensor, precision: str = "fp32") -> None:
        model = deepcopy(model)
        weights = {tensor.untyped_storage().data_ptr() for tensor in model.parameters()}
        kept: dict[int, int] = {}

        def keep(x: Tensor) -> Tensor:
            storage = x.untyped_storage()
            if storage.data_ptr() not in weights:
                kept[storage.data_ptr()] = storage.nbytes()
            return x

        torch.manual_seed(7)
        bf16 = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16")
        with bf16, torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
            loss = loss_of(model(images))
        loss.backward()
        self.kept = sum(kept.values())
        gradients = [parameter.grad for parameter in model.parameters()]
        self.found = [loss.detach(), gradients, model.state_dict(), torch.get_rng_state()]


def the_same(one: Step, two: Step) -> None:
    torch.testing.assert_close(one.found, two.found, rtol=0, atol=0, equal_nan=True)


def checked(model: Classifier, every: Every) -> Classifier:
    copy = deepcopy(model)
    checkpoint_activations(copy, every)
    assert list(copy.state_dict()) == list(model.state_dict())
    return copy


@pytest.mark.parametrize(("name", "arguments"), shallow(_smallest()))
def test_each_family_takes_the_same_step_from_less_memory(
    name: str, arguments: dict[str, Any]
) -> None:
    """Loss, gradients, running statistics, counters and random state."""
    torch.manual_seed(0)
    with torch.device("meta"):
        least = create_model(name, **arguments).least_size
    size: dict[str, Any] = {"input_size": least} if accepts(name, "input_size") else {}
    model = create_model(name, **arguments, **size).train()
    images = torch.randn(2, model.in_channels, least, least)
    plain = Step(model, images)
    for every in EVERY:
        recomputed = Step(checked(model, every), images)
        the_same(recomputed, plain)
        assert recomputed.kept < plain.kept


class Toy(Classifier):
    """Two stages of two units with batch norm and dropout; auxiliary classifiers where asked."""

    def __init__(self, *reads: tuple[int, int]) -> None:
        super().__init__(3, 4)
        self.stem = conv(3, 8, 3)
        self.stages = nn.Sequential(*(nn.Sequential(self.unit(), self.unit()) for _ in range(2)))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), self.new_classifier(8))
        pool = partial(nn.AdaptiveAvgPool2d, 1)
        self.add_auxiliary(
            {place: nn.Sequential(pool(), nn.Flatten(), nn.Linear(8, 4)) for place in reads}
        )

    def unit(self) -> nn.Module:
        return nn.Sequential(
            conv(8, 8, 3), norm_relu(nn.BatchNorm2d, 8), nn.Dropout(0.3), conv(8, 8, 1)
        )

    def initialise(self, module: nn.Module) -> None:
        """As torch does."""


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("reads", [[(0, 0)], [(1, 1)], [(0, 1), (1, 0)]], ids=str)
def test_auxiliary_classifiers_hear_the_same(every: Every, reads: list[tuple[int, int]]) -> None:
    torch.manual_seed(0)
    model, images = Toy(*reads).train(), torch.randn(4, 3, 6, 6)
    plain, recomputed = Step(model, images), Step(checked(model, every), images)
    the_same(recomputed, plain)
    assert recomputed.kept < plain.kept


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize(
    ("make", "precision"),
    [
        (partial(DenseNetCifar, 16, drop_rate=0.5), "fp32"),
        (partial(DenseNetCifar, 16, drop_rate=0.5, memory_efficient=True), "fp32"),
        (partial(ResNetCifar, 14), "bf16"),
        (partial(DenseNetCifar, 16, drop_rate=0.5, memory_efficient=True), "bf16"),
    ],
    ids=["dropout", "both kinds of recomputing", "bf16", "both kinds in bf16"],
)
def test_random_masks_and_low_precision_are_the_same_again(
    make: Callable[[], Classifier], precision: str, every: Every
) -> None:
    torch.manual_seed(0)
    model, images = make().train(), torch.randn(4, 3, 16, 16)
    the_same(Step(checked(model, every), images, precision), Step(model, images, precision))


def test_what_is_kept_of_a_unit_is_its_input() -> None:
    """A unit more in each stage, 2 images: floats of 16 maps 32x32, 32 of 16x16, 64 of 8x8."""

    def kept(depth: int) -> int:
        model = ResNetCifar(depth).train()
        checkpoint_activations(model)
        return Step(model, torch.randn(2, 3, 32, 32)).kept

    assert kept(26) - kept(20) == 4 * 2 * (16 * 32**2 + 32 * 16**2 + 64 * 8**2)


def test_recomputing_is_for_training_alone() -> None:
    """Calls of the first convolution of a unit: once more in the backward pass, and only there."""
    model = ResNetCifar(8)
    checkpoint_activations(model)
    calls: list[None] = []
    model.get_submodule("stages.0.0.residual.0").register_forward_hook(
        lambda _module, _inputs, _out: calls.append(None)
    )
    images = torch.randn(2, 3, 8, 8)
    model.train()(images)
    assert len(calls) == 1
    loss_of(model(images)).backward()
    assert len(calls) == 3
    loss_of(model.eval()(images)).backward()
    assert len(calls) == 4
    with torch.no_grad():
        model.train()(images)
    assert len(calls) == 5


def test_two_backward_passes_through_one_graph_are_one_step_of_the_statistics() -> None:
    torch.manual_seed(0)
    model = ResNetCifar(8).train()
    checkpoint_activations(model)
    before = {name: value.clone() for name, value in model.named_buffers()}
    loss = loss_of(model(torch.randn(4, 3, 8, 8)))
    after = {name: value.clone() for name, value in model.named_buffers()}
    loss.backward(retain_graph=True)
    once = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    loss.backward()
    twice = [p.grad for p in model.parameters()]
    torch.testing.assert_close(twice, [2 * gradient for gradient in once], rtol=0, atol=0)
    torch.testing.assert_close(dict(model.named_buffers()), after, rtol=0, atol=0)
    counters = [name for name in after if name.endswith("num_batches_tracked")]
    assert all(after[name] == before[name] + 1 for name in counters)


class Counting(nn.Module):
    """A layer whose output depends on how often it has been called."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return (self.calls * x) * x


def test_the_second_computation_sees_the_state_of_the_first() -> None:
    """d (x^2) / dx of the first call, 2 x 3, although two others came since; and once more."""
    layer = Counting().train()
    x = torch.full((), 3.0, requires_grad=True)
    first = recompute(layer, layer.forward, x)
    for _ in range(2):
        recompute(layer, layer.forward, x)
    first.backward(retain_graph=True)
    assert x.grad == 6
    first.backward()
    assert x.grad == 12
    assert layer.calls == 3


def test_a_copy_recomputes_with_weights_of_its_own() -> None:
    """The moving average is a copy."""
    model = ResNetCifar(8).train()
    checkpoint_activations(model)
    copy = deepcopy(model)
    with torch.no_grad():
        for parameter in model.stages.parameters():
            parameter.fill_(float("nan"))
    logits = copy(torch.randn(2, 3, 8, 8))
    loss_of(logits).backward()
    assert logits.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in copy.parameters())
    assert all(p.grad is None for p in model.parameters())


def test_frozen_parts_keep_their_statistics_and_the_others_learn_the_same() -> None:
    torch.manual_seed(0)
    model, images = ResNetCifar(8).train(), torch.randn(4, 3, 8, 8)
    for part in (model.stem, model.stages[0]):
        part.requires_grad_(False).eval()
    plain, recomputed = Step(model, images), Step(checked(model, "block"), images)
    the_same(recomputed, plain)


def test_a_compiled_network_decides_by_itself_what_it_keeps() -> None:
    torch.manual_seed(0)
    model = ResNetCifar(8).train()
    checkpoint_activations(model)
    unit, images = model.stages[1], torch.randn(2, 16, 8, 8)
    plain = Step(unit, images)
    compiled: Any = torch.compile(unit, backend="eager")
    loss_of(compiled(images)).backward()
    gradients = [parameter.grad for parameter in unit.parameters()]
    torch.testing.assert_close(gradients, plain.found[1])


@pytest.mark.parametrize("shared", [False, True], ids=["own statistics", "shared statistics"])
def test_two_processes_take_the_same_step(shared: bool, tmp_path: Path) -> None:
    """DistributedDataParallel, gradients averaged over both."""

    def rank_of(rank: int) -> int:
        join(rank, 2, tmp_path)
        found = []
        for every in (None, *EVERY):
            torch.manual_seed(0)
            model = DenseNetCifar(16, 4, drop_rate=0.2).train()
            if shared:
                share_statistics(model, torch.device("cpu"))
            if every is not None:
                checkpoint_activations(model, every)
            net = nn.parallel.DistributedDataParallel(model)
            torch.manual_seed(rank)
            loss_of(net(torch.randn(4, 3, 8, 8))).backward()
            gradients = {f"{name}.grad": p.grad for name, p in model.named_parameters()}
            found.append({**model.state_dict(), **gradients})
        torch.save(found, tmp_path / f"{rank}.pt")
        torch.distributed.destroy_process_group()
        return 0

    children = [start(partial(rank_of, rank), tmp_path / f"{rank}.txt") for rank in range(2)]
    assert [wait(child) for child in children] == [0, 0], (tmp_path / "0.txt").read_text()
    for rank in range(2):
        plain, *others = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for other in others:
            torch.testing.assert_close(other, plain, rtol=0, atol=0)


def test_an_unknown_grain_is_refused() -> None:
    with pytest.raises(BadArgument, match="every is 'layer'; expected block or stage"):
        checkpoint_activations(ResNetCifar(8), "layer")  # type: ignore[arg-type]


SHORT: dict[str, Any] = {
    "size": 8,
    "steps": 3,
    "batch_size": 32,
    "precision": "bf16" if processor.has_bf16("cpu") else "fp32",
    "threads": 1,
    "device": "cpu",
    "val": 0,
    "test": 0.1,
}


@pytest.fixture(scope="module")
def plain_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three steps with a moving average and mixed precision."""
    out = tmp_path_factory.mktemp("plain") / "run"
    return cladenet.train("resnet20_cifar", "digits", out=out, quiet=True, **SHORT).folder


@pytest.mark.parametrize(
    ("given", "meant"), [(True, "block"), ("stage", "stage"), ("false", "none")]
)
def test_a_run_ends_in_the_same_bits(
    given: str | bool, meant: str, plain_run: Path, tmp_path: Path
) -> None:
    options = {**SHORT, "checkpoint_activations": given}
    run = cladenet.train("resnet20_cifar", "digits", out=tmp_path / "run", quiet=True, **options)
    config = yaml.safe_load((run.folder / "config.yaml").read_text())
    assert config["checkpoint_activations"] == meant
    plain, recomputed = (
        load_file(folder / "checkpoints" / "last" / "weights.safetensors")
        for folder in (plain_run, run.folder)
    )
    torch.testing.assert_close(recomputed, plain, rtol=0, atol=0)


def test_a_resumed_run_may_recompute_where_it_did_not(plain_run: Path) -> None:
    config = decide_again(RunFolder(plain_run), {"checkpoint_activations": "true"})
    assert config.checkpoint_activations == "block"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"checkpoint_activations": "layer"}, "'layer'; expected one of none, block, stage"),
        ({"checkpoint_activations": True, "compile": True}, "exclude each other: a compiled"),
    ],
)
def test_impossible_options_are_refused(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(BadArgument, match=message):
        cladenet.train("resnet20_cifar", "digits", out=tmp_path / "run", **options)
