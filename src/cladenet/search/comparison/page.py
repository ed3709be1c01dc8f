"""A comparison by real trials as a page, as JSON and as text."""

from math import isfinite
from pathlib import Path
from statistics import fmean

import numpy as np

from cladenet import __version__
from cladenet.checkpoints.atomic import to_json, write_file
from cladenet.evaluation.intervals import of_mean
from cladenet.plural import counted
from cladenet.report.style import STYLE
from cladenet.report.text import DASH, amount, between, duration, percent, section, table, text
from cladenet.search.comparison.curves import STYLE as OWN_STYLE
from cladenet.search.comparison.curves import Band, band_chart
from cladenet.search.comparison.figures import Figures, Searched, as_json, read_figures
from cladenet.search.comparison.plan import Plan
from cladenet.translations import page_translated

PAGE, RESULTS = "comparison.html", "results.json"
PLACES = 60  # of a curve over seconds


def write_comparison(folder: Path, plan: Plan) -> Path:
    """Write page and results of what is there; the page.

    Raises:
        CheckpointError: a journal is damaged.
        StorageError: the disk is full or fails.
    """
    figures = read_figures(folder, plan)
    write_file(folder / RESULTS, to_json(as_json(figures)))
    write_file(folder / PAGE, render(figures, plan).encode())
    return folder / PAGE


def render(figures: Figures, plan: Plan) -> str:
    """The page as text."""
    one = next(iter(plan.searches.values()))[0]
    title = f"Searches compared on {one.data.partition(':')[0]}"
    body = "".join(
        (
            section(
                "course",
                "Best so far",
                "Test accuracy, which no search saw, of the network that was best on validation: "
                "median of the seeds, and what lies between the quartiles.",
                f'<div class="pair"><div class="card">{_by_trials(figures)}</div>'
                f'<div class="card">{_by_seconds(figures)}</div></div>',
            ),
            section("budget", "The same budget", _why_budget(figures), _budget(figures)),
            section(
                "last", "What was found, trained again", _why_last(figures, plan), _last(figures)
            ),
        )
    )
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}{OWN_STYLE}</style></head>\n<body>\n"
        f'<header><p class="kicker">architecture search</p><h1>{text(title)}</h1>'
        f'<p class="lead">{text(_lead(figures, plan))}</p></header>\n{body}\n'
        f"<footer>cladenet {text(__version__)}. Selection saw validation images alone; test "
        "accuracies were written down and never read by a search.</footer>\n</body></html>\n"
    )
    return page_translated(page)


def _lead(figures: Figures, plan: Plan) -> str:
    spaces = ", ".join(dict.fromkeys(c.space for many in plan.searches.values() for c in many))
    seeds = max(map(len, plan.searches.values()))
    spent = sum(one.seconds[-1] for many in figures.searches.values() for one in many)
    return (
        f"{counted(seeds, 'seed')} of each in the space {spaces}; {duration(spent)} of processor "
        "time in all searches together."
    )


def _by_trials(figures: Figures) -> str:
    bands = [
        Band(name, [(float(k), *q) for k, q in enumerate(figures.by_trials(name), 1)])
        for name in figures.searches
    ]
    return band_chart("best so far by trained networks", bands, "trained networks")


def _by_seconds(figures: Figures) -> str:
    bands = []
    for name, many in figures.searches.items():
        begin = max(one.seconds[0] for one in many)
        end = max(one.seconds[-1] for one in many)  # what was found stays found
        if end > begin:
            places = np.linspace(begin, end, PLACES).tolist()
            points = zip(places, figures.by_seconds(name, places), strict=True)
            bands.append(Band(name, [(x, *quartiles) for x, quartiles in points]))
    return band_chart("best so far by processor seconds", bands, "processor seconds")


def _why_budget(figures: Figures) -> str:
    return (
        "Median (quartiles) of the test accuracy at the end, and when each had spent what the "
        f"shortest search took: {duration(figures.common_seconds)} of processor time."
    )


