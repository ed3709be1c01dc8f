"""The page as a whole: one file without scripts, that needs nothing from elsewhere."""

from collections.abc import Mapping, Sequence

from cladenet import __version__
from cladenet.explain.calibration import Calibration
from cladenet.report.style import STYLE
from cladenet.report.text import NBSP, between, text
from cladenet.runs.explain.answers import Answers
from cladenet.runs.explain.page.style import STYLE as OWN

NAVIGATION = {
    "images": "Your images",
    "mistakes": "Mistakes",
    "uncertain": "Least certain",
    "confusion": "Confusion",
    "confusions": "In pictures",
    "calibration": "Calibration",
    "classes": "Classes",
    "labels": "Labels",
    "map": "Map",
    "exits": "Exits",
    "features": "Features",
    "inside": "Inside",
}


def page(
    title: str,
    split: str,
    answers: Answers,
    calibrated: Calibration,
    doubted: int,
    sections: Sequence[str],
    notes: Sequence[str],
) -> str:
    """The page as text.

    Args:
        title: "resnet20_cifar on cifar10".
        split: the images, as people call them.
        answers: of all of them.
        calibrated: how far they can be trusted.
        doubted: labels that are suspected.
        sections: HTML, those that are empty are left out.
        notes: sentences for the reader.
    """
    body = "\n".join(part for part in sections if part)
    head = _header(title, split, answers, calibrated, doubted)
    links = "".join(
        f'<a href="#{key}">{name}</a>'
        for key, name in NAVIGATION.items()
        if f'<section id="{key}">' in body
    )
    listed = "".join(f"<li>{text(note)}</li>" for note in notes)
    below = f'<section><ul class="notes">{listed}</ul></section>' if listed else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}, explained</title>\n<style>{STYLE}{OWN}</style></head>\n<body>\n"
        f"{head}\n<nav>{links}</nav>\n{body}\n{below}"
        f"<footer>cladenet {text(__version__)}. Intervals are Wilson's, at 95{NBSP}%. Colours on "
        "grey images: Grad-CAM at the last feature maps, of vision transformers the relevance of "
        "attention, darker where it is stronger.</footer>\n</body></html>\n"
    )


def _header(title: str, split: str, answers: Answers, calibrated: Calibration, doubted: int) -> str:
    found = answers.evaluation
    tiles: Mapping[str, tuple[str, str]] = {
        "mean confidence": (f"{100 * calibrated.confidence:.1f}{NBSP}%", "of the answers"),
        "calibration error": (f"{100 * calibrated.ece:.1f}{NBSP}%", "ECE, 15 bins"),
        "temperature": (f"{calibrated.temperature:.2f}", "divides the logits"),
        "labels in doubt": (f"{doubted:,}", f"of {found.n:,}"),
    }
    cells = "".join(
        f"<div><dt>{name}</dt><dd>{value} <small>{remark}</small></dd></div>"
        for name, (value, remark) in tiles.items()
    )
    return (
        '<header><p class="kicker">why it answers like this</p>'
        f"<h1>{text(title)}</h1>"
        f'<div class="headline"><div><div class="figure">{found.top1_error:.2f}<small>{NBSP}%'
        f'</small></div><p class="summary"><b>{text(split)} error</b>: {found.wrong:,} of '
        f"{found.n:,} images wrong.<br>95{NBSP}% interval {between(found.top1_interval)}</p></div>"
        f'<dl class="tiles">{cells}</dl></div></header>'
    )
