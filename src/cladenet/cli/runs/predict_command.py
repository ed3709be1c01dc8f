"""`cladenet predict RUN IMAGE...`: the top classes of each image, as text, JSON or CSV."""

import argparse
import itertools
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from cladenet.cli.engine_options import add_calibration, add_engine, add_image_limits, note
from cladenet.cli.imports import lasting_imports
from cladenet.data.named import is_table
from cladenet.errors import BadArgument, DataError
from cladenet.export.names import is_exported, refuse_misspelt
from cladenet.plural import counted
from cladenet.threads import without_numpy_threads
from cladenet.translations import show

if TYPE_CHECKING:  # --help need not wait for torch, nor a file's options for numpy
    from cladenet.cli.predicted.writers import Answers, Predictors
    from cladenet.runs.predict.given_images import Source
    from cladenet.runs.predict.prediction import Prediction

EPILOG = (
    "IMAGE is a file, a folder (all images in it), a table of path,label, a quoted pattern such "
    "as 'photos/**/*.jpg', shards (wds:PATTERN, parquet:PATTERN), or - for a list of files on "
    "standard input. Labels given by folders or a table are printed as well. Further runs after "
    "the first are predicted side by side. An image that cannot be read is named on standard "
    "error, the others are predicted, and the exit status is 3."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog = EPILOG
    parser.add_argument("run", metavar="RUN", help="run or checkpoint folder, or an exported file")
    parser.add_argument("images", metavar="IMAGE", nargs="*", default=[], help="see below")
    parser.add_argument(
        "--top", type=int, default=5, metavar="K", help="how many classes to name (5)"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a JSON list, one line for each image")
    form.add_argument("--csv", action="store_true", help="a row for each image and class")
    parser.add_argument(
        "-0", "--null", action="store_true", help="the list on standard input comes from -print0"
    )
    parser.add_argument(
        "--fit", metavar="FIT", help="stretch or crop, for images of another size than in training"
    )
    add_image_limits(parser)
    parser.add_argument(
        "--batch-size", type=int, default=64, metavar="N", help="images in one forward pass"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--precision", default="fp32", help="fp32, bf16 or int8")
    add_calibration(parser)
    parser.add_argument(
        "--budget",
        metavar="B",
        help="for a network with several exits: the last answer within 20M multiply-accumulates or "
        "5ms; kept: images leave by the thresholds that `evaluate --budget` kept",
    )
    parser.add_argument(
        "--cascade",
        action="store_true",
        help="the first words are runs, the smallest first: each is asked about the images that "
        "those before it are not sure of, by the thresholds of `evaluate --cascade`",
    )
    add_engine(parser)


def run(arguments: argparse.Namespace) -> int:
    """Predict and print; 3 if an image could not be read."""
    predictors: Predictors
    if is_exported(arguments.run):
        without_numpy_threads(os.environ)
        with lasting_imports():
            from cladenet.cli.predicted import by_files
        predictors, words = by_files.predictors_and_images(arguments)
    else:
        if not os.path.exists(arguments.run):
            refuse_misspelt(arguments.run)
        with lasting_imports():
            from cladenet.cli.predicted import by_runs
        predictors, words = by_runs.predictors_and_images(arguments)
    from cladenet.cli.predicted import writers

    ignored, labels, counts = Counter[str](), dict[str, str](), Counter[str]()
    images = _given(words, arguments.null, ignored, labels)
    streams = itertools.tee(images, len(predictors))
    found = [predict(each) for predict, each in zip(predictors.values(), streams, strict=True)]
    watched = _watched(zip(*found, strict=True), labels, counts)
    write = writers.as_json if arguments.json else writers.as_csv if arguments.csv else writers.text
    for piece in write(watched, list(predictors)):
        sys.stdout.write(piece)
    sys.stdout.flush()
    if ignored:
        from cladenet.data.images.listing import about

        for sentence in about(ignored, "the folders"):
            note(sentence)
    if not counts["images"]:
        raise DataError("no image was given: the folders and lists hold none")
    if unread := counts["unread"]:
        raise DataError(f"{unread:,} of {counted(counts['images'], 'image')} could not be read")
    return 0


def _watched(
    found: Iterable[tuple["Prediction", ...]], labels: Mapping[str, str], counts: Counter[str]
) -> "Iterator[Answers]":
    """Passes answers on, names the unreadable images on stderr at once, and counts."""
    from cladenet.cli.predicted.writers import Answers
    from cladenet.data.images.decode import readable

    for of_runs in found:
        source, error = of_runs[0].source, ""
        for answer in of_runs:
            error = error or answer.error
        counts["images"] += 1
        if error:
            counts["unread"] += 1
            show(f"cladenet: {readable(source)}: {error}", file=sys.stderr)
        yield Answers(source, of_runs, labels.get(os.path.abspath(source), ""), error)


def _given(
    words: list[str], null: bool, ignored: Counter[str], labels: dict[str, str]
) -> Iterator["Source"]:
    """The images that words name; the labels that come with them are put into `labels`."""
    from cladenet.runs.predict.given_images import expanded

    if null and "-" not in words:
        raise BadArgument("-0 is for a list on standard input; give - as an image")
    if words.count("-") > 1:
        raise BadArgument("standard input can be read once; give - once")
    for word in words:
        if word == "-":
            from cladenet.runs.predict.image_list import listed

            for path in listed(sys.stdin.buffer, b"\0" if null else b"\n"):
                yield from expanded([path], ignored)
        elif is_table(word):
            from cladenet.runs.predict.true_labels import labels_of_table

            of_table = labels_of_table(word)
            labels |= of_table
            yield from of_table
        else:
            if os.path.isdir(word):
                from cladenet.runs.predict.true_labels import labels_of_folder

                labels |= labels_of_folder(word)
            yield from expanded([word], ignored)
