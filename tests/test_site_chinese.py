"""Each English page has a Chinese one, of today, with the same headings, code and names."""

import re
from pathlib import Path

import pytest
from website import guides, translations
from website.families import family_page, in_brackets
from website.guides import chinese_pages
from website.measured import filled, in_chinese, phrases
from website.translations import (
    CHINESE,
    DOCS,
    MEASURED,
    anchored,
    behind,
    code_blocks,
    headings,
    inline_code,
    translated,
)
from website.words import WORDS, Language

LANGUAGES: tuple[Language, ...] = ("en", "zh")
HOW = "translate what has changed since, then `python -m website.translations docs/{page}`"


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def test_each_chinese_page_is_of_an_english_one() -> None:
    chinese = {file.relative_to(CHINESE).as_posix() for file in CHINESE.rglob("*.md")}
    assert chinese <= set(translated())
    assert {page.path for page in chinese_pages()} == {
        "index.md", *translated(), *(f"{name}.md" for name in MEASURED)
    }  # fmt: skip


def of_today(page: str) -> None:
    """What is behind is an expected failure: the page has a note, and no release is made."""
    if behind(page):
        pytest.xfail(f"{behind(page)}; " + HOW.format(page=page))


@pytest.mark.parametrize("page", translated())
def test_the_chinese_page_has_the_same_headings_code_and_names(page: str) -> None:
    """Of today's English page; `git diff` of the two objects shows what a translator has to do."""
    of_today(page)
    english, chinese = read(DOCS / page), read(CHINESE / page)
    levels = [[level for level, _ in headings(text)] for text in (english, chinese)]
    assert levels[0] == levels[1]
    assert code_blocks(filled(chinese, english).text) == code_blocks(english)
    if page != "glossary.md":  # which has its words in another order
        assert inline_code(filled(chinese, english).text) == inline_code(english)


def test_lines_of_a_chinese_paragraph_are_joined_without_a_blank() -> None:
    text = "# 标题\n\n第一行。\n第二行 end\n第三行\n\n- 项\n  目\n\n```bash\n# 甲\n乙\n```\n"
    assert guides.joined(text) == (
        "# 标题\n\n第一行。第二行 end\n第三行\n\n- 项目\n\n```bash\n# 甲\n乙\n```\n"
    )


def test_a_page_that_is_behind_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stale, with other headings than today's English page, or missing: the site is made."""
    monkeypatch.setattr(translations, "CHINESE", tmp_path)
    monkeypatch.setattr(guides, "CHINESE", tmp_path)
    assert behind("reports.md") == "docs/zh/reports.md is missing"
    (tmp_path / "data.md").write_text("<!-- docs/data.md " + "0" * 40 + " -->\n# 数据\n\n旧的\n")
    assert "git diff " + "0" * 40 in behind("data.md")
    texts = {page.path: page.text for page in chinese_pages()}
    assert f"# 数据\n\n> {guides.STALE}\n\n旧的" in texts["data.md"]
    assert texts["reports.md"].startswith("# Reports, and comparing runs\n\n> " + guides.MISSING)


@pytest.mark.parametrize("page", [*(f"{name}.md" for name in MEASURED), *translated()])
def test_what_programs_write_is_in_chinese(page: str) -> None:
    """A figure that is measured anew needs nothing; a new phrase needs a line in measured.toml."""
    if page in translated():
        of_today(page)
    english = read(DOCS / page)
    measured = page.removesuffix(".md") in MEASURED
    found = in_chinese(english) if measured else filled(read(CHINESE / page), english)
    assert found.missing == []
    assert '"table: ' not in found.text
    assert '"region: ' not in found.text


def test_what_was_not_looked_up_again_is_marked_in_the_language_of_the_page() -> None:
    assert in_brackets("Sec. 2; memory", "en") == " (Sec. 2; memory)"
    assert in_brackets("Sec. 2; memory", "zh") == "\uff08Sec. 2; 凭记忆\uff09"
    assert in_brackets("Table 5", "zh") == "\uff08Table 5\uff09"


