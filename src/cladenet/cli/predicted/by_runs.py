"""`cladenet predict RUN... IMAGE...`: one run, several side by side, or a cascade of them."""

import argparse
from typing import TYPE_CHECKING, Any

from cladenet.cli.imports import lasting_imports
from cladenet.errors import BadArgument

if TYPE_CHECKING:
    from cladenet.runs.predict.predictor import Predictor


def predictors_and_images(
    arguments: argparse.Namespace, **options: Any
) -> "tuple[dict[str, Predictor], list[str]]":
    """What predicts, by the words that name it, and the words that are images.

    The first word is a run, and so are those after it that hold a checkpoint.

    Raises:
        BadArgument: no image follows, or a cascade has fewer than two runs.
    """
    with lasting_imports():
        from cladenet.checkpoints import found_at
        from cladenet.runs.predict.predictor import Predictor

    runs, images = [arguments.run], list(arguments.images)
    while images and found_at(images[0]):
        runs.append(images.pop(0))
    if arguments.cascade and (len(runs) < 2 or not images):
        raise BadArgument(
            f"a cascade needs two runs or more and then images; {' '.join(runs)} "
            f"{'is a run' if len(runs) == 1 else 'are runs'}"
            f"{', and no image follows' if not images else f', {images[0]} is none'}"
        )
    if not images:
        raise BadArgument(f"{' '.join(runs)} are runs, and no image follows; give one")
    if not arguments.cascade and len(set(runs)) < len(runs):
        raise BadArgument(f"{' '.join(runs)} names a run twice; give each once")
    if not arguments.cascade and arguments.budget is None:
        return {run: Predictor(run, **options) for run in runs}, images
    from cladenet.runs.adaptive.predictors import predictor_for

    if arguments.cascade:
        name = " ".join(runs)
        return {name: predictor_for(runs, arguments.budget, True, **options)}, images
    return {run: predictor_for([run], arguments.budget, False, **options) for run in runs}, images
