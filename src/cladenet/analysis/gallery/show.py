"""A block as the gallery shows it, and the gallery as Markdown."""

from dataclasses import asdict
from typing import Any, NamedTuple

import torch

from cladenet.analysis.cost import count_cost
from cladenet.analysis.drawing.boxes import Box
from cladenet.analysis.drawing.rails import as_text
from cladenet.analysis.drawing.units import draw_module, recorded
from cladenet.analysis.gallery.connected import CONNECTED
from cladenet.analysis.gallery.kind import Kind
from cladenet.analysis.gallery.plain import PLAIN
from cladenet.analysis.gallery.residual import RESIDUAL
from cladenet.errors import BadArgument
from cladenet.ledger import families
from cladenet.suggest import hint

SHOWN = 6  # blocks that a word describes

_ALL: dict[str, Kind] = {**PLAIN, **RESIDUAL, **CONNECTED}


def _by_age(kinds: dict[str, Kind]) -> dict[str, Kind]:
    """Ancestors first, and otherwise by year."""
    ordered: dict[str, Kind] = {}
    while len(ordered) < len(kinds):
        ready = [
            name
            for name, kind in kinds.items()
            if name not in ordered and ordered.keys() >= set(kind.ancestors)
        ]
        oldest = min(ready, key=lambda name: families()[kinds[name].family].year)
        ordered[oldest] = kinds[oldest]
    return ordered


BLOCKS = _by_age(_ALL)
"""All blocks by their names, each after those that it builds on."""


class Shown(NamedTuple):
    """A block as the gallery shows it: counts are exact, MACs for one image.

    Args:
        of_convolution: its MACs as a share of those of a 3x3 convolution from its input to its
            output channels; None for tokens.
        boxes: its drawing, of `cladenet.analysis.drawing`.
    """

    name: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    params: int
    macs: int
    of_convolution: float | None
    home: str
    origin: str
    idea: str
    equation: str
    ancestors: tuple[str, ...]
    boxes: tuple[Box, ...]

    @property
    def sizes(self) -> tuple[str, str]:
        """`256x28x28` of input and output."""
        first, second = ("x".join(map(str, shape)) for shape in (self.input, self.output))
        return first, second

    @property
    def builds_on(self) -> str:
        """Names of the ancestors, or that there is none."""
        return ", ".join(self.ancestors) or "no other block"

    @property
    def share(self) -> str:
        """`11.8 %` of a 3x3 convolution's MACs; empty for tokens."""
        if self.of_convolution is None:
            return ""
        percent = 100 * self.of_convolution
        return f"{percent:.1f} %" if percent >= 0.1 else "< 0.1 %"

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values, the drawing as text too."""
        boxes = [asdict(box) for box in self.boxes]
        return {**self._asdict(), "boxes": boxes, "drawing": as_text(self.boxes)}


def _hint(name: str) -> str:
    """The blocks whose name, idea or paper has the word; else those with nearly that name."""
    word = name.lower().replace("_", " ")
    texts = {
        each: f"{each} {kind.idea} {families()[kind.family].paper}" for each, kind in BLOCKS.items()
    }
    found = [each for each, text in texts.items() if word in text.lower().replace("_", " ")]
    return f"nearest: {', '.join(found[:SHOWN])}. " if found else hint(name, BLOCKS)


def show(name: str) -> Shown:
    """One block, built, counted and drawn without memory.

    Raises:
        BadArgument: no block has this name.
    """
    if name not in BLOCKS:
        near = _hint(name)
        raise BadArgument(
            f"no block is called {name!r}; {near}`cladenet blocks` lists all {len(BLOCKS)}"
        )
    kind = BLOCKS[name]
    with torch.device("meta"):
        block = kind.make().eval()
        output = tuple(block(torch.empty(1, *kind.input)).shape[1:])
    params, macs = count_cost(block, kind.input)
    share = None
    if len(kind.input) == 3:
        share = macs / (9 * kind.input[0] * output[0] * output[1] * output[2])
    boxes = draw_module(recorded(block, kind.input), "").boxes
    facts = kind.home, kind.origin, kind.idea, kind.equation, kind.ancestors
    return Shown(name, kind.input, output, params, macs, share, *facts, boxes)


def page() -> str:
    """The gallery as Markdown: what docs/blocks.md holds."""
    shown = [show(name) for name in BLOCKS]
    lines = [
        "# The block gallery",
        "",
        "Every block of the history as a layer on its own, drawn from its own code as it ran:",
        "`cladenet blocks` prints this page, `cladenet blocks NAME` one block, `--svg FILE` draws",
        "it for a page, `--html FILE` writes the whole gallery, `--json` the facts for a program.",
        "Counts are exact; MACs are those of convolutions and linear layers for one image, beside",
        "those of a 3x3 convolution between the same channels.",
        "",
        "| block | input | output | params | MACs | of a 3x3 | where it came from |",
        "|---|---|---|---|---|---|---|",
    ]
    for block in shown:
        first, second = block.sizes
        lines.append(
            f"| `{block.name}` | {first} | {second} | {block.params:,} | {block.macs:,} | "
            f"{block.share} | {block.origin} |"
        )
    for block in shown:
        lines += ["", f"## {block.name}", "", f"{block.idea} Builds on: {block.builds_on}.", ""]
        lines += [f"    {block.equation}", "", f"In Python `{block.home}`.", ""]
        lines += [f"    {line}".rstrip() for line in as_text(block.boxes).split("\n")]
    return "\n".join(lines) + "\n"
