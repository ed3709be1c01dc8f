import subprocess
import sys
from importlib import import_module

import pytest
import torch

from cladenet.errors import BadArgument
from cladenet.ledger import aliases, families, family_of, load
from cladenet.registry import accepts, create_model, find, list_models


def test_a_pattern_picks_names_in_the_order_of_the_tree() -> None:
    assert list_models("lenet*") == ["lenet5", "lenet5_relu", "lenet_caffe"]
    assert list_models("vgg1?") == ["vgg11", "vgg13", "vgg16", "vgg19"]
    assert list_models("RESNET18") == []
    assert list_models()[0] == "lenet5"


def test_an_alias_is_another_way_to_ask_for_a_network() -> None:
    assert find("inception_v2") is find("bn_inception")
    with torch.device("meta"):
        assert isinstance(create_model("inception_v2"), type(create_model("bn_inception")))
    assert not accepts("inception_v2", "input_size")
    assert accepts("inception_v2", "separable_stem")


def test_the_family_that_a_network_is_built_from_is_the_ledgers() -> None:
    """It is found by a line of the files, which are parsed here."""
    assert {name: family_of(name) for name in load()} == {
        name: entry.family for name, entry in load().items()
    }
    assert not any(map(family_of, (*aliases(), "resnt50", "", "families")))


def test_a_network_is_listed_under_its_own_name_alone() -> None:
    assert "inception_v2" not in list_models()
    assert list_models("inception_v2") == ["bn_inception"]
    assert list_models().count("bn_inception") == 1


def test_no_alias_is_the_name_of_another_network() -> None:
    assert aliases()["inception_v2"] == "bn_inception"
    assert not set(aliases()) & set(load())


@pytest.mark.parametrize("family", list(families()))
def test_a_family_builds_what_its_ledger_lists_and_nothing_else(family: str) -> None:
    module = import_module(f"cladenet.models.{family}")
    assert set(module.VARIANTS) == {e.name for e in load().values() if e.family == family}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnt50", r"'resnt50'; nearest: resnet50, .* prints all \d+"),
        ("ResNet18", "'ResNet18'; nearest: resnet18, "),
        ("inception_v22", r"'inception_v22'; nearest: .*inception_v2[,.]"),
        ("zzzzzz", r"'zzzzzz'; `cladenet models` prints all \d+$"),
        ("", "no model is called ''"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        find(name)
    with pytest.raises(BadArgument, match=message):
        create_model(name)


def test_in_chans_is_in_channels() -> None:
    assert create_model("lenet5", in_chans=3).in_channels == 3
    with pytest.raises(BadArgument, match="in_chans and in_channels are one argument"):
        create_model("lenet5", in_chans=3, in_channels=3)


def test_an_argument_the_network_does_not_take_is_named() -> None:
    with pytest.raises(
        BadArgument, match=r"resnet18 takes no growth_rate; .*it takes .*num_classes"
    ):
        create_model("resnet18", growth_rate=12)


def test_out_indices_without_features_only_is_refused() -> None:
    with pytest.raises(BadArgument, match=r"out_indices is \(0, 1\); it needs features_only=True"):
        create_model("lenet5", out_indices=(0, 1))


def test_an_override_replaces_the_variants_own_argument() -> None:
    with torch.device("meta"):
        model = create_model("resnet20_cifar", depth=8)
    assert len(list(model.stages[0].children())) == 1


def test_building_a_network_pays_for_no_other_family_and_for_no_file_reader() -> None:
    """In a process of its own, which has imported nothing yet."""
    code = """
import sys, torch, cladenet
from cladenet import ledger
before = set(sys.modules)
with torch.device("meta"):
    cladenet.create_model("bn_inception")
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
print(ledger.load.cache_info().currsize, ledger._entries.cache_info().currsize)
"""
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    modules, parsed = done.stdout.splitlines()
    assert not {"PIL", "torchvision", "safetensors", "yaml", "rich"} & set(modules.split())
    assert "cladenet.weights.resolve" not in modules
    assert parsed == "0 0"
