"""`cladenet search`: find an architecture by training many, and what belongs to it."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cladenet.cli.search.places import absolute, default_folder
from cladenet.errors import BadArgument
from cladenet.plural import counted
from cladenet.translations import show

DESCRIPTION = """
searches: random, aging, non_aging, nasnet, nasnet_reinforce, evolution, enas_micro, enas_macro.
key=value words set numbers of the search (population=20 sample=5), of its trials (size=16
train_images=4000 width=8 n=1) and of their recipe (epochs=3 lr=0.05).
`search --resume FOLDER` continues one; `search replay FOLDER` asks again for all its trials and
compares; `search export FOLDER --name NAME` makes the best of them the network found:NAME;
`search compare aging nasnet --seeds 20` measures searches on the exact table; with --data it does
so by real trials, and final_epochs=12 final_width=16 are for the last trainings of what was found;
`search convert NAS-Bench-201-v1_1-096897.pth --out TABLE.npz` makes a table for `compare --table`;
`search worker --storage URL` takes part in a search that was begun with --storage.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog = DESCRIPTION
    parser.add_argument("words", nargs="*", metavar="SEARCH | key=value", help="see below")
    parser.add_argument("--data", default="", help="what is trained on: digits, cifar10:ROOT, ...")
    parser.add_argument(
        "--space",
        metavar="NAME",
        default="",
        help="amoebanet, nasnet, enas_macro, dna, edges3, ...",
    )
    parser.add_argument(
        "--preset", metavar="NAME", default="small", help="small (two cores), paper, or release"
    )
    parser.add_argument(
        "--trials", metavar="N", type=int, default=0, help="how many networks to train"
    )
    parser.add_argument(
        "--workers", metavar="N", type=int, default=1, help="trials at a time, one core each"
    )
    parser.add_argument(
        "--seed", metavar="N", type=int, default=0, help="seed of everything that is drawn"
    )
    parser.add_argument(
        "--out", metavar="FOLDER", default="", help="the search's folder (searches/SEARCH-DATA)"
    )
    parser.add_argument(
        "--resume", metavar="FOLDER", default="", help="folder of a search to continue"
    )
    parser.add_argument(
        "--storage",
        metavar="URL",
        default="",
        help="database for workers elsewhere, or `sqlite` in the folder",
    )
    parser.add_argument(
        "--study", metavar="NAME", default="cladenet", help="name of the search in the database"
    )
    parser.add_argument(
        "--parallel",
        metavar="N",
        type=int,
        default=0,
        help="trials at a time on all machines (workers)",
    )
    parser.add_argument("--name", default="", help="name of the exported network")
    parser.add_argument(
        "--trial", metavar="N", type=int, default=-1, help="trial to export, in place of the best"
    )
    parser.add_argument(
        "--table", metavar="FILE", default="", help="table to compare on, in place of the package's"
    )
    parser.add_argument(
        "--seeds",
        metavar="N",
        type=int,
        default=0,
        help="seeds of each compared search (20 on the table, 3 on data)",
    )
    parser.add_argument(
        "--repeats",
        metavar="N",
        type=int,
        default=3,
        help="trainings of what each compared search found",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--quiet", action="store_true", help="print only the result")


def run(arguments: argparse.Namespace) -> int:
    """Search, or what the first word says."""
    from cladenet.cli.search import actions

    names = [word for word in arguments.words if "=" not in word]
    others: dict[str, Callable[[argparse.Namespace, list[str]], int]] = {
        "compare": actions.compare,
        "convert": actions.convert,
        "export": actions.export,
        "replay": actions.replay,
        "worker": actions.worker,
    }
    if names and names[0] in others:
        return others[names[0]](arguments, names[1:])
    return _search(arguments, names)


def _search(arguments: argparse.Namespace, names: list[str]) -> int:
    from cladenet.allocator import keep_freed_memory
    from cladenet.cli.search.actions import nothing, to_stderr
    from cladenet.search.run import search

    keep_freed_memory()
    least = 0 if arguments.storage else 1
    if arguments.workers < least:
        raise BadArgument(f"workers is {arguments.workers}; expected {least} or more")
    say = nothing if arguments.quiet else to_stderr
    config, folder = _decided(arguments, names)
    found = search(
        config,
        folder,
        workers=arguments.workers,
        say=say,
        shared=_shared(arguments, folder),
    )
    best = found.state.best
    if best is None:
        show(f"{counted(found.state.done, 'trial')}, all failed; see {found.folder}")
        return 5
    test = "" if best.test is None else f", test accuracy {100 * best.test:.2f} %"
    show(
        f"best of {counted(found.state.done, 'trial')}: number {best.number}, val accuracy "
        f"{100 * best.val:.2f} %{test}"
    )
    show(f"page: {found.folder / 'search.html'}")
    return 0


def _decided(arguments: argparse.Namespace, names: list[str]) -> tuple[Any, Path]:
    from cladenet.search.config import decide

    options = dict(word.split("=", 1) for word in arguments.words if "=" in word)
    if arguments.resume:
        if names or options or arguments.data:
            raise BadArgument(
                "--resume takes the search, its data and its numbers from the folder; leave them "
                "out, or begin another search"
            )
        return None, Path(arguments.resume)
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
    return config, Path(arguments.out or default_folder(names[0], arguments.data))


def _shared(arguments: argparse.Namespace, folder: Path) -> Any:
    if not arguments.storage:
        return None
    from cladenet.search.run import Shared

    url = arguments.storage
    if url == "sqlite":
        if not arguments.resume:
            folder.mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{(folder / 'trials.db').absolute()}"
    return Shared(url, arguments.study, arguments.parallel or arguments.workers)
