"""The notebooks run from their first cell to their last, as a reader would run them."""

import ast
from pathlib import Path

import pytest
from website.notebooks import NOTEBOOKS, cells, notebook_pages

from html_page import Page

FILES = sorted(NOTEBOOKS.glob("*.ipynb"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_notebook_is_a_page_with_all_its_cells(file: Path) -> None:
    page = next(page for page in notebook_pages("en") if page.path.endswith(f"/{file.stem}.md"))
    assert page.text.startswith("# Notebook: ")
    for kind, text in cells(file):
        assert text.partition("\n")[2].strip() in page.text
        if kind == "code":
            ast.parse(text)


def test_there_are_three_notebooks_without_outputs() -> None:
    assert len(FILES) == 3
    for file in FILES:
        assert '"outputs": []' in file.read_text()
        assert '"output_type"' not in file.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_notebook_runs(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every cell; where the last line is a value, what a notebook would show of it is HTML."""
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {"__name__": "__main__"}
    shown = 0
    for kind, text in cells(file):
        if kind != "code":
            continue
        body = ast.parse(text).body
        last = body.pop() if isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), file.name, "exec"), scope)  # noqa: S102
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), file.name, "eval"), scope)  # noqa: S307
            if value is not None:
                shown += 1
                assert Page(value._repr_html_()).cells
    assert shown or capsys.readouterr().out
