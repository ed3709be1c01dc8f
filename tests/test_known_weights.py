"""Names of published weights: what is known of them, and the way to a network."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import cladenet
from cladenet.cli import main
from cladenet.errors import BadArgument, CheckpointError
from cladenet.registry import create_model
from cladenet.vision import torchvision
from cladenet.weights import resolve as resolving
from cladenet.weights.exporting import in_their_words
from cladenet.weights.importing import import_weights
from cladenet.weights.known import find_weights, known_weights
from cladenet.weights.names import split_name
from cladenet.weights.resolve import resolve
from cladenet.weights.sources import SOURCES
from cladenet.weights.spelling import to_theirs


def test_the_table_says_what_torchvision_declares() -> None:
    torchvision()
    from torchvision import models

    found = 0
    for source in SOURCES.values():
        library, _, name = source.name.partition("/")
        if library != "torchvision":
            continue
        for declared in models.get_model_weights(name):
            if declared.meta["categories"] is None:
                continue
            row = find_weights(f"{source.name}:{declared.name}")
            seen, measured = declared.transforms(), declared.meta["_metrics"]["ImageNet-1K"]
            assert (row.url, row.network) == (declared.url, source.network)
            assert (row.size, row.resize) == (seen.crop_size[0], seen.resize_size[0])
            assert row.top1_err == pytest.approx(100 - measured["acc@1"])
            found += 1
    assert found == sum(name.startswith("torchvision/") for name in known_weights())


def test_the_table_says_what_timm_declares() -> None:
    torchvision()
    import timm

    rows = [row for name, row in known_weights().items() if name.startswith("timm/")]
    assert len(rows) > 150
    for row in rows:
        declared: Any = timm.models.get_pretrained_cfg(row.name.removeprefix("timm/"))
        assert row.url == f"https://huggingface.co/{declared.hf_hub_id}"
        assert (row.size, row.mean) == (declared.input_size[1], tuple(declared.mean))
        assert row.classes == declared.num_classes
        assert row.network == SOURCES[row.source].network


@pytest.mark.parametrize("name", ["torchvision/googlenet", "torchvision/inception_v3"])
def test_networks_that_change_their_input_inside_get_it_changed_before(name: str) -> None:
    """`transform_input`: from ImageNet's mean and std to 0.5 and 0.5."""
    row = find_weights(f"{name}:IMAGENET1K_V1")
    assert (row.mean, row.std) == ((0.5,) * 3, (0.5,) * 3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("torchvision/resnet50:IMAGENET1K_V1", ("torchvision/resnet50", "IMAGENET1K_V1")),
        ("timm/resnet50.a1_in1k", ("timm/resnet50", "a1_in1k")),
        ("timm/resnet50", ("timm/resnet50", "")),
    ],
)
def test_a_name_is_a_network_and_a_tag(name: str, expected: tuple[str, str]) -> None:
    assert split_name(name) == expected


