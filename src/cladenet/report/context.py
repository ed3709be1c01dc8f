"""The report on what the figures mean: the paper's beside them, data, cost, settings."""

from collections.abc import Mapping
from typing import Any

from cladenet.report.facts import ReportFacts
from cladenet.report.text import (
    DASH,
    amount,
    between,
    duration,
    facts,
    folded,
    percent,
    section,
    table,
    text,
)

PRINTED = (
    ("", "top1_err", "top5_err"),
    ("one crop", "top1_err_1crop", "top5_err_1crop"),
    ("ten crops", "top1_err_10crop", "top5_err_10crop"),
    ("CIFAR-10", "cifar10_err", ""),
    ("CIFAR-10 without augmentation", "cifar10_err_noaug", ""),
    ("CIFAR-100", "cifar100_err", ""),
    ("CIFAR-100 without augmentation", "cifar100_err_noaug", ""),
    ("SVHN", "svhn_err", ""),
)


def paper(report: ReportFacts) -> str:
    """The printed error beside the measured one, and why they may differ."""
    entry, found = report.entry, report.evaluation
    rows = [
        (
            "<b>measured here</b>",
            f"{text(report.data)}, {text(report.split_name)}, {found.n:,} images, "
            f"{text(report.protocol)}: each image once, one view",
            _measured(found.top1_error, found.top1_interval),
            _measured(found.top5_error, found.top5_interval),
        )
    ]
    for name, first, fifth in PRINTED:
        errors = entry.get(first), entry.get(fifth)
        if errors != (None, None):
            label = f"printed, {name}" if name else "printed"
            protocol = text(entry.get("protocol") or DASH)
            rows.append((label, protocol, percent(errors[0]), percent(errors[1])))
    if len(rows) == 1:
        rows.append(("printed", "the ledger has no printed error for this variant", DASH, DASH))
    head = ("", "protocol", "top-1 error", "top-5 error")
    body = table(head, rows, ("", "", "num", "num"), stacked=True)
    reasons = "".join(f"<li>{reason}</li>" for reason in _why_they_differ(report))
    body += f'<h3 class="next">Why the figures may differ</h3><ul class="notes">{reasons}</ul>'
    return section("paper", "Against the paper", _source(entry), body)


def data(report: ReportFacts) -> str:
    """Sizes of the splits, and what was partial, skipped or held out."""
    sizes = {name: f"{count:,} images" for name, count in report.splits.items()}
    body = facts({"data": report.data, "classes": f"{len(report.classes):,}", **sizes})
    notes = "".join(f"<li>{text(note)}</li>" for note in report.notes)
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
    rows["parameters"] = f"{report.params:,}" + report.params_remark
    if report.entry.get("macs"):
        shape = "x".join(map(str, report.entry.get("input", ())))
        rows["multiply-accumulates, one image"] = f"{report.entry['macs']:,} at {shape}"
        if seen:
            total = amount(3.0 * report.entry["macs"] * seen)
            rows["of the whole training"] = f"about {total}, a backward pass counted as two forward"
    return section("cost", "Cost", "", facts(rows))


def settings(report: ReportFacts) -> str:
    """Environment and configuration, to run it again."""
    body = facts(report.environment)
    body += folded("Configuration: all that was decided", facts(report.config))
    return section("settings", "Environment and configuration", "", body)


def _measured(error: float | None, interval: tuple[float, float] | None) -> str:
    if error is None:
        return DASH
    return f"<span><b>{percent(error)}</b><br><small>{between(interval)}</small></span>"


def _source(entry: Mapping[str, Any]) -> str:
    """Author, title and year of the paper, with a link to it."""
    known = [text(entry[key]) for key in ("first_author", "paper", "year") if entry.get(key)]
    where = str(entry.get("arxiv") or "")
    if where.startswith("doi:"):
        known.append(_link(f"https://doi.org/{where.removeprefix('doi:')}", where))
    elif where[:4].isdigit():
        known.append(_link(f"https://arxiv.org/abs/{where}", f"arXiv:{where}"))
    elif where:
        known.append(text(where))
    return ". ".join(known)


def _link(address: str, words: str) -> str:
    return f'<a href="{text(address)}" rel="noreferrer">{text(words)}</a>'


def _why_they_differ(report: ReportFacts) -> list[str]:
    entry, recipe = report.entry, report.config.get("recipe")
    reasons = [
        "Data and protocol: the two figures are comparable only where both are the same above; "
        f"here they come from {report.evaluation.n:,} images, hence the interval."
    ]
    classes = len(report.classes)
    if entry.get("classes") and entry["classes"] != classes:
        reasons.append(
            f"The paper's network tells {entry['classes']:,} classes apart, this one {classes:,}."
        )
    if isinstance(recipe, dict) and recipe.get("departs"):
        reasons.append(f"Recipe: {text(recipe['departs'])}")
    if isinstance(recipe, dict) and recipe.get("source"):
        reasons.append(f"Source of the recipe's numbers: {text(recipe['source'])}.")
    if entry.get("figures"):
        reasons.append(f"Where the printed figures were read: {text(entry['figures'])}.")
    if entry.get("notes"):
        reasons.append(f"The ledger on this network: {text(entry['notes'])}")
    return reasons
