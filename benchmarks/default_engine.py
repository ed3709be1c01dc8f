"""The default engine after its choice, beside torchvision's eager float32 and an earlier build.

    python benchmarks/default_engine.py [--only resnet50:1,vit_b_16:1] [--before SOURCE]

What a user has who names no engine: `for_inference(model)` in float32, once it has settled, as it
does by itself after some seconds of answering. torchvision has the same weights, and logits are
compared before anything is timed. All take turns in one run. `--before` is the `src` folder of
another commit, which answers in a process of its own after the seconds that settling took here.
What is written, a row for each network and batch: benchmarks/results/default_engine.json.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

RESULT = Path(__file__).parent / "results" / "default_engine.json"
CASES = "resnet50:1,resnet50:8,mobilenet_v3_large:1,vit_b_16:1"
PLAIN, OURS, BEFORE = "torchvision", "cladenet", "before"
PAUSE, VISIT = 0.15, 0.5  # seconds: until the last side's threads sleep, and of a visit
MOST_DIFFERENT = 1e-4  # of the largest logit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=CASES, help="network:batch, by commas")
    parser.add_argument("--before", help="`src` of another commit")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--answer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        answer_for_another(options.answer, options.before, options.threads)
        return
    from cladenet import processor
    from cladenet.allocator import keep_freed_memory
    from machine import machine

    keep_freed_memory()
    torch.set_num_threads(options.threads)
    able = processor.abilities()
    for case in options.only.split(","):
        row = measured(case, options)
        print(case, able.vectors, json.dumps(row), flush=True)
        row["machine"] = machine(**able._asdict())
        kept = json.loads(options.out.read_text()) if options.out.exists() else {}
        kept.setdefault(able.vectors, {})[case] = row
        options.out.write_text(json.dumps(kept, indent=1) + "\n")


def measured(case: str, options: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds of each side, and how many times as fast as torchvision it is."""
    from cladenet.bench.apart import Apart
    from cladenet.bench.paired import paired, repeated, times_as_fast

    model, images = built(case), images_for(case)
    plain = torchvisions(case, model)
    fast = default_engine(model, images)
    start = time.perf_counter()
    fast.settle()
    settled = time.perf_counter() - start
    with torch.inference_mode():
        one, other = plain(images), fast(images)
    if (one - other).abs().max() > MOST_DIFFERENT * one.abs().max():
        raise SystemExit(f"{case}: the logits differ, so there is nothing to compare")
    with ExitStack() as stack, torch.inference_mode():
        sides: dict[str, Callable[[], float]] = {
            PLAIN: rested(repeated(partial(plain, images), VISIT)),
            OURS: rested(repeated(partial(fast, images), VISIT)),
        }
        if options.before:
            words = ["--before", options.before, "--threads", str(options.threads)]
            sides[BEFORE] = stack.enter_context(Apart([__file__, "--answer", case, *words]))
        seconds = paired(sides, options.rounds)
    found: dict[str, Any] = {"settled_in": round(settled, 1)}
    for side, taken in seconds.items():
        ratio = times_as_fast(seconds[PLAIN], taken)
        found[side] = {
            "ms": round(1000 * median(taken), 2),
            "times": round(ratio.median, 2),
            "quarters": [round(ratio.low, 2), round(ratio.high, 2)],
        }
    found[OURS] |= {"engine": fast.engine, "threads": fast.threads}
    if options.before:
        ratio = times_as_fast(seconds[BEFORE], seconds[OURS])
        found["times_before"] = round(ratio.median, 2)
    return found


def built(case: str) -> Any:
    """torchvision's network of a case as ours, with random weights that do not amplify rounding."""
    from parity import randomised

    return randomised(ours(case)).float()


def ours(case: str) -> str:
    """Our name of torchvision's network, whose `resnet50` strides in other convolutions."""
    from cladenet.weights.sources import SOURCES

    return SOURCES[f"torchvision/{case.partition(':')[0]}"].network


def images_for(case: str) -> Tensor:
    """As many as its batch, of the size that its network takes."""
    import cladenet

    size, batch = cladenet.find(ours(case)).input, case.partition(":")[2]
    return torch.randn(int(batch), *size, generator=torch.Generator().manual_seed(1))


def torchvisions(case: str, model: Any) -> Callable[[Tensor], Tensor]:
    """torchvision's network with the weights of ours."""
    from cladenet.vision import torchvision
    from cladenet.weights.exporting import in_their_words
    from cladenet.weights.sources import SOURCES

    torchvision()
    from torchvision import models

    name = case.partition(":")[0]
    theirs = models.get_model(name)
    theirs.load_state_dict(in_their_words(model, SOURCES[f"torchvision/{name}"]))
    network: Callable[[Tensor], Tensor] = theirs.eval()
    return network


def default_engine(model: Any, images: Tensor) -> Any:
    """`for_inference` with nothing said about engines."""
    import cladenet

    size = (images.shape[1], images.shape[2], images.shape[3])
    return cladenet.for_inference(model, batch_size=len(images), size=size)


def rested(measure: Callable[[], float]) -> Callable[[], float]:
    """A measure that waits until nobody's threads spin."""

    def measured() -> float:
        time.sleep(PAUSE)
        return measure()

    return measured


def answer_for_another(case: str, source: str, threads: int) -> None:
    """The same with the code of another commit, as `cladenet.bench.apart` asks for it."""
    sys.path.insert(0, source)
    import cladenet
    from cladenet.allocator import keep_freed_memory
    from cladenet.bench.apart import Answers
    from cladenet.bench.paired import repeated

    answers = Answers()
    keep_freed_memory()
    torch.set_num_threads(threads)
    model, images = cladenet.create_model(ours(case)).eval(), images_for(case)
    fast = default_engine(model, images)
    if hasattr(fast, "settle"):
        fast.settle()
    with torch.inference_mode():
        answers.serve(rested(repeated(partial(fast, images), VISIT)), {"engine": fast.engine})


if __name__ == "__main__":
    main()
