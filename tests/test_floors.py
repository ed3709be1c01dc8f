"""Imports go one way, between floors and within folders; CONTRIBUTING.md shows the floors."""

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import cladenet

SOURCE = Path(cladenet.__file__).parent
PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"

# Lowest first; a floor may use the floors before it, never one beside or after it.
FLOORS = (
    {"errors", "control_groups"},
    {"translations"},
    {
        *("durations", "files", "paths", "suggest", "keywords", "vision", "allocator", "threads"),
        *("html_table", "memory", "plural", "processes"),
    },
    {"processor"},
    {"device"},
    {"world"},
    {"ledger"},
    {"layers", "data", "recipes"},
    {"kernels"},
    {"models"},
    {"surgery"},
    {"registry"},
    {"checkpoints"},
    {"weights", "training", "inference", "analysis"},
    {"evaluation"},
    {"adaptive", "explain"},
    {"report"},
    {"runs"},
    {"export", "search", "experiments"},
    {"serve"},
    {"bench"},
    {"cli"},
)
LEVEL = {part: level for level, parts in enumerate(FLOORS) for part in parts}
ENTRANCES = {"__init__", "__main__"}  # they hand out what the floors above hold
MOST_FILES = 20  # in a folder whose content can be guessed; `models` has one for each family
MOST_LINES = 300
MOST_PARAMETERS = 8  # constructors aside, which take what varies in a paper's tables


def name_of(file: Path) -> str:
    parts = file.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): file for file in sorted(SOURCE.rglob("*.py"))}


@cache
def imported(file: Path) -> set[str]:
    """The modules of the package that a file names, at its top or in a function.

    A module that is imported by its name as a text counts too; where the end of the name is put
    together, all that begin so.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            within = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= within & MODULES.keys()
            found |= {node.module} if within - MODULES.keys() else set()
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
            found |= named_by(node.args[0])
    return {name for name in found if name in MODULES} - {name_of(file)}


def named_by(argument: ast.expr) -> set[str]:
    if isinstance(argument, ast.Constant):
        return {str(argument.value)}
    if isinstance(argument, ast.JoinedStr) and isinstance(argument.values[0], ast.Constant):
        beginning = str(argument.values[0].value)
        return {name for name in MODULES if name.startswith(beginning)}
    return set()


def part_of(name: str) -> str:
    return name.split(".")[1]


@pytest.mark.parametrize("name", [name for name in MODULES if "." in name])
def test_imports_point_to_lower_floors_only(name: str) -> None:
    part = part_of(name)
    if part in ENTRANCES:
        return
    assert part in LEVEL, f"{part} has no floor: add it to the order here and in {PAGE.name}"
    for other in imported(MODULES[name]) - {"cladenet"}:
        above = part_of(other) != part and LEVEL[part_of(other)] >= LEVEL[part]
        assert not above, f"{name} imports {other}, which is not a lower floor; see {PAGE.name}"


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Within a folder too, where floors do not forbid it."""
    graph = {name: imported(file) for name, file in MODULES.items() if name != "cladenet"}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"imports go round: {' -> '.join(error.args[1])}; see {PAGE.name}")


def test_the_floors_of_the_page_are_these() -> None:
    shown = re.search(r"## Where things live\n\n((?:    .+\n)+)", PAGE.read_text())
    assert shown is not None
    floors = [set(floor.replace(",", " ").split()) for floor in shown[1].split("<")]
    assert floors == list(FLOORS)


def test_folders_can_be_taken_in_at_a_glance() -> None:
    sizes = {
        str(folder.relative_to(SOURCE)): len(list(folder.glob("*.py")))
        for folder in (SOURCE, *SOURCE.rglob("*/"))
    }
    assert {name for name, size in sizes.items() if size > MOST_FILES} <= {"models"}


@pytest.mark.parametrize("folder", ["src", "benchmarks"])
def test_no_file_is_longer_than_can_be_read_at_once(folder: str) -> None:
    lines = {
        str(file.relative_to(PAGE.parent)): len(file.read_text().splitlines())
        for file in (PAGE.parent / folder).rglob("*.py")
    }
    assert {name for name, count in lines.items() if count > MOST_LINES} == set()


def test_no_function_has_more_parameters_than_can_be_kept_in_mind() -> None:
    """Without `self`; what goes on as `*args` or `**options` is listed where it arrives."""
    counts = {
        f"{name}.{node.name}": len(takes) - (takes[:1] in (["self"], ["cls"]))
        for name, file in MODULES.items()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name != "__init__"
        for arguments in [node.args]
        for takes in [
            [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
        ]
    }
    assert {name: n for name, n in counts.items() if n > MOST_PARAMETERS} == {}
