"""What is saved comes back bit for bit; what is damaged, or is another network's, never does."""

import json
import math
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from checkpoint_tools import CLASSES, forge, network, save, weights_of
from cladenet.checkpoints import Card, load, load_into, loading, locate
from cladenet.checkpoints import folder as folders
from cladenet.checkpoints.atomic import write_file
from cladenet.cli import main
from cladenet.errors import CheckpointError, StorageError
from cladenet.layers.classifier import Classifier
from cladenet.registry import create_model, find, list_models
from faults.damage import flip


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("saved") / "step-000000003")


def test_all_comes_back_bit_for_bit(saved: Path) -> None:
    contents = folders.read(saved)
    expected = network().state_dict()
    assert contents.weights.keys() == expected.keys()
    assert all(torch.equal(contents.weights[name], expected[name]) for name in expected)
    assert torch.equal(contents.state["optimizer/momentum"], torch.arange(7.0))
    assert Card.from_json(json.loads(json.dumps(contents.card.to_json()))) == contents.card
    assert contents.card.classes == CLASSES
    assert contents.facts["progress"] == {"step": 3}


def test_a_run_may_go_on_from_a_state_without_tensors(saved: Path, tmp_path: Path) -> None:
    """As SGD has without momentum; weights alone are another thing."""
    contents = folders.read(saved)
    facts = {"progress": {"step": 3}}
    folders.save(tmp_path / "step-000000003", contents.weights, contents.card, {}, facts)
    assert folders.newest(tmp_path)[0].name == "step-000000003"
    shutil.rmtree(tmp_path / "step-000000003")
    folders.save(tmp_path / "step-000000003", contents.weights, contents.card, None, facts)
    with pytest.raises(CheckpointError, match="has weights only, not the state of a run"):
        folders.newest(tmp_path)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        torch.randn(4, 6).t()[::2],
        torch.tensor(7, dtype=torch.int64),
        torch.randn(3).bfloat16(),
        torch.tensor([True, False]),
        torch.zeros(0, 3),
        torch.tensor([5e-324, -0.0, math.pi], dtype=torch.float64),
    ],
    ids=lambda tensor: f"{tensor.dtype}{tuple(tensor.shape)}",
)
def test_any_kind_of_tensor_comes_back(tensor: Tensor) -> None:
    found = folders.deserialise(folders.serialise({"x": tensor}), Path("x"))["x"]
    assert (found.dtype, found.shape) == (tensor.dtype, tensor.shape)
    assert torch.equal(found, tensor)


def test_a_loaded_network_gives_the_logits_it_gave(saved: Path) -> None:
    loaded = load(saved)
    images = torch.randn(2, 1, 8, 8)
    assert not loaded.model.training
    assert torch.equal(loaded.model(images), network()(images))


def test_loading_draws_no_weights(saved: Path) -> None:
    """They would be thrown away: no value is asked of torch's random state."""
    before = torch.random.get_rng_state()
    load(saved)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("name", ["manifest.json", "card.json", "weights.safetensors"])
def test_a_cut_file_never_loads(name: str, saved: Path, tmp_path: Path) -> None:
    draw = random.Random(name)
    folder = Path(shutil.copytree(saved, tmp_path / "cut"))
    whole = (folder / name).read_bytes()
    for cut in [0, 1, len(whole) - 1, *(draw.randrange(len(whole)) for _ in range(17))]:
        (folder / name).write_bytes(whole[:cut])
        with pytest.raises(CheckpointError, match=rf"{name} (is damaged|has {cut} bytes)"):
            load(folder)


@pytest.mark.parametrize("name", ["card.json", "weights.safetensors", "state.safetensors"])
def test_one_flipped_bit_never_loads(name: str, saved: Path, tmp_path: Path) -> None:
    draw = random.Random(name)
    folder = Path(shutil.copytree(saved, tmp_path / "flipped"))
    bits = 8 * (folder / name).stat().st_size
    for bit in (draw.randrange(bits) for _ in range(30)):
        flip(folder / name, bit)
        with pytest.raises(CheckpointError, match=rf"{name} is damaged: its SHA-256"):
            folders.read(folder)
        flip(folder / name, bit)
    assert folders.read(folder).facts["step"] == 3


