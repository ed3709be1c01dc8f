"""Pieces of HTML that the report's sections share; what comes from outside is escaped here."""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cladenet.data.images.decode import readable

THUMBNAIL = 256  # pixels, longest side
TINY = 96  # up to this side pixels are shown as squares

DASH = "\N{EN DASH}"
NBSP = "\N{NO-BREAK SPACE}"

Interval = tuple[float, float]


def text(value: object) -> str:
    """Any value as text that cannot be markup, nor break the file's encoding."""
    return escape(readable(str(value)))


def percent(value: float | None, digits: int = 2) -> str:
    """`1.96 %`, or a dash where there is no figure."""
    return DASH if value is None else f"{value:.{digits}f}{NBSP}%"


def between(interval: Interval | None, digits: int = 2) -> str:
    """`0.95 to 3.99 %`; empty where there is no figure."""
    if interval is None:
        return ""
    return f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}{NBSP}%"


def amount(value: float) -> str:
    """`60,000`, `61.7 M`, `3.86 G`: all digits below a million, then three."""
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= limit:
            return f"{value / limit:.3g}{NBSP}{unit}"
    return f"{value:,.0f}"


def duration(seconds: float) -> str:
    """`8.2 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f}{NBSP}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{NBSP}min {rest:02}{NBSP}s"
    return f"{minutes // 60}{NBSP}h {minutes % 60:02}{NBSP}min"


def picture(
    pixels: NDArray[np.uint8],
    alternative: str,
    largest: int = THUMBNAIL,
    jpeg_quality: int | None = None,
) -> str:
    """An image inside the page; tiny ones are shown with square pixels.

    Args:
        pixels: uint8 (H, W, 1 or 3).
        alternative: for who cannot see it.
        largest: longest side in pixels.
        jpeg_quality: of what is not tiny, where the page has many; None for PNG.
    """
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    tiny = max(image.size) <= TINY
    image.thumbnail((largest, largest), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    kind = "png" if tiny or jpeg_quality is None else "jpeg"
    if kind == "png":
        image.save(file, "PNG", optimize=True)
    else:
        image.save(file, "JPEG", quality=jpeg_quality)
    data = base64.b64encode(file.getvalue()).decode()
    style = ' class="tiny"' if tiny else ""
    return f'<img{style} alt="{text(alternative)}" src="data:image/{kind};base64,{data}">'


def section(key: str, heading: str, why: str, body: str) -> str:
    """A titled part of the page; nothing where `body` is empty."""
    if not body:
        return ""
    below = f'<p class="why">{why}</p>' if why else ""
    return f'<section id="{key}"><h2>{heading}</h2>{below}{body}</section>'


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    classes: Sequence[str] = (),
    *,
    stacked: bool = False,
) -> str:
    """A table whose cells are HTML already.

    Args:
        head: of the columns.
        rows: as many cells each.
        classes: a style class for each column.
        stacked: on a phone show each row's cells below each other, named by `head`.
    """
    styles = [f' class="{name}"' if name else "" for name in classes] or [""] * len(head)
    names = [f' data-name="{name}"' if stacked else "" for name in head]
    top = "".join(map("<th{}>{}</th>".format, styles, head))
    body = ""
    for row in rows:
        body += f"<tr>{''.join(map('<td{}{}>{}</td>'.format, styles, names, row))}</tr>"
    kind = ' class="stacked"' if stacked else ""
    whole = f"<table{kind}><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{whole}</div>'


def facts(values: Mapping[str, Any]) -> str:
    """Names and values in two columns; nested mappings are flattened with dots."""
    pairs = ""
    for name, value in _flat(values):
        pairs += f"<dt>{text(name)}</dt><dd>{text(value)}</dd>"
    return f'<dl class="facts">{pairs}</dl>' if pairs else ""


def as_it_is(body: str) -> str:
    """Names and values that programs read, too: they stay in every language."""
    return f'<div translate="no">{body}</div>' if body else ""


def folded(summary: str, body: str) -> str:
    """A part that is opened by a click."""
    return f"<details><summary>{summary}</summary>{body}</details>"


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    pairs = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{before}{key}.")
        elif isinstance(value, list | tuple):
            pairs.append((f"{before}{key}", ", ".join(map(str, value)) or DASH))
        else:
            pairs.append((f"{before}{key}", DASH if value in (None, "") else str(value)))
    return pairs


def image_name(path: str) -> str:
    """The last folder and the file's name, which fit below a picture; the whole path pops up."""
    tail = "/".join(path.split("/")[-2:])
    return f'<span class="id" title="{text(path)}">{text(tail)}</span>'
