"""Imports go one way: a floor may use the floors before it, never one beside or after it."""

import ast
from pathlib import Path

import pytest

import cladenet

SOURCE = Path(cladenet.__file__).parent

FLOORS = (
    {"errors"},
    {"files", "paths", "vision", "allocator", "threads", "world"},
    {"processor"},
    {"ledger"},
    {"layers", "data", "recipes"},
    {"kernels"},
    {"models"},
    {"surgery"},
    {"registry"},
    {"checkpoints"},
    {"weights", "training", "inference", "analysis"},
    {"evaluation"},
    {"adaptive"},
    {"report"},
    {"runs"},
    {"bench"},
    {"cli"},
)
LEVEL = {part: level for level, parts in enumerate(FLOORS) for part in parts}
ENTRANCES = {"__init__", "__main__"}  # they hand out what the floors above hold


def imported_parts(file: Path) -> set[str]:
    names = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("cladenet.")}


@pytest.mark.parametrize("file", sorted(SOURCE.rglob("*.py")), ids=lambda f: str(f.name))
def test_imports_point_to_lower_floors_only(file: Path) -> None:
    part = file.relative_to(SOURCE).parts[0].removesuffix(".py")
    if part in ENTRANCES:
        return
    assert part in LEVEL, f"{part} has no floor: add it to the order in this file and in design"
    for other in imported_parts(file) - {part, "__version__"}:
        assert LEVEL[other] < LEVEL[part], f"{file.name} ({part}) imports {other}"