@pytest.mark.parametrize("step", [17, pytest.param(1, marks=pytest.mark.slow)])
def test_no_bit_of_the_manifest_can_be_flipped(step: int, saved: Path, tmp_path: Path) -> None:
    """It holds the sums of the others, and the numbers that a run goes on with."""
    folder = Path(shutil.copytree(saved, tmp_path / "flipped"))
    path = folder / "manifest.json"
    for bit in range(0, 8 * path.stat().st_size, step):
        flip(path, bit)
        with pytest.raises(CheckpointError, match=r"manifest\.json is damaged: "):
            folders.read_manifest(folder)
        flip(path, bit)


@pytest.mark.slow
def test_a_thousand_flips_and_two_hundred_cuts_never_load(saved: Path, tmp_path: Path) -> None:
    draw = random.Random(0)
    folder = Path(shutil.copytree(saved, tmp_path / "damaged"))
    files = sorted(folder.iterdir())
    for trial in range(1200):
        path = draw.choice(files)
        whole = path.read_bytes()
        if trial < 1000:
            flip(path, draw.randrange(8 * len(whole)))
        else:
            path.write_bytes(whole[: draw.randrange(len(whole))])
        with pytest.raises(CheckpointError):
            folders.read(folder)
        path.write_bytes(whole)


