"""Protocols at work: every image once, through all views of all networks, alone and as an ensemble.

The ensemble is VGG's fusion (Sec. 4.4): the mean of the posteriors. Each sees images as its own
checkpoint says, so they may differ in input size, normalisation and order of classes.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from cladenet.data.dataset import Split
from cladenet.errors import BadArgument, DataError
from cladenet.evaluation.counting import Answers, check, count, tally_for
from cladenet.evaluation.options import DEFAULT_PASS, PassOptions
from cladenet.evaluation.reading import chunks, too_large
from cladenet.evaluation.result import Evaluation
from cladenet.evaluation.viewer import EnsembleMember, Viewer
from cladenet.world import ALONE, World

LEAST_POSTERIOR = torch.finfo(torch.float64).tiny  # its logarithm is finite
SHOWN = 3  # images that are named; a message has five lines


class Found(NamedTuple):
    """Evaluations of each member under each protocol, and of their ensemble under each protocol."""

    alone: list[list[Evaluation]]
    ensemble: list[Evaluation]


def evaluate(
    members: Sequence[EnsembleMember],
    split: Split,
    options: PassOptions = DEFAULT_PASS,
    world: World = ALONE,
) -> Found:
    """Errors on `split` under all protocols of all members, in one pass over the images.

    Args:
        members: one network or several, with protocols of the same names. Several are also
            averaged.
        split: labels are class numbers in the order of a member's logits, or as its `order` says.
        options: of the pass.
        world: the processes that share the images; all get the result of all.

    Raises:
        BadArgument: an argument is out of range, the members do not go together, or a head cannot
            be slid over an image.
        DataError: no images, labels beyond the classes, an unreadable file, or an image that is too
            large at a scale.
        Diverged: a network's answers are not finite.
    """
    for member in members:
        check(member.model, split, options)
    names = {tuple(protocol.name for protocol in member.protocols) for member in members}
    classes = {member.model.num_classes for member in members}
    if len(names) != 1 or len(classes) != 1:
        raise BadArgument(
            f"{len(members)} networks with the protocols {sorted(names)} and {sorted(classes)} "
            "classes; expected at least one, all with the same protocols and classes"
        )
    refuse_too_large(split, members)
    viewers = [Viewer(member, options.batch_size, options.precision) for member in members]
    wanted = [key for member in members for key in member.limits]

    def answers() -> Iterator[Answers]:
        for images, labels, indices in chunks(
            split, wanted, options.batch_size, world, options.workers
        ):
            rows = with_ensemble([viewer.posteriors(images) for viewer in viewers])
            logs = [posterior.clamp_min(LEAST_POSTERIOR).log() for row in rows for posterior in row]
            yield Answers(logs, labels, indices)

    rows, columns = len(members) + (len(members) > 1), len(members[0].protocols)
    tallies = [tally_for(members[0].model, options.worst) for _ in range(rows * columns)]
    flat = count([member.model for member in members], answers(), tallies, split, world)
    found = [flat[row * columns : (row + 1) * columns] for row in range(rows)]
    return Found(found[: len(members)], found[-1] if len(members) > 1 else [])


def with_ensemble(rows: Sequence[Sequence[Tensor]]) -> list[list[Tensor]]:
    """Posteriors of networks (rows) under protocols, and a last row of their means if several."""
    ensemble = [torch.stack(column).mean(0) for column in zip(*rows, strict=True)]
    return [*map(list, rows), *([ensemble] if len(rows) > 1 else [])]


def too_large_for(split: Split, members: Sequence[EnsembleMember]) -> dict[int, str]:
    """The images that are too large at one of the members' scales, and a clause about each."""
    return too_large(split, [limit for member in members for limit in member.limits.items()])


def refuse_too_large(split: Split, members: Sequence[EnsembleMember]) -> None:
    """Refuse images that would take too much memory at one of the members' scales.

    Raises:
        DataError: there are some.
    """
    if bad := too_large_for(split, members):
        lines = [f"  {split.ids[index]} {clause}" for index, clause in list(bad.items())[:SHOWN]]
        if len(bad) > SHOWN:
            lines[-1] += f" (and {len(bad) - SHOWN:,} more)"
        raise DataError(
            "\n".join(
                [
                    f"{len(bad):,} of {len(split):,} images are too large:",
                    *lines,
                    "Leave them out with --on-unreadable skip, or take protocols of crops, which "
                    "bear longer images, or smaller --scales",
                ]
            )
        )
