"""To trace all networks takes two minutes: what was found is kept until the code changes."""

import hashlib
import json
from pathlib import Path
from typing import Any

from cladenet.ledger import load
from website.page import ROOT
from website.tree_data import Part, Traced, Unit, all_traced

# What decides what a network is and what it costs.
COUNTED = ("analysis", "kernels", "layers", "ledger", "models", "surgery", "registry.py")


def cached_networks(folder: Path) -> dict[str, Traced]:
    """`all_traced` of every network, from `folder` where the same code has traced them before."""
    file = folder / f"{_fingerprint()}.json"
    if not file.exists():
        found = all_traced(list(load()))
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.json"):
            old.unlink()
        file.write_text(json.dumps(found))
    return {
        name: Traced([_part(part, units) for part, units in parts], drawing)
        for name, (parts, drawing) in json.loads(file.read_text()).items()
    }


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
