"""Options of training in the forms that other programs take."""

from pathlib import Path

import pytest

from cladenet.cli import main
from cladenet.errors import BadArgument
from cladenet.recipes import RECIPES
from cladenet.runs.folder.config import RunConfig, apply, option_kinds
from cladenet.runs.folder.given import parse_words
from cladenet.runs.folder.habits import as_pairs
from cladenet.runs.folder.option_names import CALLED_HERE, SHORT

OWN = ("--data", "--out", "--resume", "--weights", "--quiet", "--config", "--recipe", "-h")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--epochs 5", "epochs=5"),
        ("--lr=0.1", "lr=0.1"),
        ("-b 32", "batch_size=32"),
        ("-b=32", "batch_size=32"),
        ("--batch-size 32 --weight-decay=1e-4", "batch_size=32 weight_decay=1e-4"),
        ("-lr 1e-3 -j 2 -e 3", "lr=1e-3 workers=2 epochs=3"),
        ("--clip_norm -1", "clip_norm=-1"),
        ("--compile resnet18", "compile=true resnet18"),
        ("--compile false resnet18", "compile=false resnet18"),
        ("--no-exif --data a", "exif=false --data a"),
        ("--label-from name", "label_from=name"),
        ("resnet18 --data x lr=1 --quiet --epochs 2", "resnet18 --data x lr=1 --quiet epochs=2"),
        ("--weights run --out=o", "--weights run --out=o"),
        ("--dta x", "--dta x"),
    ],
)
def test_options_mean_pairs(typed: str, meant: str) -> None:
    assert as_pairs(typed.split(), OWN, option_kinds()) == meant.split()


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("--imgsz 64", "'imgsz' is not an option; nearest: size"),
        ("--batch 4", "'batch' is not an option; nearest: batch_size"),
        ("--pretrained", "'pretrained' is not an option; nearest: --weights torchvision/NETWORK"),
        ("--epoch 4", "'epoch' is not an option; nearest: epochs"),
        ("--lr", "--lr has no value; write --lr VALUE or lr=VALUE"),
        ("--lr --epochs 3", "--lr has no value"),
    ],
)
def test_other_words_are_told_what_they_are_called_here(typed: str, hint: str) -> None:
    with pytest.raises(BadArgument) as error:
        as_pairs(typed.split(), OWN, option_kinds())
    assert str(error.value).startswith(hint)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("imgsz=64", "'imgsz' is not an option; nearest: size"),
        (
            "pretrained=true",
            "'pretrained' is not an option; nearest: --weights torchvision/NETWORK, ",
        ),
        ("batch=4", "'batch' is not an option; nearest: batch_size"),
        ("num_classes=4", "'num_classes' is not an option; nearest: model.num_classes"),
        (
            "zzz=4",
            "'zzz' is not an option of training, and no option has a similar name; options of",
        ),
    ],
)
def test_unknown_words_get_a_suggestion_and_never_a_list(
    word: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "lenet5_relu", "--data", "digits", word]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"cladenet: {message}")
    assert len(printed) < 250


def test_a_run_is_configured_by_options(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = f"train lenet5_relu --data digits --out {run} --quiet --steps 2 -b 8 --device cpu"
    assert main([*words.split(), "--threads=1", "--lr=0.01"]) == 0
    config = (run / "config.yaml").read_text()
    for line in ("steps: 2", "batch_size: 8", "lr: 0.01", "threads: 1"):
        assert f"{line}\n" in config


def test_pairs_are_still_checked() -> None:
    with pytest.raises(BadArgument, match="lr is given twice"):
        parse_words(as_pairs(["--lr", "1", "lr=2"], OWN, option_kinds()))


def test_what_other_words_are_called_here_exists() -> None:
    known = option_kinds()
    for word, here in {**CALLED_HERE, **SHORT}.items():
        assert here in known or here.startswith(("--", "model.")), f"{word}: {here}"
        assert word not in known or word in SHORT, word


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5), ("1.5E3", 1500.0), ("-2e+1", -20.0), ("0.001", 1e-3), ("e5", "e5"),
        ("3", 3), ("2,2,2,2", [2, 2, 2, 2]), ("0.1,1e-3", [0.1, 1e-3]), ("a,2", "a,2"),
        ("2,", "2,"), ("[", "["), (",", ","),
    ],
)  # fmt: skip
def test_arguments_of_a_network_are_numbers_where_they_look_like_one(
    text: str, value: object
) -> None:
    """YAML takes 1e-5 and 2,2 for texts; what is no YAML at all is for the network to refuse."""
    config = RunConfig("resnet18", "digits", "default", RECIPES["default"])
    found = apply(config, {"model.norm_eps": text}).arguments["norm_eps"]
    assert (found, type(found)) == (value, type(value))
