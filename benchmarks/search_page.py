"""Write the measured part of docs/search.md from the results of benchmarks/search_*.py.

python benchmarks/search_page.py
"""

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "search.md"
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->"


def result(name: str) -> dict[str, Any] | None:
    """What a script has written, if it has."""
    path = HERE / "results" / f"search_{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def where(found: dict[str, Any]) -> str:
    """The machine in words."""
    machine = found["machine"]
    return f"{machine['processor']}, {machine['cores']} cores, load {machine['load']}"


def oracles(found: dict[str, Any]) -> list[str]:
    table = found["table"]
    lines = [
        f"`python benchmarks/search_oracles.py` ({found['seeds']} seeds; {where(found)}). The "
        f"table has {table['trainings']} trainings of the {table['networks']} networks that its "
        f"cells are; the best has a test accuracy of {100 * table['optimum']:.1f} %, the median "
        f"cell {100 * table['median']:.1f} %.",
        "",
        "Regret in percentage points of test accuracy, median (quartiles), and how many seeds had "
        "the table's best cell after 300 trials:",
        "",
    ]
    places = list(next(iter(found["regrets"].values()))["quartiles"])
    lines.append("| search | " + " | ".join(f"{t} trials" for t in places) + " | best found |")
    lines.append("|---" * (len(places) + 2) + "|")
    for name, one in found["regrets"].items():
        cells = [f"{m:.2f} ({a:.2f}, {b:.2f})" for a, m, b in one["quartiles"].values()]
        lines.append(f"| {name} | {' | '.join(cells)} | {one['found']}/{found['seeds']} |")
    bits = ", ".join(
        f"{name} {one['mean']:.3f} +- {one['std']:.3f}" for name, one in found["bits"].items()
    )
    ranks, one, many = found["ranks"], found["workers"]["1"], found["workers"]["450"]
    controllers = found["controllers"]
    lines += [
        "",
        f"- 100 bits with noise, 1,000 models, true score of the one measured best: {bits}.",
        f"- Controllers on the share of right decisions, last 100 of 1,500 samples: PPO "
        f"{controllers['ppo']:.3f}, REINFORCE {controllers['reinforce']:.3f}.",
        f"- ENAS's shared weights after {ranks['epochs']} epochs "
        f"({ranks['shared_seconds']:.0f} s; the table took {ranks['table_seconds']:.0f} s a seed): "
        f"Kendall's tau with the truth {ranks['tau_all']:.2f} over all 729 cells and "
        f"{ranks['tau_best_100']:.2f} over the best hundred. A single training of its own has "
        f"{ranks['tau_one_training']:.2f} and {ranks['tau_one_training_best_100']:.2f}.",
        f"- 450 workers in simulated time, 5,000 trials with the table's durations: "
        f"{many['speed_up']:.0f} times as fast as one; half of the trials ended after "
        f"{many['lateness_median']:.0f} or more younger ones, the latest after "
        f"{many['lateness_most']}; regret {many['regret']:.2f} against {one['regret']:.2f} points.",
        "",
    ]
    return lines


def kills(found: dict[str, Any]) -> list[str]:
    w, c, late = found["workers"], found.get("coordinators"), found.get("late")
    text = (
        f"`python benchmarks/search_kills.py FOLDER`: {w['kills']} kills of trials in "
        f"{w['searches']} searches of {w['trials']} in all: {w['lost']} lost, {w['doubled']} "
        f"doubled, {w['failed_after_two']} failed after two deaths."
    )
    if c is not None:
        text += (
            f" {c['kills']} kills of the coordinator in {c['searches']} searches: "
            f"{c['with_another_end']} ended differently from the undisturbed one."
        )
    if late is not None:
        text += (
            f" {late['late']} results that came late: {late['accepted']} accepted, "
            f"{late['running_left']} trials left running."
        )
    return [text, ""]


