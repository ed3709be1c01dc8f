"""Time of a training step, beside timm's and torchvision's step on the same network and weights.

    python benchmarks/training_step.py [--only resnet18] [--threads 2] [--device cuda]

Every side is a process of its own, since how a process keeps its memory cannot be taken back; the
sides take turns, a few steps each, so that a change of the machine's load meets all of them.

    timm           float32, its default layout, Nesterov's SGD in its parameter groups, label
                   smoothing and the moving average of the weights, as its train.py has them
    torchvision    float32, its default layout, SGD and label smoothing, as its references have them
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
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

RESULT = Path(__file__).parent / "results" / "training_step.json"
LR, DECAY, SMOOTHING, AVERAGE = 0.01, 1e-4, 0.1, 0.9998


class Case(NamedTuple):
    """A network at one size; `timm` and `torchvision` are its names there."""

    network: str
    batch: int
    size: int
    timm: str = ""
    torchvision: str = ""


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
    parser.add_argument("--side", help="for the processes that this one starts")
    options = parser.parse_args()
    if options.side:
        case, name = json.loads(options.side)
        serve(case, name, options.device, options.threads)
        return
    import torch
    from machine import machine

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
    theirs = ("timm", "torchvision") if case.torchvision or not case.timm else ("timm",)
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
        command = [sys.executable, __file__, "--side", json.dumps([case, name])]
        command += ["--threads", str(options.threads), "--device", options.device]
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


def serve(case: list[Any], name: str, device: str, threads: int) -> None:
    """The process of one side: answers with the first loss, or the seconds of a step."""
    import torch

    if name.startswith("cladenet") and "returned" not in name:
        from cladenet.allocator import keep_freed_memory

        keep_freed_memory()
    torch.set_num_threads(threads)
    build = ours if name.startswith("cladenet") else peers
    step = build(Case(*case), name, torch.device(device))
    count = 1
    for line in sys.stdin:
        begin = time.perf_counter()
        if line.strip() == "loss":
            loss = step()
            seconds = time.perf_counter() - begin
            count = max(1, round(0.5 / seconds))  # half a second a turn
            print("=", loss, flush=True)
            continue
        for _ in range(count):
            step()
        if device != "cpu":
            torch.cuda.synchronize()
        print("=", (time.perf_counter() - begin) / count, flush=True)


def fresh(case: Case) -> tuple[Any, Any, Any]:
    """Our network with its first weights, bytes of images and labels: alike in all processes."""
    import torch
    from torch import nn

    import cladenet

    torch.manual_seed(0)
    model = cladenet.create_model(case.network)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    images = torch.randint(256, (case.batch, case.size, case.size, 3), dtype=torch.uint8)
    return model, images, torch.randint(10, (case.batch,))


def preprocess(size: int) -> Any:
    from cladenet.data.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess

    return Preprocess(size, size, 3, "none", IMAGENET_MEAN, IMAGENET_STD)


def ours(case: Case, name: str, device: Any) -> Callable[[], float]:
    """A step of `cladenet train`."""
    import torch

    from cladenet.data.batches import Batch
    from cladenet.recipes import Recipe
    from cladenet.training.engine import Report, train
    from cladenet.training.learner import Learner
    from cladenet.training.objective import make_objective
    from cladenet.training.world import World

    recipe = Recipe(
        source="timm's train.py", epochs=1, lr=LR, momentum=0.9, nesterov=True,
        weight_decay=DECAY, label_smoothing=SMOOTHING, ema=AVERAGE,
    )  # fmt: skip
    model, images, labels = fresh(case)
    model = model.to(device).to(memory_format=torch.channels_last)
    world = World(device=device)
    reports: Iterator[Report] = train(
        Learner(model, recipe, world, compiled="compiled" in name),
        repeat(Batch(images, labels, torch.arange(case.batch))),
        recipe,
        objective=make_objective(SMOOTHING),
        preprocess=preprocess(case.size),
        num_classes=1000,
        rate=lambda _: LR,
        world=world,
        precision="bf16" if "bf16" in name else "fp32",
    )
    return lambda: next(reports).loss.item()


def peers(case: Case, name: str, device: Any) -> Callable[[], float]:
    """A step as the other library's training script does it."""
    from torch import nn
    from torch.optim import SGD

    from cladenet.vision import torchvision

    torchvision()
    import timm
    from timm.loss import LabelSmoothingCrossEntropy
    from timm.optim import create_optimizer_v2
    from timm.utils import ModelEmaV3
    from torchvision import models

    from cladenet.weights.exporting import in_their_words
    from cladenet.weights.sources import SOURCES

    model, images, labels = fresh(case)
    theirs = case.timm if name == "timm" else case.torchvision
    if theirs:
        weights = in_their_words(model, SOURCES[f"{name}/{theirs}"])
        make = timm.create_model if name == "timm" else models.get_model
        model = make(theirs)
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        model.load_state_dict(weights)
    model.to(device).train()
    x, y = preprocess(case.size).to_input(images, device).contiguous(), labels.to(device)
    if name == "timm":
        objective: Any = LabelSmoothingCrossEntropy(SMOOTHING)
        optimizer = create_optimizer_v2(model, "sgd", lr=LR, weight_decay=DECAY, momentum=0.9)
        average = ModelEmaV3(model, decay=AVERAGE)
    else:
        objective = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
        optimizer = SGD(model.parameters(), LR, momentum=0.9, weight_decay=DECAY)
        average = None

    def step() -> float:
        optimizer.zero_grad()
        loss = objective(model(x), y)
        loss.backward()
        optimizer.step()
        if average is not None:
            average.update(model)
        return loss.item()

    return step


if __name__ == "__main__":
    main()
