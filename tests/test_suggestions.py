"""What a newcomer types wrongly: the answer names what was meant, or what to type instead."""

import io
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import cladenet
from cladenet.cli import main
from cladenet.data.sources.open import open_dataset
from cladenet.errors import BadArgument
from cladenet.ledger.public_names import COMMANDS, HERE
from cladenet.runs.predict.predictor import Predictor
from cladenet.weights import resolve
from cladenet.weights.known import Weights
from saved_run import save_run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs in two class folders, a folder of empty ones, and two runs."""
    root = tmp_path_factory.mktemp("newcomer")
    random = np.random.default_rng(0)
    for name in ("ants", "bees"):
        (root / "photos" / name).mkdir(parents=True)
        for number in range(4):
            pixels = random.integers(0, 256, (32, 32, 3), np.uint8)
            Image.fromarray(pixels).save(root / "photos" / name / f"{number}.png")
    for name in ("a", "b"):
        (root / "filled_later" / name).mkdir(parents=True)
    dataset = open_dataset(str(root / "photos"))
    for age, name in enumerate(("second", "first")):
        os.utime(save_run(root / "runs" / name, dataset), (10**9 - age, 10**9 - age))
    return root


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train --data photoz", "nearest: photos. Expected a folder"),
        ("train --data photozz/ants", "nearest: photos. Expected a folder"),
        ("check photo", "nearest: photos. Expected a folder"),
        ("train --data filled_later", "has 2 folders ('a', 'b') and no images"),
        ("train --data photos/ants", "one class, give the folder above: --data {here}/photos"),
        ("check --data photos", "`cladenet check` takes DATA as it is, without --data"),
        ("predict --images x.png", "takes IMAGE as it is, without --images"),
        ("train vgg11 --data photos find_lr", "find_lr is an option and needs a value: find_lr="),
        ("train vgg11 epochs --data photos", "epochs is an option and needs a value: epochs=VALUE"),
        ("train vgg11 --data photos model.drp_rate=0.3", "takes no drp_rate; nearest: drop_rate"),
        ("predict runs/secnd x.png", "does not exist; give a run folder, such as runs/second"),
        ("evaluate zzz", "zzz does not exist; give a run folder, such as runs/second, runs/first"),
        (
            "train --resume runs/firs",
            "runs/firs does not exist; give a run folder, such as runs/first",
        ),
        ("evaluate runs", "runs is a folder of runs; give one of them: runs/second, runs/first"),
        ("predict runs photos", "runs is a folder of runs; give one of them: runs/second, runs/fi"),
        (
            "info runs/first",
            "runs/first is a folder, and `cladenet info` takes a network or fam",
        ),
        ("info resnet20", "called 'resnet20'; nearest: resnet20_cifar, "),
        ("train vgg11 --data photos out=new", "out=new is not understood; write --out new"),
        ("train vgg11 data=photos", "data=photos is not understood; write --data photos"),
        ("train vgg11 --data photos quiet=true", "quiet=true is not understood; write --quiet"),
        ("train vgg11 --data photos --dry-run recipe=", "write --recipe VALUE"),
        ("search aging --data digits trials=4", "trials=4 is not understood; write --trials 4"),
        ("experiment nearest out=new", "out=new is not understood; write --out new"),
        ("evaluate runs/first data=photos", "data=photos is not understood; write --data photos"),
        ("predict runs/first photos top=3", "top=3 is not understood; write --top 3"),
        ("explain", "the following arguments are required: RUN. "),
        ("predict photos/ants/0.png", "is an image, and the run comes before the images"),
        ("predict photos", "photos is not a run; give a run folder, such as runs/second, runs/f"),
        ("predict runs/first", "no image is given: cladenet predict runs/first IMAGE..."),
        ("predict model.onnx", "no image is given: cladenet predict model.onnx IMAGE..."),
        ("info resnt", "no network or family is called 'resnt'; nearest: resnet, "),
        ("info mobilenetv2_100", "timm's is mobilenet_v2_x1_0 here"),
        ("recipes resnet51", "nearest: resnet50, "),
        ("recipes paper", "`cladenet recipes NETWORK`"),
        ("blocks residual", "nearest: basic, bottleneck, "),
    ],
)
def test_the_answer_names_what_was_meant(
    place: Path,
    words: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(place)
    assert main(words.split()) != 0
    assert message.format(here=place) in capsys.readouterr().err
    assert not (place / "runs" / "vgg11-photos").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet50", "resnet50 is a network, and weights have other names: torchvision/resnet50:"),
        ("resnet18", "resnet18 is a network, and weights have other names: torchvision/resnet18:"),
        ("vit_base_patch16_224", "is a network of timm, and weights have other names: timm/vit_ba"),
        ("resnet50.a1_in1k", "they are called timm/resnet50.a1_in1k here"),
        ("torchvision/resnt50", "as 'torchvision/resnt50'; nearest: torchvision/resnet50:"),
        ("torchvision/resnet50:V9", "known: torchvision/resnet50:IMAGENET1K_V1, "),
        ("lenet5", "lenet5 is a network, and no published weights of it are known"),
        ("gone.pth", "gone.pth does not exist; give a file of weights that is there"),
        ("runs/firs", "runs/firs does not exist; give a run folder, such as runs/first"),
    ],
)
def test_weights_by_another_name(
    place: Path, name: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    with pytest.raises(cladenet.errors.CladeNetError) as error:
        cladenet.train("", "photos", weights=name, quiet=True)
    assert message in str(error.value)


def test_a_library_s_network_means_the_weights_that_it_recommends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def fetched(weights: Weights) -> Path:
        asked.append(weights.name)
        raise KeyboardInterrupt

    monkeypatch.setattr(resolve, "fetch", fetched)
    for name in ("torchvision/resnet50", "torchvision/resnet50:DEFAULT"):
        with pytest.raises(KeyboardInterrupt):
            resolve.resolve(name)
    assert asked == ["torchvision/resnet50:IMAGENET1K_V2"] * 2


def test_a_finished_run_is_to_be_used_and_no_run_to_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    new = ["train", "lenet5_relu", "--data", "digits", "--out", "again", "--quiet", "steps=1"]
    new += ["threads=1", "device=cpu"]
    assert main(new) == 0
    assert main(new) == 7
    assert "which has ended: `cladenet predict" in capsys.readouterr().err
    (tmp_path / "again/result.json").unlink()
    assert main(new) == 7
    assert "continue it with `cladenet train --resume" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_a_terminal_without_the_letters_gets_them_escaped(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drawing has lines and dots that only Unicode has."""
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding=encoding))
    assert main(["info", "lenet5_relu", "--layers"]) == 0
    text = written.getvalue().decode(encoding)
    assert "\\u25cf" in text
    assert text.count("\n") > 20


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("create_model(18)", "the network's name is 18; expected a string such as 'resnet18'"),
        ("create_model(None)", "the network's name is None"),
        ("create_model('resnet18', num_classes='10')", "num_classes is '10'; expected a whole"),
        ("create_model('resnet18', num_classes=2.5)", "num_classes is 2.5; expected a whole"),
        ("create_model('resnet18', pretraind=True)", "takes no pretraind; nearest: pretrained; it"),
        ("create_model('resnet18', num_clases=3)", "takes no num_clases; nearest: num_classes, "),
        ("train(7)", "network is 7; expected a string"),
        ("train('lenet5_relu', 3)", "data is 3; expected a string"),
        ("create_model('lenet5_relu')('img.jpg')", "cladenet.predict(RUN, IMAGES) takes files"),
        ("create_model('lenet5_relu')(torch.zeros(1, 1, 32, 32, dtype=torch.uint8))", "is uint8; "),
    ],
)
def test_a_wrong_type_is_one_plain_sentence(code: str, message: str) -> None:
    with pytest.raises(BadArgument) as error:
        eval(f"cladenet.{code}", {"cladenet": cladenet, "torch": torch})  # noqa: S307
    assert message in str(error.value)


