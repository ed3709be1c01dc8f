"""Every text that people read is in Chinese, too; nothing is translated that should not be."""

import ast
import io
import re
from html import unescape
from pathlib import Path

import pytest

from cladenet.cli import COMMANDS, main
from cladenet.ledger import load
from cladenet.translations import (
    accepted,
    in_language,
    language,
    page_translated,
    show,
    translated,
)
from cladenet.translations.catalogue import FOLDER, Entry, entries
from cladenet.translations.sentences import sentences
from cladenet.translations.template import Template, placeholders
from cladenet.translations.width import cells, wrap
from messages.files import BY_HAND, SOURCE, stored, wanted
from messages.literals import PROSE


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
    assert missing == []


def test_a_translation_has_the_placeholders_of_its_text() -> None:
    """Only a text of ours may be left out, such as the ending of a plural."""
    for entry in entries("zh"):
        given = set(placeholders(entry.english))
        ours = {name for name in given if f"{{{name}:text}}" in entry.english}
        used = set(placeholders(entry.other))
        assert given - ours <= used <= given, entry.english


def test_a_translation_leads_to_the_chinese_page_where_there_is_one() -> None:
    docs = Path(__file__).parents[1] / "docs"
    found = 0
    for entry in entries("zh"):
        for page in re.findall(r"\bdocs/([\w/-]+\.md)", entry.english):
            chinese = (docs / "zh" / page).is_file()
            assert f"docs/{'zh/' if chinese else ''}{page}" in entry.other, entry
            found += chinese
    assert found


def test_a_template_is_more_than_its_placeholders() -> None:
    assert [each for each in entries("zh") if not re.search("[a-z]", without_names(each))] == []


def without_names(entry: Entry) -> str:
    return "".join(Template(entry.english, "").pieces)


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


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("de;q=1, zh-Hans-SG; q=0.7, en;q=0.3", "zh"),
        ("en;q=0.5,zh;q=0.5", "en"),  # the first of two that are as welcome
        ("zh;q=0", "en"),
        ("zh-TW", "en"),
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh"),
        ("zh-Hans-HK", "zh"),
        ("*", "en"),
        ("zh;q=2, zh;level=1", "en"),
        (",;q=1," * 50, "en"),
    ],
)
def test_a_request_gets_the_language_that_it_accepts_most(ranges: str, expected: str) -> None:
    assert accepted(ranges) == expected


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


# The main terms of docs/glossary.md: one in Chinese for each.
TERMS = {
    "architecture": "架构",
    "augmentation": "增强",
    "auxiliary classifiers?": "辅助分类器",
    "batch norm": "批归一化",
    "calibration": "校准",
    "cascade": "级联",
    "checkpoints?": "检查点",
    "[Cc]onfusion matrix": "混淆矩阵",
    "ensemble": "集成",
    "feature maps?": "特征图",
    "held-out": "留出",
    "inference": "推理",
    "learning rate": "学习率",
    "metadata": "元数据",
    "moving average": "移动平均",
    "optimiser": "优化器",
    "posteriors?": "后验概率",
    "preprocessing": "预处理",
    "pruned": "剪枝",
    "receptive field": "感受野",
    "recipes?": "配方",
    "shards?": "分片",
    "squeeze-and-excitation": "压缩激励",
    "stochastic depth": "随机深度",
    "stride": "步长",
    "thresholds?": "阈值",
    "validation": "验证",
    "weight decay": "权重衰减",
}
CODE = re.compile(r"`[^`]*`|\{[^}]*\}|--\S+|\S*/\S*|\w+=\S*|\w+\.\w+\S*")


@pytest.mark.parametrize("term", TERMS)
def test_a_term_has_one_translation(term: str) -> None:
    """The term in Chinese, or the word itself where it is the name of an option or a value."""
    pattern = re.compile(rf"(?<![\w-])({term})(?![\w-])")
    found = [(pattern.search(CODE.sub("", entry.english)), entry) for entry in entries("zh")]
    used = [(word[1], entry) for word, entry in found if word]
    assert used
    for word, entry in used:
        assert TERMS[term] in entry.other or word in entry.other, entry


# What Chinese texts called by two words: messages by one, pages by the other.
ONE_WORD = {
    "评测": "评估",
    "(?<!数值)(?<!半)(?<!混合)(?<!单)(?<!双)(?<!该)精度": "准确率, or 数值精度",
    "(?<!校准)(?<!舍入)(?:top-[15] |测试|训练|验证|论文|实测)误差": "错误率",
}


