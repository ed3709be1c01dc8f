"""`for_inference`: a network that answers quickly, and that has been held against the plain one."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from cladenet.device import check_precision
from cladenet.errors import BadArgument
from cladenet.inference.auto import Auto, fastest
from cladenet.inference.comparing import Prepared, prepared
from cladenet.inference.request import Request
from cladenet.layers.classifier import Classifier
from cladenet.layers.modes import training_nowhere
from cladenet.threads import check_threads, our_share


class FastClassifier(nn.Module):
    """A network made ready by `for_inference`: normalised images in, float32 logits out.

    It has its own copy of the weights: later changes of the network do not reach it.

    Attributes:
        plain: the network that it was made of.
        num_classes: length of the logits.
        precision: `fp32`, `bf16` or `int8`.
    """

    def __init__(self, plain: nn.Module, ready: Auto | Prepared, precision: str) -> None:
        super().__init__()
        self.plain = plain
        self.num_classes: int = getattr(plain, "num_classes", 0)
        self.precision = precision
        self._ready = ready

    @property
    def now(self) -> Prepared:
        """What answers at present; with `auto` it may be another one later."""
        return self._ready.now if isinstance(self._ready, Auto) else self._ready

    @property
    def engine(self) -> str:
        """What runs the network."""
        return self.now.engine

    @property
    def threads(self) -> int:
        """How many threads it takes."""
        return self.now.threads

    @property
    def difference(self) -> float:
        """The largest of the logits from the plain network's, as a share of the largest of those.

        On random images; in `int8` on calibration images.
        """
        return self.now.difference

    @property
    def seconds(self) -> float:
        """What getting this engine ready has taken."""
        return self.now.seconds

    @property
    def why(self) -> str:
        """How the engine was chosen."""
        return self.now.why

    def settle(self, seconds: float = 60.0) -> None:
        """Choose the engine of `auto` now, as it would be in so many seconds of answering.

        A server does so before the first request, which else one of the first would wait for.
        """
        if isinstance(self._ready, Auto):
            self._ready.settle(seconds)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, K).

        Raises:
            BadArgument: the network does not take such images.
        """
        if isinstance(self.plain, Classifier):
            self.plain.check(images)
        with torch.inference_mode():
            return self._ready.answer(images)

    def extra_repr(self) -> str:
        """What runs it."""
        return f"engine={self.engine}, precision={self.precision}, threads={self.threads}"


def for_inference(
    model: nn.Module,
    precision: str = "fp32",
    *,
    batch_size: int = 1,
    size: tuple[int, int, int] = (3, 224, 224),
    engine: str = "auto",
    calibration: Tensor | None = None,
    cache: Path | None = None,
    threads: int | None = None,
) -> FastClassifier:
    """The network, ready to answer quickly.

    Its logits are compared with those of the plain network at once. Where an engine is not close
    enough, or does not take the network, the plain one stays, and `why` has the reason.

    Args:
        model: stays as it is; put it on its device first.
        precision: `fp32`, where logits differ by 1e-5 of the largest at most, or by about what
            rounding costs the plain network; `bf16`, 8 bits for weights and feature maps; `int8`
            for convolutions and linear layers.
        batch_size: images in one call, usually; any number can be given.
        size: channels, height and width, usually; any can be given that the network takes.
        engine: one of `inference.engines`; `auto` is ready at once, and when it has answered for
            some seconds measures those that are installed, the quickest to prepare first, and
            takes the fastest; `fastest` measures all of them at the beginning. What was found
            is remembered.
        calibration: normalised images (n, C, H, W) such as those to come, for `int8`.
        cache: a folder of the user's own, to remember what took long to find or make.
        threads: for the engine; by default those of torch, as far as the machine gives them to
            this process, or fewer where `auto` or `fastest` finds that they do.

    Raises:
        BadArgument: an argument is out of range, or contradicts another.
        MissingExtra: the engine's package is not installed.
    """
    if not isinstance(model, nn.Module):
        raise BadArgument(
            f"model is a {type(model).__name__}; expected a network, as create_model(NAME) builds "
            "and load(RUN).model has one"
        )
    if isinstance(model, Classifier):
        side = model.input_size
        takes = (model.in_channels, *((side, side) if side else size[1:]))
        if takes != tuple(size):
            raise BadArgument(
                f"size is {_by(size)}, and this {type(model).__name__} takes {_by(takes)}; pass "
                f"size={takes}"
            )
    device = next(model.parameters()).device
    check_precision(precision, device.type)
    if batch_size < 1:
        raise BadArgument(f"batch_size is {batch_size}; expected 1 or more")
    if precision == "int8" and (calibration is None or not len(calibration)):
        raise BadArgument(
            "int8 needs calibration=IMAGES, normalised ones like those to be predicted"
        )
    seen = calibration if precision == "int8" else None
    if seen is not None and tuple(seen.shape[1:]) != tuple(size):
        raise BadArgument(
            f"calibration images are {_by(seen.shape[1:])}, and size says that "
            f"{_by(size)} will come; give some of that size"
        )
    if threads is not None:
        check_threads(threads)
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(batch_size, *size, generator=draw).to(device)
    count = threads or min(torch.get_num_threads(), our_share().cores)
    request = Request(model, images, precision, count, threads is not None, seen, cache)
    with training_nowhere(model), torch.random.fork_rng(devices=[]), torch.inference_mode():
        if engine == "auto":
            return FastClassifier(model, Auto(request), precision)
        if engine == "fastest":
            return FastClassifier(model, fastest(request), precision)
        return FastClassifier(model, prepared(engine, request), precision)


def _by(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
