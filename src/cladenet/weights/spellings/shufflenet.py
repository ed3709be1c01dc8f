"""ShuffleNetV2: torchvision's names, and the authors'.

torchvision  conv1.{0, 1}  stage{2..4}.{unit}.branch1.{i}  branch2.{i}  conv5.{0, 1}  fc
the authors' first_conv.{0, 1}  features.{unit}.branch_proj.{i}  branch_main.{i}  conv_last.{0, 1}
             classifier.0
"""

from collections.abc import Iterator

from cladenet.layers.classifier import Classifier
from cladenet.weights.spelling import parts
from cladenet.weights.spellings.walk import running, units


def torchvision(model: Classifier) -> Iterator[str]:
    """torchvision's ShuffleNetV2."""
    yield from ("conv1.0", "conv1.1")
    for name, unit in units(model, "stage{}.{}", stage=2):
        for part in parts(unit):
            branch, _, place = part.partition(".")
            yield f"{name}.branch{1 if branch == 'shortcut' else 2}.{place}"
    yield from ("conv5.0", "conv5.1", "fc")


def authors_v1(model: Classifier) -> Iterator[str]:
    """ShuffleNetV1 of ShuffleNet-Series."""
    yield from ("first_conv.0", "first_conv.1")
    main = [f"branch_main_1.{i}" for i in (0, 1, 3, 4)] + ["branch_main_2.0", "branch_main_2.1"]
    for name, _ in running(model, "features.{}", first=0):
        yield from (f"{name}.{part}" for part in main)
    yield "classifier.0"


def authors_v2(model: Classifier) -> Iterator[str]:
    """ShuffleNetV2 of ShuffleNet-Series."""
    yield from ("first_conv.0", "first_conv.1")
    for name, unit in running(model, "features.{}", first=0):
        for part in parts(unit):
            branch, _, place = part.partition(".")
            yield f"{name}.branch_{'proj' if branch == 'shortcut' else 'main'}.{place}"
    yield from ("conv_last.0", "conv_last.1", "classifier.0")
