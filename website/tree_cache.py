"""Costs of all networks take a minute to count: they are kept until the code that counts changes."""

import hashlib
import json
from pathlib import Path

from cladenet.ledger import load
from website.page import ROOT
from website.tree_data import Part, Unit, all_parts

# What decides what a network is and what it costs.
COUNTED = ("analysis", "kernels", "layers", "ledger", "models", "surgery", "registry.py")


def cached_parts(folder: Path) -> dict[str, list[Part]]:
    """`all_parts` of every network, from `folder` where the same code has counted them before."""
    file = folder / f"{_fingerprint()}.json"
    if not file.exists():
        parts = all_parts(list(load()))
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.json"):
            old.unlink()
        file.write_text(json.dumps(parts))
    return {
        name: [
            Part(part, [Unit(*counts, tuple(shape)) for *counts, shape in units])
            for part, units in parts
        ]
        for name, parts in json.loads(file.read_text()).items()
    }


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
