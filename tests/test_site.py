"""The site's sources: both languages whole, links that lead somewhere, exact figures.

`make docs` builds the HTML and looks at its links; here is what needs no generator.
"""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from website import families as family_texts
from website.build import pages_of
from website.commands import command_pages, parser_of
from website.docstrings import items, markdown, parts
from website.guides import relinked
from website.links import broken_links
from website.page import Page, bars_in_code, escape, plain, table
from website.python_reference import python_pages
from website.search_index import condensed
from website.tree_data import (
    LINEAGES,
    Part,
    Traced,
    Unit,
    error_of,
    lineage_of,
    parts_of,
    runs,
    traced,
    tree_data,
)
from website.tree_page import tree_page
from website.tree_words import TREE_WORDS
from website.words import WORDS, Language

import cladenet
from cladenet.analysis.cost import count_cost
from cladenet.analysis.form import Form
from cladenet.analysis.layer_table import layer_table
from cladenet.cli import COMMANDS
from cladenet.ledger import families, load
from cladenet.ledger.family import Family
from cladenet.recipes import Recipe
from cladenet.runs.folder.config import option_kinds

SAME = ("other", "other_language", "of", "colon")  # of no Chinese letter
CHINESE = re.compile(r"[\u4e00-\u9fff]")
LANGUAGES: tuple[Language, ...] = ("en", "zh")


@pytest.fixture(scope="module")
def pages() -> dict[Language, dict[str, Page]]:
    return {name: {page.path: page for page in pages_of(name)} for name in LANGUAGES}


@pytest.mark.parametrize("words", [WORDS, TREE_WORDS], ids=["pages", "tree"])
def test_each_text_is_in_both_languages(words: dict[Language, dict[str, str]]) -> None:
    assert words["en"].keys() == words["zh"].keys()
    for key, text in words["zh"].items():
        fields = re.findall(r"{\w+}", words["en"][key])
        assert sorted(fields) == sorted(re.findall(r"{\w+}", text)), key
        assert CHINESE.search(text) or key in SAME, key
        assert not CHINESE.search(words["en"][key]) or key.startswith("other"), key


def test_each_family_is_explained_in_both_languages() -> None:
    texts = family_texts.texts()
    assert texts.keys() == families().keys()
    for name, text in texts.items():
        assert text.keys() == {"learner", "learner_zh"}, name
        assert len(text["learner"].split()) >= 25, name
        assert not CHINESE.search(text["learner"]), name
        assert len(CHINESE.findall(text["learner_zh"])) >= 40, name
        assert len(CHINESE.findall(family_texts.idea(families()[name], "zh"))) >= 12, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_links_between_pages_lead_to_pages(
    pages: dict[Language, dict[str, Page]], language: Language
) -> None:
    found = pages[language]
    for page in found.values():
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.text, flags=re.DOTALL)
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", prose):
            place = (Path("/") / page.path).parent / target
            path = Path(*[part for part in place.parts if part != "/"])
            normal = Path(*_normal(path.parts)).as_posix()
            assert normal in found or normal == "tree.html" or is_picture(normal), (
                page.path,
                target,
            )


def _normal(parts: tuple[str, ...]) -> list[str]:
    out: list[str] = []
    for part in parts:
        out = out[:-1] if part == ".." else [*out, part]
    return out


def is_picture(place: str) -> bool:
    return place.endswith(".svg") and (Path(__file__).parents[1] / "docs" / place).is_file()


def test_what_a_family_took_is_in_chinese() -> None:
    for family in families().values():
        for taken in family.takes:
            assert CHINESE.search(family_texts.what_was_taken(taken, "zh")), taken.what


def test_the_anchor_of_a_heading_is_no_part_of_the_title() -> None:
    assert (
        Page("data.md", "<!-- docs/data.md 0 -->\n# `check` 数据 { #data }\n").title == "check 数据"
    )


def test_every_page_has_a_title_of_its_own(pages: dict[Language, dict[str, Page]]) -> None:
    for found in pages.values():
        titles = [page.title for page in found.values()]
        assert len(set(titles)) == len(titles)


def test_every_document_is_a_page(pages: dict[Language, dict[str, Page]]) -> None:
    docs = Path(__file__).parents[1] / "docs"
    written = {file.relative_to(docs).as_posix() for file in docs.rglob("*.md")}
    chinese = {name.removeprefix("zh/") for name in written if name.startswith("zh/")}
    assert {name for name in written if not name.startswith("zh/")} <= pages["en"].keys()
    assert chinese <= pages["zh"].keys()


