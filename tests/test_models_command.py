"""`cladenet models` and `cladenet info`."""

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from types import ModuleType

import pytest

from cladenet.cli.networks import info_command, models_command
from cladenet.cli.text.tables import columns, short
from cladenet.errors import BadArgument
from cladenet.ledger import load
from cladenet.registry import list_models


def run(command: ModuleType, *words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    status: int = command.run(parser.parse_args(words))
    return status


@pytest.mark.parametrize("words", [["models"], ["models", "--tree"], ["info", "resnet50"]])
def test_the_ledger_is_printed_without_torch_or_numpy(words: list[str]) -> None:
    code = (
        f"import sys; from cladenet.cli import main; status = main({words!r}); "
        "sys.exit(status or bool({'torch', 'numpy', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_table_has_a_line_for_each_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(models_command) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split()[:4] == ["name", "year", "params", "MACs"]
    assert [line.split()[0] for line in lines] == list(load())
    vgg = next(line for line in lines if line.startswith("vgg16 "))
    assert vgg.split()[1:7] == ["2014", "138M", "15.5G", "25.6", "/", "8.1"]


def test_json_is_the_whole_ledger(capsys: pytest.CaptureFixture[str]) -> None:
    run(models_command, "resnet*_cifar", "--json")
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list_models("resnet*_cifar")
    assert rows[0] == json.loads(json.dumps(asdict(load()["resnet20_cifar"])))


def test_the_tree_shows_a_family_under_its_parent(capsys: pytest.CaptureFixture[str]) -> None:
    run(models_command, "resnet152*", "--tree")
    lines = capsys.readouterr().out.splitlines()
    branches = [line for line in lines if line.endswith(")")]
    assert [line.strip("│└├─ ").split()[0] for line in branches] == [
        "LeNet-5",
        "AlexNet",
        "VGG",
        "ResNet",
    ]
    depth = [len(line) - len(line.lstrip("│└├─ ")) for line in branches]
    assert depth == sorted(set(depth))
    assert lines[-1].strip("│ ").split() == ["resnet152", "resnet152_v1_5"]


def test_a_pattern_that_matches_nothing_is_refused() -> None:
    with pytest.raises(BadArgument, match=r"matches 'resnt\*'; `cladenet models` prints all \d+"):
        run(models_command, "resnt*")


def test_info_prints_the_facts(capsys: pytest.CaptureFixture[str]) -> None:
    run(info_command, "resnet34_a")
    text = capsys.readouterr().out
    assert "He, 2015. Deep Residual Learning for Image Recognition. arXiv:1512.03385" in text
    assert "LeNet-5 (1998), AlexNet (2012), VGG (2014)" in text
    assert "21,623,848" in text
    assert "top-1 25.03 %, top-5 7.76 %" in text


def test_info_knows_a_network_by_its_alias(capsys: pytest.CaptureFixture[str]) -> None:
    run(info_command, "inception_v2")
    name, _, also, *_ = capsys.readouterr().out.splitlines()
    assert (name, also.split()) == ("bn_inception", ["also", "called", "inception_v2"])


def test_info_with_layers_ends_in_the_totals(capsys: pytest.CaptureFixture[str]) -> None:
    run(info_command, "lenet5", "--layers")
    lines = capsys.readouterr().out.splitlines()
    c5 = next(line for line in lines if line.startswith("stages.1.0"))
    assert c5.split()[:4] == ["stages.1.0", "Conv2d", "5x5", "120x1x1"]
    assert c5.split()[4:] == ["48,120", "48,000", "480", "32", "4"]
    total = next(line for line in lines if line.startswith("total"))
    assert total.split()[:3] == ["total", "60,000", "325,680"]


def test_info_with_layers_can_look_at_another_size(capsys: pytest.CaptureFixture[str]) -> None:
    """A global average takes any size; a tied head is built for it, and says if it cannot be."""
    run(info_command, "resnet18", "--layers", "--size", "448", "--json")
    rows = json.loads(capsys.readouterr().out)["layer_table"]
    assert rows[0]["out_shape"] == [64, 224, 224]
    run(info_command, "vgg11", "--layers", "--size", "64", "--json")
    head = [row for row in json.loads(capsys.readouterr().out)["layer_table"] if row["params"]][-3]
    assert head["in_shape"] == [512 * 2 * 2]
    with pytest.raises(BadArgument, match="input_size is 16; VGG needs at least 32"):
        run(info_command, "vgg11", "--layers", "--size", "16")


def test_info_counts_a_network_in_another_form(capsys: pytest.CaptureFixture[str]) -> None:
    """By hand: 7 classes take 993 x (512 + 1) values off, and one channel 2 x 64 x 7 x 7."""
    run(info_command, "resnet18", "--classes", "7", "--channels", "1", "--json")
    facts = json.loads(capsys.readouterr().out)
    params = facts["params"] - 993 * 513 - 2 * 64 * 49
    macs = facts["macs"] - 993 * 512 - 2 * 64 * 49 * 112**2
    assert facts["counted"] == {
        "input": [1, 224, 224], "classes": 7, "params": params, "macs": macs
    }  # fmt: skip
    run(info_command, "resnet18", "--classes", "1")
    assert "for 3x224x224 and 1 class" in " ".join(capsys.readouterr().out.split())


def test_info_with_layers_shows_kernels_groups_and_where_paths_meet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """ResNeXt's Table 1: 7x7 / 2; 3x3 in 32 groups, in conv3 with the stride; 16 sums."""
    run(info_command, "resnext50_32x4d", "--layers")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    (stem,) = (line for line in lines if line[:1] == ["stem.0"])
    assert stem[1:6] == ["Conv2d", "7x7", "/", "2", "64x112x112"]
    grouped = [line[2:6] for line in lines if line[1:2] == ["Conv2d"] and "32" in line[2:6]]
    assert len(grouped) == 16
    assert grouped[3] == ["3x3", "/", "2", "32"]
    assert sum(line[1:3] == ["+", "add"] for line in lines) == 16


def test_info_knows_families(capsys: pytest.CaptureFixture[str]) -> None:
    run(info_command, "resnet")
    text = capsys.readouterr().out
    assert "Deep Residual Learning for Image Recognition" in " ".join(text.split())
    names = [line.split()[0] for line in text.splitlines() if line]
    assert {"resnet18", "resnet1202_cifar"} <= set(names)
    run(info_command, "Wide ResNet", "--json")
    family = json.loads(capsys.readouterr().out)
    assert family["ancestors"][-2:] == ["resnet", "preact_resnet"]
    assert {row["family"] for row in family["networks"]} == {"wide_resnet"}
    with pytest.raises(BadArgument, match="a family of 24 networks; --layers needs one of them"):
        run(info_command, "resnet", "--layers")


def test_a_word_finds_networks_by_a_part_of_their_name_and_by_their_family(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(models_command, "VGG", "--json")
    found = [row["name"] for row in json.loads(capsys.readouterr().out)]
    assert found == list_models("vgg*")
    run(models_command, "resnet_shortcuts", "--json")
    rows = json.loads(capsys.readouterr().out)
    assert {row["family"] for row in rows} == {"resnet_shortcuts"}
    with pytest.raises(BadArgument, match="matches 'vgq'; nearest: vgg"):
        run(models_command, "vgq")


def test_info_json_has_layers_only_if_asked(capsys: pytest.CaptureFixture[str]) -> None:
    run(info_command, "lenet5", "--json")
    facts = json.loads(capsys.readouterr().out)
    assert facts["tree"]["descendants"][0] == "alexnet"
    assert {"zfnet", "vgg", "resnet"} <= set(facts["tree"]["descendants"])
    assert "layer_table" not in facts
    run(info_command, "lenet5", "--json", "--layers")
    rows = json.loads(capsys.readouterr().out)["layer_table"]
    assert sum(row["params"] for row in rows) == facts["params"]


def test_info_on_an_unknown_name_is_refused() -> None:
    with pytest.raises(
        BadArgument, match="no network or family is called 'lenet6'; nearest: lenet, lenet5"
    ):
        run(info_command, "lenet6")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00K"),
        (60_965_224, "61.0M"),
        (999_600, "1.00M"),
        (9_996, "10.0K"),
        (19_632_062_464, "19.6G"),
        (138_357_544, "138M"),
    ],
)
def test_short_numbers_keep_three_digits(number: int, text: str) -> None:
    assert short(number) == text


def test_columns_align_left_or_right() -> None:
    assert columns(("a", "n"), [("long", "1"), ("b", "22")], right="lr") == (
        "a      n\nlong   1\nb     22"
    )


def test_the_tree_and_info_show_what_a_family_takes_from_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(models_command, "efficientnet_b0", "--tree")
    drawn = capsys.readouterr().out
    assert drawn.index("MnasNet (2018)") < drawn.index("EfficientNet (2019)")
    assert "+ SENet: squeeze-and-excitation in every unit" in drawn
    run(info_command, "efficientnet_b0")
    assert "SENet (2017): squeeze-and-excitation in" in " ".join(capsys.readouterr().out.split())
    run(info_command, "seresnet50", "--json")
    tree = json.loads(capsys.readouterr().out)["tree"]
    assert {"efficientnet", "mobilenet_v3"} <= set(tree["given_to"])
    assert tree["takes"][0]["family"] == "resnet"
