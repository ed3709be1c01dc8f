import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from cladenet.errors import LedgerError
from cladenet.ledger import ancestors, descendants, families, load, takers
from cladenet.ledger.read import read_entries
from cladenet.ledger.tree import read_families
from cladenet.registry import find

FAMILIES = """
[oak]
title = "Oak"
year = 1998
paper = "On Acorns"
authors = "Quercus"
venue = "Forest 1"
idea = "Grow."
"""
ROW = """
[[model]]
name = "oak1"
paper = "On Acorns"
first_author = "Quercus"
arxiv = ""
year = 1998
month = 11
input = [1, 32, 32]
classes = 10
params = 60_000
macs = 325_680
verified = "run"
layers = ["conv"]
"""


def write(folder: Path, row: str = ROW, tree: str = FAMILIES) -> Path:
    (folder / "families.toml").write_text(tree)
    (folder / "oak.toml").write_text(row)
    return folder


def read(folder: Path) -> list[str]:
    return list(read_entries(folder, read_families(folder)))


def test_a_right_file_is_read(tmp_path: Path) -> None:
    assert read(write(tmp_path)) == ["oak1"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("classes = 10", "clases = 10"), r"oak.toml, row oak1: unknown key 'clases'; expected"),
        (("params = 60_000", ""), r"oak.toml, row oak1: the key 'params' is missing; add it"),
        (("params = 60_000", 'params = "60k"'), r"row oak1: params is '60k'; expected a whole"),
        (("params = 60_000", "params = true"), r"row oak1: params is True; expected a whole"),
        (("params = 60_000", "params = -1"), r"row oak1: params is -1; expected a whole number, 0"),
        (("[1, 32, 32]", "[32, 32]"), r"row oak1: input is \[32, 32\]; expected three whole"),
        (('["conv"]', "[5]"), r"row oak1: layers is \[5\]; expected a list of texts"),
        (("classes", "top1_err = 120.5\nclasses"), r"top1_err is 120.5; expected a percentage"),
        (("classes", "top1_err = 12\nclasses"), r"top1_err is 12; expected a percentage with a"),
        (('name = "oak1"', ""), r"oak.toml, row 1: the key 'name' is missing"),
        (("[[model]]", "[[modell]]"), r"oak.toml: unknown table 'modell'; expected common and"),
        (("[[model]]", "[[model"), r"oak.toml is not TOML: .*line 2"),
        ((ROW, ""), r"oak.toml: it has no \[\[model\]\] table; add one a network"),
        (("[[model]]", "common = 1\n[[model]]"), r"oak.toml, common: 1 is not a table"),
    ],
)
def test_a_wrong_row_is_refused_with_its_file_and_name(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    with pytest.raises(LedgerError, match=message):
        read(write(tmp_path, ROW.replace(*change)))


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"oak.toml, row oak1: the name is taken in oak.toml"):
        read(write(tmp_path, ROW + ROW))


@pytest.mark.parametrize(
    ("aliases", "message"),
    [
        ('["oak1"]', r"oak.toml, row oak2: the alias 'oak1' is taken in oak.toml"),
        ('["oak", "oak"]', r"oak.toml, row oak2: the alias 'oak' is taken in oak.toml"),
        ('"oak"', r"oak.toml, row oak2: aliases is 'oak'; expected a list of texts"),
    ],
)
def test_an_alias_that_is_taken_is_refused(tmp_path: Path, aliases: str, message: str) -> None:
    second = ROW.replace('"oak1"', f'"oak2"\naliases = {aliases}')
    with pytest.raises(LedgerError, match=message):
        read(write(tmp_path, ROW + second))


def test_a_name_that_is_an_alias_of_another_is_refused(tmp_path: Path) -> None:
    first = ROW.replace('"oak1"', '"oak1"\naliases = ["oak2"]')
    with pytest.raises(LedgerError, match=r"oak.toml, row oak2: the name is taken in oak.toml"):
        read(write(tmp_path, first + ROW.replace("oak1", "oak2")))