def test_notes_of_a_family_are_in_the_language_of_the_page() -> None:
    english, chinese = (family_page("nin", language).split("\n## ")[-1] for language in LANGUAGES)
    assert english.startswith("Notes")
    for line in chinese.splitlines()[2:]:
        assert re.match("- `[a-z0-9_]+`\uff1a.*[\u4e00-\u9fff]", line)
        assert not re.search("[a-z]{3,} [a-z]{3,} [a-z]{3,}", line)
    assert english.count("\n- ") == chinese.count("\n- ") > 1


@pytest.mark.parametrize("family", ["googlenet", "cliquenet", "efficientnet"])
def test_a_family_page_has_no_english_sentence_but_the_source_of_a_recipe(family: str) -> None:
    words = WORDS["zh"]
    page = re.sub(r"```.*?```|`[^`]*`", "", family_page(family, "zh"), flags=re.DOTALL)
    lines = [each for each in page.splitlines() if not each.startswith(f"- {words['source']}")]
    assert len(lines) > 50
    assert [
        each for each in lines if re.search("(?<![A-Za-z])([a-z]{2,} ){2}[a-z]{2,}", each)
    ] == []


def test_phrases_keep_the_figures() -> None:
    """Each place of an English phrase is in the Chinese one, in some order, and none twice."""
    for pattern, chinese in phrases()[1]:
        numbers = [str(number) for number in range(pattern.groups)]
        assert sorted(chinese.split("{")[1:], key=lambda part: int(part.split("}")[0])) == [
            next(part for part in chinese.split("{")[1:] if part.startswith(number + "}"))
            for number in numbers
        ], chinese


def test_a_figure_goes_through_and_a_new_phrase_is_named() -> None:
    text = (
        "# Fidelity\n\nBy itself not compared: `a`, `b`.\n\nA new sentence of 3 words.\n\n"
        "| network | colour |\n|---|---|\n| lenet5 | 1.5 |\n"
    )
    found = in_chinese(text)
    assert found.text == (
        "# 一致性核对\n\n没有单独对照的\N{FULLWIDTH COLON}`a`, `b`\N{IDEOGRAPHIC FULL STOP}\n\n"
        "A new sentence of 3 words.\n\n"
        "| 网络 | colour |\n|---|---|\n| lenet5 | 1.5 |\n"
    )
    assert found.missing == ["A new sentence of 3 words.", "colour"]


ENGLISH = """# Data

## On disk

```bash
cladenet models vgg    # all
```

## On disk

    cladenet info resnet      a family
    a table   b

### `a_b` and [c](d.md)!
"""
CHINESE_PAGE = """# 数据

## 磁盘上

```bash
cladenet models vgg    # 全部
```

## 磁盘上

    cladenet info resnet      一个家族
    a table   b

### `a_b` 和 [c](d.md)
"""


def test_a_chinese_heading_has_the_english_anchor() -> None:
    lines = anchored(CHINESE_PAGE, ENGLISH).splitlines()
    assert [line for line in lines if line.startswith("#")] == [
        "# 数据 { #data }",
        "## 磁盘上 { #on-disk }",
        "## 磁盘上 { #on-disk_1 }",
        "### `a_b` 和 [c](d.md) { #a_b-and-c }",
    ]
    with pytest.raises(ValueError, match="2 headings, where the English page has 4"):
        anchored("# 数据\n\n## 磁盘上\n", ENGLISH)


def test_code_is_equal_but_for_comments() -> None:
    assert code_blocks(ENGLISH) == code_blocks(CHINESE_PAGE)
    assert code_blocks(ENGLISH) == [
        "```bash\ncladenet models vgg\n```",
        "cladenet info resnet\na table   b",
    ]
    assert code_blocks(ENGLISH) != code_blocks(CHINESE_PAGE.replace("vgg", "vgg11"))