def test_each_command_and_each_option_is_in_the_reference() -> None:
    found = {page.path: page.text for page in command_pages("en")}
    for name in COMMANDS:
        text = found[f"commands/{name}.md"]
        options = [word for action in parser_of(name)._actions for word in action.option_strings]
        for option in set(options) - {"-h", "--help"}:
            assert f"`{option}`" in text, (name, option)
    for key in option_kinds():
        assert f"| `{key}` |" in found["commands/options.md"], key
    assert "| `precision` | `auto` or `fp32` or `bf16` |" in found["commands/options.md"]


def test_each_public_name_is_in_the_reference_with_its_docstring() -> None:
    found = {page.path: page.text for page in python_pages()}
    for name in cladenet.__all__:
        section = found["python/index.md"].partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        first = (getattr(cladenet, name).__doc__ or "").strip().splitlines()[0]
        assert plain(first) in section, name
    assert "cladenet.layers.conv.conv_norm_relu" in found["python/layers.md"]
    assert "cladenet.ledger.families" in found["python/ledger.md"]


def test_a_docstring_keeps_its_table_and_lists_its_arguments() -> None:
    doc = """One idea.

    As in the paper:

        part   out
        stem   16x32x32

    Args:
        depth: layers with weights,
            in all.

    Raises:
        BadArgument: it is 0.
    """
    assert markdown(doc) == (
        "One idea.\n\nAs in the paper:\n\n```text\npart   out\nstem   16x32x32\n```\n\n"
        "**Args**\n\n- `depth`: layers with weights, in all.\n\n**Raises**\n\n"
        "- `BadArgument`: it is 0."
    )
    assert (
        items(parts(Recipe.__doc__ or "")["Attributes"])["pad"] == "pixels on each side for `pad`."
    )


def test_a_family_page_has_the_ledgers_figures(pages: dict[Language, dict[str, Page]]) -> None:
    for language in LANGUAGES:
        text = pages[language]["families/resnext.md"].text
        assert "| `resnext50_32x4d` | 3x224x224 | 25,028,904 |" in text
        assert "4,230,479,872 | 22.2 |" in text
        assert "[GoogLeNet (2014)](googlenet.md)" in text  # took from
        assert "[DPN (2017)](dpn.md)" in text  # gave to
        assert "resnext_imagenet" in text  # recipe
        assert "torchvision/resnext50_32x4d" in text  # fidelity


def test_links_of_the_repository_become_links_of_the_site() -> None:
    text = "[a](../README.md) [b](speed.md#x) [c](../src/cladenet/errors.py) ![d](speed.svg)"
    assert relinked(text, "docs/data.md") == (
        "[a](index.md) [b](speed.md#x) c (`src/cladenet/errors.py`) ![d](speed.svg)"
    )
    assert relinked("[a](docs/data.md)", "CHANGELOG.md") == "[a](data.md)"
    assert relinked("[a](../training.md#b)", "docs/zh/index.md") == (
        '<a href="../training.html#b">a</a>'
    )
    assert relinked("[a](../../glossary.md)", "docs/zh/tutorials/x.md") == (
        '<a href="../../glossary.html">a</a>'
    )


def test_a_link_to_nowhere_and_a_request_to_elsewhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html">1</a><a href="b.html#here">2</a><a href="b.html#there">3</a>'
        '<a href="c.html">4</a><a href="https://example.org">5</a>'
        '<script src="https://example.org/x.js"></script>'
    )
    (tmp_path / "b.html").write_text('<p id="here"></p>')
    assert broken_links(tmp_path) == [
        "a.html: fetches https://example.org/x.js",
        "a.html: b.html#there",
        "a.html: c.html",
    ]


def test_the_search_has_one_entry_for_a_page_of_internals() -> None:
    """Their names are found, after the guides; what users call keeps its own entries."""
    items = [
        {"location": "export.html", "level": 1, "title": "Export", "text": "ONNX"},
        {"location": "python/index.html#train", "level": 2, "title": "train", "text": "a run"},
        {
            "location": "python/export.html",
            "level": 1,
            "title": "cladenet.export",
            "text": "Files.",
        },
        {"location": "python/export.html#a", "level": 3, "title": "OnnxWriter", "text": "Nodes."},
    ]
    assert [(item["title"], item["text"]) for item in condensed(items)] == [
        ("Export", "ONNX"),
        ("train", "a run"),
        ("cladenet.export", "Files. OnnxWriter"),
    ]


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert table(("a", "b"), [("x|y", "1")], "lr") == "| a | b |\n|---|---:|\n| x\\|y | 1 |"
    assert escape("`NETWORK | key=value` | x") == "`NETWORK | key=value` \\| x"
    assert bars_in_code("| `a \\| b` | c \\| d |\n`a \\| b`") == "| `a | b` | c \\| d |\n`a \\| b`"


