"""The page of a search: one file, no script, no network, light and dark."""

from pathlib import Path

from cladenet import __version__
from cladenet.checkpoints.atomic import write_file
from cladenet.plural import counted
from cladenet.report.charts import Line, line_chart
from cladenet.report.style import STYLE
from cladenet.report.text import duration, percent, section, table, text
from cladenet.search.config import AGAIN
from cladenet.search.page.drawing import OWN_STYLE, draw_descent, draw_graph
from cladenet.search.page.graphs import graphs_of
from cladenet.search.page.history import History, random_beside, read_history
from cladenet.translations import page_translated

FILE = "search.html"
SHOWN = 20  # rows of the table
LONG = {
    "random": "Random search",
    "aging": "Aging evolution",
    "non_aging": "Evolution without aging",
    "nasnet": "NASNet's controller, PPO",
    "nasnet_reinforce": "NASNet's controller, REINFORCE",
    "evolution": "Large-scale evolution",
    "enas_micro": "ENAS, cells",
    "enas_macro": "ENAS, layers",
    AGAIN: "One architecture, trained again",
}


def write_page(folder: Path, journal: str) -> Path:
    """Write the page of the search in a folder.

    Raises:
        CheckpointError: the folder holds no search.
        StorageError: the disk is full or fails.
    """
    history = read_history(folder, journal)
    path = folder / FILE
    write_file(path, render(history, random_beside(folder, history, journal)).encode())
    return path


def render(history: History, random: History | None = None) -> str:
    """The page as text.

    Args:
        history: of the search.
        random: a random search that it is shown against.
    """
    config = history.config
    title = f"{LONG.get(config.method, config.method)} on {config.data.partition(':')[0]}"
    body = "".join(
        (
            section("course", "Best so far", _why_course(random), _course(history, random)),
            section("best", "The best architecture", _why_best(history), _best(history)),
            section(
                "descent",
                "Descent",
                "Each dot is a trained network, joined to the one that it was mutated from; the "
                "line of the best is drawn in blue.",
                draw_descent(history),
            ),
            section("trials", "The best trials", "Chosen by validation accuracy.", _table(history)),
        )
    )
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}{OWN_STYLE}</style></head>\n<body>\n"
        f'<header><p class="kicker">architecture search</p><h1>{text(title)}</h1>'
        f'<p class="lead">{text(_lead(history))}</p></header>\n{body}\n'
        f"<footer>cladenet {text(__version__)}. Selection saw validation images alone; test "
        "accuracies were written down and never read by the search.</footer>\n</body></html>\n"
    )
    return page_translated(page)


def _lead(history: History) -> str:
    config, trials = history.config, history.trials
    failed = sum(trial.val is None for trial in trials)
    seconds = sum(trial.row["seconds"] for trial in trials)
    shown = {} if config.method == AGAIN else config.numbers
    numbers = ", ".join(f"{key} {value}" for key, value in shown.items())
    return (
        f"{counted(len(trials), 'trial')} in the space {config.space}, {failed} failed, "
        f"{duration(seconds)} of training in all; seed {config.seed}"
        + (f"; {numbers}." if numbers else ".")
    )


def _why_course(random: History | None) -> str:
    beside = (
        "beside random search over the same space, images and fidelity"
        if random is not None
        else "a random search in a folder beside this one would be drawn here too"
    )
    return f"Validation accuracy of the best network after so many trials, {beside}."


def _course(history: History, random: History | None) -> str:
    lines = [] if random is None else [Line("random", random.course(), "train")]
    lines.append(Line(history.config.method, history.course(), "val"))
    return (
        f'<div class="card">{line_chart("best so far", lines, x_label="trials", unit=" %")}</div>'
    )


def _why_best(history: History) -> str:
    best = history.best
    if best is None:
        return "All trials have failed."
    test = best.row["test"]
    tested = "" if test is None else f", test accuracy {percent(100 * test)}"
    return (
        f"Trial {best.number}: validation accuracy {percent(100 * (best.val or 0.0))}{tested}, "
        f"{best.row['params']:,} parameters, {best.row['macs']:,} multiply-accumulates. The "
        "validation figure is the highest of many and too good for that reason; train the network "
        "again with other seeds before you believe it."
    )


def _best(history: History) -> str:
    if history.best is None:
        return "<p>See the journal for the reasons.</p>"
    space = history.config.make_space()
    drawings = "".join(
        f'<h3>{text(graph.title)}</h3><div class="scroll">{draw_graph(graph)}</div>'
        for graph in graphs_of(space, history.architecture)
    )
    lines = "\n".join(map(text, space.describe(history.architecture)))
    return f"{drawings}<pre>{lines}</pre>"


def _table(history: History) -> str:
    scored = [trial for trial in history.trials if trial.val is not None]
    best = sorted(scored, key=lambda trial: -(trial.val or 0.0))[:SHOWN]
    rows = [
        [
            str(trial.number),
            percent(100 * (trial.val or 0.0)),
            "" if trial.row["test"] is None else percent(100 * trial.row["test"]),
            f"{trial.row['params']:,}",
            f"{trial.row['macs']:,}",
            f"{trial.row['seconds']:.1f}",
            "" if trial.parent is None else str(trial.parent),
            text(trial.mutation),
        ]
        for trial in best
    ]
    head = ("trial", "val", "test", "params", "MACs", "seconds", "parent", "mutation")
    return table(head, rows, ("num",) * 7 + ("",))
