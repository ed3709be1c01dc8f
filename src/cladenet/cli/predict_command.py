"""`cladenet predict RUN IMAGE...`: the top classes of each image, as text, JSON or CSV."""

import argparse
import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cladenet.cli.budget import predict as adaptive
from cladenet.cli.engine_options import add_calibration, add_engine, note, use_threads
from cladenet.cli.imports import lasting_imports
from cladenet.data.images.decode import readable
from cladenet.data.images.listing import Ignored
from cladenet.errors import BadArgument, DataError
from cladenet.runs.predict.image_list import listed

if TYPE_CHECKING:  # it imports torch, which --help need not wait for
    from cladenet.runs.predict.given_images import Source
    from cladenet.runs.predict.predictor import Prediction

EPILOG = (
    "IMAGE is a file, a folder (all images in it), a quoted pattern such as 'photos/**/*.jpg', "
    "shards (wds:PATTERN, parquet:PATTERN), or - for a list of files on standard input. An image "
    "that cannot be read is named on standard error, the others are predicted, and the exit status "
    "is 3."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog = EPILOG
    parser.add_argument("run", metavar="RUN", help="run or checkpoint folder")
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
    parser.add_argument(
        "--max-megapixels", type=float, metavar="N", help="refuse larger images (as in training)"
    )
    parser.add_argument("--batch-size", type=int, default=64, metavar="N")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--precision", default="fp32", help="fp32, bf16 or int8")
    add_calibration(parser)
    adaptive.add_arguments(parser)
    add_engine(parser)


def run(arguments: argparse.Namespace) -> int:
    """Predict and print; 3 if an image could not be read."""
    with lasting_imports():
        from cladenet.allocator import keep_freed_memory

    keep_freed_memory()
    use_threads(arguments)
    ignored = Ignored()
    predictor, images = adaptive.predictor_and_images(
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
        note=note if arguments.verbose else lambda _: None,
    )
    watched = _Watched(predictor(_given(images, arguments.null, ignored)))
    write = _json if arguments.json else _csv if arguments.csv else _text
    for piece in write(watched):
        sys.stdout.write(piece)
    sys.stdout.flush()
    for sentence in ignored.note("the folders"):
        note(sentence)
    if not watched.count:
        raise DataError("no image was given: the folders and lists hold none")
    if watched.unread:
        raise DataError(f"{watched.unread:,} of {watched.count:,} images could not be read")
    return 0


class _Watched:
    """Passes predictions on, names the unreadable ones on stderr at once, and counts."""

    def __init__(self, found: Iterable["Prediction"]) -> None:
        self._found = found
        self.count = 0
        self.unread = 0

    def __iter__(self) -> Iterator["Prediction"]:
        for prediction in self._found:
            self.count += 1
            if prediction.error:
                self.unread += 1
                message = f"{readable(prediction.source)}: {prediction.error}"
                print(f"cladenet: {message}", file=sys.stderr)
            yield prediction


def _given(words: list[str], null: bool, ignored: Ignored) -> Iterator["Source"]:
    from cladenet.runs.predict.given_images import expanded

    if null and "-" not in words:
        raise BadArgument("-0 is for a list on standard input; give - as an image")
    if words.count("-") > 1:
        raise BadArgument("standard input can be read once; give - once")
    for word in words:
        if word == "-":
            for path in listed(sys.stdin.buffer, b"\0" if null else b"\n"):
                yield from expanded([path], ignored)
        else:
            yield from expanded([word], ignored)


def _text(found: Iterable["Prediction"]) -> Iterator[str]:
    for prediction in found:
        if not prediction.error:
            yield f"{readable(prediction.source)}\n"
            for guess in prediction.top:
                yield f"  {100 * guess.probability:6.2f} %  {readable(guess.name)}\n"


def _json(found: Iterable["Prediction"]) -> Iterator[str]:
    """One list, one image a line: to be read as a whole or line by line.

    What is not UTF-8 in a name is written as the lone surrogates of Python's `os.fsdecode`.
    """
    before = "[\n"
    for prediction in found:
        yield before + json.dumps(prediction.to_json())
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def _csv(found: Iterable["Prediction"]) -> Iterator[str]:
    """Texts are always quoted; names keep the bytes that they have in the file system."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    line = io.StringIO()
    writer = csv.writer(line, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(["file", "rank", "class", "probability", "error"])
    for prediction in found:
        for rank, guess in enumerate(prediction.top, 1):
            writer.writerow([prediction.source, rank, guess.name, guess.probability, ""])
        if prediction.error:
            writer.writerow([prediction.source, "", "", "", prediction.error])
        yield line.getvalue()
        line.seek(0)
        line.truncate()
