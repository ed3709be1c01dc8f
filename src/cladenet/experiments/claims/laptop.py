"""What trainings at laptop scale have in common.

So many steps of so many images cost the same on all of CIFAR-10 and on a part of it. A forward pass
is a third of a training step: more images held out would cost as much as the training itself.
"""

from typing import Any

# Images of half their side, a quarter of the cost; 38,400 of them are seen.
SMALL: dict[str, Any] = {
    "size": 16,
    "val": 0.25,
    "batch_size": 64,
    "steps": 600,
    "precision": "fp32",
}
SHORT = "600 steps of 64 images of 16 x 16 pixels end long before the networks converge"
# A quarter of the images, many times: for what shows where a network overfits.
OFTEN: dict[str, Any] = {**SMALL, "val": 0.75, "steps": 1200}