def journal(found: dict[str, Any]) -> list[str]:
    a, n = found["aging"], found["nasnet"]
    return [
        f"`python benchmarks/search_journal.py` ({where(found)}): {a['trials']:,} trials of aging "
        f"evolution: an ask takes {a['ask_ms']['p50']:.2f} ms (99 %: {a['ask_ms']['p99']:.2f}), a "
        f"tell {a['tell_ms']['p50']:.2f} ms ({a['tell_ms']['p99']:.2f}), the process grows by "
        f"{a['grown_mb']:.0f} MB, the journal has {a['journal_mb']:.0f} MB and is read again in "
        f"{a['read_again_s']:.0f} s. NASNet's controller: ask {n['ask_ms']['p50']:.2f} ms "
        f"({n['ask_ms']['p99']:.2f}), tell {n['tell_ms']['p50']:.2f} ms "
        f"({n['tell_ms']['p99']:.2f}, the lessons).",
        "",
    ]


def pace(found: dict[str, Any]) -> list[str]:
    return [
        f"`python benchmarks/search_pace.py` ({where(found)}): {found['warm_per_hour']:,} trials "
        f"an hour, {found['fresh_per_hour']:,} with a fresh process for each: {found['times']:.1f} "
        f"times. Beside its {found['trial_s']:.2f} s a trial costs "
        f"{1000 * found['overhead_s']:.0f} ms, "
        f"{100 * found['overhead_of_10_s']:.1f} % of one of 10 s.",
        "",
    ]


def real(found: dict[str, Any]) -> list[str]:
    """The searches whose finds have been trained again."""
    named = found["searches"]
    ended = {name: one["searches"][0] for name, one in named.items() if one["last_mean"]}
    machine = found["machine"]  # its load was measured when results were collected
    place = f"{machine['processor']}, {machine['cores']} cores, beside other work"
    larger = ", ".join(f"{key} {value}" for key, value in found["larger"].items() if value != "0")
    lines = [
        f"`python benchmarks/search_real.py FOLDER --data cifar10:ROOT` ({place}): real "
        "searches on 2,000 images of 16x16 grey pixels (DNA graphs: in colour), otherwise with the "
        f"numbers of `--preset small`, {len(ended)} of {len(found['planned'])} at their end. What "
        f"each found was trained three times more with fresh seeds ({larger}, settled beforehand; "
        "all test images):",
        "",
        "| search | space | networks | processor time | chosen at val, test | trained again | mean "
        "(95 %) | above random search over the same space |",
        "|---" * 8 + "|",
    ]
    for name, one in ended.items():
        mean, interval = named[name]["last_mean"], named[name]["last_interval"]
        cells = [
            name.replace("random_", "random in "),
            one["space"],
            f"{one['trials']}",
            f"{one['seconds'] / 60:.0f} min",
            f"{100 * one['best']['val']:.1f} %, {100 * one['best']['test']:.1f} %",
            ", ".join(f"{value:.1f}" for value in one["last"]),
            f"{mean:.1f} %" + ("" if interval is None else " ({:.1f} to {:.1f})".format(*interval)),
            _above(named[name]["above_random"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    apart = [one["above_random"] for one in named.values() if one["above_random"]]
    told = sum(low > 0 or high < 0 for _, low, high in apart)
    return [
        *lines,
        "",
        f"Of {len(apart)} differences from random search {told} are significant at "
        "95 %, with three trainings each. Individuals of large-scale evolution inherit weights: "
        "what it chose had been trained for generations, and is trained again from nothing.",
        "",
    ]


def _above(difference: list[float] | None) -> str:
    if difference is None:
        return ""
    return "{:+.1f} points ({:+.1f} to {:+.1f})".format(*difference)


def main() -> None:
    lines: list[str] = []
    for name, write in {
        "oracles": oracles,
        "real": real,
        "kills": kills,
        "journal": journal,
        "pace": pace,
    }.items():
        if (found := result(name)) is not None:
            lines += write(found)
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + "\n" + "\n".join(lines) + END + after)


if __name__ == "__main__":
    main()
