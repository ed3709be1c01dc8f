"""What trainings at laptop scale have in common.

So many steps of so many images cost the same on all of CIFAR-10 and on a part of it. A forward pass
is a third of a training step: more images held out would cost as much as the training itself.
"""

from typing import Any


def sized(side: int) -> dict[str, Any]:
    """The words of a training on images of `side` pixels; 38,400 of them are seen.

    A rate that falls along a cosine from 0.03 ends lower after 600 steps than one that falls twice
    from 0.1, as in the long trainings; images are shifted by an eighth of their side, as there.
    """
    return {
        "size": side,
        "val": 0.25,
        "batch_size": 64,
        "steps": 600,
        "precision": "fp32",
        "schedule": "cosine",
        "lr": 0.03,
        "pad": side // 8,
    }


SMALL = sized(16)  # half the side, a quarter of the cost
SHORT = "600 steps of 64 images of 16 x 16 pixels end long before the networks converge"
# A quarter of the images, many times: for what shows where a network overfits.
OFTEN: dict[str, Any] = {**SMALL, "val": 0.75, "steps": 1200}
