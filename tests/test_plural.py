"""Numbers with what they count."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from cladenet.plural import agree, counted, counted_kinds


@pytest.mark.parametrize(
    ("number", "what", "written"),
    [
        (1, "class", "1 class"),
        (2, "class", "2 classes"),
        (0, "image", "0 images"),
        (1, "image", "1 image"),
        (12345, "step", "12,345 steps"),
        (1.0, "epoch", "1 epoch"),
        (0.5, "epoch", "0.5 epochs"),
        (300.0, "epoch", "300 epochs"),
    ],
)
def test_one_is_no_plural(number: float, what: str, written: str) -> None:
    assert counted(number, what) == written


def test_kinds_in_the_plural_lose_it_for_one() -> None:
    found = {".txt files": 1, "links to a file that is listed already": 2, "hidden or system": 1}
    assert counted_kinds(found) == (
        "1 .txt file, 1 hidden or system, 2 links to a file that is listed already"
    )


def test_the_verb_goes_with_the_number() -> None:
    assert [agree(n, "is", "are") for n in (0, 1, 2)] == ["are", "is", "are"]


COUNTED = {
    "classes", "images", "steps", "epochs", "files", "runs", "networks", "layers", "exits",
    "validations", "trainings", "outputs", "posteriors", "shares", "answers", "numbers", "points",
    "channels", "trials", "workers", "threads", "processes", "labels", "tensors", "shards",
    "samples", "folders", "groups", "names", "parts", "rows", "batches", "seeds", "photographs",
}  # fmt: skip
# More than one wherever they are printed: checked before, or a network's that cannot have one.
NEVER_ONE = {
    "tables/labels.py": "len(parts)",
    "ensemble.py": "len(members)",
    "comparable.py": "benchmark.test benchmark.train benchmark.classes",
    "facts.py": "of_paper",
    "dna.py": "widest",
    "results.py": "evaluation.num_classes",
    "exits.py": "kept.held",
    "scored.py": "len(of_network) len(classes)",
    "first_weights.py": "len(classes)",
    "bench_command.py": "limits.jpegs_s",
    "sources/shards.py": "seen",
}


def counts_in_the_plural(path: Path) -> Iterator[str]:
    """`{len(x)} images` and `{n:,} images` in f-strings, which say "1 images" for one."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.JoinedStr):
            continue
        before = ""
        for value, after in pairwise([*node.values, ast.Constant("")]):
            if isinstance(value, ast.Constant):
                before = str(value.value)
                continue
            assert isinstance(value, ast.FormattedValue)
            expression = ast.unparse(value.value)
            thousands = value.format_spec is not None and "," in ast.unparse(value.format_spec)
            number = expression.startswith(("len(", "sum(")) or thousands
            word = (
                re.match(r" (\w+)(?!/s|\w)", str(after.value))
                if isinstance(after, ast.Constant)
                else None
            )
            # "1 of 1 images" is one of several that could be
            constant = expression.isupper()
            if (
                number
                and not constant
                and word
                and word[1] in COUNTED
                and not re.search(r"\bof (the )?$", before)
            ):
                yield expression
            before = ""


def test_no_count_is_printed_in_the_plural_without_a_look_at_it() -> None:
    found = []
    for path in sorted((Path(__file__).parents[1] / "src").rglob("*.py")):
        for expression in counts_in_the_plural(path):
            allowed = [text for end, text in NEVER_ONE.items() if str(path).endswith(end)]
            if not any(expression in text.split(" ") or expression == text for text in allowed):
                found.append(f"{path}: {{{expression}}}")
    assert not found


def test_the_search_for_such_counts_finds_one(tmp_path: Path) -> None:
    path = tmp_path / "message.py"
    path.write_text(
        'f"{len(x)} images {n:,} classes, {n} of {m:,} files, {len(a)} more, {x} files"'
    )
    assert list(counts_in_the_plural(path)) == ["len(x)", "n"]
