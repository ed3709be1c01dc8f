"""The package's door: what `import cladenet` offers, by name and by type."""

import inspect
import subprocess
import sys
from typing import TYPE_CHECKING, Any, assert_type

import pytest

import cladenet

if TYPE_CHECKING:  # mypy reads it, nothing runs
    from cladenet.layers.classifier import Classifier
    from cladenet.surgery.features import FeatureMaps

    assert_type(cladenet.create_model("lenet5"), Classifier)
    assert_type(cladenet.create_model("timm/resnet18", num_classes=7), Classifier)
    assert_type(cladenet.create_model("resnet18", features_only=True), FeatureMaps)
    assert_type(cladenet.list_models("resnet*"), list[str])
    assert_type(cladenet.train("lenet5", "digits").evaluation.top1_error, float)
    assert_type(cladenet.load("run").model, Classifier)


def test_dir_shows_the_public_names_and_no_others() -> None:
    """In a fresh process and after use, when the names have been imported."""
    program = "import cladenet; print(*dir(cladenet)); cladenet.find; print(*dir(cladenet))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    expected = sorted([*cladenet.__all__, "__version__"])
    assert [line.split() for line in done.stdout.splitlines()] == [expected, expected]


@pytest.mark.parametrize("name", cladenet.__all__)
def test_every_public_function_says_what_it_takes_and_gives(name: str) -> None:
    signature = inspect.signature(getattr(cladenet, name))
    assert signature.return_annotation not in (Any, "Any", inspect.Signature.empty)
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter


def test_a_name_that_is_not_offered_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'create_modle'"):
        cladenet.create_modle  # noqa: B018