@pytest.mark.parametrize(
    ("name", "network", "changed"),
    [
        ("torchvision/resnet50", "resnet50_v1_5", {}),
        ("torchvision/alexnet", "alexnet_owt", {}),
        ("timm/tf_efficientnet_b0", "efficientnet_b0", {"padding": "same"}),
    ],
)
def test_a_name_of_anothers_is_our_network(
    name: str, network: str, changed: dict[str, Any]
) -> None:
    with torch.device("meta"):
        theirs = cladenet.create_model(name, num_classes=5)
        ours = create_model(network, num_classes=5, **changed)
    assert str(theirs) == str(ours)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("timm/resnet5", "is known as 'timm/resnet5'; nearest: timm/resnet50"),
        ("torchvision/resnet50:V3", "known: torchvision/resnet50:IMAGENET1K_V1, torchvision/res"),
        ("timm/resnet50.none", r"known: timm/resnet50\.a1_in1k"),
    ],
)
def test_unknown_names_get_the_nearest(name: str, message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        cladenet.create_model(name)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torch.hub's folder and our cache in a place of their own, and no network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))

    def offline(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    return tmp_path / "hub" / "checkpoints"


def test_without_a_network_it_says_what_to_download_and_where_to_put_it(
    hub: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "torchvision/squeezenet1_1:IMAGENET1K_V1", "--data", "digits"]
    assert main(words) == CheckpointError.exit_status
    printed = capsys.readouterr().err
    assert "cannot be fetched (download.pytorch.org does not answer)" in printed
    assert "Download https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth" in printed
    assert f"put it at {hub / 'squeezenet1_1-b8a52dc0.pth'}" in printed


def test_a_file_in_torch_hubs_place_is_used_and_imported_once(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = SOURCES["torchvision/squeezenet1_1"]
    torch.manual_seed(0)
    ours = create_model("squeezenet1_1")
    torch.save(to_theirs(ours, source.spelling), hub / "squeezenet1_1-b8a52dc0.pth")
    name = "torchvision/squeezenet1_1:IMAGENET1K_V1"
    model = cladenet.create_model(name)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model(x), ours.eval()(x))
    card = cladenet.load(resolve(name)).card
    assert card.classes[0] == "tench"
    assert (card.preprocess.height, card.preprocess.resize) == (224, 256)

    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("imported a second time")

    monkeypatch.setattr(resolving, "import_weights", fail)
    assert resolve(name).is_dir()
    fresh = "1,000 classes: for 7 the last layer is new"
    with pytest.warns(UserWarning, match=fresh):
        seven = cladenet.create_model(name, num_classes=7)
    with torch.no_grad():
        assert seven(x).shape == (1, 7)
        assert torch.equal(seven.forward_features(x), ours.forward_features(x))
    with pytest.warns(UserWarning, match="kernels for 3 channels are repeated and scaled by 3/4"):
        four = cladenet.create_model(name, in_channels=4)
    assert four.in_channels == 4


def test_a_repository_of_the_hub_says_what_it_is(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As timm writes them: the architecture, the images, the names of the classes."""
    source = SOURCES["timm/mobilenetv3_small_075"]
    ours = create_model(source.network, **source.arguments, num_classes=2)
    theirs = in_their_words(ours, source)
    save_file(theirs, tmp_path / "model.safetensors")
    config = {
        "architecture": "mobilenetv3_small_075",
        "label_names": ["ant", "bee"],
        "pretrained_cfg": {
            "input_size": [3, 160, 160], "crop_pct": 0.9, "interpolation": "bicubic",
            "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.2, 0.3],
        },
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))

    def download(repository: str, name: str, file: str = "model.safetensors") -> Path:
        assert (repository, name) == ("somebody/ants", "hf:somebody/ants")
        return tmp_path / file

    monkeypatch.setattr(resolving, "fetch_from_hub", download)
    card = cladenet.load(resolve("hf:somebody/ants")).card
    assert card.network == "mobilenet_v3_small_x0_75"
    assert card.classes == ("ant", "bee")
    seen = card.preprocess
    assert (seen.height, seen.resize, seen.interpolation) == (
        160,
        177,
        "bicubic",
    )  # 177.8, rounded down
    assert seen.mean == (0.4, 0.5, 0.6)
    del config["architecture"]
    for text in (json.dumps(config), "<html>"):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(CheckpointError, match=r"config\.json of hf:somebody/ants is not one"):
            resolve("hf:somebody/ants")


def test_the_file_of_a_checkpoint_means_the_checkpoint_with_its_metadata(tmp_path: Path) -> None:
    model = create_model("resnet20_cifar", depth=8)
    save_file(dict(model.state_dict()), tmp_path / "n.safetensors")
    made = cladenet.import_weights(
        tmp_path / "n.safetensors",
        "resnet20_cifar",
        tmp_path / "c",
        depth=8,
        classes=tuple("abcdefghij"),
    )
    file = made.folder / "weights.safetensors"
    assert resolve(file) == file
    assert cladenet.load(resolve(file)).card.classes == tuple("abcdefghij")


def test_two_processes_that_import_the_same_file_at_once_share_what_the_first_has_written(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "n.safetensors"
    save_file(dict(create_model("squeezenet1_1").state_dict()), file)

    def beaten(*given: Any, **more: Any) -> None:
        import_weights(*given, **more)  # the other process
        import_weights(*given, **more)  # this one, which finds it there

    monkeypatch.setattr(resolving, "import_weights", beaten)
    assert cladenet.load(resolve(file)).card.network == "squeezenet1_1"


def test_fine_tuning_takes_a_file_of_others_and_builds_the_network_it_was_trained_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No network is named: the file says which, and where its zeros go."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = SOURCES["pytorch_resnet_cifar10/resnet20"]
    model = create_model("resnet20_cifar")
    torch.save(to_theirs(model, source.spelling), tmp_path / "r20.th")
    out = tmp_path / "run"
    words = ["--data", "digits", "--out", str(out), "steps=1", "threads=1", "device=cpu"]
    assert (
        main(["train", "--weights", str(tmp_path / "r20.th"), *words, "model.in_channels=3"]) == 0
    )
    assert "resnet20_cifar on digits" in capsys.readouterr().err
    assert cladenet.load(out).card.arguments["zeros_after"] is False


def test_weights_are_listed_with_their_licence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "resnet50_v1_5", "--weights"]) == 0
    lines = capsys.readouterr().out.splitlines()
    line = next(line for line in lines if line.startswith("torchvision/resnet50:IMAGENET1K_V1"))
    assert line.split()[1:5] == ["resnet50_v1_5", "1,000", "224", "23.87"]
    assert "BSD-3-Clause" in line
    assert main(["models", "lenet5", "--weights"]) == BadArgument.exit_status
