import subprocess
import sys
from types import ModuleType

import pytest

from cladenet.vision import torchvision


def test_torchvision_imports_whichever_torch_is_here() -> None:
    package = torchvision()
    assert package is torchvision()
    assert package.models.get_model("resnet18").fc.out_features == 1000


def test_in_a_fresh_process_the_first_import_succeeds_without_a_word() -> None:
    code = (
        "import warnings; warnings.simplefilter('error'); "
        "from cladenet.vision import torchvision; from importlib import import_module; "
        "torchvision(); import_module('torchvision.transforms.v2')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_torchvision_that_is_imported_already_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = ModuleType("torchvision")
    monkeypatch.setitem(sys.modules, "torchvision", theirs)
    assert torchvision() is theirs