def test_a_family_without_a_row_in_the_tree_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "elm.toml").write_text(ROW)
    with pytest.raises(LedgerError, match=r"elm.toml: families.toml has no row elm; add one"):
        read(tmp_path)


def test_a_family_without_a_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path, tree=FAMILIES + FAMILIES.replace("[oak]", "[elm]"))
    with pytest.raises(LedgerError, match=r"elm.toml is not in .*; add it"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (FAMILIES + 'parent = "elm"', r"families.toml, row oak: the parent 'elm' does not exist"),
        (FAMILIES + 'parent = "oak"', r"families.toml, row oak: it descends from itself"),
        (FAMILIES.replace("idea", "ideas"), r"families.toml, row oak: unknown key 'ideas'"),
        ("oak = 1", r"families.toml, row oak: 1 is not a table"),
    ],
)
def test_a_tree_that_is_none_is_refused(tmp_path: Path, tree: str, message: str) -> None:
    with pytest.raises(LedgerError, match=message):
        read(write(tmp_path, tree=tree))


ELM = """
[elm]
title = "Elm"
parent = "oak"
year = 2001
paper = "p"
authors = "a"
venue = "v"
idea = "i"
"""


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ("ash", "row elm: it takes something from 'ash', which does not exist"),
        ("oak", "from 'oak'; expected another family than itself and its parent"),
        ("elm", "from 'elm'; expected another family than itself and its parent"),
        ("fir", "from 'fir', which came later, in 3000"),
    ],
)
def test_what_a_family_takes_comes_from_an_earlier_one(
    tmp_path: Path, family: str, message: str
) -> None:
    takes = f'takes = [{{ family = "{family}", what = "w", source = "s" }}]\n'
    fir = ELM.replace("elm", "fir").replace("2001", "3000")
    write(tmp_path, tree=FAMILIES + ELM + takes + fir)
    with pytest.raises(LedgerError, match=message):
        read_families(tmp_path)
    write(tmp_path, tree=FAMILIES + ELM + 'takes = [{ family = "oak" }]')
    with pytest.raises(LedgerError, match=r"takes is .*; expected a list of"):
        read_families(tmp_path)


def test_squeeze_and_excitation_went_into_six_families_that_are_no_senets() -> None:
    """SENet is the parent of none; who has it, has it beside another parent."""
    assert descendants("senet") == []
    names = {family.name for family in takers("senet")}
    assert names == {
        "mnasnet", "mobilenet_v3", "efficientnet", "shufflenet_v1", "shufflenet_v2", "cliquenet",
    }  # fmt: skip
    assert families()["efficientnet"].parent == "mnasnet"


def test_what_a_file_has_in_common_is_each_rows_that_says_nothing_else(tmp_path: Path) -> None:
    row = ROW.replace("classes = 10", "")
    second = row.replace("oak1", "oak2").replace("month", "classes = 100\nmonth")
    write(tmp_path, "[common]\nclasses = 10\n" + row + second)
    entries = read_entries(tmp_path, read_families(tmp_path))
    assert [entry.classes for entry in entries.values()] == [10, 100]


def test_the_tree_runs_from_lenet_through_alexnet_and_vgg_to_resnet() -> None:
    assert [family.name for family in ancestors("resnet")] == ["lenet", "alexnet", "vgg"]
    below = [family.name for family in descendants("alexnet")]
    assert below.index("vgg") < below.index("resnet")
    assert "lenet" not in below
    assert [family.name for family in families().values() if not family.parent] == ["lenet"]


@pytest.mark.parametrize(
    ("name", "key", "printed"),
    [
        ("lenet5", "params", 60_000),
        ("alexnet", "top5_err", 18.2),
        ("vgg19", "top1_err", 25.5),
        ("plain34", "top1_err", 28.54),
        ("resnet34_a", "top1_err", 25.03),
        ("resnet152", "top5_err", 5.71),
        ("resnet110_cifar", "cifar10_err", 6.43),
    ],
)
def test_famous_figures_are_there(name: str, key: str, printed: float) -> None:
    assert getattr(load()[name], key) == printed


PRINTED_SIZE = re.compile(r"([\d.]+)M")