def test_a_path_is_as_good_as_a_text_for_data(place: Path) -> None:
    options: dict[str, Any] = {
        "steps": 1,
        "threads": 1,
        "size": 32,
        "val": 0,
        "test": 0,
        "quiet": True,
    }
    run = cladenet.train("lenet5_relu", place / "photos", out=place / "by_path", **options)
    assert run.evaluation.n == 8


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fc", "the last layer is head[-1]"),
        ("layer4", "stages[-1]"),
        ("predict", "cladenet.predict(RUN, IMAGES)"),
        ("freeze", "freeze='features'"),
        ("export", "cladenet export RUN"),
    ],
)
def test_what_other_libraries_networks_have_is_found_here(name: str, message: str) -> None:
    """As an AttributeError, so that `hasattr` and `getattr(..., None)` mean what they do."""
    model = cladenet.create_model("lenet5_relu")
    with pytest.raises(AttributeError) as error:
        getattr(model, name)
    assert f"has no attribute '{name}'; " in str(error.value)
    assert message in str(error.value)
    assert not hasattr(model, name)


def test_modules_that_are_taken_for_functions_are_those_there_are_words_for() -> None:
    advised = {name for name in (*HERE, *COMMANDS) if find_spec(f"cladenet.{name}")}
    assert advised == set(cladenet._TAKEN_FOR_FUNCTIONS)


