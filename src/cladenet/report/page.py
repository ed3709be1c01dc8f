"""`report.html`: one file that shows a run to people; no script, no network, light and dark."""

from pathlib import Path

from cladenet import __version__
from cladenet.checkpoints.atomic import write_file
from cladenet.plural import counted
from cladenet.report import context, results
from cladenet.report.facts import ReportFacts
from cladenet.report.style import STYLE
from cladenet.report.text import NBSP, amount, between, duration, percent, text
from cladenet.translations import page_translated

NAVIGATION = {
    "curves": "Curves",
    "confusion": "Confusion",
    "mistakes": "Mistakes",
    "classes": "Classes",
    "paper": "Paper",
    "data": "Data",
    "cost": "Cost",
    "related": "Other runs",
    "settings": "Settings",
}


def write_report(path: str | Path, facts: ReportFacts) -> None:
    """Write the page, as a whole or not at all.

    Raises:
        OutOfSpace: the disk is full.
    """
    write_file(Path(path), render(facts).encode())


def render(facts: ReportFacts) -> str:
    """The page as text."""
    body = "\n".join(
        (
            results.curves(facts),
            results.confusion(facts.evaluation, facts.classes),
            results.mistakes(facts),
            results.per_class(facts.evaluation, facts.classes),
            context.paper(facts),
            f'<div class="pair">{context.data(facts)}{context.cost(facts)}</div>',
            context.related(facts),
            context.settings(facts),
        )
    )
    links = ""
    for key, name in NAVIGATION.items():
        if f'<section id="{key}">' in body:
            links += f'<a href="#{key}">{name}</a>'
    when = f", {text(facts.written)}" if facts.written else ""
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(facts.title)}</title>\n<style>{STYLE}</style></head>\n<body>\n"
        f"{_header(facts)}\n<nav>{links}</nav>\n{body}\n"
        f"<footer>cladenet {text(__version__)}{when}. Intervals are Wilson's, at 95{NBSP}%."
        "</footer>\n</body></html>\n"
    )
    return page_translated(page, keep=facts.classes)


def _header(facts: ReportFacts) -> str:
    entry = facts.entry
    about = (
        entry.get("paper") and f"{entry['paper']}.",
        entry.get("first_author") and f"{entry['first_author']} et al.,",
        entry.get("year"),
    )
    source = " ".join(map(text, filter(None, about)))
    name = facts.config.get("recipe_name")
    recipe = f" · recipe {text(name)}" if name else ""
    return (
        f'<header><p class="kicker">training report{recipe}</p>'
        f"<h1>{text(facts.title)}</h1><p class=lead>{source}</p>"
        f'<div class="headline">{_figure(facts)}{_tiles(facts)}</div></header>'
    )


def _figure(facts: ReportFacts) -> str:
    found = facts.evaluation
    low, high = found.top1_interval
    caution = ""
    if facts.evaluated_split == "val":
        caution = "<br>The weights were chosen on these images: on new ones expect a little more."
    if facts.evaluated_split == "train":
        caution = "<br>These are the training images: on new ones expect more."
    return (
        f'<div><div class="figure">{found.top1_error:.2f}<small>{NBSP}%</small></div>'
        f'<p class="summary"><b>{text(facts.split_name)} error</b>: {found.wrong:,} of {found.n:,} '
        f"images wrong.<br>95{NBSP}% interval {between((low, high))}</p>"
        f'<p class="summary"><b>accuracy {percent(100 - found.top1_error)}</b>, interval '
        f"{between((100 - high, 100 - low))}{caution}</p></div>"
    )


def _tiles(facts: ReportFacts) -> str:
    found = facts.evaluation
    tiles = []
    if found.top5_error is not None:
        accuracy = f"{between(found.top5_interval)}; accuracy {percent(100 - found.top5_error)}"
        tiles.append(("top-5 error", percent(found.top5_error), accuracy))
    tiles.append(("loss", f"{found.loss:.4f}", "nats"))
    params, macs, shape, remark = facts.cost
    if params:
        tiles.append(("parameters", amount(params), text(remark)))
    if macs:
        tiles.append(("multiply-accumulates", amount(macs), f"at {text(shape)}"))
    tiles.append(("training time", duration(facts.seconds), ""))
    if facts.steps:
        epochs = counted(facts.epochs, "epoch") if facts.epochs else ""
        tiles.append(("steps", f"{facts.steps:,}", epochs))
    cells = ""
    for name, value, remark in tiles:
        cells += f"<div><dt>{name}</dt><dd>{value} <small>{remark}</small></dd></div>"
    return f'<dl class="tiles">{cells}</dl>'
