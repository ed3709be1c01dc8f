"""The map of images."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from cladenet.report.text import section, text
from cladenet.runs.explain.answers import Answers

WIDTH, HEIGHT, EDGE = 900, 620, 14
COLOURED = 12  # classes that still have colours of their own


def map_of_images(
    places: Tensor | None, answers: Answers, classes: Sequence[str], ids: Sequence[str]
) -> str:
    """Each image a dot; a ring where the answer is wrong."""
    if places is None:
        return ""
    x, y = (places - places.amin(0)).T.numpy()
    x = EDGE + x / max(float(x.max()), 1e-9) * (WIDTH - 2 * EDGE)
    y = EDGE + y / max(float(y.max()), 1e-9) * (HEIGHT - 2 * EDGE)
    shown = np.unique(answers.labels)
    many = len(shown) > COLOURED
    colour = {int(label): hue(number, len(shown)) for number, label in enumerate(shown)}
    dots = []
    for i, label in enumerate(answers.labels.tolist()):
        guess = int(answers.guesses[i])
        wrong = guess != label
        words = f"{ids[i]}: {classes[label]}" + (f", answered {classes[guess]}" if wrong else "")
        fill = "var(--grey)" if many else colour[label]
        dots.append(
            f'<circle cx="{x[i]:.1f}" cy="{y[i]:.1f}" r="4" fill="{fill}" fill-opacity=".75">'
            f"<title>{text(words)}</title></circle>"
        )
        if wrong:
            dots.append(f'<circle class="wrong" cx="{x[i]:.1f}" cy="{y[i]:.1f}" r="6"/>')
    key = "".join(
        f'<span><i style="background:{colour[int(label)]}"></i>{text(classes[label])}</span>'
        for label in (() if many else shown)
    )
    svg = (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        f"<title>Map of the images</title>{''.join(dots)}</svg>"
    )
    why = (
        "What the last layer reads, by t-SNE: images that it sees alike are neighbours, "
        "distances between groups mean little. Red rings: wrong answers. A dot tells its name."
    )
    return section(
        "map",
        "Map of the images",
        why,
        f'<div class="card">{svg}</div><div class="key">{key}</div>',
    )


def hue(number: int, count: int) -> str:
    """Colours apart from each other, in light and dark alike."""
    return f"hsl({(360 * number / max(count, 1) + 210) % 360:.0f} 62% {48 + 12 * (number % 2)}%)"