def test_a_module_is_imported_without_a_search_for_names_like_its_own() -> None:
    code = "import sys; from cladenet import plural; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "cladenet.plural" in done.stdout.split()
    assert "cladenet.ledger.public_names" not in done.stdout.split()


def test_a_mistyped_public_name_gets_the_nearest() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'create_models'; nearest: create_mod"):
        _ = cladenet.create_models
    with pytest.raises(AttributeError, match=r"no attribute '__wrapped__'$"):
        _ = cladenet.__wrapped__


def test_what_functions_give_is_shown_in_one_line(place: Path) -> None:
    predict = Predictor(place / "runs/first")
    answers = list(predict([str(place / "photos/ants/0.png"), "gone.png"]))
    best = answers[0].best
    assert repr(answers[0]).startswith(f"Prediction('{place}/photos/ants/0.png': {best.name} ")
    assert f" {100 * best.probability:.2f} %" in repr(answers[0])
    assert repr(answers[1]) == "Prediction('gone.png': does not exist)"
    found = cladenet.evaluate(place / "runs/first", str(place / "photos"), split="train")
    assert repr(found).startswith("Evaluated(lenet5_relu, train error ")
    assert repr(found).endswith(", 8 images, single-scale)")
    assert len(repr(found).splitlines()) == 1


def test_tensors_of_another_library_are_refused_in_a_sentence_and_own_ones_as_ever() -> None:
    model = cladenet.create_model("lenet5_relu")
    with pytest.raises(RuntimeError, match=r"1 tensor, none by a name .* such as conv1\.weight\."):
        model.load_state_dict({"conv1.weight": torch.zeros(1)})
    assert model.load_state_dict({"conv1.weight": torch.zeros(1)}, strict=False).missing_keys
    weights = model.state_dict()
    assert not model.load_state_dict(weights).missing_keys
    weights.popitem()
    with pytest.raises(RuntimeError, match="Missing key"):
        model.load_state_dict(weights)


@pytest.mark.parametrize("name", HERE)
def test_what_is_recommended_in_place_of_others_names_is_there(name: str) -> None:
    """And the name itself is not."""
    assert name not in cladenet.__all__
    asked = re.match(r"(\w+)\(", HERE[name])
    assert asked is not None
    assert asked[1] in cladenet.__all__


def test_a_misspelt_option_is_refused_before_a_choice_is_made(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadArgument, match="'epochss' is not an option; nearest: epochs"):
        cladenet.train(data=str(place / "photos"), epochss=1)
    assert capsys.readouterr().err == ""
