"""The same weights in our networks and in other implementations of them: the largest difference.

    python benchmarks/same_logits.py [PATTERN]
    python benchmarks/same_logits.py [PATTERN] --extended [--checkouts FOLDER]
                                     [--stale | --missing] [--part 1/2]

For every network of others that is known here, or those whose names match, such as "timm/vit*".
Weights are random and lead every activation into all its parts (`parity.saturate`); both see the
same images. Without `--extended` once, in evaluation mode at an odd side, and nothing is written.
With it at the paper's side and in training mode too (`others.pairs`), and the networks that no
library has against the functions that the tests write out from the papers (`others.written_out`);
ledger/fidelity/same_logits.json takes the rows, and docs/fidelity.md is made from them.

`--stale` compares again what is not in that file, or what has another fingerprint by now: networks
whose definition has changed; `--missing` compares the former alone. `--checkouts` is a folder with
checkouts of the repositories that are no packages (`others.repositories`). What cannot be compared
on this machine is listed with its reason, and its row stays as it was.
"""

import argparse
import json
import sys
import time
import warnings
from fcntl import LOCK_EX, flock
from fnmatch import fnmatchcase
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cladenet.files import write_atomically
from cladenet.ledger.fidelity.compared import FILE, read
from cladenet.ledger.fidelity.on_purpose import unexplained
from cladenet.registry import find
from cladenet.weights.source import Source
from cladenet.weights.sources import SOURCES
from machine import machine
from others.fingerprint import fingerprint
from others.pairs import compare, evaluated, pair
from others.sides import sides
from others.written_out import written_out

PACKAGES = (
    *("torch", "torchvision", "timm", "transformers", "keras", "tensorflow_cpu"),
    *("pretrainedmodels", "efficientnet_pytorch", "efficientnet_lite_pytorch"),
    *("mmpretrain", "opencv_python_headless", "jax", "flax"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pattern", nargs="?", default="*")
    parser.add_argument("--extended", action="store_true")
    parser.add_argument("--stale", action="store_true")
    parser.add_argument("--missing", action="store_true", help="those without a row alone")
    parser.add_argument("--part", default="1/1", help="one of several runs at once, such as 2/3")
    parser.add_argument("--checkouts", type=Path)
    parser.add_argument("--without-tests", action="store_true", help="libraries alone")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    wanted = [s for s in SOURCES.values() if fnmatchcase(s.name, options.pattern)]
    wanted.sort(key=lambda source: find(source.network).macs)
    part, parts = map(int, options.part.split("/"))
    wanted = wanted[part - 1 :: parts]
    if options.extended:
        extended(wanted, options)
        return
    print(f"{'theirs':44} {'ours':28} max |difference|")
    rows = [quick(source, options.checkouts) for source in wanted]
    print(f"{len(rows)} pairs, at most {max(rows):.1e}")


def quick(source: Source, checkouts: Path | None) -> float:
    """One pair at its odd side."""
    side, _ = sides(source)
    found = evaluated(*pair(source, side, checkouts), side)
    print(f"{source.name:44} {source.network:28} {found:.1e}", flush=True)
    return found


def extended(wanted: list[Source], options: argparse.Namespace) -> None:
    """All comparisons of each pair, and the file of results."""
    left_out: dict[str, str] = {}
    for source in wanted:
        old = next((row for row in known()["pairs"] if row["theirs"] == source.name), None)
        if options.missing and old:
            continue
        now = fingerprint(source.network, source.arguments)
        if options.stale and old and old["fingerprint"] == now:
            continue
        start = time.perf_counter()
        try:
            found = compare(source, options.checkouts)
        except Exception as error:
            left_out[source.name] = f"{type(error).__name__}: {error}"
            print(f"{source.name:44} left out: {left_out[source.name]}", flush=True)
            continue
        words = {"theirs": source.name, "ours": source.network}
        row = {**words, "arguments": dict(source.arguments), "fingerprint": now, **found}
        store(pair=row)
        took = time.perf_counter() - start
        (one,) = read({"pairs": [row], "tests": []})
        told = " ".join(f"{mode} {value:.0e}" for mode, value in one.differences.items())
        print(f"{source.name:44} {took:4.0f} s  {told} {one.mismatches or ''}", flush=True)
    if not options.without_tests:
        store(tests=written_out())
    rows = read(known())
    meant = [row for row in rows if row.mismatches and "logits" not in unexplained(row)]
    wrong = [row for row in rows if "logits" in unexplained(row)]
    pairs = {row.theirs for row in rows if not row.is_test}
    print(f"{len(pairs)} pairs and {len(rows) - len(pairs)} comparisons with functions in tests")
    print("apart on purpose:", *(f"{row.theirs} {row.largest():.1e}" for row in meant))
    for dtype in ("float64", "float32"):
        same = (row.largest(dtype) or 0.0 for row in rows if row not in meant)
        largest = max(same, default=0.0)
        print(f"largest difference in {dtype}: {largest:.1e}")
    print(f"{len(wrong)} mismatches", *(f"{row.theirs} {row.mismatches}" for row in wrong))
    print(f"left out: {', '.join(left_out) or 'none'}")
    print(f"never compared: {', '.join(set(SOURCES) - pairs) or 'none'}")
    sys.exit(bool(wrong or left_out))


def known() -> dict[str, Any]:
    """What the file has; nothing where there is none."""
    return json.loads(FILE.read_text()) if FILE.exists() else {"pairs": [], "tests": []}


def store(pair: dict[str, Any] | None = None, tests: list[dict[str, Any]] | None = None) -> None:
    """Put a pair's row, or those of all tests, into the file; several processes may do so at once.

    A row is a line, so that a change of one is a change of one line.
    """
    with open(__file__) as lock:
        flock(lock, LOCK_EX)
        content = known()
        rows = {row["theirs"]: row for row in content["pairs"]}
        if pair:
            rows[pair["theirs"]] = pair
        ordered = [rows[name] for name in SOURCES if name in rows]
        lines = [
            f' "machine": {json.dumps(machine())},',
            f' "missing": {json.dumps([name for name in SOURCES if name not in rows])},',
            f' "packages": {json.dumps(content.get("packages", {}) | _versions())},',
            *_table("pairs", ordered),
            *_table("tests", content["tests"] if tests is None else tests, last=True),
        ]
        write_atomically(FILE, "\n".join(["{", *lines, "}", ""]).encode())


def _table(name: str, rows: list[dict[str, Any]], last: bool = False) -> list[str]:
    body = [f"  {json.dumps(row)}" for row in rows]
    return [f' "{name}": [', ",\n".join(body), " ]" if last else " ],"]


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()