@pytest.mark.parametrize("word", ONE_WORD)
def test_pages_and_messages_in_chinese_use_one_word(word: str) -> None:
    root = Path(__file__).parents[1]
    pages = [root / "README.zh-CN.md", *(root / "docs" / "zh").rglob("*.*")]
    found = [
        f"{path.name}: {match[0]}"
        for path in [*pages, *(root / "website").rglob("*.toml"), *FOLDER.rglob("*.po")]
        for match in re.finditer(f".{{0,12}}(?:{word})", path.read_text().replace("\n", ""))
    ]
    assert not found, f"write {ONE_WORD[word]}"


# Files with a `print` of something else than JSON.
PRINTED = {
    "cli/__init__.py": "the version",
    "cli/machine/completion_command.py": "a script for a shell",
    "cli/machine/bench_command.py": "JSON",
    "cli/networks/blocks_command.py": "laid out, in the language that it was asked in",
    "cli/networks/info_command.py": "laid out, in the language that it was asked in",
    "cli/networks/models_command.py": "laid out, in the language that it was asked in",
    "cli/networks/recipes_command.py": "laid out, in the language that it was asked in",
    "cli/runs/compare_command.py": "laid out, in the language that it was asked in",
    "cli/weights/export_command.py": "a program",
    "runs/train/display.py": "lines that are redrawn",
    "translations/show.py": "what is translated",
}


def test_print_is_for_programs_and_show_for_people() -> None:
    """What is printed without translation is JSON, code, or was translated when it was laid out."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        source = path.read_text()
        if "print(" not in source:
            continue
        calls = [ast.unparse(node) for node in ast.walk(ast.parse(source)) if is_print(node)]
        if any("json.dumps(" not in call for call in calls):
            found.add(path.relative_to(SOURCE).as_posix())
    assert found == set(PRINTED), "use cladenet.translations.show"


def test_a_verb_that_agrees_stands_in_its_sentence() -> None:
    """`2 classes have`, made apart, is no text that has a translation, and stayed English."""
    alone = [
        f"{path.name}:{node.lineno}"
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.JoinedStr)
        and "agree(" in ast.unparse(node)
        and not any(PROSE.search(str(part.value)) for part in constants(node))
    ]
    assert not alone


def constants(node: ast.JoinedStr) -> list[ast.Constant]:
    return [part for part in node.values if isinstance(part, ast.Constant)]


def is_print(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"


@pytest.mark.usefixtures("chinese")
def test_texts_that_are_not_ours_stay(tmp_path: Path) -> None:
    assert translated("a picture of two cats.jpg") == "a picture of two cats.jpg"
    page = '<html lang="en"><p>options</p><p>two words</p><p title="options">options</p></html>'
    assert page_translated(page, keep=["options"]) == page.replace('lang="en"', 'lang="zh-Hans"')
    assert "选项" in page_translated(page)


SENTENCE = re.compile(r"(?:(?<![^\s（])[a-z]{2,} ){2}[a-z]{2,}(?![^\s，。；：）])")
OTHERS = ("Error while deserializing", "git lfs pull", "were never set")  # words of others, a part


def bad_inputs() -> list[str]:
    """The messages of the page."""
    page = (Path(__file__).parents[1] / "docs" / "bad-inputs.md").read_text()
    rows = [line.split(" | ") for line in page.splitlines() if re.search(r"\| \d+ \|$", line)]
    assert len(rows) > 100
    return [unescape(row[-2].replace("<br>", "\n")) for row in rows]


@pytest.mark.usefixtures("chinese")
def test_what_opens_a_line_stays_in_front() -> None:
    """A placeholder at a template's beginning could take it for a part of its value."""
    for message in [*bad_inputs(), "1 run given; a comparison needs two or more run folders"]:
        assert translated(f"cladenet: {message}").startswith("cladenet: ")
    for entry in entries("zh"):
        if entry.english.startswith("{"):
            assert Template(*entry).values(f"cladenet: {entry.english}") is None, entry.english


