"""The same weights in our networks and in torchvision's and timm's: the largest difference.

    python benchmarks/same_logits.py [PATTERN]

For every network of theirs that is known here, or those whose names match, such as "timm/vit*": all
values are random, batch-norm statistics too; our tensors are handed over by their names, as
`cladenet export` does, and both see the same images in float64, of 64 pixels where the head takes
any size. Networks of more than 100 million parameters are left out unless a pattern asks for them,
and so is timm's nasnetalarge, whose average pools count the zeros of TensorFlow's padding.
"""

import json
import sys
import warnings
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch

from cladenet.registry import find
from cladenet.weights.exporting import in_their_words
from cladenet.weights.source import Source
from cladenet.weights.sources import SOURCES
from parity import from_library, randomised, worst

LARGE = 100_000_000
RESULTS = Path(__file__).parent / "results" / "same_logits.json"


def difference(source: Source) -> float:
    """The largest between the logits, in units of the largest logit."""
    ours, other = randomised(source.network, **source.arguments), from_library(source.name)
    state = other.state_dict()
    own = in_their_words(ours, source)
    auxiliary = {k: torch.zeros(v.shape).double() for k, v in state.items() if k not in own}
    strange = [name for name in auxiliary if not name.startswith(source.leaves_out or ("\0",))]
    if strange:
        raise SystemExit(f"{source.name} has {strange[0]}, which has no name here")
    state.update({**own, **auxiliary})  # in place: some networks look at its hidden version
    other.load_state_dict(state, assign=True)
    tokens = source.network.startswith("vit")
    least = max(64, 2 * ours.least_size)
    side = find(source.network).input[1] if tokens else ours.input_size or least
    images = torch.randn(1, 3, side, side, dtype=torch.float64)
    with torch.no_grad():
        return worst(ours(images), other.eval()(images))


def main() -> None:
    pattern = sys.argv[1] if len(sys.argv) > 1 else ""
    warnings.simplefilter("ignore")
    rows: list[dict[str, Any]] = []
    print(f"{'theirs':44} {'ours':28} max |difference|")
    for source in SOURCES.values():
        if not source.name.startswith(("torchvision/", "timm/")):
            continue
        small = find(source.network).params < LARGE and source.name != "timm/nasnetalarge"
        if fnmatchcase(source.name, pattern) if pattern else small:
            found = difference(source)
            rows.append({"theirs": source.name, "ours": source.network, "difference": found})
            print(f"{source.name:44} {source.network:28} {found:.1e}", flush=True)
    print(f"{len(rows)} pairs, at most {max(row['difference'] for row in rows):.1e}")
    if not pattern:
        RESULTS.write_text(json.dumps({"torch": torch.__version__, "pairs": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
