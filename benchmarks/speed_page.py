"""docs/speed.md from the results: for each figure, how far it is from what the machine can do.

    python benchmarks/speed_page.py [--write]

A section is there when its results are: inference.json, training_step.json, input_pipeline.json,
speedrun.json, start_up.json and activation_memory.json of this folder's `results`, and those that
`speed_avx2.py` reads. The limits are those that `inference.py` measured, or limits.json, which
`cladenet bench limits --json` writes.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from cladenet.analysis.cost import count_cost
from cladenet.plural import counted
from cladenet.registry import create_model, find
from cladenet.weights.sources import find_source
from speed_avx2 import section as avx2_section
from speed_texts import (
    HEAD,
    INFERENCE,
    INFERENCE_END,
    INPUT,
    INPUT_END,
    INPUT_SHARES,
    LIMITS,
    MEMORY,
    MEMORY_END,
    SPEEDRUN,
    START,
    START_END,
    TRAINING,
    TRAINING_END,
)

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "speed.md"
PASSES = 3  # of a training step over the network's MACs: forward, and two backward


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"to {PAGE.name}, else print")
    options = parser.parse_args()
    if options.write:
        PAGE.write_text(page(RESULTS))
        print(f"written: {PAGE}")
    else:
        print(page(RESULTS), end="")


def page(results: Path) -> str:
    """The page from a folder of results."""
    inference = read(results, "inference")
    limits = (read(results, "limits") or inference).get("limits")
    sections = [
        HEAD,
        *limits_section(limits, inference),
        *inference_section(inference),
        *training_section(read(results, "training_step"), limits),
        *avx2_section(results),
        *input_section(read(results, "input_pipeline"), limits),
        *speedrun_section(read(results, "speedrun")),
        *start_section(read(results, "start_up")),
        *memory_section(read(results, "activation_memory")),
    ]
    return "\n".join(sections)


def read(results: Path, name: str) -> dict[str, Any]:
    """The results of one script; empty where it has not run."""
    file = results / f"{name}.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return found


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (headings, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(headings), *lines[1:]]) + "\n"


def peak(limits: dict[str, Any] | None, precision: str) -> float:
    """Billions of operations a second; 0 where none was measured."""
    if limits is None:
        return 0.0
    return max(limits["gemm"].get(precision, 0.0), limits["conv"].get(precision, 0.0))


def share(operations: float, limits: dict[str, Any] | None, precision: str) -> str:
    limit = peak(limits, precision)
    return f"{100 * operations / limit / 1e9:.0f} %" if limit else ""


def on(machine: dict[str, Any]) -> str:
    parts = [machine.get("processor", ""), counted(machine.get("threads", 0), "thread")]
    return f"{', '.join(parts)}, torch {machine.get('torch')}"


def limits_section(limits: dict[str, Any] | None, inference: dict[str, Any]) -> Iterator[str]:
    if not limits:
        return
    rows = [
        f"| {kind} | {peak(limits, kind):,.0f} billion operations a second |"
        for kind in limits["gemm"]
    ]
    rows.append(f"| memory | {limits['copy_gb_s']:.0f} GB/s |")
    if limits["jpegs_s"]:
        rows.append(f"| JPEG, 500x375 | {limits['jpegs_s']:,.0f} photographs a second |")
    yield LIMITS.format(rows="\n".join(rows))


def inference_section(result: dict[str, Any]) -> Iterator[str]:
    if not result.get("runs"):
        return
    yield INFERENCE
    runs = list(result["runs"].values())
    yield f"Measured on {on(runs[0]['machine'])}, {runs[0]['clock']} time.\n"
    for run in runs:
        network = find_source(f"torchvision/{run['network']}").network
        macs = f"{find(network).macs / 1e9:.2f} billion MACs"
        yield f"### {run['network']}, batch {run['batch']} ({macs})\n"
        rows = []
        for side, row in run["sides"].items():
            if "failed" in row:
                rows.append((side, "", "", "", "", "", f"not measured: {cut(row['failed'])}"))
                continue
            times, facts = row["times"], row["facts"]
            rows.append(
                (
                    side,
                    f"{row['images_s']:,.1f}",
                    f"{times['median']:.2f} ({times['low']:.2f} to {times['high']:.2f})",
                    f"{100 * row['share']:.0f} %",
                    f"{row['peak_mib']:,.0f} MiB",
                    f"{facts['prepared_s']:.2g} s" if "prepared_s" in facts else "",
                    f"{facts['difference']:.0e}",
                )
            )
        headings = (
            "side",
            "images/s",
            "times (quartiles)",
            "of peak",
            "memory",
            "ready after",
            "logits differ by",
        )
        yield table(headings, rows)
    yield INFERENCE_END


def cut(words: str) -> str:
    """The first line, short enough for a table."""
    first = words.splitlines()[0].replace("|", "/")
    return first if len(first) <= 80 else first[:79] + "…"


def training_section(result: dict[str, Any], limits: dict[str, Any] | None) -> Iterator[str]:
    if not result.get("networks"):
        return
    yield TRAINING
    rows = []
    for name, case in result["networks"].items():
        for side, row in case["sides"].items():
            rate = row["images_per_second"]
            operations = 2 * PASSES * macs_at(name, case["size"]) * rate
            rows.append(
                (
                    f"{name}, {case['size']} pixels, batch {case['batch']}",
                    side,
                    f"{rate:,.1f}",
                    f"{row['ratio']:.2f}",
                    share(operations, limits, "bf16" if "bf16" in side else "fp32"),
                )
            )
    yield table(("network", "side", "images/s", "times the first side", "of peak"), rows)
    yield TRAINING_END


def macs_at(name: str, size: int) -> int:
    """Of one image of `size` pixels a side; the ledger has them for one size."""
    entry = find(name)
    if size == entry.input[1]:
        return entry.macs
    with torch.device("meta"):
        model = create_model(name)
    return count_cost(model, (entry.input[0], size, size))[1]


def input_section(result: dict[str, Any], limits: dict[str, Any] | None) -> Iterator[str]:
    if not result:
        return
    yield INPUT
    yield f"Measured on {on(result['cifar']['machine'])} where no other number is given.\n"
    rows, shares = [], []
    for name, sides in result.items():
        if "share_percent" in sides:
            shares.append(
                f"{sides['share_percent']:.1f} % of a {name} ({sides['step_ms']:,.0f} ms)"
            )
            continue
        for side, clocks in sides.items():
            if side != "machine":
                wall, cpu = clocks["wall"], clocks.get("cpu")
                figures = (f"{wall['median']:,}", f"{cpu['median']:,}" if cpu else "")
                rows.append((name, side, *figures, f"{wall['times']:.1f}"))
    headings = ("images", "side", "of wall time", "of processor time", "times")
    yield table(headings, rows)
    whole = result["jpeg"]["timm, DataLoader 0"]["cpu"]["median"]
    resized, crops = (
        result[name]["cladenet, packed"]["cpu"]["median"] / whole
        for name in ("packed", "crops alone")
    )
    yield INPUT_SHARES.format(resized=resized, crops=crops, shares=" and ".join(shares))
    known = limits and limits["jpegs_s"]
    yield INPUT_END.format(
        jpegs=f" ({limits['jpegs_s']:,.0f} a second)" if known and limits else ""
    )


def speedrun_section(result: dict[str, Any]) -> Iterator[str]:
    if not result.get("runs"):
        return
    first = result["runs"][0]
    yield SPEEDRUN.format(images=first["images"])
    yield f"Measured on {on(first['machine'])}.\n"
    rows = []
    for run in result["runs"]:
        views = run["end"]["test"]["mirror-shift"]
        low, high = views["interval"]
        rows.append(
            (
                f"{run['side']} (`{run['network']}`)",
                str(run["seed"]),
                *(seconds_to(mark) for mark in run["reached"].values()),
                f"{run['curve'][-1]['epoch']:g} epochs, {run['seconds']:,.0f} s",
                f"{run['curve'][-1]['test']:.1f} %",
                f"{views['accuracy']:.1f} % ({low:.1f} to {high:.1f})",
            )
        )
    marks = [f"to {mark}" for mark in first["reached"]]
    yield table(("side", "seed", *marks, "end", "test", "test, six views"), rows)


def seconds_to(mark: dict[str, Any] | None) -> str:
    return f"{mark['seconds']:,.0f} s" if mark else "not reached"


def start_section(result: dict[str, Any]) -> Iterator[str]:
    if result:
        yield START.format(rounds=result["rounds"])
        rows = [
            (
                f"`{name}`",
                f"{row['cpu_median']:.3f} s ({row['cpu_low']:.3f} to {row['cpu_high']:.3f})",
                f"{row['peak_mib']:,} MiB",
            )
            for name, row in result["cases"].items()
        ]
        yield table(("what", "processor time (quartiles)", "memory"), rows)
        yield START_END


def memory_section(result: dict[str, Any]) -> Iterator[str]:
    if not result.get("steps"):
        return
    yield MEMORY
    rows = [
        (
            f"{row['network']}, batch {row['batch']}",
            row["form"],
            f"{row['step_mib']:,} MiB",
            f"{row['cpu_seconds']} s",
        )
        for row in result["steps"]
    ]
    yield table(("network", "form", "memory", "CPU time"), rows)
    yield MEMORY_END


if __name__ == "__main__":
    main()
