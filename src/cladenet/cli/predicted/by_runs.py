"""`cladenet predict RUN... IMAGE...`: one run, several side by side, or a cascade of them."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from cladenet.allocator import keep_freed_memory
from cladenet.checkpoints import found_at, instead_of
from cladenet.cli.engine_options import note, use_threads
from cladenet.data.images.decode import readable
from cladenet.errors import BadArgument
from cladenet.runs.predict.predictor import Predictor

if TYPE_CHECKING:
    from cladenet.cli.predicted.writers import Predictors

OPTIONS = (
    *("top", "batch_size", "device", "precision", "calibration", "engine", "threads", "fit"),
    *("max_megapixels", "white_level"),
)


def predictors_and_images(arguments: argparse.Namespace) -> "tuple[Predictors, list[str]]":
    """What predicts, by the words that name it, and the words that are images.

    The first word is a run, and so are those after it that hold a checkpoint.

    Raises:
        BadArgument: no image follows, or a cascade has fewer than two runs.
    """
    keep_freed_memory()
    if arguments.threads is not None:
        use_threads(arguments.threads)
    runs, images = [arguments.run], list(arguments.images)
    while images and found_at(images[0]):
        runs.append(images.pop(0))
    if arguments.cascade and (len(runs) < 2 or not images):
        raise BadArgument(
            f"a cascade needs two runs or more and then images; {' '.join(runs)} "
            f"{'is a run' if len(runs) == 1 else 'are runs'}"
            f"{', and no image follows' if not images else f', {images[0]} is none'}"
        )
    if os.path.isfile(runs[0]):
        from cladenet.data.images.listing import SUFFIXES

        if Path(runs[0]).suffix.lower() in SUFFIXES:
            raise BadArgument(
                f"{readable(runs[0])} is an image, and the run comes before the images: cladenet "
                f"predict RUN IMAGE..."
            )
    if not images:
        raise _no_image(runs)
    if not arguments.cascade and len(set(runs)) < len(runs):
        raise BadArgument(f"{' '.join(runs)} names a run twice; give each once")
    options = {name: getattr(arguments, name) for name in OPTIONS}
    if arguments.verbose:
        options["note"] = note
    if not arguments.cascade and arguments.budget is None:
        return {run: Predictor(run, **options) for run in runs}, images
    from cladenet.runs.adaptive.predictors import predictor_for

    if arguments.cascade:
        name = " ".join(runs)
        return {name: predictor_for(runs, arguments.budget, True, **options)}, images
    return {run: predictor_for([run], arguments.budget, False, **options) for run in runs}, images


def _no_image(runs: list[str]) -> BadArgument:
    """The error for words that are all runs, or a folder of images without its run."""
    words = readable(" ".join(runs))
    if len(runs) == 1 and os.path.exists(runs[0]) and not found_at(runs[0]):
        return BadArgument(
            f"{words} is not a run; {instead_of(Path(runs[0]))}: cladenet predict RUN {words}"
        )
    return BadArgument(
        f"no image is given: cladenet predict {words} IMAGE... (files, folders, or - for a list on "
        "standard input)"
    )
