"""Runs side by side on one self-contained page: errors, costs, curves, classes, settings."""

from pathlib import Path

from cladenet import __version__
from cladenet.plural import counted
from cladenet.report.accuracy_chart import COLOURS, Panel, Series, accuracy_chart
from cladenet.report.charts import Line, line_chart
from cladenet.report.compared import ComparedRun, Comparison
from cladenet.report.links import link
from cladenet.report.style import STYLE
from cladenet.report.text import (
    DASH,
    amount,
    between,
    duration,
    folded,
    percent,
    section,
    table,
    text,
)
from cladenet.translations import page_translated

IN_A_CHART = 6  # runs: as many labels as fit beside it
CLASSES = 30  # shown at once
OWN = "\n".join(
    [
        "h2 + .pair { margin-top: 16px } .chart .line { stroke-width: 2.2 }",
        ".key { display: inline-block; width: 11px; height: 11px; border-radius: 6px; ",
        "  margin-right: 8px }",
        *(
            f".chart .line.run{n} {{ stroke: {colour} }} .chart .dot.run{n}, .chart .label.run{n}, "
            f".chart .value.run{n} {{ fill: {colour} }} .key.run{n} {{ background: {colour} }}"
            for n, colour in enumerate(COLOURS[:IN_A_CHART])
        ),
        "@media (prefers-color-scheme: dark) {",
        "  .costs svg { filter: invert(.9) hue-rotate(180deg) } }",
    ]
)


def compare_page(compared: Comparison, folder: Path) -> str:
    """The page as text.

    Args:
        compared: the runs.
        folder: where the page will lie: reports are linked from there.
    """
    notes = "".join(f"<li>{text(note)}</li>" for note in compared.notes())
    count = counted(len(compared.runs), "run")
    best = compared.best
    data = ", ".join(dict.fromkeys(run.data for run in compared.runs))
    lead = (
        f"Lowest error: {text(best.name)}, {percent(best.top1_error)} on {best.images:,} "
        f"{text(best.split_name)} images ({between(best.top1_interval)})."
        if compared.on_the_same_images
        else "Scored on different images."
    )
    body = "\n".join(
        (
            section("errors", "Errors and costs", "", _errors(compared, folder)),
            section("curves", "Learning curves", _which(compared), _curves(compared)),
            section("costs", "Accuracy against cost", "Bars: 95 % intervals.", _costs(compared)),
            section("classes", "Class by class", _why_classes(compared), _classes(compared)),
            section("settings", "Settings that differ", "", _settings(compared)),
        )
    )
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{count}</title>\n<style>{STYLE}{OWN}</style></head>\n<body>\n"
        f'<header><p class="kicker">comparison</p><h1>{count} on '
        f'{text(data)}</h1><p class="lead">{lead}</p></header>\n'
        f'<ul class="notes next">{notes}</ul>\n{body}\n'
        f"<footer>cladenet {text(__version__)}. Intervals are Wilson's and Newcombe's, at 95 %."
        "</footer>\n</body></html>\n"
    )
    names = (name for run in compared.runs for name in (run.name, *run.classes))
    return page_translated(page, keep=names)


def _drawn(compared: Comparison) -> dict[str, int]:
    """Name of a run -> number of its colour, for those that charts show."""
    runs = compared.runs
    if len(runs) > IN_A_CHART:
        chosen = sorted(runs, key=lambda run: run.top1_error)[:IN_A_CHART]
        runs = [run for run in runs if run in chosen]
    return {run.name: number for number, run in enumerate(runs)}


def _errors(compared: Comparison, folder: Path) -> str:
    drawn, same = _drawn(compared), compared.on_the_same_images
    rows = []
    for run in compared.runs:
        behind, bounds = compared.behind(run)
        key = f'<i class="key run{drawn[run.name]}"></i>' if run.name in drawn else ""
        report = link(Path(run.path) / "report.html", folder)
        name = f'<a href="{text(report)}">{text(run.name)}</a>'
        difference = DASH
        if same:
            difference = "best" if run is compared.best else f"{behind:+.2f} points"
        low, high = bounds
        shape = "x".join(map(str, run.input))
        span = f"{low:+.2f} to {high:+.2f}" if same and run is not compared.best else ""
        rows.append(
            (
                f"<span>{key}{name}</span>",
                text(run.network),
                f"<span><b>{percent(run.top1_error)}</b><br><small>"
                f"{between(run.top1_interval)}</small></span>",
                percent(100 - run.top1_error),
                percent(run.top5_error),
                f"<span>{difference}<br><small>{span}</small></span>",
                amount(run.params),
                f"<span>{amount(run.macs)}<br><small>{shape}</small></span>",
                f"<span>{duration(run.seconds)}<br>"
                f"<small>{counted(run.steps, 'step')}</small></span>",
            )
        )
    head = (
        *("run", "network", "error", "accuracy", "top-5 error", "to the best", "parameters"),
        *("MACs", "training"),
    )
    return table(head, rows, ("", "", *["num"] * 7), stacked=True)


