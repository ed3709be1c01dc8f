"""`cladenet predict FILE.onnx IMAGE...`: exported files, which need no torch."""

import argparse
from typing import TYPE_CHECKING

from cladenet.errors import BadArgument
from cladenet.export.names import is_exported
from cladenet.export.runtime import FilePredictor, open_exported

if TYPE_CHECKING:
    from cladenet.cli.predicted.writers import Predictors

FILE_BATCH = 8  # images: more at once take memory and save no time on a CPU
# Options of runs that a file has no choice in, and what each is when it is not given.
OF_RUNS = {
    "device": "auto",
    "precision": "fp32",
    "calibration": None,
    "engine": "auto",
    "budget": None,
    "cascade": False,
}


def predictors_and_images(arguments: argparse.Namespace) -> "tuple[Predictors, list[str]]":
    """What predicts, by the words that name it, and the words that are images.

    The first word is a file, and so are those after it that end as exported files do.

    Raises:
        BadArgument: no image follows, a file is named twice, or an option is for runs.
        CheckpointError: a file is damaged, or was not written here.
    """
    for name, default in OF_RUNS.items():
        if getattr(arguments, name) != default:
            raise BadArgument(
                f"--{name} is for a run; {arguments.run} was exported, and does what it was "
                "exported for"
            )
    files, images = [arguments.run], list(arguments.images)
    while images and is_exported(images[0]):
        files.append(images.pop(0))
    if not images:
        raise BadArgument(
            f"no image is given: cladenet predict {' '.join(files)} IMAGE... (files, folders, or - "
            "for a list on standard input)"
        )
    if len(set(files)) < len(files):
        raise BadArgument(f"{' '.join(files)} names a file twice; give each once")
    return {
        file: FilePredictor(
            open_exported(file, threads=arguments.threads, lean=True),
            arguments.top,
            batch_size=min(arguments.batch_size, FILE_BATCH),
            fit=arguments.fit,
            max_megapixels=arguments.max_megapixels,
            white_level=arguments.white_level,
        )
        for file in files
    }, images
