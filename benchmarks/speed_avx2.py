"""The section of docs/speed.md on processors without AVX-512, from its own results.

default_engine.json, busy_neighbour.json and training_step_avx2.json of `results`, and the same with
_amd at the end of the name, of another machine; `speed_page.py` puts what is there into the page.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HEAD = """## Without AVX-512

Most laptops have AVX2 alone: no AVX-512, no VNNI, no bfloat16. These figures are of an Intel Xeon
(model 207) and of an AMD EPYC (Zen 5) on which a small preloaded library hid the wider instructions
from programs, 2 threads, float32, all sides of a network in one run while other work on the machine
was stopped or, on the Xeon, had to wait. On the EPYC threads slept after 100 us of waiting
(GOMP_SPINCOUNT=2000; the commands take half of that).
"""
ENGINE = """`python benchmarks/default_engine.py`: `for_inference(model)` once it has chosen its
engine, against torchvision's eager float32 on the same weights.
"""
ENGINE_END = """Ratios vary from run to run, mostly by what torchvision takes. Earlier quiet runs on
the EPYC within three hours: MobileNetV3 3.59 and 3.24 times (torchvision 13.0 and 9.6 ms),
ResNet-50 at one image 1.74 and 1.62, at 8 images 1.45, 1.46 and 1.62, ViT-B/16 1.46 and 1.33. At 8
images 3x3 convolutions are computed in tiles, which before took ResNet-50 from 1.34 times to this.
"""
NEIGHBOUR = """`python benchmarks/busy_neighbour.py`: one image, alone and beside a process that
keeps one of the two cores busy. Where a side is hardly slower beside it, other work had disturbed
it while it was alone, and its ratio says nothing; of ResNet-50 on the Xeon beside the neighbour,
over ONNX Runtime's shortest time alone, `auto` takes 1.67. On the EPYC with AVX-512 `auto` takes
1.78 times as long for ResNet-50 beside the neighbour, and 1.46 times for MobileNetV3 (another time
1.73 and 1.72); torchvision 2.14 and 2.25. Threads that wait 100 us before they sleep, not 50, cost
those with such a neighbour more than they gain without: `packed` 2.96 times instead of 1.77.
"""
TRAINING = """`python benchmarks/training_step.py --sides "timm,cladenet fp32"`: whole steps,
against timm's.
"""
TRAINING_EPYC = """The Xeon's rows are from before 3x3 convolutions of 64 channels and more were
computed in tiles, with a quarter of the multiplications, and 1x1 convolutions by the faster one of
MKL and oneDNN. Processor time of a step on the EPYC, one thread, in operations, each at its least
of five steps, and of that in convolutions and matrix products:

| network | timm, ms | cladenet, ms | cladenet before, ms |
|---|---|---|---|
| resnet18 | 605, 525 | 342, 279 | 463, 416 |
| resnet20_cifar | 400, 321 | 286, 233 | 328, 280 |
| mobilenet_v2_x1_0 | 666, 409 | 366, 274 | 404, 315 |

Since then tiles are computed in blocks that stay in the caches, another 5 % of ResNet-18's step. Of
ResNet-20's, convolutions with 16 or 32 channels take 195 ms, at 91 to 118 billion operations a
second, which is near the peak; 32 channels in tiles take as long on two threads, 16 twice as long.
In an earlier quiet run ResNet-20 was 1.52 times as fast (1.42 to 1.56). Of MobileNetV2's, products
take 196 ms, at some 110 billion operations a second, and depthwise and first convolutions 78; to be
twice as fast, the rest would have to take 59 ms instead of 92.
"""
TRAINING_END = """On the Xeon, MobileNetV2's 1x1 convolutions that widen are one with the batch norm
after them, which then needs no pass over the wide feature maps: a step takes 594 ms of processor
time on one thread instead of 681. Of what is left, products take 40 %, at 83 billion operations a
second, depthwise and 3x3 convolutions 19 %, batch norm 19 %, and activations 11 %, at the speed of
memory. Of ResNet-20's step 3x3 convolutions take two thirds, at 79 billion operations a second:
without anything else it would take 0.68 of its time.

Three ways to shorten the other passes were tried, in processor time on a loaded machine. Pieces of
maps that stay in the cache, with the activation computed again in the backward pass, took 1.0 to
1.9 times as long (one layer of ten 0.84 times). ReLU6 and the 1x1 convolution that narrows after
it, in such pieces, took 0.90 to 1.07 times as long, and 0.89 to 1.08 with batch norm in them, too.
Pages of 2 MiB gained 6 to 9 % of batch norm's passes, and nothing of ReLU's on a large map.
"""


def section(results: Path) -> Iterator[str]:
    """The parts whose results are there."""
    engines, neighbours, trainings = (
        read(results, name) for name in ("default_engine", "busy_neighbour", "training_step_avx2")
    )
    if not (engines or neighbours or trainings):
        return
    yield HEAD
    if engines:
        yield ENGINE
        yield table(
            "processor | network | torchvision, ms | cladenet, ms | times (quartiles) | engine",
            [
                f"{maker(row)} | {in_words(case)} | {row['torchvision']['ms']} | "
                f"{row['cladenet']['ms']} | {spread(row['cladenet'])} | {row['cladenet']['engine']}"
                for found in engines
                for case, row in found.get("AVX2", {}).items()
            ],
        )
        yield ENGINE_END
    if neighbours:
        yield NEIGHBOUR
        yield table(
            "processor | network | engine | alone, ms | beside it, ms | times as long",
            [
                f"{maker(found)} | {network} | {side} | {row['ms']} | {row['ms_beside']} | "
                f"{row['ratio']:.2f}"
                for found in neighbours
                for network, rows in found["networks"].items()
                for side, row in rows.items()
            ],
        )
    if trainings:
        yield TRAINING
        yield table(
            "processor | network | timm, ms | cladenet, ms | times (quartiles)",
            [
                f"{maker(case)} | {name}, {case['size']} pixels, batch {case['batch']} | "
                f"{case['sides']['timm']['ms']} | {ours['ms']} | "
                f"{ours['ratio']:.2f} ({ours['quarters'][0]:.2f} to {ours['quarters'][1]:.2f})"
                for found in trainings
                for name, case in found["networks"].items()
                for ours in [case["sides"]["cladenet fp32"]]
            ],
        )
        yield TRAINING_EPYC
        yield TRAINING_END


def read(results: Path, name: str) -> list[dict[str, Any]]:
    """Of each machine that the script has run on."""
    files = (results / f"{name}{machine}.json" for machine in ("", "_amd"))
    return [json.loads(file.read_text()) for file in files if file.exists()]


def maker(row: dict[str, Any]) -> str:
    """Of the processor of a row's machine, and what it sells it as."""
    name: str = row["machine"]["processor"]
    return name.replace("(R)", "").removesuffix(" Processor")


def in_words(case: str) -> str:
    """`resnet50:8` as "resnet50, batch 8"."""
    name, _, batch = case.partition(":")
    return f"{name}, batch {batch}"


def spread(row: dict[str, Any]) -> str:
    """The ratio and its quartiles."""
    low, high = row["quarters"]
    return f"{row['times']:.2f} ({low:.2f} to {high:.2f})"


def table(heading: str, rows: list[str]) -> str:
    """In Markdown."""
    rule = "---|" * (heading.count("|") + 1)
    return "\n".join([f"| {heading} |", f"|{rule}", *(f"| {row} |" for row in rows)]) + "\n"
