"""Eight real images that a network overfits: the least that a family has to show."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.data.sources.embedded import open_digits
from cladenet.layers.classifier import Classifier

Optimizer = Callable[[list[nn.Parameter]], torch.optim.Optimizer]

# Its statistics follow within a few steps: in a deep network, what a hundred of them are off by
# multiplies, and evaluation mode is the last to learn.
quick_norm = partial(nn.BatchNorm2d, momentum=0.5)


def eight_digits(channels: int, size: int) -> tuple[Tensor, Tensor]:
    """The first scan of each digit from 0 to 7, enlarged: (8, channels, size, size), (8,)."""
    split = open_digits().train
    first = [int((split.labels == digit).nonzero()[0][0]) for digit in range(8)]
    pixels = torch.stack([torch.from_numpy(split.images.read(index)) for index in first])
    images = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1
    grown = F.interpolate(images, (size, size), mode="bilinear", align_corners=False)
    return grown.expand(-1, channels, -1, -1).contiguous(), torch.arange(8)


def sgd(lr: float) -> Optimizer:
    """Momentum SGD, the optimiser of most papers."""
    return lambda parameters: torch.optim.SGD(parameters, lr, momentum=0.9)


def adam(lr: float) -> Optimizer:
    """For networks that momentum alone takes long to move."""
    return lambda parameters: torch.optim.Adam(parameters, lr)


def steps_to_learn(
    model: Classifier, optimizer: Optimizer, size: int, most: int = 200, auxiliary: float = 0.3
) -> int:
    """Steps until training mode and evaluation mode both give all eight their labels; -1 if never.

    Evaluation mode counts too, so that running statistics and test-time scaling are learnt as well.
    """
    torch.manual_seed(0)
    images, labels = eight_digits(model.in_channels, size)
    descent = optimizer(list(model.parameters()))
    for step in range(1, most):
        model.train()
        outputs = model(images)
        logits, *others = outputs if isinstance(outputs, tuple) else (outputs,)
        loss = F.cross_entropy(logits, labels)
        for other in others:
            loss = loss + auxiliary * F.cross_entropy(other, labels)
        descent.zero_grad()
        loss.backward()
        descent.step()
        if bool((logits.argmax(1) == labels).all()):
            model.eval()
            with torch.no_grad():
                if bool((model(images).argmax(1) == labels).all()):
                    return step
    return -1
