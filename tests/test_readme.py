"""The README: its Python runs, its table is the ledger's, its links lead somewhere."""

import re
from pathlib import Path

import pytest

import cladenet

ROOT = Path(__file__).parents[1]
CHINESE = ROOT / "README.zh-CN.md"
README = (ROOT / "README.md").read_text()
PAGES = [
    ROOT / "README.md",
    CHINESE,
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def test_the_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102
    printed = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"[\d.]+ \([\d.]+, [\d.]+\)", printed[0])


def test_the_table_of_networks_is_the_ledgers() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| ([\d,]+) \| ([\d,]+) \| (.*) \|$", README, re.M)
    assert len(rows) >= 10
    for name, year, params, macs, printed in rows:
        entry = cladenet.find(name)
        assert (entry.year, entry.params, entry.macs) == (
            int(year), int(params.replace(",", "")), int(macs.replace(",", "")),
        )  # fmt: skip
        errors = [entry.top1_err, entry.top5_err, entry.cifar10_err]
        figures = [float(text) for text in printed.partition("(")[0].split("/")]
        assert figures == [error for error in errors if error is not None], name


def test_the_number_of_variants_is_the_registrys() -> None:
    assert f"{len(cladenet.list_models())} variants" in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_that_are_named_exist(page: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"(?:`|^ *)make ([a-z][\w-]+)", page.read_text(), re.M))
    assert named <= targets


def test_the_chinese_readme_has_the_same_commands_and_networks() -> None:
    """Comments aside, which are in its language."""
    text = CHINESE.read_text(encoding="utf-8")
    assert _code(text) == _code(README)
    row = re.compile(r"^\| `\w+` \| \d{4} \|.*$", re.MULTILINE)
    assert row.findall(text) == row.findall(README)
    counts = re.search(r"(\d+) families, (\d+) variants", README)
    assert counts is not None
    assert re.findall(r"(\d+) 个家族.(\d+) 个变体", text) == [counts.groups()]


def _code(text: str) -> list[str]:
    blocks = re.findall(r"```(?:bash|python)\n(.*?)```", text, re.DOTALL)
    return [re.sub(r"\s*#.*", "", line) for block in blocks for line in block.splitlines()]
