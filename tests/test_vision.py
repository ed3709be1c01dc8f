import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
import torch

from cladenet import vision
from cladenet.errors import BrokenInstallation
from cladenet.vision import torchvision

# A stand-in for torchvision, whose __init__ asks its compiled part for an operator, then describes
# it. What that part does when it is loaded is in `compiled.py`.
PACKAGE = {
    "__init__.py": "from torchvision import compiled, described, transforms\n",
    "described.py": (
        "import torch\n"
        "import torchvision.transforms\n"
        "torchvision.transforms.SHARED\n"
        "@torch.library.register_fake('torchvision::{operator}')\n"
        "def operator(dets, scores, iou_threshold): ...\n"
    ),
    "transforms.py": "SHARED = object()\n",
}
DECLARES = (
    "import torch\n"
    "library = torch.library.Library('torchvision', 'FRAGMENT')\n"
    "library.define('{operator}" + vision.SCHEMA + "')\n"
)


@contextmanager
def stand_in(folder: Path, operator: str, compiled: str) -> Iterator[None]:
    """`import torchvision` finds the stand-in, of which `operator` is all that may be missing.

    Operators last as long as the process, so each test has one of its own.
    """
    package = folder / "torchvision"
    package.mkdir()
    for name, text in {**PACKAGE, "compiled.py": compiled}.items():
        (package / name).write_text(text.replace("{operator}", operator))
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            patch.delitem(sys.modules, name)
        patch.syspath_prepend(folder)
        patch.setattr(vision, "MISSING", (operator,))
        declare = cache(vision._declare_operators.__wrapped__)
        patch.setattr(vision, "_declare_operators", declare)
        LIBRARIES.append(declare)
        yield
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]


LIBRARIES: list[object] = []  # what is declared lasts as long as these


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


def test_operators_that_torchvision_declares_are_not_declared_before_it(tmp_path: Path) -> None:
    """Whatever the file is called that declares them; a second declaration is an error."""
    with stand_in(tmp_path, "declared_by_itself", DECLARES):
        assert Path(str(torchvision().__file__)).parent == tmp_path / "torchvision"


def test_operators_that_do_not_load_are_declared_and_the_import_starts_afresh(
    tmp_path: Path,
) -> None:
    """No module of the failed attempt is kept: the package would not know its own parts."""
    with stand_in(tmp_path, "declared_for_it", ""):
        found = torchvision()
        assert found.transforms is import_module("torchvision.transforms")
        assert hasattr(torch.ops.torchvision, "declared_for_it")


def test_a_torchvision_for_another_torch_is_refused_in_words(tmp_path: Path) -> None:
    broken = "raise RuntimeError('torchvision was compiled for CUDA 12, PyTorch for 13')\n"
    message = (
        r"^torchvision cannot be used beside torch .*: torchvision was compiled for CUDA 12, "
        r".* pip install --upgrade torch torchvision$"
    )
    with stand_in(tmp_path, "unused", broken), pytest.raises(BrokenInstallation, match=message):
        torchvision()
