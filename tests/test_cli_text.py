"""Paragraphs on wide and narrow terminals."""

import pytest

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
