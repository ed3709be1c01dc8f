"""The gallery of blocks as one self-contained page: drawing, equation, cost, ancestors."""

from collections.abc import Sequence

from cladenet import __version__
from cladenet.analysis.drawing.svg import STYLE as DRAWING
from cladenet.analysis.drawing.svg import as_svg
from cladenet.analysis.gallery import Shown
from cladenet.report.style import STYLE
from cladenet.report.text import NBSP, facts, table, text
from cladenet.translations import page_translated

OWN = """
.blocks { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 22px;
  grid-auto-flow: dense;
  margin-top: 40px }
.blocks .card { min-width: 0; scroll-margin-top: 16px }
.blocks .wide-card { grid-column: 1 / -1 }
.blocks .cn { display: block; --sheet: var(--card); margin: 0 auto }
.blocks .card:not(.wide-card) .cn { max-width: 100%; height: auto }
.blocks p { margin: 0 0 10px } .blocks code { overflow-wrap: anywhere }
.blocks .scroll { margin: 12px 0 }
@media (max-width: 760px) { .blocks { grid-template-columns: minmax(0, 1fr) } }
"""
WIDE = 420  # pixels of a drawing that gets the page's whole width


def gallery_page(blocks: Sequence[Shown]) -> str:
    """The page as text; it needs nothing from elsewhere."""
    shown = {block.name for block in blocks}
    rows = [_row(block) for block in blocks]
    head = ("block", "input", "output", "params", "MACs", "of a 3x3", "where it came from")
    styles = ("", "", "", "num", "num", "num", "")
    cards = "".join(_card(block, shown) for block in blocks)
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>The block gallery</title>\n<style>{STYLE}{DRAWING}{OWN}</style></head>\n<body>\n"
        '<header><p class="kicker">cladenet</p><h1>The block gallery</h1><p class="lead">Every '
        "block of the history as a layer on its own, drawn from its own code as it ran. Counts are "
        "exact; MACs are those of convolutions and linear layers for one image, compared with a "
        "3x3 convolution between the same channels.</p></header>\n"
        f"<section>{table(head, rows, styles, stacked=True)}</section>\n"
        f'<div class="blocks">{cards}</div>\n'
        f"<footer>cladenet {text(__version__)}.</footer>\n</body></html>\n"
    )
    return page_translated(page)


def _row(block: Shown) -> list[str]:
    return [
        f'<a href="#{text(block.name)}">{text(block.name)}</a>',
        *map(text, block.sizes),
        f"{block.params:,}",
        f"{block.macs:,}",
        _share(block),
        f"<span>{text(block.origin)}</span>",
    ]


def _card(block: Shown, shown: set[str]) -> str:
    """One block; its ancestors are links where the page has them."""
    ancestors = [
        f'<a href="#{text(name)}">{text(name)}</a>' if name in shown else text(name)
        for name in block.ancestors
    ]
    svg = as_svg([("", block.boxes)], alone=False)
    wide = int(svg.partition('width="')[2].partition('"')[0]) > WIDE
    share = f", {_share(block)} of a 3x3 convolution's" if _share(block) else ""
    first, second = block.sizes
    values = {
        "from": block.origin,
        "cost": f"{block.params:,} params, {block.macs:,} MACs{share}",
        "shapes": f"{first} to {second}",
        "in Python": block.home,
    }
    return (
        f'<article class="card{" wide-card" if wide else ""}" id="{text(block.name)}">'
        f"<h2>{text(block.name)}</h2><p>{text(block.idea)}</p>"
        f"<p><code>{text(block.equation)}</code></p>"
        f'<div class="scroll">{svg}</div>'
        f"<p>Builds on: {', '.join(ancestors) or 'no other block'}.</p>{facts(values)}</article>"
    )


def _share(block: Shown) -> str:
    return block.share.replace(" ", NBSP)