def _which(compared: Comparison) -> str:
    left_out = len(compared.runs) - len(_drawn(compared))
    return f"The {IN_A_CHART} runs with the lowest errors." if left_out else ""


def _curves(compared: Comparison) -> str:
    """By epoch where all runs count them, else by step."""
    epochs = all("epoch" in row for run in compared.runs for row in run.history)
    by = "epoch" if epochs else "step"
    cards = []
    for heading, key, unit in (
        ("Validation error, percent", "val_top1_error", " %"),
        ("Validation loss, nats", "val_loss", ""),
        ("Training loss, nats", "train_loss", ""),
        ("Learning rate", "lr", ""),
    ):
        lines = [
            Line(text_of(run), _points(run, by, key), f"run{number}", dots=True)
            for run in compared.runs
            if (number := _drawn(compared).get(run.name)) is not None
        ]
        if drawing := line_chart(heading, lines, x_label=by, unit=unit):
            cards.append(f'<div class="card"><h3>{heading}</h3>{drawing}</div>')
    return f'<div class="pair">{"".join(cards)}</div>' if cards else ""


def text_of(run: ComparedRun, most: int = 14) -> str:
    """Its name as long as a label may be."""
    return run.name if len(run.name) <= most else f"{run.name[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def _points(run: ComparedRun, by: str, key: str) -> list[tuple[float, float]]:
    return [(float(row[by]), float(row[key])) for row in run.history if row.get(key) is not None]


def _costs(compared: Comparison) -> str:
    if not compared.on_the_same_images:
        return ""
    drawn = [run for run in compared.runs if run.name in _drawn(compared)]
    charts = []
    for label, cost in (("million multiply-accumulates", "macs"), ("million parameters", "params")):
        series = [
            Series(run.name, [_accuracy(run, getattr(run, cost) / 1e6)], joined=False)
            for run in drawn
        ]
        charts.append(f'<div class="card">{accuracy_chart("", [Panel(label, series)])}</div>')
    return f'<div class="pair costs">{"".join(charts)}</div>'


def _accuracy(run: ComparedRun, cost: float) -> tuple[float, float, float, float]:
    low, high = run.top1_interval
    return cost, 100 - run.top1_error, 100 - high, 100 - low


def _same_classes(compared: Comparison) -> bool:
    return len({tuple(run.classes) for run in compared.runs}) == 1


def _spreads(compared: Comparison) -> list[tuple[float, int]]:
    """(recall of the best run minus that of the worst, class), the largest first."""
    spreads = []
    for label in range(len(compared.runs[0].classes)):
        recalls = [r for run in compared.runs if (r := run.recalls[label]) is not None]
        if recalls:
            spreads.append((max(recalls) - min(recalls), label))
    return sorted(spreads, key=lambda spread: (-spread[0], spread[1]))


def _why_classes(compared: Comparison) -> str:
    return "Recall: how many images of the class were recognised; largest differences first."


def _classes(compared: Comparison) -> str:
    if not (compared.on_the_same_images and _same_classes(compared)):
        return ""
    names = compared.runs[0].classes
    rows = [
        [text(names[label]), *(percent(run.recalls[label], 1) for run in compared.runs)]
        for _, label in _spreads(compared)
    ]
    head = ("class", *(text(run.name) for run in compared.runs))
    styles = ("", *["num"] * len(compared.runs))
    shown = table(head, rows[:CLASSES], styles)
    if len(rows) > CLASSES:
        shown += folded("The other classes", table(head, rows[CLASSES:], styles))
    return shown


def _settings(compared: Comparison) -> str:
    rows = [
        [text(key), *(text(_spoken(value)) for value in values)]
        for key, values in compared.differing().items()
    ]
    head = ("setting", *(text(run.name) for run in compared.runs))
    return table(head, rows, [""] * len(head), stacked=True) if rows else ""


def _spoken(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if value not in ("", None) else DASH
