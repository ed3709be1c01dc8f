"""The report on what the figures mean: the paper's beside them, data, cost, settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from cladenet.plural import counted
from cladenet.report.comparable import printed_alike, reasons_against
from cladenet.report.facts import ReportFacts
from cladenet.report.text import (
    DASH,
    amount,
    as_it_is,
    between,
    duration,
    facts,
    folded,
    percent,
    section,
    table,
    text,
)


def paper(report: ReportFacts) -> str:
    """The paper; its error beside the measured one where both are of the same images."""
    entry, found = report.entry, report.evaluation
    measured = report.measured()
    printed = printed_alike(entry, measured)
    if not printed:
        reasons = list(map(text, reasons_against(entry, measured)))
        body = _list([*reasons, *_about_the_network(report, figures=False)])
        return section("paper", "The paper", _source(entry), body) if entry else ""
    rows = [
        (
            "<b>measured here</b>",
            f"{text(report.data)}, {text(report.split_name)}, {counted(found.n, 'image')}, "
            f"{text(report.protocol)}: each image once, one view",
            _measured(found.top1_error, found.top1_interval),
            _measured(found.top5_error, found.top5_interval),
        )
    ]
    for each in printed:
        errors = percent(each.top1_error), percent(each.top5_error)
        rows.append((each.label, text(each.protocol), *errors))
    head = ("", "protocol", "top-1 error", "top-5 error")
    body = table(head, rows, ("", "", "num", "num"), stacked=True)
    reasons = [
        f"The measured figure is of one run on {counted(found.n, 'image')}, hence the interval.",
        *_about_the_network(report, figures=True),
    ]
    body += f'<h3 class="next">Why the figures may differ</h3>{_list(reasons)}'
    return section("paper", "Against the paper", _source(entry), body)


def data(report: ReportFacts) -> str:
    """Sizes of the splits, and what was partial, skipped or held out."""
    rows = {"data": report.data, "classes": f"{len(report.classes):,}"}
    for name, count in report.splits.items():
        rows[name] = counted(count, "image")
    body, notes = facts(rows), "".join(map("<li>{}</li>".format, map(text, report.notes)))
    body += f'<ul class="notes next">{notes}</ul>' if notes else ""
    return section("data", "Data", "", body)


def cost(report: ReportFacts) -> str:
    """What the network and its training took."""
    rows: dict[str, Any] = {"training time": duration(report.seconds)}
    steps, seen = report.steps, report.images_seen
    if steps:
        rows["optimiser steps"] = f"{steps:,}"
    if seen:
        rows["images seen"] = f"{seen:,}"
        if report.seconds > 0:
            rows["images per second"] = f"{seen / report.seconds:,.0f}"
    params, macs, shape, remark = report.cost
    rows["parameters"] = f"{params:,}" + remark
    if macs:
        rows["multiply-accumulates, one image"] = f"{macs:,} at {shape}"
        if seen:
            total = amount(3.0 * macs * seen)
            rows["of the whole training"] = f"about {total}, a backward pass counted as two forward"
    return section("cost", "Cost", "", facts(rows))


def related(report: ReportFacts) -> str:
    """Links to the runs that this one came from, and to those on the same data."""
    rows = []
    for run in report.related:
        link = f'<a href="{text(run.link)}">{text(run.name)}</a>'
        rows.append((link, text(run.how), text(run.figure)))
    body = table(("run", "", "error"), rows, ("", "", "num"), stacked=True) if rows else ""
    return section("related", "Other runs", "As far as they lie beside this one.", body)


def settings(report: ReportFacts) -> str:
    """Environment and configuration, to run it again."""
    body = as_it_is(facts(report.environment))
    body += folded("Configuration: all that was decided", as_it_is(facts(report.config)))
    return section("settings", "Environment and configuration", "", body)


def _measured(error: float | None, interval: tuple[float, float] | None) -> str:
    if error is None:
        return DASH
    return f"<span><b>{percent(error)}</b><br><small>{between(interval)}</small></span>"


def _source(entry: Mapping[str, Any]) -> str:
    """Author, title and year of the paper, with a link to it."""
    known = list(map(text, filter(None, map(entry.get, ("first_author", "paper", "year")))))
    where, address = str(entry.get("arxiv") or ""), ""
    if where.startswith("doi:"):
        address = f"https://doi.org/{where.removeprefix('doi:')}"
    elif where[:4].isdigit():
        where, address = f"arXiv:{where}", f"https://arxiv.org/abs/{where}"
    if address:
        known.append(f'<a href="{text(address)}" rel="noreferrer">{text(where)}</a>')
    elif where:
        known.append(text(where))
    return ". ".join(known)


def _about_the_network(report: ReportFacts, *, figures: bool) -> list[str]:
    """What recipe and ledger say; also where printed figures were read, if they are shown."""
    entry, recipe = report.entry, report.config.get("recipe")
    about = []
    if isinstance(recipe, dict) and recipe.get("departs"):
        about.append(f"Recipe: {text(recipe['departs'])}")
    if isinstance(recipe, dict) and recipe.get("source"):
        about.append(f"Source of the recipe's numbers: {text(recipe['source'])}.")
    if figures and entry.get("figures"):
        about.append(f"Where the printed figures were read: {text(entry['figures'])}.")
    if entry.get("notes"):
        about.append(f"The ledger on this network: {text(entry['notes'])}")
    return about


def _list(items: Sequence[str]) -> str:
    return f'<ul class="notes">{"".join(map("<li>{}</li>".format, items))}</ul>'
