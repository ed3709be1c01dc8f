"""Networks of few units, for what holds unit by unit: whole, the deepest take seconds each."""

from collections.abc import Iterable
from typing import Any

import pytest

# The smallest networks of their families, with one or two units of each kind that they have.
SHALLOW: dict[str, dict[str, Any]] = {
    "amoebanet_a_n6_f32_cifar": {"n": 1},
    "densenet_40_12_cifar": {"depth": 16},
    "dpn68": {"units": (1, 2, 2, 1)},
    "enas_micro_cifar": {"n": 1},
    "inception_resnet_v1": {"units": (1, 2, 1)},
    "nasnet_a_cifar": {"n": 1},
    "resnet110_dropout_shortcut_cifar": {"depth": 14},
    "resnet110_stochastic_depth_cifar": {"depth": 14},
    "resnet164_relu_only_preact_cifar": {"depth": 20},
    "resnext50_2x40d": {"units": (1, 2, 2, 1)},
    "seresnet164_cifar": {"depth": 20},
    "vit_s_32": {"depth": 2},
    "wrn_40_1_cifar": {"depth": 16},
}


def shallow(names: Iterable[str]) -> list[Any]:
    """Parameters (name, arguments): the deep ones with few units by default, whole if slow."""
    found: list[Any] = []
    for name in names:
        if name in SHALLOW:
            found.append(pytest.param(name, SHALLOW[name], id=f"{name} of few units"))
        marks = [pytest.mark.slow] * (name in SHALLOW)
        found.append(pytest.param(name, {}, id=name, marks=marks))
    return found