@pytest.mark.usefixtures("chinese")
def test_the_messages_of_the_page_of_bad_inputs_leave_no_english_sentence() -> None:
    for message in bad_inputs():
        other = re.sub(r"`[^`]*`", "", translated(message))
        if not any(words in message for words in OTHERS):
            assert not SENTENCE.search(other), other
        assert re.search("[\u4e00-\u9fff]", other), other


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize(
    ("words", "labels"),
    [
        (("info", "resnext"), ("思路", "取自")),
        (("info", "resnet50"), ("作者发布", "取自")),
        (("recipes", "resnet_imagenet"), ("不同之处", "  weight_decay")),
    ],
)
def test_facts_of_the_ledger_are_in_chinese(
    words: tuple[str, str], labels: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Ideas, what was taken, releases, departures and meanings; citations stay."""
    assert main(list(words)) == 0
    printed = capsys.readouterr().out
    for label in labels:
        text = printed.partition(f"\n{label}")[2].partition("\n\n")[0]
        first = re.split(r"\n(?=\S)", text)[0]
        assert re.search("[\u4e00-\u9fff]", first), printed
        assert not SENTENCE.search(re.sub(r"`[^`]*`", "", first)), first


def test_what_papers_call_a_protocol_is_in_chinese() -> None:
    """Whole, and the first clause with its crops, as tables show it; names of tables stay."""
    printed = {entry.printed_for for entry in load().values()}
    printed |= {entry.protocol for entry in load().values()}
    for text in printed - {"", "CIFAR"}:
        other = in_language("zh", text)
        assert re.search("[\u4e00-\u9fff]", other), text
        assert not SENTENCE.search(other), other


def test_a_sentence_begins_with_a_capital() -> None:
    text = "Pools are as in Fig. 3. 1x1 convs, i.e. linear. No bias.  The 2.8M is 2.50M. s0 stays. "
    assert sentences(text) == [
        "Pools are as in Fig. 3. 1x1 convs, i.e. linear.",
        "No bias.",
        "The 2.8M is 2.50M. s0 stays.",
    ]


def test_notes_of_the_ledger_are_in_chinese_by_sentence() -> None:
    notes = {entry.notes for entry in load().values() if PROSE.search(entry.notes)}
    for text in notes:
        other = in_language("zh", text).replace("How to train your ViT", "")
        assert re.search("[\u4e00-\u9fff]", other), text
        assert not SENTENCE.search(other), other
    one, other = (
        in_language("zh", text)
        for text in ("As large-minimal.", "Filters double at each reduction cell.")
    )
    assert in_language("zh", "As large-minimal. Filters double at each reduction cell.") == (
        one + other
    )


def test_braces_of_a_text_without_placeholders_are_braces() -> None:
    text = next(each for each in sentences(load()["nasnet_a_large"].notes) if "h_{i-1}" in each)
    other = in_language("zh", text)
    assert "h_{i-1}" in other
    assert re.search("[\u4e00-\u9fff]", other)


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_is_in_chinese(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("用法：cladenet " + command)
    assert not SENTENCE.search(re.sub(r"`[^`]*`", "", printed))
    assert all(cells(line) <= 80 for line in printed.splitlines()), printed


@pytest.mark.usefixtures("chinese")
def test_a_terminal_without_chinese_letters_gets_english(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    assert main(["--help"]) == 0
    show("a name: 中", file=stream)
    stream.flush()
    printed = stream.buffer.getvalue().decode("ascii")
    assert "train a network on a data set" in printed
    assert "a name: \\u4e2d" in printed


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize(
    ("english", "expected"),
    [
        (
            "no model is called 'resnt18'; nearest: resnet18. `cladenet models` prints all 346",
            "没有名为 'resnt18' 的模型；最接近的是 resnet18。`cladenet models` 列出全部 346 个",
        ),
        (
            "1 of 40 images cannot be read:\n  cut/ant/03.jpg: is empty (0 bytes)\nFix or remove "
            "them, or leave them out with on_unreadable=skip",
            "40 张图像中有 1 张无法读取：\n  cut/ant/03.jpg: 是空文件（0 字节）\n请修复或删除它们，"
            "或者跳过它们继续：on_unreadable=skip",
        ),
        (
            "no command is called 'trian'; did you mean `cladenet train`? `cladenet --help` lists "
            "them all",
            "没有名为 'trian' 的命令；是否想用 `cladenet train`？`cladenet --help` 列出所有命令",
        ),
        (
            "`cladenet train` has no option '--dta'; nearest: --data, --out. `cladenet train "
            "--help` lists its arguments",
            "`cladenet train` 没有选项 '--dta'；最接近的是 --data, --out。`cladenet train --help` "
            "列出可用的参数",
        ),
        (
            "ignored in photos: 2 .txt files, 3 hidden or system, 1 stray file beside the class "
            "folders",
            "photos 中忽略的文件：2 个 .txt 文件，3 个隐藏文件或系统文件，1 个类别目录旁的零散文件",
        ),
        (
            "hidden folders of photos hold 2 images, which are left out: '.cat'. To use one, "
            "rename it without the dot",
            "photos 的隐藏目录中有 2 张图像未被使用：'.cat'。如要使用，请去掉目录名开头的点",
        ),
    ],
)
def test_a_message_is_translated_with_the_texts_in_it(english: str, expected: str) -> None:
    assert translated(english) == expected


def test_a_chinese_letter_takes_two_columns_and_lines_break_between_letters() -> None:
    text = "训练一个网络（cladenet train），或者从断点继续。你好，世界。"
    assert cells("训练 a") == 6
    lines = wrap(text, 20)
    assert all(cells(line) <= 20 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert not any(line[0] in "，。）" or line[-1] == "（" for line in lines)