def test_a_missing_file_is_named(saved: Path, tmp_path: Path) -> None:
    for name in ("card.json", "weights.safetensors"):
        folder = Path(shutil.copytree(saved, tmp_path / f"without-{name}"))
        (folder / name).unlink()
        with pytest.raises(CheckpointError, match=f"{name} is missing; the checkpoint is incompl"):
            load(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        load(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_neither_saved_nor_loaded(
    value: float, saved: Path, tmp_path: Path
) -> None:
    weights = weights_of(saved)
    next(weights[name] for name in weights if name.startswith("head"))[0] = value
    card = folders.read(saved).card
    message = r"the tensor head\.\S+ holds values that are not finite"
    with pytest.raises(CheckpointError, match=message):
        folders.save(tmp_path / "new", weights, card)
    assert not (tmp_path / "new").exists()
    with pytest.raises(CheckpointError, match=message):
        load(forge(saved, tmp_path / "forged", weights=weights))


def test_weights_that_do_not_fit_are_counted_and_shown(saved: Path, tmp_path: Path) -> None:
    whole = weights_of(saved)
    buffer = "stem.1.0.running_mean"
    changes: dict[str, tuple[dict[str, Tensor], str]] = {
        "missing": (
            {name: value for name, value in whole.items() if not name.endswith("running_mean")},
            rf"19 of 116 are missing, such as {buffer}",
        ),
        "extra": ({**whole, "alien": torch.zeros(1)}, "1 are unknown, such as alien"),
        "shape": (
            {**whole, buffer: torch.zeros(5)},
            rf"1 have another shape, such as {buffer}: \(5,\) instead of \(16,\)",
        ),
        "half": (
            {n: v.half() if v.is_floating_point() else v for n, v in whole.items()},
            r"have another type, such as \S+: torch.float16 instead of torch.float32",
        ),
    }
    for name, (weights, message) in changes.items():
        with pytest.raises(CheckpointError, match=message):
            load(forge(saved, tmp_path / name, weights=weights))


def test_all_classes_but_the_first_shown_stay_out_of_the_message() -> None:
    """A dump of 300 keys helps nobody."""
    with pytest.raises(CheckpointError) as caught:
        load_into(create_model("resnet56_cifar"), network().state_dict(), "runs/x")
    assert len(str(caught.value)) < 400


def test_the_self_test_notices_another_normalisation(saved: Path, tmp_path: Path) -> None:
    preprocess = folders.read(saved).card.preprocess.to_json()
    for number, change in enumerate(({"mean": [0.5]}, {"std": [0.25]})):
        folder = forge(saved, tmp_path / str(number), card={"preprocess": {**preprocess, **change}})
        with pytest.raises(CheckpointError, match=rf"{folder}: the self-test .* logits differ by"):
            load(folder)


def test_the_self_test_notices_a_network_whose_weights_fit_all_the_same(
    saved: Path, tmp_path: Path
) -> None:
    """A plain net and a residual one with option A shortcuts have the same parameters."""
    folder = forge(saved, tmp_path / "residual", card={"network": "resnet20_cifar"})
    with pytest.raises(CheckpointError, match="the self-test of the checkpoint fails"):
        load(folder)


@pytest.mark.parametrize("change", [{"stride": (1, 1)}, {"dilation": (2, 2), "padding": (2, 2)}])
def test_the_self_test_notices_a_changed_stride(
    change: dict[str, Any], saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same weights in a code that has changed: what an update of the library might do."""

    def changed(name: str, **arguments: Any) -> Classifier:
        model = create_model(name, **arguments)
        strided = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.stride == (2, 2)]
        for attribute, value in change.items():
            setattr(strided[0], attribute, value)
        return model

    monkeypatch.setattr(loading, "create_model", changed)
    with pytest.raises(CheckpointError, match="the self-test of the checkpoint fails"):
        load(saved)


@pytest.mark.parametrize("name", list_models("*20_cifar") + list_models("lenet*"))
def test_every_small_network_is_saved_and_loaded(name: str, tmp_path: Path) -> None:
    """Also those with fixed tables, which a network built without memory would lack."""
    saved = save(tmp_path / "checkpoint", name, find(name).input[1])
    assert load(saved).card.network == name


@pytest.mark.slow
@pytest.mark.parametrize("name", list_models())
def test_every_network_is_saved_and_loaded(name: str, tmp_path: Path) -> None:
    if "resnet1001" in name or "resnet1202" in name:
        pytest.skip("its answers overflow until its running statistics have settled")
    saved = save(tmp_path / "checkpoint", name, find(name).input[1])
    assert load(saved).card.network == name
    shutil.rmtree(saved)


def test_what_is_no_checkpoint_is_explained(saved: Path, tmp_path: Path) -> None:
    for name in ("model.pth", "model.pt", "weights.ckpt"):
        (tmp_path / name).write_bytes(b"PK\x03\x04")
        with pytest.raises(CheckpointError, match=f"{name} is a file; weights are read together"):
            locate(tmp_path / name)
    with pytest.raises(CheckpointError, match="does not exist; give a run folder"):
        locate(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="does not exist"):
        locate("x" * 5000)
    with pytest.raises(CheckpointError, match="If the run is training, wait for its first"):
        locate(tmp_path)
    assert locate(saved / "weights.safetensors") == saved


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate", "RUN"], "network has 3 classes, the data have 10. Only the network "),
        (["train", "lenet5", "--data", "digits", "--weights", "RUN", "--out", "NEW"],
         "holds weights of plain20_cifar, not of lenet5; fine-tune with"),
    ],
)  # fmt: skip
def test_weights_for_something_else_are_refused_with_what_to_do(
    words: list[str], message: str, saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"RUN": str(saved), "NEW": str(tmp_path / "new")}
    assert main([places.get(word, word) for word in words]) == 4
    printed = capsys.readouterr().err
    assert message in printed
    assert len(printed.splitlines()) <= 5
    assert not (tmp_path / "new").exists()


def test_weights_keep_their_channels(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "plain20_cifar", "--data", "digits", "--out", str(tmp_path / "new")]
    assert main([*words, "--weights", str(saved), "model.in_channels=3"]) == 2
    assert "model.in_channels is 3, the weights in" in capsys.readouterr().err


def test_a_file_is_replaced_behind_a_link_and_a_device_is_written_into(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
    write_file(Path("/dev/null"), b"new")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(StorageError, match="not enough space to write /dev/full"):
        write_file(Path("/dev/full"), b"new")
    with pytest.raises(StorageError, match="cannot be written: Is a directory"):
        write_file(tmp_path, b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]
