"""`cladenet train`: start, resume or fine-tune a run."""

import argparse
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from cladenet.cli.imports import lasting_imports
from cladenet.errors import BadArgument
from cladenet.plural import counted
from cladenet.translations import show

DESCRIPTION = """
key=value words set any number of the recipe (lr=0.05 epochs=30 mixup=0.2), any option of the run
(time=10m size=160 seed=1 val=0 precision=bf16 threads=2 workers=2 on_unreadable=skip) and, as
model.KEY=VALUE, arguments of the network. --time 10m, --lr 0.05 and -b 32 are time=10m, lr=0.05 and
batch_size=32. These words override --config, which overrides the recipe. Without a NETWORK,
--weights and --recipe, the images, the weights at hand and the time decide. docs/training.md has
all options.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog = DESCRIPTION
    parser.add_argument(
        "words",
        nargs="*",
        metavar="NETWORK | key=value",
        help="a network of `cladenet models`, and options as described below",
    )
    parser.add_argument(
        "--data", metavar="DATA", default="", help="digits, mnist:ROOT, FOLDER, CSV, wds:PATTERN"
    )
    parser.add_argument(
        "--recipe", metavar="NAME", default="default", help="default, paper, or a recipe's name"
    )
    parser.add_argument("--config", metavar="FILE", type=Path, help="YAML file of key: value lines")
    parser.add_argument(
        "--out", metavar="FOLDER", default="", help="the run's folder (runs/NETWORK-DATA)"
    )
    parser.add_argument(
        "--weights",
        metavar="SOURCE",
        default="",
        help="run, checkpoint, file or LIBRARY/NAME to fine-tune from",
    )
    parser.add_argument("--resume", metavar="RUN", default="", help="run folder to resume")
    parser.add_argument(
        "--dry-run", action="store_true", help="print steps, time, memory and files; train nothing"
    )
    parser.add_argument("--quiet", action="store_true", help="print only the result")


def settings() -> Collection[str]:
    """What can be set as key=value."""
    from cladenet.runs.folder.config import option_kinds

    return option_kinds()


def as_pairs(words: list[str], parser: argparse.ArgumentParser) -> list[str]:
    """The words with `--epochs 5`, `--lr=0.1` or `-b 32` as key=value."""
    own = parser._option_string_actions
    options = {word.partition("=")[0] for word in words if word.startswith("-")}
    if options <= own.keys() or {"-h", "--help"} & options:
        return words
    from cladenet.runs.folder import habits
    from cladenet.runs.folder.config import option_kinds

    return habits.as_pairs(words, list(own), option_kinds())


def _too_many(names: list[str]) -> BadArgument:
    """The error for words without `=` after the first."""
    from cladenet.runs.folder.config import option_kinds

    kinds = option_kinds()
    for name in names:
        if name in kinds:
            value = "true" if kinds[name] else "VALUE"
            return BadArgument(f"{name} is an option and needs a value: {name}={value}")
    return BadArgument(
        f"one network at a time: {' '.join(names)}. Options are key=value words, such as epochs=10"
    )


def run(arguments: argparse.Namespace) -> int:
    """Train, and print the result."""
    with lasting_imports():
        from cladenet.allocator import keep_freed_memory
        from cladenet.data.images.decode import readable
        from cladenet.runs.train.train_run import train

    keep_freed_memory()
    names = [word for word in arguments.words if "=" not in word]
    if len(names) > 1:
        raise _too_many(names)
    pairs = [word for word in arguments.words if "=" in word]
    options: dict[str, Any] = {}
    if arguments.config or pairs:
        from cladenet.runs.folder.given import parse_words, read_options

        options = read_options(arguments.config) if arguments.config else {}
        options |= parse_words(pairs)
    network = names[0] if names else ""
    given: dict[str, Any] = {
        "recipe": arguments.recipe,
        "out": arguments.out,
        "weights": arguments.weights,
        "quiet": arguments.quiet,
        "options": options,
    }
    if arguments.dry_run:
        from cladenet.runs.train.plan import plan

        if arguments.resume:
            raise BadArgument("--dry-run plans a new run; leave --resume out")
        show(plan(network, arguments.data, **given).summary())
        return 0
    result = train(network, arguments.data, resume=arguments.resume, **given)
    if int(os.environ.get("RANK", "0")):
        return 0  # of several processes the first prints
    evaluation = result.evaluation
    low, high = evaluation.top1_interval
    images = counted(evaluation.n, "image")
    show(
        f"{result.split} accuracy {100 - evaluation.top1_error:.2f} % on {images} "
        f"(95 %: {100 - high:.2f} to {100 - low:.2f})"
    )
    show(f"report: {readable(str(result.folder / 'report.html'))}")
    return 0
