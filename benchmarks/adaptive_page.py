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
IN_COMMANDS = (
    "The same with threads that sleep after 50 us of waiting, as in the commands "
    "(GOMP_SPINCOUNT=1000):"
)


def main() -> None:
    curves = json.loads((RESULTS / "adaptive_curves.json").read_text())
    gain, in_commands, broken = (
        json.loads(file.read_text()) if file.exists() else None
        for file in (
            RESULTS / "adaptive_gain.json",
            RESULTS / "adaptive_gain_commands.json",
            RESULTS / "adaptive_promise.json",
        )
    )
    (DOCS / "adaptive.svg").write_text(picture(curves))
    page = DOCS / "adaptive.md"
    before, rest = page.read_text().split(BEGIN)
    page.write_text(
        f"{before}{BEGIN}\n{figures(curves, gain, in_commands, broken)}{END}{rest.split(END)[1]}"
    )


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


def figures(
    curves: dict[str, Any],
    gain: dict[str, Any] | None,
    in_commands: dict[str, Any] | None,
    broken: dict[str, Any] | None,
) -> str:
    """The block of the page."""
    machine = curves["machine"]
    lines = [
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
    for unit in ("MACs", "ms"):
        rows = [row for row in curves["orderings"] if row["budget"].endswith(unit)]
        if not rows:
            continue
        lines += [
            "",
            f"The paper's orderings at equal {unit}: points by which the first is above the second "
            "on the same test images (95 %). Bold: the interval is above 0, the ordering comes "
            "again; italic: it is reversed.",
            "",
        ]
        lines += orderings(rows)
    by_clock = by_the_clock(gain, in_commands)
    return "\n".join([*lines, *by_clock, *promises(broken)]) + "\n"


def orderings(rows: list[dict[str, Any]]) -> list[str]:
    """A row for each pair of sides, a column for each budget."""
    budgets = sorted(
        {row["budget"] for row in rows}, key=lambda text: int(text.split()[0].strip("M"))
    )
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in rows:
        low, high = row["points_95"]
        mark = {"again": "**", "reversed": "*"}.get(row["verdict"], "")
        cell = f"{mark}{row['points']:+.1f}{mark} ({low:+.1f} to {high:+.1f})"
        found.setdefault((row["figure"], row["first"], row["second"]), {})[row["budget"]] = cell
    head = ["figure", "above", "below", *budgets]
    table = [head, ["---"] * len(head)]
    table += [
        [*pair, *(cells.get(budget, "") for budget in budgets)] for pair, cells in found.items()
    ]
    return [f"| {' | '.join(cells)} |" for cells in table]


def by_the_clock(gain: dict[str, Any] | None, in_commands: dict[str, Any] | None) -> list[str]:
    """What leaving early saves, where it was measured."""
    if gain is None:
        return []
    near, machine = gain["near_the_whole"], gain["machine"]
    low, high = near["test_drop_95"]
    return [
        "",
        f"MSDNet's cheapest thresholds within {near['points_below']} points of its last exit "
        f"on the validation images cost {near['macs'] / 1e6:.1f}M MACs, "
        f"{near['share_of_whole']:.2f} of all exits together; on the test images they are "
        f"{-near['test_drop']:+.1f} points from it (95 %: {-high:+.1f} to {-low:+.1f}).",
        "",
        "By the clock, against the whole network packed: one side answers batch after batch, then "
        f"the other, in one process ({machine['processor']}, {machine['threads']} threads, torch "
        f"{machine['torch']}; trained for {gain['training_steps']} steps):",
        "",
        *gains(gain),
        *(["", IN_COMMANDS, "", *gains(in_commands)] if in_commands else []),
    ]


def gains(gain: dict[str, Any]) -> list[str]:
    """A row for each number of images at a time."""
    rows = [
        f"| {row['batch']} | {row['batches_together']} | "
        f"{row['ms_whole']:.2f} | {row['ms_leaving']:.2f} | "
        f"{row['gain_in_macs']:.2f} | {row['gain_in_macs_run']:.2f} | "
        f"{row['gain_by_the_clock']:.2f} | "
        f"{100 * row['share_of_the_gain']:.0f} % | "
        f"{100 * row['batch_by_batch']['share_of_the_gain']:.0f} % |"
        for row in gain["rows"]
    ]
    return [
        "| batch | together | ms whole | ms leaving | gain in MACs | in MACs run | by the clock | "
        "share of the first | in turns |",
        "|---|---|---|---|---|---|---|---|---|",
        *rows,
    ]


def promises(broken: dict[str, Any] | None) -> list[str]:
    """How often `--max-drop` broke its promise, where it was simulated."""
    if broken is None:
        return []
    rows = [
        f"| {row['population']} | {row['max_drop_points']:g} | {row['held_out_images']:,} | "
        f"{row['chosen']:,} | {row['broken']} | {row['mean_exit']:.2f} |"
        for row in broken["rows"]
    ]
    return [
        "",
        "`--max-drop` in 1,000 simulated calibrations, of which 50 may lose more than was promised "
        "(`python benchmarks/adaptive_promise.py --run RUN`):",
        "",
        "| images of | points | held-out images | thresholds found | promise broken | mean exit |",
        "|---|---|---|---|---|---|",
        *rows,
    ]


if __name__ == "__main__":
    main()
