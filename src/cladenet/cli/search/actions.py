"""What `cladenet search` does beside searching: compare, export, replay, worker."""

import argparse
import json
import sys
from pathlib import Path

from cladenet.cli.search.places import absolute, default_folder
from cladenet.errors import BadArgument
from cladenet.plural import agree, counted
from cladenet.translations import show

TABLE_SEEDS, TRIAL_SEEDS = 20, 3


def compare(arguments: argparse.Namespace, names: list[str]) -> int:
    """Searches side by side: by real trials where there is data, else on the exact table."""
    if arguments.data or arguments.resume:
        return _compare_trials(arguments, names)
    from cladenet.search.comparison.on_table import compare, table_text
    from cladenet.search.oracles.nas_bench_201 import read_table
    from cladenet.search.oracles.table import digits_table

    if not names:
        raise BadArgument("name the searches: cladenet search compare aging nasnet --seeds 20")
    if len(names) < len(arguments.words) - 1:
        raise BadArgument(
            "on a table nothing is trained: key=value words belong to comparisons with --data"
        )
    trials, seeds = arguments.trials or 300, arguments.seeds or TABLE_SEEDS
    table = read_table(Path(arguments.table)) if arguments.table else digits_table()
    found = compare(names, seeds, trials, arguments.preset, table)
    if arguments.json:
        rows = {
            one.method: {
                "found": one.found,
                "regret": [one.quartiles(t + 1) for t in range(trials)],
            }
            for one in found
        }
        shown = {"table": table.name, "seeds": seeds, "trials": trials, "searches": rows}
        print(json.dumps(shown))
        return 0
    show(
        f"regret on the exact table of {len(table.vals):,} cells ({table.name}) in percentage "
        f"points of test accuracy: median (quartiles) of {counted(seeds, 'seed')}"
    )
    show(table_text(found))
    return 0


def _compare_trials(arguments: argparse.Namespace, names: list[str]) -> int:
    from cladenet.allocator import keep_freed_memory
    from cladenet.search.comparison.carry_out import carry_out
    from cladenet.search.comparison.figures import as_json, read_figures
    from cladenet.search.comparison.page import results_text
    from cladenet.search.comparison.plan import planned

    keep_freed_memory()
    if arguments.workers < 1:
        raise BadArgument(f"workers is {arguments.workers}; expected 1 or more")
    if arguments.table or arguments.storage or arguments.seed:
        raise BadArgument(
            "a comparison with --data trains on this machine, with seeds 0, 1, ...; leave out "
            "--table, --storage and --seed"
        )
    options = dict(word.split("=", 1) for word in arguments.words if "=" in word)
    plan, folder = None, Path(arguments.resume)
    if arguments.resume:
        if names or options or arguments.data:
            raise BadArgument(
                "--resume takes the searches, their data and their numbers from the folder; leave "
                "them out, or begin another comparison"
            )
    elif not names:
        raise BadArgument(
            "name the searches: cladenet search compare aging nasnet --data digits --trials 20"
        )
    else:
        plan = planned(
            names,
            absolute(arguments.data),
            arguments.seeds or TRIAL_SEEDS,
            space=arguments.space,
            trials=arguments.trials,
            preset=arguments.preset,
            repeats=arguments.repeats,
            options=options,
        )
        folder = Path(arguments.out or default_folder("compare", arguments.data))
    page, plan = carry_out(
        plan,
        folder,
        workers=arguments.workers,
        say=nothing if arguments.quiet else to_stderr,
    )
    figures = read_figures(folder, plan)
    if arguments.json:
        print(json.dumps(as_json(figures)))
        return 0
    show(
        "test accuracy in % of what was best on validation: median (quartiles) of the seeds; "
        "trained again: mean (95 % interval)"
    )
    show(results_text(figures))
    show(f"page: {page}")
    return 0


def convert(arguments: argparse.Namespace, names: list[str]) -> int:
    """The file of NAS-Bench-201 as a small table for `compare --table`."""
    from cladenet.recipes.recipe import parse_value
    from cladenet.search.oracles.nas_bench_201 import read_nas_bench_201, write_columns

    options = dict(word.split("=", 1) for word in arguments.words if "=" in word)
    unknown = [key for key in options if key not in ("dataset", "epochs")]
    if len(names) != 1 or not arguments.out or unknown:
        raise BadArgument(
            "expected the benchmark's file, the table's and, where it is not cifar10 after 200 "
            "epochs, which: cladenet search convert NAS-Bench-201-v1_1-096897.pth --out TABLE.npz "
            "dataset=cifar100 epochs=12"
        )
    epochs = parse_value("epochs", options.get("epochs", "200"), int)
    columns = read_nas_bench_201(Path(names[0]), options.get("dataset", "cifar10"), epochs)
    write_columns(Path(arguments.out), columns)
    show(f"{counted(len(columns['val']), 'training')} in {arguments.out}")
    show(f"compare searches on it: cladenet search compare aging nasnet --table {arguments.out}")
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
        say=to_stderr,
    )
    show("the search has ended")
    return 0


def _one_folder(names: list[str], action: str) -> Path:
    if len(names) != 1:
        raise BadArgument(f"expected one folder: cladenet search {action} FOLDER")
    return Path(names[0])


def to_stderr(line: str) -> None:
    """Progress."""
    show(line, file=sys.stderr, flush=True)


def nothing(_line: str) -> None:
    """No progress."""
