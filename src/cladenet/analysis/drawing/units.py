"""The units that a network is made of, found in what ran, each kind once."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from cladenet.analysis.cost import run
from cladenet.analysis.drawing.boxes import Box, boxes_of
from cladenet.analysis.drawing.rails import as_text
from cladenet.analysis.drawing.words import words_of
from cladenet.analysis.recording import Recorder, Step, recording
from cladenet.errors import BadArgument
from cladenet.layers.modes import training_nowhere
from cladenet.layers.shapes import QuickShapes
from cladenet.suggest import nearest

WEIGHTED = ("conv", "depthwise", "linear")


@dataclass(frozen=True)
class Unit:
    """One kind of unit.

    Args:
        name: of its first one, such as "stages.0.1".
        count: units that differ from it in no more than their widths.
        boxes: its drawing.
    """

    name: str
    count: int
    boxes: tuple[Box, ...]

    @property
    def title(self) -> str:
        """`stages.0.1, and 11 more like it`."""
        return self.name + (f", and {self.count - 1} more like it" if self.count > 1 else "")

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values, the drawing as text too."""
        return {
            "name": self.name,
            "count": self.count,
            "title": self.title,
            "boxes": [asdict(box) for box in self.boxes],
            "drawing": as_text(self.boxes),
        }


def recorded(model: nn.Module, input_shape: tuple[int, ...]) -> Recorder:
    """One pass of a network that lies on the meta device, in evaluation mode.

    Args:
        model: left as it was.
        input_shape: (C, H, W).
    """
    images = torch.empty(1, *input_shape, device="meta")
    with (
        training_nowhere(model),
        torch.no_grad(),
        QuickShapes(),
        recording(model, images) as recorder,
    ):
        run(model, images)
    return recorder


def draw_module(recorder: Recorder, name: str) -> Unit:
    """One module by its name.

    Raises:
        BadArgument: there is no such module, or it is one layer.
    """
    if name not in recorder.spans:
        near = nearest(name, recorder.spans, most=3) or ["stages.0"]
        raise BadArgument(
            f"no part with several layers is called {name!r}; nearest: {', '.join(near)}"
        )
    first, end = recorder.spans[name]
    return Unit(name, 1, tuple(boxes_of(recorder.steps[first:end])))


def units_of(recorder: Recorder) -> list[Unit]:
    """The kinds of units of a network, those that there are most of first.

    A unit is a child of a stage with weights and more than one layer; where a stage has no such
    children, or all stages are alike, the stage itself.
    """
    stages = [name for name in recorder.spans if name.count(".") == 1 and name.startswith("stages")]
    shapes = {name: _signature(_steps(recorder, name)) for name in stages}
    names: list[str] = []
    for stage in stages:
        inside = [name for name in recorder.spans if name.rpartition(".")[0] == stage]
        inside = [name for name in inside if _has_weights(_steps(recorder, name))]
        alike = len(stages) > 1 and len(set(shapes.values())) == 1
        names += inside if inside and not alike else [stage]
    kinds: dict[tuple[object, ...], list[str]] = {}
    for name in sorted(names, key=lambda name: recorder.spans[name]):
        if not _steps(recorder, name):
            continue  # a stage that a network leaves empty
        kinds.setdefault(_signature(_steps(recorder, name)), []).append(name)
    found = [
        Unit(alike[0], len(alike), tuple(boxes_of(_steps(recorder, alike[0]))))
        for alike in kinds.values()
    ]
    return sorted(found, key=lambda unit: -unit.count)


def _steps(recorder: Recorder, name: str) -> list[Step]:
    first, end = recorder.spans[name]
    return recorder.steps[first:end]


def _has_weights(steps: Sequence[Step]) -> bool:
    return len(steps) > 1 and any(words_of(step).role in WEIGHTED for step in steps)


def _signature(steps: Sequence[Step]) -> tuple[object, ...]:
    """What stays of the steps without their widths."""
    first = steps[0].number if steps else 0
    inputs: dict[int, int] = {}
    signature: list[object] = []
    for step in steps:
        reads = tuple(
            read - first if read >= first else -1 - inputs.setdefault(read, len(inputs))
            for read in step.reads
        )
        window = step.window and step.window._replace(groups=min(step.window.groups, 2))
        # a layer of a dense block stacks as many maps as there are before it
        signature.append((step.kind, window, () if step.kind == "cat" else reads))
    return tuple(signature)
