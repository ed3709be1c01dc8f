"""What trainings at laptop scale have in common.

Half of the training images measure: with 10,000 of CIFAR-10 a share of 40 % is known to one point,
and the difference of two networks that see the same images to less.
"""

from typing import Any

# Images of half their side: a quarter of the cost.
SMALL: dict[str, Any] = {"size": 16, "val": 0.5, "batch_size": 64, "epochs": 4, "precision": "fp32"}
TOO_SHORT = "four passes over 10,000 images of 16 x 16 pixels end long before the networks converge"
