"""Completion of the command line, as bash itself computes it."""

import shutil
import subprocess

import pytest

from cladenet.cli import COMMANDS, main
from cladenet.recipes import RECIPES

BASH = shutil.which("bash")
RESNETS = ("resnet18", "resnet101", "resnet152")
ASK = """
source /dev/stdin
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cladenet; printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(BASH is None, reason="no bash here")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("cladenet ", set(COMMANDS)),
        ("cladenet tr", {"train"}),
        ("cladenet train --dr", {"--dry-run"}),
        ("cladenet train --recipe ", {"paper", *RECIPES}),
        ("cladenet train --weights torchvision/resnet1", {f"torchvision/{n}" for n in RESNETS}),
        ("cladenet train --weights timm/resnet18.a1", {"timm/resnet18.a1_in1k"}),
        ("cladenet train --weights pro", {"proc"}),
        ("cladenet export --format o", {"onnx", "openvino"}),
        ("cladenet info vit_ti", {"vit_ti_16"}),
        ("cladenet train label_smoo", {"label_smoothing="}),
        ("cladenet recipes speedr", {"speedrun"}),
    ],
)
def test_bash_completes(typed: str, expected: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    asked = subprocess.run(
        [str(BASH), "-c", ASK, "bash", *typed.split(" ")],
        input=script,
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    assert set(asked.stdout.split()) == expected
    assert not asked.stderr


def test_the_script_for_zsh_knows_the_same_words(capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "zsh"])
    script = capsys.readouterr().out
    assert script.startswith("#compdef cladenet\n")
    assert f"compadd -- {' '.join(sorted(COMMANDS))}" in script
    assert f"train:--recipe) compadd -- paper {' '.join(RECIPES)}; return ;;" in script
    assert "compadd -S '' -- " in script
