"""The report on how good the weights are: curves, confusion, mistakes, classes."""

from collections.abc import Mapping, Sequence
from math import log10

import numpy as np
from numpy.typing import NDArray

from cladenet.evaluation.result import ClassRow, Evaluation
from cladenet.plural import counted
from cladenet.report.charts import Line, interval_bar, line_chart
from cladenet.report.facts import ReportFacts
from cladenet.report.text import (
    NBSP,
    between,
    facts,
    folded,
    image_name,
    percent,
    picture,
    section,
    table,
    text,
)

MATRIX_UP_TO = 30  # classes; beyond, the most frequent confusions are listed
DARK = 0.65  # shade from which on white is easier to read
PAIRS, FEW_PAIRS = 30, 8
ROWS = 30
RECIPE = (
    *("optimizer", "lr", "schedule", "warmup", "batch_size", "momentum", "weight_decay"),
    *("label_smoothing", "auxiliary", "ema", "normalise"),
    *("crop", "flip", "policy", "mixup", "cutmix", "erasing"),
)
UNUSED = (None, "", "none", 0)


def curves(report: ReportFacts) -> str:
    """Loss, error and learning rate over the steps, and the recipe that made them so."""
    best = report.best_validation()
    loss = line_chart(
        "Loss by step",
        [
            Line("training", report.series("train_loss"), "train"),
            Line("validation", report.series("val_loss"), "val", dots=True),
        ],
        x_label="step",
    )
    error = line_chart(
        "Top-1 error by step, in percent",
        [
            Line("training", report.series("train_top1_error"), "train"),
            Line("validation", report.series("val_top1_error"), "val", dots=True, ring=best),
        ],
        x_label="step",
        unit=" %",
    )
    rate = line_chart(
        "Learning rate by step", [Line("rate", report.series("lr"), "rate")], x_label="step"
    )
    test = line_chart(
        "Smoothed loss by the power of ten of the rate",
        [Line("loss", [(log10(lr), loss) for lr, loss in report.range_test], "train")],
        x_label="power of ten of the learning rate",
    )
    cards = ""
    for heading, content in (
        ("Cross-entropy, nats", loss),
        ("Top-1 error, percent", error),
        ("Learning rate", rate),
        ("Learning-rate range test", test),
        ("Recipe", facts(_recipe(report)) if rate else ""),
    ):
        if content:
            cards += f'<div class="card"><h3>{heading}</h3>{content}</div>'
    why = (
        "Training figures are means over augmented images while the weights still change, so they "
        "may lie above those of validation."
    )
    if best is not None:
        why += f" The ring: lowest validation error, {percent(best[1])} at step {best[0]:,.0f}."
    body = f'<div class="pair">{cards}</div>' if cards else ""
    return section("curves", "Learning curves", why, body)


def confusion(evaluation: Evaluation, classes: Sequence[str]) -> str:
    """The matrix for few classes, a list of pairs for many."""
    if evaluation.num_classes > MATRIX_UP_TO:
        return _confused_pairs(evaluation, classes)
    tall = ' class="tall"' if max(map(len, classes)) > 3 else ""
    counts = evaluation.confusion
    strengths, head, rows = _strengths(counts), "", ""
    for truth, name in enumerate(map(text, classes)):
        head += f'<th scope="col"{tall} title="{name}"><span>{name}</span></th>'
        rows += f'<tr><th scope="row" title="{name}">{name}</th>'
        for guess, count in enumerate(counts[truth].tolist()):
            rows += _cell(count, float(strengths[truth, guess]), truth == guess)
        rows += "</tr>"
    grid = f"<thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody>"
    legend = (
        '<span class="swatch hit"></span>right'
        '<span class="swatch miss"></span>wrong, strongest for the most frequent confusion'
    )
    body = (
        f'<div class="beside"><div><div class="scroll"><table class="matrix">{grid}</table></div>'
        f'<p class="axes">{legend}</p></div>{_pairs(evaluation, classes, FEW_PAIRS)}</div>'
    )
    why = "Rows are the true classes, columns the answers; each cell counts images."
    return section("confusion", "Confusion matrix", why, body)


