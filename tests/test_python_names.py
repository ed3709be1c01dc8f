"""What a command does, a notebook does: by the same name, or one that the error gives."""

import json
from pathlib import Path

import pytest

import cladenet
from cladenet.cli import COMMANDS, main
from cladenet.errors import BadArgument
from cladenet.ledger.public_names import here
from faults.kills import digits


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"import", "completion"}))
def test_a_command_is_a_function_or_leads_to_one(command: str) -> None:
    """`import` is a word of Python's own, and `completion` is for shells."""
    hint = here(command, cladenet.__all__)
    assert (command in cladenet.__all__) != (bool(hint) and not hint.startswith("; nearest"))


@pytest.mark.parametrize(
    "command", sorted(set(COMMANDS) - {*cladenet.__all__, "import", "completion"})
)
def test_a_package_of_the_same_name_does_not_hide_the_hint(command: str) -> None:
    """`cladenet.explain` before anything has imported the package cladenet/explain."""
    with pytest.raises(AttributeError) as error:
        cladenet.__getattr__(command)
    assert str(error.value).endswith(here(command, cladenet.__all__))


@pytest.mark.parametrize(
    ("name", "given", "keyword", "takes"),
    [
        ("predict", ("r", []), "topk", "top, batch_size"),
        ("evaluate", ("r",), "splitt", "data, split"),
        ("export_run", ("r", "onnx"), "int8", "out, precision"),
        ("open_dataset", ("d",), "color", "channels"),
    ],
)
def test_a_keyword_that_is_not_taken_is_told_by_the_function_that_was_called(
    name: str, given: tuple[object, ...], keyword: str, takes: str
) -> None:
    with pytest.raises(TypeError, match=rf"^{name}\(\) takes no '{keyword}'; it takes {takes}"):
        getattr(cladenet, name)(*given, **{keyword: 1})


def test_what_for_inference_is_given_is_told() -> None:
    network = cladenet.create_model("lenet5")
    with pytest.raises(
        BadArgument, match=r"3x224x224, and this \w+ takes 1x32x32; pass size=\(1, 32, 32\)"
    ):
        cladenet.for_inference(network)
    with pytest.raises(BadArgument, match=r"model is a str; expected a network"):
        cladenet.for_inference("runs/digits")  # type: ignore[arg-type]


def test_what_an_error_leads_to_exists() -> None:
    for name in ("explain_run", "export_run", "export_weights", "find", "list_models"):
        assert callable(getattr(cladenet, name))


def test_check_in_python_finds_what_the_command_finds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = digits(tmp_path / "digits")
    next((folder / "3").iterdir()).write_bytes(b"")
    report = cladenet.check(folder, "lenet5")
    assert main(["check", str(folder), "--for", "lenet5", "--json"]) == 3
    assert json.dumps(report.to_json(), indent=2) == capsys.readouterr().out.strip()
    assert report.problems == ("1 of 240 images cannot be read",)


def test_check_names_a_network_that_is_not_known(tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="nearest: lenet5"):
        cladenet.check(tmp_path, "lenet55")
