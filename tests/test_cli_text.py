"""Paragraphs on wide and narrow terminals."""

import pytest

from cladenet.cli import main
from cladenet.cli.text import tables


@pytest.mark.parametrize("width", [40, 59])
def test_a_narrow_terminal_gets_the_text_below_its_label(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_terminal_width", lambda: width)
    label, *lines = tables.paragraph("ancestors", "one two three " * 10).split("\n")
    assert label == "ancestors"
    assert all(line.startswith("  ") and len(line) <= width for line in lines)
    assert " ".join(" ".join(lines).split()) == ("one two three " * 10).strip()


@pytest.mark.parametrize("width", [60, 200, None])
def test_others_get_it_beside(width: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_terminal_width", lambda: width)
    first, *lines = tables.paragraph("ancestors", "one two three " * 10).split("\n")
    assert first.startswith("ancestors     one two")
    assert all(line.startswith(" " * 14) and len(line) <= 100 for line in lines)


HEAD = ("name", "year", "params", "printed for")
ROWS = [
    ("resnet18", "2015", "11.7M", "a crop of 224 pixels from the middle"),
    ("vgg", "2014", "9M", ""),
]


@pytest.mark.parametrize(
    ("width", "first"),
    [
        (None, "resnet18  2015   11.7M  a crop of 224 pixels from the middle"),
        (60, "resnet18  2015   11.7M  a crop of 224 pixels from the middle"),
        (40, "resnet18  2015   11.7M  a crop of 224 p…"),
        (30, "resnet18  2015   11.7M"),
        (21, "resnet18  2015"),
    ],
)
def test_a_table_leaves_out_numbers_that_do_not_fit_and_never_cuts_one(
    width: int | None, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_terminal_width", lambda: width)
    assert tables.table(HEAD, ROWS, right="lrrl").split("\n")[1] == first


def test_rows_that_are_too_wide_are_written_below_one_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tables, "_terminal_width", lambda: 60)
    assert tables.stacked(HEAD, ROWS) == tables.columns(HEAD, ROWS)
    monkeypatch.setattr(tables, "_terminal_width", lambda: 59)
    assert tables.stacked(HEAD, ROWS) == (
        "name         resnet18\nyear         2015\nparams       11.7M\n"
        "printed for  a crop of 224 pixels from the middle\n\n"
        "name         vgg\nyear         2014\nparams       9M"
    )


@pytest.mark.parametrize("width", [30, 40, 79])
def test_the_list_of_commands_fits_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--help"]) == 0
    whole = capsys.readouterr().out
    monkeypatch.setattr(tables, "_terminal_width", lambda: width)
    assert main(["--help"]) == 0
    narrow = capsys.readouterr().out
    assert max(map(len, narrow.splitlines())) <= width
    assert narrow.split() == whole.split()


@pytest.mark.parametrize("name", ["resnet50", "lenet5", "msdnet_anytime_10_cifar", "vit_b_16"])
def test_what_is_known_of_a_network_fits_forty_columns(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """But for single words, such as addresses, that are longer than a line."""
    monkeypatch.setattr(tables, "_terminal_width", lambda: 40)
    assert main(["info", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 40 and " " in line.strip()] == []
