"""docs/claims.md and its plots, from the results of claims.py.

python benchmarks/claims_page.py
"""

import json
from collections import Counter
from pathlib import Path
from statistics import fmean
from typing import Any

from cladenet.durations import clock
from cladenet.experiments.claim import Claim
from cladenet.experiments.claims import CLAIMS
from cladenet.experiments.differences import CONTRADICTED, NOT_HERE, SEEN
from cladenet.experiments.measures import MEASURES
from cladenet.experiments.outcome import Compared, Outcome, counts_diverged, from_json
from cladenet.experiments.plot import plot

RESULTS = Path(__file__).parent / "results" / "claims.json"
DOCS = Path(__file__).parents[1] / "docs"
PLOTS = "claims"


def main() -> None:
    for path, text in files(json.loads(RESULTS.read_text())).items():
        target = DOCS / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
        print(f"written: {target}")


def files(results: dict[str, Any]) -> dict[str, str]:
    """The page and the plots, by their paths below docs."""
    found = {name: from_json(json.dumps(one)) for name, one in results["claims"].items()}
    plots = {f"{PLOTS}/{name}.svg": plot(one) for name, one in found.items()}
    return {"claims.md": page(found, results["machine"], results["processors"]), **plots}


def page(found: dict[str, Outcome], machine: dict[str, Any], processors: dict[str, str]) -> str:
    """Markdown: a table of all claims, then each with its figures."""
    counts = Counter(processors[name] for name in found)
    verdicts = [one.verdict for one in found.values()]
    lines = [
        "# The papers' claims, run",
        "",
        "Made by `python benchmarks/claims_page.py` from the results of `cladenet experiment`; "
        "[Experiments](experiments.md)",
        "says what a verdict means. Trainings at laptop scale are minutes long: they show what is "
        "strong enough to show there,",
        "and *not at this size* says nothing against a paper.",
        "",
        "Times are processor time of one thread a training, beside other work, torch "
        f"{machine['torch']}:",
        "",
        *(f"- {one}: {count} claims" for one, count in counts.items()),
        "",
        f"Of {len(CLAIMS)} claims {len(found)} have been run: {verdicts.count(SEEN)} seen, "
        f"{verdicts.count(NOT_HERE)} not at this size, "
        f"{verdicts.count(CONTRADICTED)} contradicted.",
        "",
        "A claim is as good as the worst of its comparisons.",
        "",
        "| experiment | claim | verdict | comparisons seen | seeds | processor time |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in found.items():
        seen = [each.verdict for each in one.compared].count(SEEN)
        lines.append(
            f"| [{name}](#{name}) | {CLAIMS[name].sentence} | {one.verdict} | "
            f"{seen} of {len(one.compared)} | {one.seeds} | {clock(one.seconds)} |"
        )
    for name, one in found.items():
        lines += section(CLAIMS[name], one)
    missing = [claim for name, claim in CLAIMS.items() if name not in found]
    if missing:
        lines += ["", "## Not run yet", "", "| experiment | claim | source |", "|---|---|---|"]
        lines += [f"| {one.name} | {one.sentence} | {one.source} |" for one in missing]
    return "\n".join(lines) + "\n"


def section(claim: Claim, found: Outcome) -> list[str]:
    """One claim: what was compared, printed beside measured."""
    data = "" if claim.laptop_data else " --data cifar10:DATA"
    lines = [
        "",
        f"## {claim.name}",
        "",
        f"{claim.sentence} ({claim.source})",
        "",
        f"    cladenet experiment {claim.name}{data}",
        "",
        f"{found.data}, {found.seeds} seeds.",
        "",
        "| better by the paper | | than | | measure | printed | difference (95 %) | verdict |",
        "|---|---|---|---|---|---|---|---|",
        *(row(one) for one in found.compared),
        "",
        f"![{claim.name}: a dot for each seed]({PLOTS}/{claim.name}.svg)",
    ]
    for arm, count in counts_diverged(found).items():
        lines += ["", f"{arm}: {count} of {found.seeds} trainings diverged, counted as guessing."]
    if found.verdict != SEEN and claim.if_not:
        lines += ["", f"Likely reason: {claim.if_not}."]
    return lines


def row(one: Compared) -> str:
    """One comparison, as a row of the table."""
    measure = MEASURES[one.measure]
    unit = measure.unit and f" {measure.unit}"
    better, worse = (f"{fmean(one.figures[arm]):.4g}{unit}" for arm in (one.better, one.worse))
    by = one.difference
    assert by is not None, "results without figures are not kept"
    within = f"; no worse by {one.margin:g}" if one.margin else ""
    return (
        f"| {one.better} | {better} | {one.worse} | {worse} | {measure.words}"
        f"{', same networks' if one.paired else ''} | {one.printed or '-'} | "
        f"{by.value:+.3g} ({by.low:+.3g} to {by.high:+.3g}{within}) | {one.verdict} |"
    )


if __name__ == "__main__":
    main()
