"""To trace all networks takes two minutes: what was found is kept until the code changes."""

import hashlib
import json
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cladenet.ledger import load
from website.page import ROOT
from website.tree_data import Part, Traced, Unit, traced

# What decides what a network is and what it costs.
COUNTED = ("analysis", "kernels", "layers", "ledger", "models", "surgery", "registry.py")


def cached_networks(folder: Path) -> dict[str, Traced]:
    """`traced` of every network, from `folder` where the same code has traced it before.

    Each is written as soon as it is known, so that a build that was stopped goes on where it was.
    """
    kept = folder / _fingerprint()
    for old in folder.glob("*"):
        if old != kept:
            shutil.rmtree(old)
    kept.mkdir(parents=True, exist_ok=True)
    missing = [name for name in load() if not (kept / f"{name}.json").exists()]
    if missing:
        with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
            list(pool.map(partial(_trace, kept), missing, chunksize=8))
    return {name: _read(kept / f"{name}.json") for name in load()}


def _trace(folder: Path, name: str) -> None:
    begun = folder / f"{name}.begun"
    begun.write_text(json.dumps(traced(name)))
    begun.replace(folder / f"{name}.json")


def _read(file: Path) -> Traced:
    parts, drawing = json.loads(file.read_text())
    return Traced([_part(part, units) for part, units in parts], drawing)


def _part(name: str, units: list[list[Any]]) -> Part:
    return Part(name, [Unit(macs, params, at, tuple(shape)) for macs, params, at, shape in units])


def _fingerprint() -> str:
    source = ROOT / "src" / "cladenet"
    files = [
        file
        for name in COUNTED
        for file in (sorted((source / name).rglob("*.*")) or [source / name])
        if file.suffix in (".py", ".toml")
    ]
    digest = hashlib.sha256()
    for file in [*files, ROOT / "website" / "tree_data.py"]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:20]
