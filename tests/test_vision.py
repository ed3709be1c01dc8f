import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from cladenet.vision import torchvision

# A stand-in for torchvision, whose __init__ asks its compiled part for operators, then describes
# them. In `compiled.py` is what that part does when it is loaded.
PACKAGE = {
    "__init__.py": "from torchvision import compiled, described, transforms\n",
    "described.py": (
        "import torch\n"
        "import torchvision.transforms\n"
        "torchvision.transforms.SHARED\n"
        "@torch.library.register_fake('torchvision::nms')\n"
        "def nms(dets, scores, iou_threshold): ...\n"
    ),
    "transforms.py": "SHARED = object()\n",
}
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
DECLARES = (
    "import torch\n"
    "library = torch.library.Library('torchvision', 'DEF')\n"
    f"library.define('nms{SCHEMA}')\n"
    f"library.define('qnms{SCHEMA}')\n"
)


def import_stand_in(
    folder: Path, compiled: str, then: str = ""
) -> subprocess.CompletedProcess[str]:
    package = folder / "torchvision"
    package.mkdir()
    for name, text in {**PACKAGE, "compiled.py": compiled}.items():
        (package / name).write_text(text)
    code = (
        f"import sys; sys.path.insert(0, {str(folder)!r})\n"
        "from cladenet.vision import torchvision\n"
        f"found = torchvision()\n{then}"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


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
    done = import_stand_in(tmp_path, DECLARES)
    assert (done.returncode, done.stderr) == (0, "")


def test_operators_that_do_not_load_are_declared_and_the_import_starts_afresh(
    tmp_path: Path,
) -> None:
    """No module of the failed attempt is kept: the package would not know its own parts."""
    then = (
        "import torch, torchvision.transforms\n"
        "assert found.transforms is torchvision.transforms\n"
        "assert hasattr(torch.ops.torchvision, 'nms')\n"
    )
    done = import_stand_in(tmp_path, "", then)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_torchvision_for_another_torch_is_refused_in_words(tmp_path: Path) -> None:
    broken = "raise RuntimeError('torchvision was compiled for CUDA 12, PyTorch for 13')\n"
    done = import_stand_in(tmp_path, broken)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "BrokenInstallation: torchvision cannot be used beside torch" in last
    assert "compiled for CUDA 12" in last
    assert "pip install --upgrade torch torchvision" in last