def _strengths(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Shades by the share of the true class: right ones as it is, wrong ones by the largest."""
    shares = counts / counts.sum(1, keepdims=True).clip(min=1)
    wrong = shares * (1 - np.eye(len(shares)))
    return np.where(np.eye(len(shares)) == 1, shares, 0.15 + 0.75 * wrong / (wrong.max() or 1.0))


def _cell(count: int, strength: float, hit: bool) -> str:
    if not count:
        return '<td class="none">&middot;</td>'
    names = ("hit" if hit else "") + (" strong" if strength > DARK else "")
    return f'<td class="{names.strip()}" style="--a:{strength:.2f}">{count}</td>'


def mistakes(report: ReportFacts) -> str:
    """Pictures of the confident wrong answers."""
    figures, explained = "", False
    for mistake in report.mistakes:
        truth, guess = report.classes[mistake.truth], report.classes[mistake.guess]
        image = "" if mistake.picture is None else picture(mistake.picture, f"a {truth}")
        frames = f'<div class="frame">{image}</div>'
        if mistake.evidence is not None:
            explained = True
            spoke = picture(mistake.evidence, f"what spoke for {guess}")
            frames = f'<div class="two">{frames}<div class="frame">{spoke}</div></div>'
        figures += (
            f"<figure>{frames}<figcaption>"
            f'<span class="guess">{text(guess)}</span> at {100 * mistake.probability:.1f}{NBSP}%'
            "<br>"
            f'labelled <span class="truth">{text(truth)}</span>'
            f"{image_name(mistake.id)}</figcaption></figure>"
        )
    wrong, count = report.evaluation.wrong, len(report.mistakes)
    shown = "all" if count == wrong else f"the {count} with the highest loss"
    why = f"{wrong:,} wrong answers; shown: {shown}. Sometimes it is the label that is wrong."
    if explained:
        why += (
            " Right of each: what the network saw, tinted where it spoke for the answer "
            f"({text(report.saliency)})."
        )
    double = " double" if explained else ""
    body = f'<div class="gallery{double}">{figures}</div>' if figures else ""
    return section("mistakes", "Worst mistakes", why, body)


def per_class(evaluation: Evaluation, classes: Sequence[str]) -> str:
    """Recall with interval, precision, and the class it is most often taken for."""
    rows: Sequence[ClassRow] = evaluation.per_class
    many = len(rows) > ROWS
    if many:
        rows = sorted(rows, key=lambda row: (row.recall is None, row.recall))
    head = (
        "class",
        "images",
        "recall",
        "",
        f"95{NBSP}% interval",
        "precision",
        "taken for",
    )
    styles = ("", "num", "num", "", "num wide", "num", "")
    cells = [_class_cells(row, classes) for row in rows]
    body = table(head, cells[:ROWS], styles)
    if many:
        body += folded(
            f"the other {counted(len(cells) - ROWS, 'class')}", table(head, cells[ROWS:], styles)
        )
    why = (
        "Recall: how many images of the class were recognised. Precision: how many of the answers "
        "with this class were right. Taken for: the class that most of the others were."
    )
    if many:
        why += f" The {ROWS} classes with the lowest recall first."
    return section("classes", "Class by class", why, body)


def _recipe(report: ReportFacts) -> dict[str, str]:
    """The numbers of the recipe that shape a training most, as far as they are used."""
    recipe = report.config.get("recipe")
    values = recipe if isinstance(recipe, Mapping) else {}
    used = {}
    for key in RECIPE:
        if values.get(key) not in UNUSED:
            used[key.replace("_", " ")] = str(values[key])
    return used


def _confused_pairs(evaluation: Evaluation, classes: Sequence[str]) -> str:
    body = _pairs(evaluation, classes, PAIRS)
    why = f"The {PAIRS} most frequent among {evaluation.num_classes:,} classes."
    return section("confusion", "Confusions", why, body)


def _pairs(evaluation: Evaluation, classes: Sequence[str], most: int) -> str:
    """True class, answer and how often, most frequent first."""
    totals = evaluation.confusion.sum(1)
    pairs = []
    for truth, guess, count in evaluation.confused_pairs(most):
        share = f"{100 * count / int(totals[truth]):.1f}{NBSP}%"
        pairs.append([text(classes[truth]), text(classes[guess]), f"{count:,}", share])
    head = ("most often confused", "taken for", "images", "of the class")
    return table(head, pairs, ("", "", "num", "num")) if pairs else ""


def _class_cells(row: ClassRow, classes: Sequence[str]) -> list[str]:
    bar = ""
    if row.recall is not None and row.recall_interval is not None:
        bar = interval_bar(row.recall, *row.recall_interval)
    rival = ""
    if row.confused_with is not None:
        rival = f"{text(classes[row.confused_with])} <span class=dim>({row.confused:,})</span>"
    return [
        text(classes[row.label]),
        f"{row.n:,}",
        percent(row.recall, 1),
        bar,
        f'<span class="dim">{between(row.recall_interval, 1)}</span>',
        percent(row.precision, 1),
        rival,
    ]
