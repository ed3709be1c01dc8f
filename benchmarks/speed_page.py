"""docs/speed.md from the results: for each figure, how far it is from what the machine can do.

    python benchmarks/speed_page.py [--write]

A section is there when its results are: inference.json, training_step.json, input_pipeline.json,
speedrun.json, start_up.json and activation_memory.json of this folder's `results`. The limits are
those that `inference.py` measured, or limits.json, which `cladenet bench limits --json` writes.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from cladenet.analysis.cost import count_cost
from cladenet.registry import create_model, find
from cladenet.weights.sources import find_source

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "speed.md"
PASSES = 3  # of a training step over the network's MACs: forward, and two backward

HEAD = """# How fast, and how far from the limit

Written by `python benchmarks/speed_page.py --write` from `benchmarks/results/`; each section
names the command that measured it. `cladenet bench inference NAME`, `bench training`, `bench
input` and `bench limits` measure the same on your machine. Sides of one table took turns in one
run, each in a process of its own; figures are medians.
"""
LIMITS = """## The machine

| limit | figure |
|---|---|
{rows}

Arithmetic is the better of a matrix product and a 3x3 convolution, a multiply-accumulate counted
as two operations; memory counts what a copy reads and writes. A network that did nothing but its
MACs would run at 100 % of the peak of its precision, and no software can make it faster without
leaving some of them out.
"""
INFERENCE = """## Inference

`python benchmarks/inference.py`: same weights and images on all sides, logits compared before
speed. "times" is against torchvision's eager float32 in the same rounds, "of peak" counts the
network's MACs. A side's memory is the highest of its whole process, which builds the network in
torch first on every side. "ready after" is what our preparation took, once; that of
`cladenet-fastest` makes every engine ready and measures it, and its choice is remembered.

![times as fast as torchvision](speed.svg)
"""
INFERENCE_END = """What stands between a figure and 100 %:

- **Dense 3x3 networks** (ResNet, VGG): little. Their first and last layers have too few channels
  or images to fill the vector units, and each layer begins with waking the threads.
- **Light networks** (MobileNet, EfficientNet, ShuffleNet): memory. A depthwise convolution does 9
  to 25 MACs for each value that it reads and writes, where the peak needs hundreds;
  squeeze-and-excitation reads a map twice. Only fusing a depthwise layer with its neighbours, so
  that maps stay in the cache, would move these.
- **DenseNet**: every layer reads all maps before it again, and norms stand before convolutions,
  where they cannot be folded away.
- **ViT**: softmax, GELU and layer norm stand between the matrix products, and are memory and
  exponentials.
- **`cladenet-fastest` and the engine that it chose, used bare**, are two processes, and differ by
  up to 11 % here, either way.
- **Neighbours on the machine** slow eager torch, which packs its weights at every call, more than
  the others. Where torchvision's share of the peak is low the machine was not quiet, and "times" is
  flattered. In a quiet hour, with torchvision at 64 %, `cladenet` and `cladenet-fastest` were 1.34
  and 1.42 times as fast for ResNet-50 at one image, 2.42 and 2.73 in bf16, 3.86 and 4.95 in int8.
- **One image**: at batch 1 the weights are read once for each image. Where they exceed the cache,
  as VGG-16's 528 MB of float32 do, memory bandwidth divided by their size is a limit of its own.
"""
TRAINING = """## Training

`python benchmarks/training_step.py`: whole steps, forward, backward and SGD. "of peak" counts
three times the network's MACs.
"""
TRAINING_END = """Between these and the peak stand the passes that do no MACs: a batch norm in
training reads its map twice forward and twice backward, ReLU once each way, at the speed of
memory; the gradient of the first layers has few channels; weights change in every step and are
laid out anew for the kernels. Optimiser, moving average and casts move 44 bytes a weight: 13 ms of
ResNet-18's 175. torch.compile, which leaves our own kernels out, gains nothing here.
"""
INPUT = """## Input

`python benchmarks/input_pipeline.py`: images a second, of JPEGs and packed photographs as random
resized crops with mirror images. "of wall time" counts all cores that a side takes, "of processor
time" what one core does; "times" is in wall time, against the first side on the same images.
"""
INPUT_SHARES = """On one core, packed photographs arrive {resized:.1f} times as fast as timm's
from JPEGs with the same random resized crops, and {crops:.1f} times with crops of the packed size.
With 2 threads for all, input takes {shares}.
"""
INPUT_END = """A photograph that is decoded cannot arrive faster than its Huffman codes are
read{jpegs}: that is the limit of "decoding". The packed cache holds decoded pixels, and its limit
is resampling each crop and writing 0.6 MB of float32 an image (224 pixels). Images of one size in
memory are copied by whole windows, and writing the batch is all that is left.
"""
SPEEDRUN = """## The speed run

`python benchmarks/speedrun.py`: seconds of training on {images:,} images of CIFAR-10, input and
steps, until that share of 2,000 others is right, looked at after each epoch. The test images
decide nothing.
"""
START = """## Start-up

`python benchmarks/start_up.py`: processor time and highest memory of a fresh process, {rounds}
rounds.
"""
START_END = """The floor is Python itself with `argparse`. Commands that need no network import no
torch; listing them parses the ledger's 40 files of TOML, which is most of what `cladenet models`
takes. Building a network costs torch's own import, which nothing here can shorten, and the
drawing of its weights by torch's generator, one core, about 9 ns a weight for torch's own draw
and the paper's; loading a checkpoint draws none.
"""
MEMORY = """## Memory of a training step

`python benchmarks/activation_memory.py`: what one step adds, one thread.
"""
MEMORY_END = """The limit of a plain step is what the backward pass needs: the input of each
convolution and norm. Below it lies only computing again, at the cost of up to one more forward
pass.
"""


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
    parts = [machine.get("processor", ""), f"{machine.get('threads')} threads"]
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
