"""Sections on single answers: given images, mistakes, and the browser of confusions."""

from collections.abc import Sequence

import numpy as np

from cladenet.report.text import NBSP, image_name, section, text
from cladenet.runs.explain.answers import Answers
from cladenet.runs.explain.pictures import Pictures, Pixels, embedded

SHOWN_PAIRS = 12
PICTURES_OF_A_PAIR = 8


def trio(pictures: Sequence[tuple[Pixels, str]], caption: str) -> str:
    """Two or three pictures side by side, with a word below each, and a caption."""
    kind = "trio" if len(pictures) == 3 else "trio duo"
    frames = "".join(
        f'<div><div class="frame">{embedded(pixels, words)}</div><small>{text(words)}</small></div>'
        for pixels, words in pictures
    )
    return f'<figure><div class="{kind}">{frames}</div><figcaption>{caption}</figcaption></figure>'


def chosen_answers(
    key: str,
    heading: str,
    why: str,
    places: Sequence[int],
    answers: Answers,
    pictures: Pictures,
    classes: Sequence[str],
) -> str:
    """Wrong answers, with what spoke for the answer and what for the label."""
    if not places:
        return ""
    seen = pictures.seen(places)
    guesses = [int(answers.guesses[i]) for i in places]
    labels = [int(answers.labels[i]) for i in places]
    for_guess = pictures.salient(seen, guesses)
    for_label = pictures.salient(seen, labels)
    figures = [
        trio(
            (
                (image, "the image"),
                (speaks, f"for {classes[guess]}"),
                (against, f"for {classes[label]}"),
            ),
            _caption(answers, place, classes, pictures.split.ids[place]),
        )
        for place, image, speaks, against, guess, label in zip(
            places, seen, for_guess, for_label, guesses, labels, strict=True
        )
    ]
    return section(key, heading, why, f'<div class="gallery trios">{"".join(figures)}</div>')


def given_images(
    names: Sequence[str],
    seen: Sequence[Pixels],
    posteriors: np.ndarray,
    pictures: Pictures,
    classes: Sequence[str],
) -> str:
    """The images that were asked about, and what speaks for the two likeliest classes."""
    if not names:
        return ""
    order = np.argsort(-posteriors, 1, kind="stable")
    first = pictures.salient(seen, order[:, 0].tolist())
    second = pictures.salient(seen, order[:, min(1, order.shape[1] - 1)].tolist())
    figures = []
    for i, name in enumerate(names):
        best = ", ".join(
            f"{text(classes[c])} {100 * posteriors[i, c]:.1f}{NBSP}%" for c in order[i, :5]
        )
        drawn = [(seen[i], "the image"), (first[i], f"for {classes[order[i, 0]]}")]
        if order.shape[1] > 1:
            drawn.append((second[i], f"for {classes[order[i, 1]]}"))
        figures.append(trio(drawn, f"{best}{image_name(name)}"))
    why = "The answers, and which parts speak for the first and for the second of them."
    body = f'<div class="gallery trios">{"".join(figures)}</div>'
    return section("images", "Your images", why, body)


def browser(answers: Answers, pictures: Pictures, classes: Sequence[str]) -> str:
    """The most frequent confusions, each with pictures, to be opened one by one."""
    parts = []
    for number, (truth, guess, count) in enumerate(answers.evaluation.confused_pairs(SHOWN_PAIRS)):
        inside = np.flatnonzero((answers.labels == truth) & (answers.guesses == guess))
        worst = inside[np.argsort(-answers.losses[inside], kind="stable")][:PICTURES_OF_A_PAIR]
        figures = "".join(
            f'<figure><div class="frame">{embedded(image, f"a {classes[truth]}")}</div>'
            f"<figcaption>{100 * answers.posteriors[i, guess]:.0f}{NBSP}%</figcaption></figure>"
            for i, image in zip(worst, pictures.seen(worst.tolist()), strict=True)
        )
        total = int((answers.labels == truth).sum())
        parts.append(
            f"<details{' open' if number < 2 else ''}><summary><b>{text(classes[truth])}</b> taken "
            f"for <b>{text(classes[guess])}</b>: {count:,} of {total:,}</summary>"
            f'<div class="gallery">{figures}</div></details>'
        )
    why = "The most frequent confusions, and the posterior of the wrong answer below each image."
    body = f'<div class="browser">{"".join(parts)}</div>' if parts else ""
    return section("confusions", "Confusions in pictures", why, body)


def _caption(answers: Answers, place: int, classes: Sequence[str], name: str) -> str:
    guess, label = int(answers.guesses[place]), int(answers.labels[place])
    return (
        f'<span class="guess">{text(classes[guess])}</span> at '
        f"{100 * answers.posteriors[place, guess]:.1f}{NBSP}%, labelled "
        f'<span class="truth">{text(classes[label])}</span> at '
        f"{100 * answers.posteriors[place, label]:.1f}{NBSP}%"
    ) + image_name(name)
