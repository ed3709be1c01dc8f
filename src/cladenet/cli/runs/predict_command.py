"""`cladenet predict RUN IMAGE...`: the top classes of each image, as text, JSON or CSV."""

import argparse
import itertools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from cladenet.cli.budget import predict as adaptive
from cladenet.cli.engine_options import (
    add_calibration,
    add_engine,
    add_image_limits,
    note,
    use_threads,
)
from cladenet.cli.imports import lasting_imports
from cladenet.errors import BadArgument, DataError
from cladenet.export.names import is_exported
from cladenet.plural import counted
from cladenet.threads import without_numpy_threads
from cladenet.translations import show

if TYPE_CHECKING:  # --help need not wait for torch, nor a file's options for numpy
    from cladenet.cli.predicted.writers import Answers
    from cladenet.data.images.listing import Ignored
    from cladenet.runs.predict.given_images import Source
    from cladenet.runs.predict.prediction import Prediction
    from cladenet.runs.predict.true_labels import TrueLabels

EPILOG = (
    "IMAGE is a file, a folder (all images in it), a table of path,label, a quoted pattern such as "
    "'photos/**/*.jpg', shards (wds:PATTERN, parquet:PATTERN), or - for a list of files on "
    "standard input. Labels that a folder or a table tells are printed along. Further runs after "
    "the first are predicted side by side. An image that cannot be read is named on standard "
    "error, the others are predicted, and the exit status is 3."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog = EPILOG
    parser.add_argument("run", metavar="RUN", help="run or checkpoint folder, or an exported file")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="see below")
    parser.add_argument("--top", type=int, default=5, metavar="K", help="classes to name (5)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a JSON list, one line for each image")
    form.add_argument("--csv", action="store_true", help="a row for each image and class")
    parser.add_argument(
        "-0", "--null", action="store_true", help="the list on standard input comes from -print0"
    )
    parser.add_argument(
        "--fit", metavar="FIT", help="stretch or crop images of another size than in training"
    )
    add_image_limits(parser)
    parser.add_argument("--batch-size", type=int, default=64, metavar="N")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--precision", default="fp32", help="fp32, bf16 or int8")
    add_calibration(parser)
    adaptive.add_arguments(parser)
    add_engine(parser)


def run(arguments: argparse.Namespace) -> int:
    """Predict and print; 3 if an image could not be read."""
    if is_exported(arguments.run):
        without_numpy_threads(os.environ)
    with lasting_imports():
        from cladenet.cli.predicted import writers
        from cladenet.data.images.listing import Ignored
        from cladenet.runs.predict.true_labels import TrueLabels

    ignored = Ignored()
    predictors, words = _predictors_and_images(arguments)
    labels = TrueLabels()
    images = _given(words, arguments.null, ignored, labels)
    streams = itertools.tee(images, len(predictors))
    found = zip(
        *(predict(each) for predict, each in zip(predictors.values(), streams, strict=True)),
        strict=True,
    )
    watched = _Watched(found, labels)
    write = writers.as_json if arguments.json else writers.as_csv if arguments.csv else writers.text
    for piece in write(watched, list(predictors)):
        sys.stdout.write(piece)
    sys.stdout.flush()
    for sentence in ignored.note("the folders"):
        note(sentence)
    if not watched.count:
        raise DataError("no image was given: the folders and lists hold none")
    if watched.unread:
        raise DataError(
            f"{watched.unread:,} of {counted(watched.count, 'image')} could not be read"
        )
    return 0


def _predictors_and_images(
    arguments: argparse.Namespace,
) -> tuple[Mapping[str, Callable[[Iterable["Source"]], Iterator["Prediction"]]], list[str]]:
    """By the words that name them, and the words that are images."""
    if is_exported(arguments.run):
        with lasting_imports():
            from cladenet.cli.predicted import by_files

        return by_files.predictors_and_images(arguments)
    from cladenet.allocator import keep_freed_memory

    keep_freed_memory()
    use_threads(arguments)
    return adaptive.predictors_and_images(
        arguments,
        top=arguments.top,
        batch_size=arguments.batch_size,
        device=arguments.device,
        precision=arguments.precision,
        calibration=arguments.calibration,
        engine=arguments.engine,
        threads=arguments.threads,
        fit=arguments.fit,
        max_megapixels=arguments.max_megapixels,
        white_level=arguments.white_level,
        note=note if arguments.verbose else lambda _: None,
    )


class _Watched:
    """Passes answers on, names the unreadable images on stderr at once, and counts."""

    def __init__(self, found: Iterable[tuple["Prediction", ...]], labels: "TrueLabels") -> None:
        self._found = found
        self._labels = labels
        self.count = 0
        self.unread = 0

    def __iter__(self) -> "Iterator[Answers]":
        from cladenet.cli.predicted.writers import Answers
        from cladenet.data.images.decode import readable

        for of_runs in self._found:
            source = of_runs[0].source
            answers = Answers(source, of_runs, self._labels.of(source))
            self.count += 1
            if answers.error:
                self.unread += 1
                show(f"cladenet: {readable(source)}: {answers.error}", file=sys.stderr)
            yield answers


def _given(
    words: list[str], null: bool, ignored: "Ignored", labels: "TrueLabels"
) -> Iterator["Source"]:
    from cladenet.runs.predict.given_images import expanded
    from cladenet.runs.predict.image_list import listed
    from cladenet.runs.predict.true_labels import is_table

    if null and "-" not in words:
        raise BadArgument("-0 is for a list on standard input; give - as an image")
    if words.count("-") > 1:
        raise BadArgument("standard input can be read once; give - once")
    for word in words:
        if word == "-":
            for path in listed(sys.stdin.buffer, b"\0" if null else b"\n"):
                yield from expanded([path], ignored)
        elif is_table(word):
            yield from labels.listed_in(word)
        else:
            if os.path.isdir(word):
                labels.learn_from(word)
            yield from expanded([word], ignored)
