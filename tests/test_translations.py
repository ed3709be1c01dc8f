"""Every text that people read is in Chinese, too; nothing is translated that should not be."""

import ast
from pathlib import Path

import pytest

from cladenet.cli import main
from cladenet.translations import language, page_translated, translated
from cladenet.translations.catalogue import FOLDER, entries
from cladenet.translations.template import Template, placeholders
from cladenet.translations.width import cells, wrap
from messages.files import BY_HAND, SOURCE, stored, wanted

LEFT = 2177  # texts of the source without translation: this only falls


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLADENET_LANG", "zh")


@pytest.fixture(scope="module")
def source() -> dict[str, str]:
    """Template -> file of translations."""
    return {text: name for name, texts in wanted().items() for text in texts}


def test_each_text_of_the_source_has_an_entry_and_each_entry_a_text(source: dict[str, str]) -> None:
    known = {
        entry.english
        for name, found in stored("zh").items()
        if name not in BY_HAND
        for entry in found
    }
    assert known == set(source), "run `python benchmarks/translations.py` and translate what is new"


def test_each_text_is_translated() -> None:
    missing = [
        f"{name}: {entry.english}"
        for name, found in stored("zh").items()
        for entry in found
        if not entry.other
    ]
    assert len(missing) <= LEFT, "\n".join(missing[:50])


def test_a_translation_has_the_placeholders_of_its_text() -> None:
    wrong = [
        entry.english
        for entry in entries("zh")
        if entry.other and set(placeholders(entry.english)) != set(placeholders(entry.other))
    ]
    assert wrong == []


def test_a_template_has_words_by_which_it_is_recognised() -> None:
    loose = [
        entry.english
        for entry in entries("zh")
        if "{" in entry.english and not Template(entry.english, "").words
    ]
    assert loose == []


def test_no_text_is_translated_twice() -> None:
    found = [entry.english for entry in entries("zh")]
    assert sorted(found) == sorted(set(found))


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.GB18030", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_SG"}, "zh"),
        ({"LANG": "zh_TW.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "CLADENET_LANG": "en"}, "en"),
        ({"LANG": "C", "CLADENET_LANG": "zh-Hans"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "CLADENET_LANG": "fr"}, "zh"),
    ],
)
def test_the_language_is_the_one_asked_for_or_the_one_of_the_locale(
    environment: dict[str, str], expected: str
) -> None:
    assert language(environment) == expected


def test_a_language_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLADENET_LANG", "fr")
    assert main(["models"]) == 2
    assert capsys.readouterr().err == "cladenet: CLADENET_LANG is 'fr'; expected en or zh\n"


def test_the_files_of_translations_are_shipped() -> None:
    settings = (Path(__file__).parents[1] / "pyproject.toml").read_text()
    assert all(path.parent.name == "zh" for path in FOLDER.rglob("*.po"))
    assert '"translations/zh/*.po"' in settings


def test_print_is_for_programs_and_show_for_people() -> None:
    """What is printed without translation is JSON, CSV, code, or English on purpose."""
    allowed = {
        "cli/__init__.py": 2,  # the version; the end of the output
        "cli/machine/completion_command.py": 1,  # a script for a shell
        "cli/machine/bench_command.py": 1,  # JSON
        "cli/weights/export_command.py": 1,  # a program
        "export/example.py": 0,
        "runs/train/display.py": 2,  # lines that are redrawn
        "translations/show.py": 1,
        "bench/apart.py": 1,  # JSON
    }
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        calls = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
            and getattr(node.func, "id", "") == "print"
            and "json.dumps(" not in ast.unparse(node)
        ]
        assert len(calls) <= allowed.get(name, 0), f"{name}: use cladenet.translations.show"


@pytest.mark.usefixtures("chinese")
def test_texts_that_are_not_ours_stay(tmp_path: Path) -> None:
    assert translated("a picture of two cats.jpg") == "a picture of two cats.jpg"
    page = '<html lang="en"><p>options</p><p>two words</p><p title="options">options</p></html>'
    assert page_translated(page, keep=["options"]) == page.replace('lang="en"', 'lang="zh-Hans"')
    assert "选项" in page_translated(page)


def test_a_chinese_letter_takes_two_columns_and_lines_break_between_letters() -> None:
    text = "训练一个网络（cladenet train），或者从断点继续。你好，世界。"
    assert cells("训练 a") == 6
    lines = wrap(text, 20)
    assert all(cells(line) <= 20 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert not any(line[0] in "，。）" or line[-1] == "（" for line in lines)
