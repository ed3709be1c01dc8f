"""Time of a training step, beside that of timm, torchvision and Lightning on the same weights.

    python benchmarks/training_step.py [--only resnet18] [--threads 2] [--device cuda]

Every side is a process of its own, since how a process keeps its memory cannot be taken back; the
sides take turns, a few steps each, so that a change of the machine's load meets all of them.

    timm           float32, its default layout, Nesterov's SGD in its parameter groups, label
                   smoothing and the moving average of the weights, as its train.py has them
    torchvision    float32, its default layout, SGD and label smoothing, as its references have them
    lightning      the same step as a module of Lightning's in its Trainer, at float32; left out
                   where it is not installed
    cladenet       the loop of `cladenet train` with all of what timm's step does, and the bytes of
                   the images turned into input and the errors counted besides: at float32, at
                   bfloat16, and at float32 without `keep_freed_memory`

All have the same weights, images and labels, and no dropout: the losses of the first step must
agree, or nothing is written. resnet20_cifar is in neither library: there the network is ours, the
step theirs. Speeds are of the median step; `ratio` is to timm's, of medians of rounds taken side by
side, with the quarters of its spread. What is written: benchmarks/results/training_step.json.
"""

import argparse
import json
import statistics
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from cladenet import processor
from cladenet.bench.apart import Apart
from cladenet.bench.paired import paired, times_as_fast
from machine import machine
from training_sides import Case

RESULT = Path(__file__).parent / "results" / "training_step.json"
SIDES = Path(__file__).parent / "training_sides.py"
CASES = (
    Case("resnet20_cifar", 128, 32),
    Case("resnet18", 64, 64, "resnet18", "resnet18"),
    Case("mobilenet_v2_x1_0", 64, 96, "mobilenetv2_100", "mobilenet_v2"),
    Case("densenet121", 32, 64, "densenet121", "densenet121"),
    Case("vit_ti_16", 16, 224, "vit_tiny_patch16_224"),
)
OURS = ("cladenet fp32", "cladenet bf16", "cladenet fp32, memory returned")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="networks whose name begins so")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--sides", default="", help="these alone, by commas; timm is one of them")
    parser.add_argument("--compile", action="store_true", help="one more side: torch.compile")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    if options.device != "cpu" and not torch.cuda.is_available():
        print(f"no {options.device} here: nothing is measured")
        return
    before = json.loads(options.out.read_text()) if options.out.exists() else {}
    rows = before.get("networks", {})
    for case in CASES:
        if case.network.startswith(options.only):
            extra = ("cladenet bf16, compiled",) if options.compile else ()
            rows[case.network] = {
                **measured(case, extra, options),
                "machine": machine(device=options.device, threads_of_a_side=options.threads),
            }
            print(json.dumps({case.network: rows[case.network]["sides"]}, indent=1), flush=True)
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps({"networks": rows}, indent=1) + "\n")
    print(f"written: {options.out}")


def measured(case: Case, extra: tuple[str, ...], options: argparse.Namespace) -> dict[str, Any]:
    """All sides of one network, in turns."""
    theirs = ["timm"]
    if case.torchvision or not case.timm:
        theirs += ["torchvision", *(["lightning"] if find_spec("lightning") else [])]
    with ExitStack() as stack:
        sides = {}
        wanted = options.sides.split(",") if options.sides else [*theirs, *OURS, *extra]
        for name in wanted:
            if "bf16" in name and not processor.has_bf16(options.device):
                continue
            words = [*case, name, options.device, options.threads]
            sides[name] = stack.enter_context(Apart([str(SIDES), *map(str, words)]))
        losses = {name: side.facts["first_loss"] for name, side in sides.items()}
        refuse_what_differs(losses)
        seconds = paired(sides, options.rounds)
    return {
        **case._asdict(),
        "rounds": options.rounds,
        "sides": {
            name: row(case, taken, seconds["timm"], losses[name]) for name, taken in seconds.items()
        },
    }


def row(case: Case, seconds: list[float], timms: list[float], loss: float) -> dict[str, Any]:
    """A side's row."""
    median = statistics.median(seconds)
    ratio = times_as_fast(timms, seconds)
    return {
        "images_per_second": round(case.batch / median, 1),
        "ms": round(1000 * median, 1),
        "ratio": round(ratio.median, 2),
        "quarters": [round(ratio.low, 2), round(ratio.high, 2)],
        "first_loss": loss,
    }


def refuse_what_differs(losses: dict[str, float]) -> None:
    """The same weights, images and labels give one loss, or the comparison is void."""
    reference = losses["timm"]
    for name, loss in losses.items():
        allowed = 2e-2 if "bf16" in name else 1e-4
        if abs(loss - reference) > allowed * reference:
            raise SystemExit(f"{name}: first loss {loss}, timm's is {reference}")


if __name__ == "__main__":
    main()