def _budget(figures: Figures) -> str:
    common = figures.common_seconds
    rows = [
        [
            text(name),
            str(len(many)),
            str(int(np.median([len(one.course) for one in many]))),
            duration(float(np.median([one.seconds[-1] for one in many]))),
            _with_quartiles(figures.by_trials(name)[-1]),
            _with_quartiles(figures.by_seconds(name, [common])[0]),
        ]
        for name, many in figures.searches.items()
    ]
    head = ("search", "seeds", "networks", "processor time", "at the end", "at equal time")
    return table(head, rows, ("", *("num",) * 5), stacked=True)


def _with_quartiles(quartiles: tuple[float, float, float]) -> str:
    low, middle, high = quartiles
    return f"<span>{percent(middle)}<br><small>{between((low, high))}</small></span>"


def _why_last(figures: Figures, plan: Plan) -> str:
    changed = ", ".join(f"{key} {value}" for key, value in plan.final.items())
    how = f"with {text(changed)}, else as a trial" if changed else "as a trial is"
    several = any(len(many) > 1 for many in figures.searches.values())
    over = "seeds of the search" if several else "trainings"
    tau = figures.tau()
    order = ""
    if tau is not None:
        order = f" Kendall's tau between this and the accuracy by which it was chosen: {tau:.2f}."
    seeds = counted(plan.repeats, "fresh seed")
    return (
        f"The network that each search found, trained again with {seeds} {how}. Test accuracy with "
        f"Student's 95 % interval over the {over}; the difference to random search with Welch's."
        f"{order}"
    )


def _last(figures: Figures) -> str:
    rows = []
    for name, many in figures.searches.items():
        last = figures.last(name)
        if last:
            reach = _range(of_mean(last))
            mean = f"<span><b>{percent(fmean(last))}</b><br><small>{reach}</small></span>"
            every = "; ".join(_list(one) for one in many if one.last)
            sizes = [one.size for one in many if one.last]
            params = amount(float(np.median([size[0] for size in sizes])))
            macs = amount(float(np.median([size[1] for size in sizes])))
            rows.append([text(name), mean, _above(figures, name), every, params, macs])
    head = ("search", "test accuracy", "above random", "each training, %", "parameters", "MACs")
    return table(head, rows, ("", "num", "num", "", "num", "num"), stacked=True) if rows else ""


def _above(figures: Figures, name: str) -> str:
    found = figures.difference(name)
    if found is None:
        return DASH
    value, low, high = found
    return f"<span>{value:+.2f} points<br><small>{_range((low, high), '+')}</small></span>"


def _range(interval: tuple[float, float], sign: str = "") -> str:
    """Empty for a single value, whose interval is infinite."""
    low, high = interval
    return f"{low:{sign}.2f} to {high:{sign}.2f}" if isfinite(low) else ""


def _list(one: Searched) -> str:
    return ", ".join(f"{value:.2f}" for value in one.last)


def results_text(figures: Figures) -> str:
    """The same as a table for a terminal."""
    head = ["search", "networks", "seconds", "at the end", "at equal time", "trained again"]
    rows = [[*head, "above random"]]
    common = figures.common_seconds
    for name, many in figures.searches.items():
        above = figures.difference(name)
        row = [
            name,
            str(int(np.median([len(one.course) for one in many]))),
            f"{float(np.median([one.seconds[-1] for one in many])):.0f}",
            _plain(figures.by_trials(name)[-1]),
            _plain(figures.by_seconds(name, [common])[0]),
            _mean(figures.last(name)),
            "" if above is None else f"{above[0]:+.2f} ({_range(above[1:], '+')})",
        ]
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}"
        + "".join(f"  {cell:>{w}}" for cell, w in zip(row[1:], widths[1:], strict=True))
        for row in rows
    )


def _plain(quartiles: tuple[float, float, float]) -> str:
    low, middle, high = quartiles
    return f"{middle:.2f} ({low:.2f} {high:.2f})"


def _mean(last: list[float]) -> str:
    if not last:
        return ""
    reach = _range(of_mean(last))
    return f"{fmean(last):.2f} ({reach})" if reach else f"{fmean(last):.2f}"
