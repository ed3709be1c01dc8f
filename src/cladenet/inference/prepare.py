"""`for_inference`: a network that answers quickly, and that has been held against the plain one."""

import time
from pathlib import Path

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.inference.choosing import Prepared, fastest, prepared, usual
from cladenet.inference.request import Request
from cladenet.layers.classifier import Classifier
from cladenet.layers.modes import training_nowhere
from cladenet.processor import check_precision


class FastClassifier(nn.Module):
    """A network made ready by `for_inference`: normalised images in, float32 logits out.

    It has its own copy of the weights: later changes of the network do not reach it.

    Attributes:
        plain: the network that it was made of.
        num_classes: length of the logits.
        engine: what runs it.
        precision: `fp32`, `bf16` or `int8`.
        difference: the largest of the logits from the plain network's on random images, as a share
            of the largest of those.
        seconds: that the preparation took.
        why: how the engine was chosen.
    """

    def __init__(self, plain: nn.Module, found: Prepared, precision: str, seconds: float) -> None:
        super().__init__()
        self.plain = plain
        self.num_classes: int = getattr(plain, "num_classes", 0)
        self.engine, self.difference, self.why = found.engine, found.difference, found.why
        self.precision = precision
        self.seconds = seconds
        self._run = found.run

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, K).

        Raises:
            BadArgument: the network does not take such images.
        """
        if isinstance(self.plain, Classifier):
            self.plain.check(images)
        with torch.inference_mode():
            return self._run(images)

    def extra_repr(self) -> str:
        """What runs it."""
        return f"engine={self.engine}, precision={self.precision}"


def for_inference(
    model: nn.Module,
    precision: str = "fp32",
    *,
    batch_size: int = 1,
    size: tuple[int, int, int] = (3, 224, 224),
    engine: str = "auto",
    calibration: Tensor | None = None,
    cache: Path | None = None,
) -> FastClassifier:
    """The network, ready to answer quickly.

    Its logits are compared with those of the plain network at once. Where an engine is not close
    enough, or does not take the network, the plain one stays, and `why` says so.

    Args:
        model: stays as it is; put it on its device first.
        precision: `fp32`, where logits differ by 1e-5 of the largest at most, or by about what
            rounding costs the plain network; `bf16`, 8 bits for weights and maps; `int8` for
            convolutions and linear layers.
        batch_size: images in one call, usually; any number can be given.
        size: channels, height and width, usually; any can be given that the network takes.
        engine: one of `inference.engines`; `auto` is what `fastest` has found before, or else is
            ready at once, `packed` on a CPU and `graph` on a GPU; `fastest` measures all that are
            installed.
        calibration: normalised images (n, C, H, W) such as those to come, for `int8`.
        cache: a folder of the user's own, to remember what took long to find or make.

    Raises:
        BadArgument: an argument is out of range, or contradicts another.
        MissingExtra: the engine's package is not installed.
    """
    device = next(model.parameters()).device
    check_precision(precision, device.type)
    if batch_size < 1:
        raise BadArgument(f"batch_size is {batch_size}; expected 1 or more")
    if precision == "int8" and (calibration is None or not len(calibration)):
        raise BadArgument("int8 needs calibration=IMAGES, normalised ones such as those to come")
    start = time.perf_counter()
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(batch_size, *size, generator=draw).to(device)
    request = Request(model, images, precision, calibration, cache)
    with training_nowhere(model), torch.random.fork_rng(devices=[]), torch.inference_mode():
        if engine == "fastest":
            found = fastest(request)
        elif engine == "auto":
            found = usual(request)
        else:
            found = prepared(engine, request)
    return FastClassifier(model, found, precision, time.perf_counter() - start)
