"""Exits put on any family: the network stays as it was, and its exits train, load and are run."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from cladenet import evaluate_exits, train
from cladenet.adaptive.stepping import SteppedExits
from cladenet.analysis.cost import macs_to_exits
from cladenet.checkpoints import load
from cladenet.errors import BadArgument
from cladenet.registry import create_model, find
from cladenet.runs.train.decide import decide
from cladenet.surgery.exits import with_exits

# A network of each kind of stage: chains of units, of layers, of tokens, of pairs of maps; and
# places for exits.
NETWORKS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "resnet20_cifar": ({"depth": 14}, ["stages.0.0", "stages.1.0"]),
    "densenet_40_12_cifar": ({"depth": 10}, ["stages.0.1", "stages.1.0"]),
    "vgg11": ({"input_size": 32}, ["stages.0.1", "stages.2"]),
    "mobilenet_v2_x0_5": ({}, ["stages.0", "stages.3.1"]),
    "vit_ti_16": ({"input_size": 32}, ["stages.2.0", "stages.8"]),
    "nasnet_a_cifar": ({"n": 1, "width": 8}, ["stages.0", "stages.1.0"]),
}
IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def built(name: str, **more: object) -> Any:
    torch.manual_seed(0)
    return create_model(name, **{**NETWORKS[name][0], **more})


def with_two(name: str) -> Any:
    return with_exits(built(name), NETWORKS[name][1])


@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_itself_stays_as_it_was(name: str) -> None:
    """Tensors by name and bit, and answers: exits only look on."""
    plain, model = built(name).eval(), with_two(name).eval()
    with torch.inference_mode():
        *early, last = model.exits(IMAGES)
        expected = plain(IMAGES)
        assert torch.equal(model(IMAGES), expected)
    assert torch.equal(last, expected)
    assert [logits.shape for logits in early] == [expected.shape] * 2
    own = model.state_dict()
    assert all(torch.equal(own[key], value) for key, value in plain.state_dict().items())
    assert {key.split(".")[0] for key in own.keys() - plain.state_dict()} == {"early_heads"}


@pytest.mark.parametrize("name", NETWORKS)
def test_in_training_all_exits_answer_and_learn(name: str) -> None:
    model = with_two(name).train()
    logits = model(IMAGES)
    assert len(logits) == model.num_exits == 3
    sum(part.square().sum() for part in logits).backward()
    assert all(p.grad is not None for p in model.early_heads.parameters())
    assert all(p.grad is not None for p in model.stem.parameters())


def test_an_exit_of_a_dense_block_reads_all_maps_so_far() -> None:
    """16 of the stem and 12 of each layer: after two of the first block's layers 40."""
    model: Any = create_model(
        "densenet_40_12_cifar", depth=16, exits_after="stages.0.2, stages.1.1"
    )
    assert [head[0][0].in_channels for head in model.early_heads] == [16 + 24, 16 + 4 * 12 + 12]
    model.eval()
    with torch.inference_mode():
        start, one, two, *_ = model.stages[0]
        x = start(model.stem(IMAGES))
        x = torch.cat([x, one(x)], 1)
        x = torch.cat([x, two(x)], 1)
        assert torch.equal(next(model.exits(IMAGES)), model.early_heads[0](x))


def test_the_cost_of_each_exit_by_hand() -> None:
    """ResNet-20 with exits after units 2 and 4 of 9, on maps of 16 at 32x32 and 32 at 16x16."""
    model = create_model("resnet20_cifar", exits_after=["stages.0.1", "stages.1.0"])
    first_head = 16**2 * 9 * 16 * 128 + 8**2 * 9 * 128 * 128 + 128 * 10
    second_head = 8**2 * 9 * 32 * 128 + 4**2 * 9 * 128 * 128 + 128 * 10
    stem, unit = 32**2 * 9 * 3 * 16, 2 * 32**2 * 9 * 16 * 16
    widening = 16**2 * 9 * (16 * 32 + 32 * 32)
    assert macs_to_exits(model, (3, 32, 32)) == (
        stem + 2 * unit + first_head,
        stem + 3 * unit + widening + first_head + second_head,
        find("resnet20_cifar").macs + first_head + second_head,
    )


