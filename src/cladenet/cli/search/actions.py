"""What `cladenet search` does beside searching: compare, export, replay, worker."""

import argparse
import json
import sys
from pathlib import Path

from cladenet.cli.search.places import absolute
from cladenet.errors import BadArgument
from cladenet.plural import agree, counted
from cladenet.translations import show


def compare(arguments: argparse.Namespace, names: list[str]) -> int:
    """Searches on the exact table; the regret of each."""
    from cladenet.search.comparison.on_table import compare, table_text

    if not names:
        raise BadArgument("name the searches: cladenet search compare aging nasnet --seeds 20")
    trials = arguments.trials or 300
    found = compare(names, arguments.seeds, trials, arguments.preset)
    if arguments.json:
        rows = {
            one.method: {
                "found": one.found,
                "regret": [one.quartiles(t + 1) for t in range(trials)],
            }
            for one in found
        }
        print(json.dumps({"seeds": arguments.seeds, "trials": trials, "searches": rows}))
        return 0
    show(
        "regret on the exact table of 729 cells in percentage points of test accuracy: median "
        f"(quartiles) of {arguments.seeds} seeds"
    )
    show(table_text(found))
    return 0


def export(arguments: argparse.Namespace, names: list[str]) -> int:
    """The best trial, or the one that is named, as a network."""
    from cladenet.search.exporting import export_trial

    folder = _one_folder(names, "export")
    if not arguments.name:
        raise BadArgument("give the network a name: cladenet search export FOLDER --name NAME")
    path, made = export_trial(folder, arguments.name, arguments.trial)
    show(f"found:{arguments.name} is {made.network} with the architecture of {path}")
    show(f"train it at any scale: cladenet train found:{arguments.name} --data DATA")
    return 0


def replay(arguments: argparse.Namespace, names: list[str]) -> int:
    """Ask anew for all trials of a journal and compare."""
    from cladenet.search.config import read_config
    from cladenet.search.journal import read_journal
    from cladenet.search.run import JOURNAL
    from cladenet.search.state import check_replay

    folder = _one_folder(names, "replay")
    config = read_config(folder)
    if config.method.startswith("enas"):
        raise BadArgument(
            f"{folder} is a search by {config.method}, whose children follow from the shared "
            "weights, not from the journal; resume it to have them again"
        )
    searcher = config.make_searcher(config.make_space())
    count = check_replay(searcher, read_journal(folder / JOURNAL))
    show(
        f"{counted(count, 'trial')} {agree(count, 'was', 'were')} asked for as "
        "the journal says, bit for bit"
    )
    return 0


def worker(arguments: argparse.Namespace, names: list[str]) -> int:
    """Take part in a search that others have begun."""
    from cladenet.search.engine.worker import join

    if names or not arguments.storage:
        raise BadArgument("expected a database: cladenet search worker --storage URL")
    if arguments.workers < 1:
        raise BadArgument(f"workers is {arguments.workers}; expected 1 or more")
    data = absolute(arguments.data) if arguments.data else ""
    join(
        arguments.storage,
        arguments.study,
        data=data,
        workers=arguments.workers,
        say=lambda line: show(line, file=sys.stderr, flush=True),
    )
    show("the search has ended")
    return 0


def _one_folder(names: list[str], action: str) -> Path:
    if len(names) != 1:
        raise BadArgument(f"expected one folder: cladenet search {action} FOLDER")
    return Path(names[0])
