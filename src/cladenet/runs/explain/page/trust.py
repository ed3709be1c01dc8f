"""Sections on how far answers and labels can be trusted."""

from collections.abc import Sequence

from cladenet.explain.calibration import Calibration
from cladenet.explain.label_errors import Suspect
from cladenet.report.text import NBSP, image_name, section, text
from cladenet.runs.explain.answers import Answers
from cladenet.runs.explain.page.answers import trio
from cladenet.runs.explain.pictures import Pictures

SIDE, LEFT, TOP, BOTTOM = 330, 46, 10, 44
SHOWN_SUSPECTS = 18


def calibrated(found: Calibration) -> str:
    """The reliability diagram, and what a temperature would make of it."""
    sure = "surer than right" if found.confidence > found.accuracy else "less sure than right"
    words = (
        f"On average the answers are given at {100 * found.confidence:.1f}{NBSP}% and "
        f"{100 * found.accuracy:.1f}{NBSP}% are right: {sure}. The expected calibration error is "
        f"<b>{100 * found.ece:.1f}{NBSP}%</b>. With logits divided by the temperature "
        f"<b>{found.temperature:.2f}</b> it is {100 * found.ece_after:.1f}{NBSP}% (each half "
        "of the images at the temperature of the other half)."
    )
    why = "Of the answers given with 90 % confidence, are 90 % right? On the dashed line they are."
    body = (
        f'<div class="beside"><div class="card" style="flex:0 1 420px">{diagram(found)}</div>'
        f"<p style='flex:1 1 280px'>{words}</p></div>"
    )
    return section("calibration", "Calibration", why, body)


def diagram(found: Calibration) -> str:
    """Accuracy by confidence, with Wilson's intervals, and the share of answers in each bin."""
    width = LEFT + SIDE + 12
    height = TOP + SIDE + BOTTOM

    def x(value: float) -> str:
        return f"{LEFT + SIDE * value:.1f}"

    def y(value: float) -> str:
        return f"{TOP + SIDE * (1 - value):.1f}"

    parts = [f'<line class="perfect" x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}"/>']
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<line class="grid" x1="{x(0)}" y1="{y(tick)}" x2="{x(1)}" y2="{y(tick)}"/>')
        parts.append(f'<text class="end" x="{LEFT - 8}" y="{y(tick)}" dy="4">{tick:g}</text>')
        parts.append(f'<text class="mid" x="{x(tick)}" y="{TOP + SIDE + 20}">{tick:g}</text>')
    most = max(each.n for each in found.bins)
    for each in found.bins:
        tall = 0.22 * SIDE * each.n / most
        parts.append(
            f'<rect class="share" x="{x(each.low)}" y="{TOP + SIDE - tall:.1f}" '
            f'width="{SIDE * (each.high - each.low) - 1:.1f}" height="{tall:.1f}"/>'
        )
        low, high = each.interval
        at = x(each.confidence)
        parts.append(f'<line class="reach" x1="{at}" y1="{y(low)}" x2="{at}" y2="{y(high)}"/>')
        words = f"{each.n} answers at {each.confidence:.2f}: {each.accuracy:.2f} right"
        parts.append(
            f'<circle class="dot val" cx="{at}" cy="{y(each.accuracy)}" r="4.5">'
            f"<title>{words}</title></circle>"
        )
    middle = LEFT + SIDE / 2
    parts.append(
        f'<text class="mid" x="{middle}" y="{height - 4}">confidence; bars: answers</text>'
    )
    title = "Share of right answers by confidence"
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img"><title>{title}</title>'
        f"{''.join(parts)}</svg>"
    )


def suspected(
    found: Sequence[Suspect],
    answers: Answers,
    pictures: Pictures,
    classes: Sequence[str],
    trained_on: bool,
) -> str:
    """Labels that may be wrong, the most doubtful first."""
    if not found:
        return ""
    shown = found[:SHOWN_SUSPECTS]
    seen = pictures.seen([each.index for each in shown])
    for_likely = pictures.salient(seen, [each.likely for each in shown])
    figures = [
        trio(
            ((image, "the image"), (speaks, f"for {classes[each.likely]}")),
            f'labelled <span class="guess">{text(classes[each.label])}</span>, perhaps '
            f'<span class="truth">{text(classes[each.likely])}</span>'
            f"{image_name(str(pictures.split.ids[each.index]))}",
        )
        for each, image, speaks in zip(shown, seen, for_likely, strict=True)
    ]
    n = len(answers.labels)
    why = (
        f"Confident learning doubts {len(found):,} of {n:,} labels, where the network is surer of "
        "another class than it is on average of that class's own images. A weak network doubts "
        f"many labels that are right. Shown: {len(shown)}, the most doubtful first."
    )
    if trained_on:
        why += " The network was trained on these images, so it has learnt some wrong labels too."
    rows = "".join(
        f"<li>{text(pictures.split.ids[each.index])}: {text(classes[each.label])}, perhaps "
        f"{text(classes[each.likely])}</li>"
        for each in found[SHOWN_SUSPECTS:300]
    )
    more = f"<details><summary>more of them</summary><ul>{rows}</ul></details>" if rows else ""
    body = f'<div class="gallery trios">{"".join(figures)}</div>{more}'
    return section("labels", "Labels that may be wrong", why, body)
