"""`cladenet search`: find an architecture by training many."""

import argparse
import sys
from pathlib import Path

from cladenet.errors import BadArgument

DESCRIPTION = """
searches: random, aging, non_aging. key=value words set numbers of the search (population=20
sample=5), of its trials (size=16 train_images=4000 width=8 n=1) and of their recipe (epochs=3
lr=0.05). A search is resumed with --resume FOLDER.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog = DESCRIPTION
    parser.add_argument("words", nargs="*", metavar="SEARCH | key=value", help="see below")
    parser.add_argument("--data", default="", help="what is trained on: digits, cifar10:ROOT, ...")
    parser.add_argument(
        "--space", default="", help="amoebanet, nasnet, enas_macro, dna, edges3, ..."
    )
    parser.add_argument("--preset", default="small", help="small (two cores) or paper")
    parser.add_argument("--trials", type=int, default=0, help="how many networks to train")
    parser.add_argument("--workers", type=int, default=1, help="trials at a time, one core each")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    parser.add_argument("--out", default="", help="the search's folder (searches/SEARCH-DATA)")
    parser.add_argument("--resume", default="", help="folder of a search to continue")
    parser.add_argument("--quiet", action="store_true", help="print the result only")


def run(arguments: argparse.Namespace) -> int:
    """Search, and print the best."""
    from cladenet.search.config import decide
    from cladenet.search.run import search

    if arguments.workers < 1:
        raise BadArgument(f"workers is {arguments.workers}; expected 1 or more")
    names = [word for word in arguments.words if "=" not in word]
    options = dict(word.split("=", 1) for word in arguments.words if "=" in word)
    say = (lambda line: None) if arguments.quiet else _to_stderr
    if arguments.resume:
        if names or options or arguments.data:
            raise BadArgument(
                "--resume takes the search, its data and its numbers from the folder; leave them "
                "out, or begin another search"
            )
        found = search(None, Path(arguments.resume), workers=arguments.workers, say=say)
    else:
        if len(names) != 1 or not arguments.data:
            raise BadArgument(
                "expected one search and its data: cladenet search aging --data digits --trials 40"
            )
        config = decide(
            names[0],
            absolute(arguments.data),
            space=arguments.space,
            preset=arguments.preset,
            trials=arguments.trials,
            seed=arguments.seed,
            options=options,
        )
        folder = Path(arguments.out or default_folder(names[0], arguments.data))
        found = search(config, folder, workers=arguments.workers, say=say)
    best = found.state.best
    if best is None:
        print(f"all {found.state.done} trials failed; see {found.folder}")
        return 5
    test = "" if best.test is None else f", test accuracy {100 * best.test:.2f} %"
    print(
        f"best of {found.state.done} trials: number {best.number}, val accuracy "
        f"{100 * best.val:.2f} %{test}"
    )
    print(f"search: {found.folder}")
    return 0


def default_folder(method: str, data: str) -> str:
    """`searches/SEARCH-DATA`."""
    name, colon, _ = data.partition(":")
    return str(Path("searches") / f"{method}-{name if colon else Path(data).name}")


def absolute(data: str) -> str:
    """The data with an absolute path, so that a search can be resumed in another folder."""
    name, colon, root = data.partition(":")
    if colon:
        return f"{name}:{Path(root).expanduser().absolute()}"
    return str(Path(data).expanduser().absolute()) if Path(data).is_dir() else data


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
