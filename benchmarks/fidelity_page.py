"""docs/fidelity.md from the results: what was compared with what, and what differs on purpose.

    python benchmarks/fidelity_page.py [--write]

Made from ledger/fidelity/same_logits.json, initial_std.json and on_purpose.toml, which
`cladenet info NAME --fidelity` reads too, and from results/mutations.json.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from cladenet.cli.text.fidelity import HEADINGS, METHOD, line
from cladenet.ledger import families, load
from cladenet.ledger.fidelity.compared import FILE, Comparison, comparisons, packages
from cladenet.ledger.fidelity.initial import initial
from cladenet.ledger.fidelity.on_purpose import arguments, differences, unexplained

PAGE = Path(__file__).parents[1] / "docs" / "fidelity.md"
MUTATIONS = Path(__file__).parent / "results" / "mutations.json"

HEAD = """# Fidelity

Equal parameter counts do not make two networks the same: an epsilon, a pad, ReLU6 for ReLU or drop
path on a skip leave them as they are. So every network that has another implementation is compared
with it. `cladenet info NAME --fidelity` prints the sheet of one network. This page and that command
are made from the same files; `python benchmarks/same_logits.py --extended` writes the first, and a
test fails when a network has changed since.

{method}

Networks of more than 0.3 billion multiply-accumulates are compared in float32 at the paper's side,
where they round otherwise in other orders of summation, and those of more than 5 billion with one
image; in float64 there, too, if the two part by more than 1e-13 at the odd side, since float32
would show nothing but its rounding. Caffe's networks are computed by OpenCV from the authors'
prototxts, and the authors' vision transformer by Flax, both in float32; like Keras', in evaluation
mode alone. `tests/...` are functions that the tests write out from the paper, layer by layer.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"to {PAGE.name}, else print")
    options = parser.parse_args()
    if options.write:
        PAGE.write_text(page())
        print(f"written: {PAGE}")
    else:
        print(page(), end="")


def page() -> str:
    """The page from today's files."""
    parts = [HEAD.format(method=METHOD), *summary(), *compared(), *on_purpose(), *weights()]
    return "\n".join([*parts, *mutations()]).rstrip() + "\n"


def summary() -> Iterator[str]:
    """Pairs, largest difference, mismatches."""
    rows = comparisons()
    meant = [row for row in rows if row.mismatches and "logits" not in unexplained(row)]
    rows = tuple(row for row in rows if row not in meant)
    pairs = [row for row in rows if not row.is_test]
    versions = ", ".join(f"{name} {version}" for name, version in packages().items())
    machine = json.loads(FILE.read_text())["machine"]
    yield "## The results in short\n"
    yield "| comparisons | largest difference in float64 | in float32 | mismatches |"
    yield "|---|---|---|---|"
    for label, some in (
        (f"{len(pairs)} pairs of networks", pairs),
        (f"{len(rows) - len(pairs)} with functions in tests", [r for r in rows if r.is_test]),
    ):
        if not some:
            continue
        double, single = (_most(some, dtype) for dtype in ("float64", "float32"))
        yield f"| {label} | {double} | {single} | {sum(bool(r.mismatches) for r in some)} |"
    yield f"\nWith {versions}, on {machine['processor']}.\n"
    for row in meant:
        yield f"Not among them, since it is meant to differ: {row.theirs} ({row.largest():.1e}).\n"


def compared() -> Iterator[str]:
    """A table for each family."""
    by_network: dict[str, list[Comparison]] = {}
    for row in comparisons():
        by_network.setdefault(row.ours, []).append(row)
    yield "## What was compared with what\n"
    later = json.loads(FILE.read_text())["missing"]
    if later:
        yield (
            "Not run (`python benchmarks/same_logits.py --extended --missing` goes on with the "
            f"smallest): {', '.join(later)}, {len(later)} in all.\n"
        )
    for family in families().values():
        names = [name for name, entry in load().items() if entry.family == family.name]
        rows = [row for name in names for row in by_network.get(name, [])]
        without = [name for name in names if name not in by_network]
        yield f"### {family.title}\n"
        if rows:
            yield f"| network | {' | '.join(HEADINGS)} |"
            yield "|---" * (len(HEADINGS) + 1) + "|"
            yield from (f"| {row.ours} | {' | '.join(line(row))} |" for row in rows)
            yield ""
        if without:
            yield f"By itself not compared: {', '.join(without)}.\n"


def on_purpose() -> Iterator[str]:
    """What differs, by argument and by hand."""
    yield "## What differs on purpose\n"
    yield "| argument that builds the other network | why |\n|---|---|"
    yield from (f"| `{name}` | {why} |" for name, why in arguments().items())
    yield "\n| networks | others | what | here | there | why |\n|---|---|---|---|---|---|"
    for row in differences():
        words = ", ".join(row.networks), ", ".join(row.theirs), row.what, row.here, row.there
        yield f"| {' | '.join(words)} | {row.why} |"
    yield ""


def weights() -> Iterator[str]:
    """Initial standard deviations."""
    yield "## Initial weights\n"
    yield "The standard deviation of every layer of a fresh network against the rule of its release"
    yield "(`python benchmarks/initial_std.py`). The last column is the largest distance from the"
    yield "rule, in standard errors of a layer's std; a layer of another rule is beyond 6.\n"
    yield "| network | layers | rule | source | smallest | largest | distance |"
    yield "|---|---|---|---|---|---|---|"
    for row in initial():
        sizes = f"{row.smallest:.4g} | {row.largest:.4g}"
        yield (
            f"| {row.network} | {row.layers} {row.kind} | {row.rule} | {row.source} | {sizes} | "
            f"{row.distance:.1f} |"
        )
    yield ""


def mutations() -> Iterator[str]:
    """What the tests catch; nothing before the mutations were tried."""
    if not MUTATIONS.exists():
        return
    rows = json.loads(MUTATIONS.read_text())["mutations"]
    caught = sum(bool(row["caught_by"]) for row in rows)
    yield "## Would the tests see it?\n"
    yield "`python benchmarks/mutations.py` makes each of these faults in a copy of the source and"
    yield f"runs the tests. {caught} of {len(rows)} are caught.\n"
    yield "| fault | file | caught by |\n|---|---|---|"
    for row in rows:
        yield f"| {row['what']} | {row['file']} | {row['caught_by'] or 'nothing'} |"


def _most(rows: list[Comparison], dtype: str) -> str:
    found = max((row.largest(dtype) or 0.0 for row in rows), default=0.0)
    return f"{found:.1e}" if any(row.largest(dtype) is not None for row in rows) else "-"


if __name__ == "__main__":
    main()
