"""`cladenet predict RUN IMAGE --budget ...` and `predict A B IMAGE --cascade`."""

import argparse
from typing import TYPE_CHECKING, Any

from cladenet.cli.imports import lasting_imports
from cladenet.errors import BadArgument, CheckpointError

if TYPE_CHECKING:
    from cladenet.runs.predict.predictor import Predictor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--budget` and `--cascade`."""
    parser.add_argument(
        "--budget",
        metavar="B",
        help="of a network with several exits: the last answer within 20M multiply-accumulates or "
        "5ms; kept: images leave by the thresholds that `evaluate --budget` kept",
    )
    parser.add_argument(
        "--cascade",
        action="store_true",
        help="the first words are runs, the smallest first: each is asked about the images that "
        "those before it are not sure of, by the thresholds of `evaluate --cascade`",
    )


def predictor_and_images(
    arguments: argparse.Namespace, **options: Any
) -> "tuple[Predictor, list[str]]":
    """What predicts, and the words that are images.

    Raises:
        BadArgument: a cascade has fewer than two runs, or no image.
    """
    runs, images = [arguments.run], list(arguments.images)
    if not arguments.cascade and arguments.budget is None:
        with lasting_imports():
            from cladenet.runs.predict.predictor import Predictor
        return Predictor(arguments.run, **options), images
    with lasting_imports():
        from cladenet.runs.adaptive.predictors import predictor_for
    if arguments.cascade:
        while images and _is_run(images[0]):
            runs.append(images.pop(0))
        if len(runs) < 2 or not images:
            raise BadArgument(
                f"a cascade needs two runs or more and then images; {' '.join(runs)} "
                f"{'is a run' if len(runs) == 1 else 'are runs'}"
                f"{', and no image follows' if not images else f', {images[0]} is none'}"
            )
    return predictor_for(runs, arguments.budget, arguments.cascade, **options), images


def _is_run(word: str) -> bool:
    from cladenet.checkpoints import locate

    try:
        locate(word)
    except CheckpointError:
        return False
    return True