@pytest.mark.parametrize(
    "name", [e.name for e in load().values() if PRINTED_SIZE.match(e.paper_params)]
)
def test_a_printed_size_is_the_counted_one_rounded_or_its_note_says_why_not(name: str) -> None:
    entry = load()[name]
    match = PRINTED_SIZE.match(entry.paper_params)
    assert match is not None
    decimals = len(match[1].partition(".")[2])
    assert f"{entry.params / 1e6:.{decimals}f}" == match[1] or f"{match[1]}M" in entry.notes


SAID_COUNT = re.compile(r"(?:printed|remembered) [\d.]+M is (\d+(?:\.\d+)?)M counted")


@pytest.mark.parametrize("name", [e.name for e in load().values() if SAID_COUNT.search(e.notes)])
def test_a_count_that_a_note_states_is_the_count(name: str) -> None:
    entry = load()[name]
    for stated in SAID_COUNT.findall(entry.notes):
        decimals = len(stated.partition(".")[2])
        assert f"{entry.params / 1e6:.{decimals}f}" == stated


def test_a_figure_from_memory_says_so_where_it_is_shown() -> None:
    doubtful = [e for e in load().values() if e.printed and "memory for" in e.figures]
    assert [entry.name for entry in doubtful] == ["alexnet_owt"]
    assert doubtful[0].printed_for.startswith("from memory: ILSVRC-2012 val")


def test_the_figure_shown_is_the_protocols_own_before_that_of_one_crop_or_ten() -> None:
    assert load()["resnet50"].printed == "22.85 / 6.71"
    assert load()["resnet50_v1_5"].printed == "24.01 / 7.02"
    assert load()["resnet50_v1_5"].printed_for.startswith("1 crop, ")
    assert load()["vgg16_bn"].printed == load()["vgg16_bn"].printed_for == ""


def test_a_figure_of_another_small_data_set_is_shown_where_there_is_none_of_cifar10() -> None:
    assert load()["nin_cifar10"].printed == "8.81"
    assert load()["highway19_cifar100"].printed == "32.24"
    assert load()["nin_cifar100"].printed_for == "CIFAR-100 test, no augmentation"
    assert load()["nin_svhn"].printed_for == "SVHN test"


def test_errors_are_shown_with_the_digits_that_are_printed() -> None:
    """He et al. 2016, Table 3: ResNet-34 C has 24.19 and 7.40."""
    entry = load()["resnet34_c"]
    assert entry.printed == "24.19 / 7.40"
    assert entry.top5_err == 7.4
    assert json.dumps(asdict(entry)["top5_err"]) == "7.4"


WITH_RELEASE = [name for name, entry in load().items() if entry.release]


@pytest.mark.parametrize("name", WITH_RELEASE)
def test_what_builds_the_release_is_an_argument_of_that_network(name: str) -> None:
    """Each `key=value` of the ledger's `release` builds, and changes the network."""
    words = re.findall(r"(\w+)=([\w.-]*\w)", find(name).release)
    assert words or "are alexnet_caffe" in find(name).release
    usual: dict[bool, Any] = {}
    for key, value in words:
        auxiliary = key.startswith("auxiliary_")
        also: Any = {"auxiliary": True} if auxiliary else {}
        if auxiliary not in usual:
            usual[auxiliary] = _traits(name, also)
        assert _traits(name, {key: yaml.safe_load(value), **also}) != usual[auxiliary], key


def _traits(name: str, arguments: Any) -> tuple[str, list[Any], str]:
    """Layers, the norms' momentum, and the rule by which first weights are drawn."""
    import torch

    from cladenet.registry import create_model

    with torch.device("meta"):
        model = create_model(name, **arguments)
    return str(model), [vars(m).get("momentum") for m in model.modules()], str(model.init)


def test_every_released_form_is_in_the_ledger() -> None:
    assert {find(name).family for name in WITH_RELEASE} == {
        "alexnet", "amoebanet", "cliquenet", "igcv1", "mobilenet_v1", "mobilenet_v2", "nasnet",
        "resnet", "shufflenet_v2", "squeezenet", "vit", "xception",
    }  # fmt: skip
