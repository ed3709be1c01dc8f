"""Dual path networks: the names of the authors' and timm's PyTorch code.

features.conv1_1.conv  bn  features.conv{2..5}_{1..}.c1x1_a.bn  conv  c3x3_b  c1x1_c
c1x1_w_s1 (or s2, where it strides) before them in a stage's first unit
features.conv5_bn_ac.bn  classifier
"""

from collections.abc import Iterator

from cladenet.layers.classifier import Classifier
from cladenet.weights.spelling import parts
from cladenet.weights.spellings.walk import units


def timm(model: Classifier) -> Iterator[str]:
    """timm's DPNs but for dpn68b, whose last 1x1 are two."""
    yield from ("features.conv1_1.conv", "features.conv1_1.bn")
    for name, unit in units(model, "features.conv{}_{}", stage=2, unit=1):
        steps = ["c1x1_a", "c3x3_b", "c1x1_c"]
        if any(part.startswith("project") for part in parts(unit)):
            steps.insert(0, "c1x1_w_s1" if name == "features.conv2_1" else "c1x1_w_s2")
        for step in steps:
            yield from (f"{name}.{step}.bn", f"{name}.{step}.conv")
    yield from ("features.conv5_bn_ac.bn", "classifier")
