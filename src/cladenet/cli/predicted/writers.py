"""Predictions of one run, or of several side by side, as text, JSON and CSV."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from cladenet.data.images.decode import readable

if TYPE_CHECKING:  # it imports torch, which --help need not wait for
    from cladenet.runs.predict.given_images import Source
    from cladenet.runs.predict.prediction import Guess, Prediction

    # What predicts, by the words that name it.
    Predictors = Mapping[str, Callable[[Iterable[Source]], Iterator[Prediction]]]

COLUMNS = ("file", "rank", "class", "probability", "error", "true", "run")


class Answers(NamedTuple):
    """What each run sees in an image.

    Args:
        source: the image.
        of_runs: an answer of each run, in their order.
        true: its label, where a folder or a table that was given tells it; else empty.
        error: why a run cannot read it; empty if all can.
    """

    source: str
    of_runs: Sequence["Prediction"]
    true: str
    error: str


def text(found: Iterable[Answers], runs: Sequence[str]) -> Iterator[str]:
    """A block for each image that can be read; several runs have a column each."""
    for answers in found:
        if answers.error:
            continue
        label = f"  (labelled {readable(answers.true)})" if answers.true else ""
        yield f"{readable(answers.source)}{label}\n"
        if len(runs) == 1:
            for guess in answers.of_runs[0].top:
                yield f"  {_line(guess)}\n"
        else:
            yield from _side_by_side(answers.of_runs, runs)


def _side_by_side(of_runs: Sequence["Prediction"], runs: Sequence[str]) -> Iterator[str]:
    from cladenet.cli.text.text_table import text_table

    columns = [[_line(guess) for guess in each.top] for each in of_runs]
    rows = list(zip_longest(*columns, fillvalue=""))
    table = text_table([readable(run) for run in runs], rows, "l" * len(runs))
    for line in table.splitlines():
        yield f"  {line}\n"


def _line(guess: "Guess") -> str:
    return f"{100 * guess.probability:6.2f} %  {readable(guess.name)}"


def as_json(found: Iterable[Answers], runs: Sequence[str]) -> Iterator[str]:
    """One list, one image a line: to be read as a whole or line by line.

    Several runs are a list of each image's, `runs`. What is not UTF-8 in a name is written as the
    lone surrogates of Python's `os.fsdecode`.
    """
    before = "[\n"
    for answers in found:
        values = [each.to_json() for each in answers.of_runs]
        if len(runs) == 1:
            plain = values[0]
        else:
            of_runs = [
                {"run": run, **{key: each[key] for key in each if key != "file"}}
                for run, each in zip(runs, values, strict=True)
            ]
            plain = {"file": answers.source, "runs": of_runs}
        if answers.true:
            plain["true"] = answers.true
        yield before + json.dumps(plain)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def as_csv(found: Iterable[Answers], runs: Sequence[str]) -> Iterator[str]:
    """A row for each image, run and class; texts are always quoted.

    Names keep the bytes that they have in the file system.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    line = io.StringIO()
    writer = csv.writer(line, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(COLUMNS)
    for source, of_runs, true, _ in found:
        for run, answer in zip(runs, of_runs, strict=True):
            for rank, guess in enumerate(answer.top, 1):
                writer.writerow([source, rank, guess.name, guess.probability, "", true, run])
            if answer.error:
                writer.writerow([source, "", "", "", answer.error, true, run])
        yield line.getvalue()
        line.seek(0)
        line.truncate()
