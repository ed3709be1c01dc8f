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
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
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
    sides = [Side(case, name, options) for name in (*theirs, *OURS, *extra)]
    try:
        for side in sides:
            side.first_loss = side.ask("loss")
        refuse_what_differs(sides)
        for side in sides:
            side.ask("steps")  # warms up
        for _ in range(options.rounds):
            for side in sides:
                side.seconds.append(side.ask("steps"))
    finally:
        for side in sides:
            side.process.kill()
            side.process.wait()
    return {
        **case._asdict(),
        "rounds": options.rounds,
        "sides": {side.name: side.told(sides[0]) for side in sides},
    }


class Side:
    """One process, and the seconds of its steps, round by round."""

    def __init__(self, case: Case, name: str, options: argparse.Namespace) -> None:
        self.case, self.name = case, name
        self.first_loss = 0.0
        self.seconds: list[float] = []
        words = [*case, name, options.device, options.threads]
        command = [sys.executable, str(SIDES), *map(str, words)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, text=True, **pipes)

    def ask(self, what: str) -> float:
        assert self.process.stdin is not None  # noqa: S101
        assert self.process.stdout is not None  # noqa: S101
        print(what, file=self.process.stdin, flush=True)
        for line in self.process.stdout:
            if line.startswith("= "):
                return float(line[2:])
        raise SystemExit(f"{self.case.network}, {self.name} ended with {self.process.wait()}")

    def told(self, reference: "Side") -> dict[str, Any]:
        ratios = [a / b for a, b in zip(reference.seconds, self.seconds, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        median = statistics.median(self.seconds)
        return {
            "images_per_second": round(self.case.batch / median, 1),
            "ms": round(1000 * median, 1),
            "ratio": round(middle, 2),
            "quarters": [round(low, 2), round(high, 2)],
            "first_loss": self.first_loss,
        }


def refuse_what_differs(sides: list[Side]) -> None:
    """The same weights, images and labels give one loss, or the comparison is void."""
    reference = sides[0].first_loss
    for side in sides:
        allowed = 2e-2 if "bf16" in side.name else 1e-4
        if abs(side.first_loss - reference) > allowed * reference:
            raise SystemExit(f"{side.name}: first loss {side.first_loss}, timm's is {reference}")


if __name__ == "__main__":
    main()
