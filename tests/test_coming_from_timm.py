"""docs/coming-from-timm.md: each row's code gives what its last column says."""

import copy
import pickle
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch

import cladenet
from cladenet.errors import BadArgument
from cladenet.vision import torchvision

PAGE = Path(__file__).parents[1] / "docs" / "coming-from-timm.md"
ROW = re.compile(r"^\| (?P<habit>.+?) \| `(?P<code>[^`]+)` \| `(?P<gives>[^`]*)` \|$", re.MULTILINE)

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


def result(code: str) -> str:
    """What the code gives, in one line; statements before the last come first."""
    names: dict[str, Any] = {name: getattr(cladenet, name) for name in cladenet.__all__}
    names |= {"torch": torch, "PIL": PIL, "images": torch.zeros(2, 3, 32, 32)}
    names |= {"cladenet": cladenet, "copy": copy, "pickle": pickle}
    if "create_feature_extractor" in code:
        extraction = import_module(f"{torchvision().__name__}.models.feature_extraction")
        names["create_feature_extractor"] = extraction.create_feature_extractor
    if "model" in code:
        names["model"] = cladenet.create_model("resnet20_cifar").eval()
    if "vit" in code:
        names["vit"] = cladenet.create_model("vit_ti_16", img_size=64).eval()
    *statements, last = code.split("; ")
    try:
        for statement in statements:
            exec(statement, names)  # noqa: S102
        if " = " in last.partition("(")[0]:
            exec(last, names)  # noqa: S102
            return ""
        return " ".join(str(eval(last, names)).split())  # noqa: S307
    except (BadArgument, AttributeError, RuntimeError) as error:
        return str(error).replace("`", "'")


def rows() -> list[Any]:
    return [
        pytest.param(*row.groups()[1:], id=row["habit"]) for row in ROW.finditer(PAGE.read_text())
    ]


@pytest.mark.parametrize(("code", "gives"), rows())
def test_the_habit_gives_what_the_page_says(code: str, gives: str) -> None:
    assert gives
    assert result(code) == gives


def test_there_are_as_many_habits_as_users_have() -> None:
    table = PAGE.read_text().split("## What is called otherwise")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    assert len(rows()) == len(lines) - 1 >= 25  # all but the table's head


if __name__ == "__main__":
    page = PAGE.read_text()
    PAGE.write_text(
        ROW.sub(lambda row: f"| {row['habit']} | `{row['code']}` | `{result(row['code'])}` |", page)
    )
