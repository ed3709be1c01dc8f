"""The figures of docs/adaptive.md and docs/adaptive.svg, from the results of adaptive_*.py.

python benchmarks/adaptive_page.py
"""

import json
from pathlib import Path
from typing import Any

from cladenet.report.accuracy_chart import Panel, Series, accuracy_chart

RESULTS = Path(__file__).parent / "results"
DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def main() -> None:
    curves = json.loads((RESULTS / "adaptive_curves.json").read_text())
    timed = RESULTS / "adaptive_gain.json"
    gain = json.loads(timed.read_text()) if timed.exists() else None
    (DOCS / "adaptive.svg").write_text(picture(curves))
    page = DOCS / "adaptive.md"
    before, rest = page.read_text().split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{figures(curves, gain)}{END}{rest.split(END)[1]}")


def picture(curves: dict[str, Any]) -> str:
    """Both panels: what all images cost at one answer, and where they leave by thresholds."""
    panels = []
    for unit, label, scale in (
        ("macs", "million MACs an image", 1e-6),
        ("ms", "ms an image", 1.0),
    ):
        series = []
        for name, side in curves["sides"].items():
            for how in ("budgeted", "anytime"):
                if not side[how] or (how == "anytime" and name != "single ResNets"):
                    continue
                points = sorted(
                    (scale * p[unit], p["accuracy"], *p["accuracy_95"]) for p in side[how]
                )
                series.append(Series(name, points, joined=how == "budgeted"))
        panels.append(Panel(label, series))
    title = f"mean cost against accuracy, {curves['images']:,} test images of CIFAR-10"
    return accuracy_chart(title, panels)


def figures(curves: dict[str, Any], gain: dict[str, Any] | None) -> str:
    """The block of the page."""
    machine = curves["machine"]
    lines = [
        "## Measured",
        "",
        "![accuracy against cost](adaptive.svg)",
        "",
        f"On a part of CIFAR-10, {curves['held_out_images']:,} validation images for thresholds, "
        f"{curves['images']:,} test images, steps of training: "
        + ", ".join(f"{k} {v}" for k, v in curves["training_steps"].items())
        + f". {machine['processor']}, {machine['threads']} threads, torch {machine['torch']}.",
        "",
        "| every image to the last answer | MACs | ms | accuracy (95 %) |",
        "|---|---|---|---|",
    ]
    for name, side in curves["sides"].items():
        rows = side["anytime"] if not side["budgeted"] else side["anytime"][-1:]
        for row in rows:
            low, high = row["accuracy_95"]
            lines.append(
                f"| {name} | {row['macs'] / 1e6:.1f}M | {row['ms']:.2f} | "
                f"{row['accuracy']:.1f} % ({low:.1f} to {high:.1f}) |"
            )
    lines += ["", "Which of the paper's orderings come again, at equal MACs:", ""]
    lines += ["| figure | above | below | MACs | points (95 %) | |", "|---|---|---|---|---|---|"]
    for row in curves["orderings"]:
        low, high = row["points_95"]
        lines.append(
            f"| {row['figure']} | {row['first']} | {row['second']} | {row['macs'] / 1e6:.0f}M | "
            f"{row['points']:+.1f} ({low:+.1f} to {high:+.1f}) | {row['verdict']} |"
        )
    near = curves["near_the_whole"]
    if near["law_value"] is not None:
        low, high = near["test_drop_95"]
        lines += [
            "",
            f"MSDNet's cheapest thresholds within {near['points_below']} points of its last exit "
            f"on the validation images cost {near['macs'] / 1e6:.1f}M MACs, "
            f"{near['share_of_whole']:.2f} of the whole; on the test images they lose "
            f"{near['test_drop']:.1f} points (95 %: {low:.1f} to {high:.1f}).",
        ]
    return "\n".join([*lines, *by_the_clock(gain)]) + "\n"


def by_the_clock(gain: dict[str, Any] | None) -> list[str]:
    """What leaving early saves, where it was measured."""
    if gain is None:
        return []
    rows = [
        f"| {row['batch']} | {row['ms_whole']:.2f} | {row['ms_leaving']:.2f} | "
        f"{row['gain_in_macs']:.2f} | {row['gain_by_the_clock']:.2f} | "
        f"{100 * row['share_of_the_gain']:.0f} % |"
        for row in gain["rows"]
    ]
    return [
        "",
        "By the clock, against the whole network packed, in turns in one process:",
        "",
        "| batch | ms whole | ms leaving | gain in MACs | gain by the clock | share |",
        "|---|---|---|---|---|---|",
        *rows,
    ]


if __name__ == "__main__":
    main()
