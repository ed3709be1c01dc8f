"""A trained network in its inference form, as a checkpoint of its own."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from cladenet.analysis.cost import count_cost
from cladenet.checkpoints import folder as folders
from cladenet.checkpoints import load
from cladenet.checkpoints.selftest import fixed_image, fixed_logits
from cladenet.errors import BadArgument, CheckpointError, StorageError
from cladenet.registry import create_model, list_models, offers
from cladenet.runs.undisturbed import undisturbed

# Of the largest logit; the same sums in another order differ by a hundredth of it.
TOLERANCE = 1e-4


class Converted(NamedTuple):
    """What was written, and what it has become.

    Args:
        folder: the new checkpoint.
        network: name in the registry.
        params: before and after.
        macs: before and after, for one image of the checkpoint's size.
        difference: the largest between the logits before and after, on the self-test's image.
    """

    folder: Path
    network: str
    params: tuple[int, int]
    macs: tuple[int, int]
    difference: float


@undisturbed()
def convert(run: str | Path, out: str | Path | None = None) -> Converted:
    """Write the inference network of a run's network, with the same answers.

    Args:
        run: run or checkpoint folder.
        out: the new checkpoint's folder; by default `converted` in the run or checkpoint folder.

    Raises:
        BadArgument: the network has no other form, or is not through with what makes it.
        CheckpointError: the checkpoint is damaged, or the two forms do not agree.
        StorageError: `out` is there already, or the disk fails.
    """
    loaded = load(run)
    card = loaded.card
    if not offers(card.network, "convert_into"):
        able = [name for name in list_models() if offers(name, "convert_into")]
        raise BadArgument(
            f"{card.network} is the same network in training and in inference; those that can be "
            f"converted are: {', '.join(able)}"
        )
    target = Path(out) if out is not None else Path(run) / "converted"
    if target.exists():
        raise StorageError(f"{target} already exists; remove it, or give another --out")
    arguments = {**card.arguments, "converted": True}
    model = create_model(card.network, **arguments).eval()
    try:
        loaded.model.convert_into(model)  # type: ignore[operator]
    except BadArgument as error:
        raise BadArgument(f"{loaded.folder}: {error}") from error
    preprocess = card.preprocess
    images = preprocess.to_input(fixed_image(preprocess))
    with torch.inference_mode():
        before, after = loaded.model(images), model(images)
    difference = float((before - after).abs().max())
    if not difference <= TOLERANCE * (1 + float(before.abs().max())):
        raise CheckpointError(
            f"the converted network of {loaded.folder} differs by {difference:.3g}; nothing was "
            "written"
        )
    shape = (preprocess.channels, preprocess.height, preprocess.width)
    costs = [count_cost(each, shape) for each in (loaded.model, model)]
    fresh = replace(card, arguments=arguments, self_test=fixed_logits(model, preprocess))
    folders.save(target, model.state_dict(), fresh)
    return Converted(
        folder=target,
        network=card.network,
        params=(costs[0][0], costs[1][0]),
        macs=(costs[0][1], costs[1][1]),
        difference=difference,
    )
