"""How fast networks train: a plain loop of torch, and this library's, on the same batch.

Each side is a process of its own (`python -m cladenet.bench.training CASE`) that repeats whole
steps: forward, backward, SGD with momentum. The plain loop gets images that are normalised already;
the library's normalises them in its step, as it does in a run.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import repeat
from typing import Any, NamedTuple

from cladenet import processor
from cladenet.bench.apart import Answers, Apart
from cladenet.bench.inference import Compared, row_of
from cladenet.bench.limits import Limits
from cladenet.bench.paired import paired, repeated
from cladenet.errors import BadArgument, CladeNetError
from cladenet.registry import find

PLAIN = "plain"
FORMS = ("fp32", "bf16")  # values of a run's option `precision`
PASSES = 3  # forward, and backward to the feature maps and to the weights: as many MACs each


class Case(NamedTuple):
    """One side: "plain", or a precision of the library's loop; else as for inference."""

    network: str
    form: str
    batch: int
    device: str = "cpu"
    threads: int = 0
    visit: float = 0.5
    clock: str = "wall"


def training_speed(
    names: Sequence[str],
    batch: int = 64,
    *,
    rounds: int = 5,
    limits: Limits | None = None,
    **settings: Any,
) -> Iterator[Compared]:
    """Measure each network; the plain loop's row is the first.

    A row's share of the peak counts three times the network's MACs an image. `settings` are
    `device`, `threads`, `visit` and `clock` of `Case`.

    Raises:
        BadArgument: an unknown name, or a batch that is no batch.
    """
    entries = [find(name) for name in names]
    if batch < 2:
        raise BadArgument(f"batch is {batch}; a batch norm needs 2 or more")
    for entry in entries:
        with ExitStack() as stack:
            sides: dict[str, Apart] = {}
            refused: dict[str, str] = {}
            for form in (PLAIN, *FORMS):
                case = json.dumps(Case(entry.name, form, batch, **settings))
                try:
                    side = Apart(["-m", "cladenet.bench.training", case])
                    sides[form] = stack.enter_context(side)
                except BadArgument as error:
                    if form == PLAIN:
                        raise
                    refused[form] = str(error)
            seconds = paired(sides, rounds)
            rows = [
                row_of(
                    entry.name,
                    batch,
                    form,
                    taken,
                    seconds[PLAIN],
                    limits.peak("fp32" if form == PLAIN else form) / PASSES if limits else None,
                    sides[form],
                )
                for form, taken in seconds.items()
            ]
        yield Compared(rows, refused)


def main() -> None:
    """Answer for the case in the first argument."""
    answers = Answers()
    case = Case(*json.loads(sys.argv[1]))
    try:
        step = _plain(case) if case.form == PLAIN else _ours(case)
    except (CladeNetError, ImportError) as error:
        answers.refuse(error)
        return
    import torch

    from cladenet.bench.limits import waiting

    call = waiting(step, torch.device(case.device))
    answers.serve(repeated(call, case.visit, case.clock), {"threads": torch.get_num_threads()})


def _network(case: Case) -> Any:
    import torch

    from cladenet.registry import create_model

    if case.threads:
        torch.set_num_threads(case.threads)
    torch.manual_seed(0)
    return create_model(case.network).to(case.device).train()


def _plain(case: Case) -> Any:
    """As the tutorials have it: float32, torch's own layout and optimiser."""
    import torch
    import torch.nn.functional as F

    net = _network(case)
    entry = find(case.network)
    images = torch.randn(case.batch, *entry.input, device=case.device)
    labels = (torch.arange(case.batch) % entry.classes).to(case.device)
    optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)

    def step() -> None:
        outputs = net(images)
        logits = outputs[0] if isinstance(outputs, tuple) else outputs
        loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def _ours(case: Case) -> Any:
    """The steps of `cladenet train` between two looks at the clock."""
    import torch

    from cladenet.data.batches import Batch
    from cladenet.data.preprocess import Preprocess
    from cladenet.recipes import Recipe
    from cladenet.training.engine import train
    from cladenet.training.learner import Learner
    from cladenet.training.objective import make_objective
    from cladenet.world import World

    if case.form == "bf16":
        processor.refuse_bf16(case.device, "fp32 is measured")
    net = _network(case).to(memory_format=torch.channels_last)
    entry = find(case.network)
    channels, height, width = entry.input
    preprocess = Preprocess(
        height=height,
        width=width,
        channels=channels,
        fit="stretch",
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
    )
    batch = Batch(
        torch.randint(0, 256, (case.batch, height, width, channels), dtype=torch.uint8),
        torch.arange(case.batch) % entry.classes,
        torch.arange(case.batch),
    )
    world = World(device=torch.device(case.device))
    recipe = Recipe(source="a benchmark", epochs=1, lr=0.01)
    reports = train(
        Learner(net, recipe, world),
        repeat(batch),
        objective=make_objective(),
        preprocess=preprocess,
        rate=lambda _: 0.01,
        precision=case.form,
    )
    return lambda: next(reports)


if __name__ == "__main__":
    main()
