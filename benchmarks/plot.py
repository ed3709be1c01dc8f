"""The picture of `inference.json`: docs/speed.svg, how many times as fast as torchvision's eager.

    python benchmarks/plot.py

A row is a network, a mark is a side: its colour the library, its shape the precision. Two panels:
one image a call, and many.
"""

import argparse
import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from cladenet.report.charts import short, ticks

RESULT = Path(__file__).parent / "results" / "inference.json"
TARGET = Path(__file__).parents[1] / "docs" / "speed.svg"
LEFT, PANEL, GAP, ROW, TOP = 170, 330, 40, 30, 92
COLOURS = {"cladenet": "ours", "openvino": "vino", "onnxruntime": "onnx", "timm": "timm"}
NAMES = {
    "cladenet": "cladenet",
    "openvino": "OpenVINO",
    "onnxruntime": "ONNX Runtime",
    "timm": "timm",
    "torchvision": "torchvision",
}
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1c1d1f } .soft { fill: #5d6067 }
.end { text-anchor: end } .mid { text-anchor: middle } line { stroke: #e4e2db }
.one { stroke: #8a8f99 } .torchvision { fill: #8a8f99 }
.timm { fill: #b9a36b } .onnx { fill: #c2410c } .vino { fill: #1b7f5c }
.ours { fill: #1f5fbf } .back { fill: #fbfaf7 }
@media (prefers-color-scheme: dark) {
  text { fill: #eceae4 } .soft { fill: #a0a3aa } line { stroke: #2e3138 } .back { fill: #131417 }
  .ours { fill: #7fb0ff } .vino { fill: #5fd0a5 } .onnx { fill: #ff9d6e }
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULT)
    parser.add_argument("--out", type=Path, default=TARGET)
    options = parser.parse_args()
    if not options.results.exists():
        raise SystemExit(f"{options.results} does not exist; run benchmarks/inference.py first")
    options.out.write_text(picture(json.loads(options.results.read_text())))
    print(f"written: {options.out}")


def picture(result: dict[str, Any]) -> str:
    """The whole SVG."""
    runs = list(result["runs"].values())
    names = list(dict.fromkeys(run["network"] for run in runs))
    height = TOP + ROW * len(names) + 34
    width = LEFT + 2 * PANEL + GAP + 20
    panels = (
        ("one image a call", [run for run in runs if run["batch"] == 1]),
        ("32 images a call (8: vgg16, vit_b_16)", [run for run in runs if run["batch"] > 1]),
    )
    parts = [legend()]
    for number, (title, shown) in enumerate(panels):
        parts += panel(title, shown, names, LEFT + number * (PANEL + GAP))
    parts += [
        text("end", LEFT - 14, TOP + ROW * (row + 0.5) + 4, name) for row, name in enumerate(names)
    ]
    title = "Times as fast as torchvision in float32, same weights, same run"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{title}"><style>{STYLE}</style>'
        f'<rect class="back" width="{width}" height="{height}"/>'
        f"{text('', 14, 24, title)}{''.join(parts)}</svg>\n"
    )


def panel(title: str, runs: list[dict[str, Any]], names: list[str], left: float) -> Iterator[str]:
    """One panel, with its grid and marks."""
    sides = [(run["network"], *side) for run in runs for side in times(run)]
    yield text("soft", left, TOP - 10, title)
    marks = ticks(0.0, max((value for *_, value in sides), default=1.0), 6)
    scale = PANEL / marks[-1]
    bottom = TOP + ROW * len(names)
    for mark in marks:
        x = left + scale * mark
        style = ' class="one"' if mark == 1 else ""
        yield f'<line{style} x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}"/>'
        yield text("mid soft", x, bottom + 18, short(mark))
    for network, library, precision, value in sides:
        y = TOP + ROW * (names.index(network) + 0.5)
        yield shape(library, precision, left + scale * value, y)


def times(run: dict[str, Any]) -> Iterator[tuple[str, str, float]]:
    """(library, precision, times) of every side that was measured; ours last, on top."""
    for side, row in sorted(run["sides"].items(), key=lambda item: item[0].startswith("cladenet")):
        if "times" in row:
            library, _, precision = side.partition(" ")
            yield library, precision, row["times"]["median"]


def shape(library: str, precision: str, x: float, y: float) -> str:
    """A circle for fp32, a diamond for bf16, a square for int8."""
    style = COLOURS.get(library, "torchvision")
    if precision == "fp32":
        return f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
    turned = f' transform="rotate(45 {x:.1f} {y:.1f})"' if precision == "bf16" else ""
    return (
        f'<rect class="{style}" x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9"{turned}/>'
    )


def legend() -> str:
    """Colours, then shapes."""
    parts, x = [], 20.0
    for library, name in NAMES.items():
        parts += [shape(library, "fp32", x, 46), text("soft", x + 10, 50, name)]
        x += 30 + 8 * len(name)
    for precision in ("fp32", "bf16", "int8"):
        parts += [shape("torchvision", precision, x + 20, 46), text("soft", x + 32, 50, precision)]
        x += 70
    return "".join(parts)


def text(style: str, x: float, y: float, words: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


if __name__ == "__main__":
    main()