@pytest.mark.parametrize("name", ["resnet20_cifar", "densenet_40_12_cifar"])
def test_exits_are_run_one_by_one_with_packed_weights(name: str) -> None:
    model = with_two(name).eval()
    with torch.inference_mode():
        expected = torch.stack(list(model.exits(IMAGES)))
    found = torch.stack(list(SteppedExits(model, (3, 32, 32)).walk(IMAGES)))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_memory_efficient_networks_and_recomputed_ones_have_the_same_exits() -> None:
    from cladenet.layers.methods.checkpointing import checkpoint_activations

    places = "stages.0.1,stages.1.0"
    plain = built("densenet_40_12_cifar", exits_after=places).train()
    lean = built("densenet_40_12_cifar", exits_after=places, memory_efficient=True).train()
    again = built("densenet_40_12_cifar", exits_after=places).train()
    checkpoint_activations(again, "stage")
    gradients = []
    for model in (plain, lean, again):
        sum(logits.square().sum() for logits in model(IMAGES)).backward()
        gradients.append(model.stem.weight.grad)
    torch.testing.assert_close(gradients[1], gradients[0])
    assert torch.equal(gradients[2], gradients[0])


def test_a_norm_by_name_is_that_of_the_exits_too() -> None:
    model = built("resnet20_cifar", exits_after="stages.0", norm="group")
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def test_other_classes_renew_the_last_layer_of_every_exit() -> None:
    model = built("resnet20_cifar", exits_after="stages.0,stages.1").eval()
    model.reset_classifier(7)
    assert [logits.shape[1] for logits in model.exits(IMAGES)] == [7, 7, 7]


@pytest.mark.parametrize(
    ("name", "after", "message"),
    [
        ("resnet20_cifar", "stages.3", r"'stages.3'; .* can have exits after stages.0"),
        ("resnet20_cifar", "stages.2", "'stages.2'"),  # the head is there
        ("resnet20_cifar", "head", "'head'"),
        ("resnet20_cifar", "", "''"),
        ("resnet20_cifar", [], "is empty"),
        ("resnet20_cifar", "stages.1,stages.0", "each once, in the order"),
        ("resnet20_cifar", "stages.0,stages.0", "each once, in the order"),
        ("msdnet_budget_4_cifar", "stages.0", "4 exits already"),
    ],
)
def test_places_that_are_none_are_refused(name: str, after: str, message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        create_model(name, exits_after=after)


def test_exits_take_the_place_of_auxiliary_classifiers() -> None:
    with pytest.raises(BadArgument, match="auxiliary classifiers"):
        create_model("googlenet", auxiliary=True, exits_after="stages.0")


def test_a_recipe_that_knows_of_no_exits_trains_them_all_the_same() -> None:
    """Each exit counts as the head does: the paper's uniform sum."""
    assert decide("resnet20_cifar", "digits", "paper", "", {}).recipe.auxiliary == 0
    options = {"model.exits_after": "stages.0"}
    assert decide("resnet20_cifar", "digits", "paper", "", options).recipe.auxiliary == 1
    options["auxiliary"] = "0.3"
    assert decide("resnet20_cifar", "digits", "paper", "", options).recipe.auxiliary == 0.3


def test_a_run_with_exits_is_trained_loaded_measured_and_trained_further(tmp_path: Path) -> None:
    options = {"model.depth": 14, "batch_size": 32, "threads": 1, "cache_gb": 0}
    early = {"model.exits_after": "stages.0.0,stages.1", "steps": 12}
    run = train("resnet20_cifar", "digits", out=tmp_path / "a", options={**options, **early})
    loaded = load(run.folder)
    assert loaded.card.arguments["exits_after"] == "stages.0.0,stages.1"
    assert loaded.model.num_exits == 3
    table = evaluate_exits(run.folder)
    assert len(table.rows) == 3
    assert list(table.macs) == sorted(table.macs)
    assert table.rows[-1].top1_error == run.evaluation.top1_error
    other = train(
        "resnet20_cifar",
        "digits",
        out=tmp_path / "b",
        weights=run.folder,
        options={**options, "model.exits_after": "stages.1", "steps": 1},
    )
    assert load(other.folder).model.exits_after == ("stages.1",)
