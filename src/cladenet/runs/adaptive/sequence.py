"""Answers that come one after the other: the exits of one network, or networks of growing size."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cladenet.adaptive.costs import Costs, ms_to_each
from cladenet.adaptive.stepping import SteppedExits
from cladenet.analysis.cost import count_cost, macs_to_exits
from cladenet.checkpoints import Loaded
from cladenet.checkpoints.card import Card
from cladenet.data.batches import EvalBatches
from cladenet.data.dataset import Split
from cladenet.errors import BadArgument
from cladenet.evaluation.options import PassOptions
from cladenet.inference import FastClassifier
from cladenet.runs.evaluate.calibration import calibration_images
from cladenet.runs.evaluate.ensemble_checks import class_order, refuse_other_classes
from cladenet.runs.evaluate.quick import quick
from cladenet.world import ALONE

RECORDED_AT_A_TIME = 64  # images, whose answers are kept to set thresholds
ENGINE = "packed"  # runs from exit to exit, and does not pad the images that are left


class InOrder(Protocol):
    """What gives one answer after the other.

    Attributes:
        names: of the answers, in their order.
    """

    names: tuple[str, ...]

    def record(self, splits: Sequence[Split], options: PassOptions) -> NDArray[np.float32]:
        """What all answers say of the same images, as each run sees them: (K, N, C)."""

    def costs(self) -> Costs:
        """Of one image to each answer; the time is measured now."""


class Exits:
    """The exits of one run, from the first on.

    Args:
        loaded: the run; its network has several exits.
        precision: `fp32`, `bf16` or `int8`.
        batch_size: images that usually come at a time.
        data: has training images for `int8`; by default what the run was trained on.
        calibration: see `calibration_images`.

    Raises:
        BadArgument: the network has one exit, or cannot be run from exit to exit.
    """

    def __init__(
        self,
        loaded: Loaded,
        precision: str,
        batch_size: int,
        data: str | None = None,
        calibration: str | None = None,
    ) -> None:
        if loaded.model.num_exits == 1:
            raise BadArgument(
                f"{loaded.card.network} in {loaded.folder} has one exit, so there is nothing to "
                "decide. `cladenet models 'msdnet*'` lists networks with several, "
                "model.exits_after=stages.0 puts some on any; several runs go with --cascade"
            )
        self.loaded, self.batch_size = loaded, batch_size
        self.size = size_of(loaded.card)
        seen = calibration_images(loaded, calibration, data) if precision == "int8" else None
        self.stepped = SteppedExits(
            loaded.model, self.size, precision, batch_size=batch_size, calibration=seen
        )
        self.names = tuple(f"exit {k + 1}" for k in range(self.stepped.num_exits))

    def record(self, splits: Sequence[Split], options: PassOptions) -> NDArray[np.float32]:
        """See `InOrder`."""
        parts = [
            torch.stack(list(self.stepped.walk(images)))
            for images in inputs(splits[0], self.loaded.card, options)
        ]
        return torch.cat(parts, 1).numpy()

    def costs(self) -> Costs:
        """See `InOrder`."""
        images = some_images(self.batch_size, self.size)
        ms = ms_to_each(lambda: self.stepped.walk(images), self.batch_size)
        macs = macs_to_exits(self.loaded.model, self.size)
        return Costs(macs, ms, self.batch_size, torch.get_num_threads())


class Cascade:
    """Runs one after the other, the small ones first; each sees images as it was trained to.

    Args:
        loaded: two runs or more, which tell the same classes apart.
        precision: `fp32`, `bf16` or `int8`.
        batch_size: images that usually come at a time.
        data: has training images for `int8`; by default what each run was trained on.
        calibration: see `calibration_images`.

    Raises:
        BadArgument: there is one run alone.
        CheckpointError: the runs tell other classes apart.
    """

    def __init__(
        self,
        loaded: Sequence[Loaded],
        precision: str,
        batch_size: int,
        data: str | None = None,
        calibration: str | None = None,
    ) -> None:
        if len(loaded) < 2:
            raise BadArgument("a cascade needs two runs or more, the smallest first; give others")
        refuse_other_classes(loaded)
        self.loaded, self.batch_size = loaded, batch_size
        cpu = torch.device("cpu")
        self.networks: list[FastClassifier] = [
            quick(each, precision, batch_size, cpu, ENGINE, None, data, calibration)
            for each in loaded
        ]
        self.orders = [list(class_order(loaded[0], each)) for each in loaded]
        names = [each.card.network for each in loaded]
        self.names = tuple(
            name if names.count(name) == 1 else f"{name} ({number})"
            for number, name in enumerate(names, 1)
        )

    def answer(self, member: int, images: Tensor) -> Tensor:
        """Normalised images as a member sees them -> logits (n, K) in the first run's order."""
        logits: Tensor = self.networks[member](images)
        order = self.orders[member]
        return logits[:, order] if order else logits

    def record(self, splits: Sequence[Split], options: PassOptions) -> NDArray[np.float32]:
        """See `InOrder`."""
        found = [
            torch.cat([self.answer(k, x) for x in inputs(split, each.card, options)])
            for k, (split, each) in enumerate(zip(splits, self.loaded, strict=True))
        ]
        return torch.stack(found).numpy()

    def costs(self) -> Costs:
        """See `InOrder`."""
        sizes = [size_of(each.card) for each in self.loaded]
        images = [some_images(self.batch_size, size) for size in sizes]

        def each() -> Iterator[Tensor]:
            for network, batch in zip(self.networks, images, strict=True):
                yield network(batch)

        ms = ms_to_each(each, self.batch_size)
        own = [
            count_cost(_Whole(x.model), size)[1] for x, size in zip(self.loaded, sizes, strict=True)
        ]
        macs = tuple(int(total) for total in np.cumsum(own))
        return Costs(macs, ms, self.batch_size, torch.get_num_threads())


class _Whole(nn.Module):
    """A network as it predicts, without the exits that it may have on the way."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.model(x)
        return logits


def size_of(card: Card) -> tuple[int, int, int]:
    """Channels, height and width of what the network sees."""
    return card.preprocess.channels, card.preprocess.height, card.preprocess.width


def some_images(count: int, size: tuple[int, int, int]) -> Tensor:
    """Random ones, to measure time with."""
    return torch.randn(count, *size, generator=torch.Generator().manual_seed(0))


def inputs(split: Split, card: Card, options: PassOptions) -> Iterator[Tensor]:
    """The images of a split as the network sees them, in batches."""
    for images, _, _ in EvalBatches(
        split,
        card.preprocess,
        RECORDED_AT_A_TIME,
        ALONE,
        options.workers,
        options.cache_dir,
        cache_limit=options.cache_limit,
    ):
        yield card.preprocess.to_input(images, torch.device("cpu"))