def unpacked(rows: list[list[int]], shapes: list[str], places: list[int]) -> list[Unit]:
    """Units as the page's script gets them back from the rows."""
    found = []
    for count, shape, macs, params, field, *steps in (rows[place] for place in places):
        dm, dp, df = steps or (0, 0, 0)
        size = tuple(int(side) for side in shapes[shape].split("x"))
        found += [Unit(macs + i * dm, params + i * dp, field + i * df, size) for i in range(count)]
    return found


def read(script: str) -> dict[str, list[list[object]]]:
    return json.loads(script.removeprefix("window.CLADENET_TREE=").removesuffix(";\n"))


@pytest.mark.parametrize("name", ["lenet5", "resnet20_cifar", "densenet_40_12_cifar", "msdnet_k4"])
def test_the_tree_has_every_unit_exactly(name: str) -> None:
    """What the page adds up is what the ledger counts."""
    parts = traced(name).parts
    data = read(tree_data({name: Traced(parts, "")}))
    (network,) = data["networks"]
    stages: list[list[int]] = network[8]  # type: ignore[assignment]
    rows: list[list[int]] = data["rows"]  # type: ignore[assignment]
    shapes: list[str] = data["shapes"]  # type: ignore[assignment]
    units = [unpacked(rows, shapes, places) for _, *places in stages]
    assert units == [part.units for part in parts]
    entry = load()[name]
    assert sum(unit.params for part in units for unit in part) == entry.params
    assert sum(unit.macs for part in units for unit in part) == entry.macs


def test_units_that_grow_evenly_are_one_row() -> None:
    grows = [Unit(10 + 3 * i, 5 + i, 7 + 2 * i, (4, 8, 8)) for i in range(6)]
    other = Unit(1, 1, 0, (10,))
    assert runs([*grows, other]) == [(6, "4x8x8", 10, 5, 7, 3, 1, 2), (1, "10", 1, 1, 0)]


def test_a_part_ends_with_the_networks_last_field() -> None:
    built = Form().build(load()["resnet20_cifar"])
    layers = layer_table(*built)
    stages = [part for part in parts_of(layers) if part.name.startswith("stages")]
    assert [len(part.units) for part in stages] == [3, 3, 3]
    fields = [layer.receptive_field for layer in layers if layer.receptive_field]
    assert stages[-1].units[-1].field == max(fields)
    assert count_cost(*built)[1] == sum(u.macs for part in parts_of(layers) for u in part.units)


def test_activations_are_no_units_of_their_own() -> None:
    (stem,) = (part for part in traced("resnet20_cifar").parts if part.name == "stem")
    assert stem == Part("stem", stem.units)
    assert len(stem.units) == 1


def test_each_family_has_a_colour_and_each_error_its_data() -> None:
    assert {lineage_of(name) for name in families()} == set(range(len(LINEAGES)))
    assert lineage_of("dpn") == LINEAGES.index("densenet")
    assert error_of(load()["lenet5"]) == ("MNIST", 0.95)
    assert error_of(load()["resnet50"]) == ("ImageNet top-1", 22.85)
    assert error_of(load()["resnet20_cifar"]) == ("CIFAR-10", 8.75)


def test_the_tree_knows_parents_and_what_was_taken() -> None:
    data = read(tree_data({}))
    names = [row[0] for row in data["families"]]
    for row, family in zip(data["families"], families().values(), strict=True):
        assert isinstance(family, Family)
        parent: int = row[3]  # type: ignore[assignment]
        assert (names[parent] if parent >= 0 else "") == family.parent
        taken: list[tuple[int, str]] = row[5]  # type: ignore[assignment]
        assert [names[place] for place, _ in taken] == [each.family for each in family.takes]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_of_the_tree_fetches_nothing_from_elsewhere(language: Language) -> None:
    text = tree_page(language)
    assert "http" not in text.replace("http://www.w3.org", "")
    assert f'lang="{"en" if language == "en" else "zh-CN"}"' in text
    assert not re.search(r"(?<!{){\w+}(?!})", re.sub(r"<script>.*?</script>", "", text, flags=re.S))


@pytest.mark.parametrize("name", ["resnet20_cifar", "lse_initial_cifar"])
def test_the_drawings_of_units_are_svg(name: str) -> None:
    """Evolution's first network has no stages; it is drawn whole."""
    svg = ET.fromstring(traced(name).drawing)  # noqa: S314
    assert svg.tag.endswith("svg")
