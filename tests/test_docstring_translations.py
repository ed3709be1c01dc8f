"""The Python reference is in Chinese, too: each text of a docstring that a page shows."""

import re

import pytest
from website.docstring_texts import in_chinese, stored
from website.docstrings import markdown
from website.python_reference import python_pages, wanted

from cladenet.translations.catalogue import Entry

CHINESE = re.compile("[\u4e00-\u9fff]")
CODE = re.compile("`[^`]+`")


@pytest.fixture(scope="module")
def translations() -> dict[str, list[Entry]]:
    return stored()


def test_each_text_of_a_docstring_has_an_entry_and_each_entry_a_text(
    translations: dict[str, list[Entry]],
) -> None:
    found = {name: [entry.english for entry in entries] for name, entries in translations.items()}
    source = {name: list(texts) for name, texts in wanted().items()}
    assert found == source, "run `python benchmarks/translations.py` and translate what is new"


def test_a_file_that_is_begun_is_translated_to_its_end(
    translations: dict[str, list[Entry]],
) -> None:
    for name, entries in translations.items():
        missing = [entry.english for entry in entries if not entry.other]
        assert missing == [] or len(missing) == len(entries), name


def test_names_in_code_are_those_of_the_source(translations: dict[str, list[Entry]]) -> None:
    for entries in translations.values():
        for english, other in entries:
            if other:
                assert set(CODE.findall(other)) == set(CODE.findall(english)), english


def test_the_chinese_reference_has_the_same_names_and_its_own_words() -> None:
    english = {page.path: page.text for page in python_pages("en")}
    chinese = {page.path: page.text for page in python_pages("zh")}
    assert english.keys() == chinese.keys()
    for path, text in english.items():
        anchors = re.findall(r"\{ #[\w.]+ \}|^```python\n(?:.*\n)*?```", text, re.MULTILINE)
        found = re.findall(r"\{ #[\w.]+ \}|^```python\n(?:.*\n)*?```", chinese[path], re.MULTILINE)
        assert [each for each in found if each in anchors] == anchors, path
    first = re.sub(r"```.*?```|`[^`]*`|\[.*?\]\(.*?\)", "", chinese["python/index.md"], flags=re.S)
    assert "**参数**" in first
    assert not re.search(r"(?:(?<![^\s\uff08])[a-z]{2,} ){3}", first)


def test_a_docstring_is_put_together_of_its_translated_texts() -> None:
    doc = """Write the inference network of a run's network, with the same answers.

    Args:
        run: run or checkpoint folder.

    Returns:
        The checkpoint.

        A second paragraph.
    """
    chinese = {"The checkpoint.": "检查点。"}
    say = lambda text: chinese.get(text) or in_chinese(text)  # noqa: E731
    assert markdown(doc, say) == (
        "写出某个 run 的网络的推理网络，答案不变。\n\n"
        "**参数**\n\n- `run`：run 或检查点目录。\n\n"
        "**返回**\n\n检查点。\n\nA second paragraph."
    )
