"""timm's arguments and methods on networks whose papers know nothing of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import cladenet
from cladenet.data.sources.open import open_dataset
from cladenet.errors import BadArgument, CheckpointError
from cladenet.layers.drop import DropPath
from cladenet.layers.methods.timm_methods import TimmMethods
from cladenet.registry import create_model
from cladenet.vision import torchvision
from cladenet.weights.files import fetch
from saved_run import save_run

RESIDUAL: dict[str, dict[str, Any]] = {
    "resnet20_cifar": {},
    "preact_resnet164_cifar": {"depth": 20},
    "wrn_40_1_cifar": {"depth": 10},
    "xception_cifar": {},
    "mobilenet_v2_x0_35": {},
    "igcv3_d_x1_0_cifar": {},
    "shufflenet_v1_x0_25_g8": {},
    "vit_ti_16": {"depth": 3, "input_size": 32},
}


def drop_paths_of(model: nn.Module) -> list[DropPath]:
    return [module for module in model.modules() if isinstance(module, DropPath)]


@pytest.mark.parametrize("name", RESIDUAL)
def test_dropping_changes_training_alone(name: str) -> None:
    """Names of tensors and answers are those without; the last residual has the whole rate."""
    more = RESIDUAL[name]
    torch.manual_seed(0)
    plain = create_model(name, **more).eval()
    before_last: dict[str, Any] = (
        {} if name.startswith("wrn") else {"drop_rate": 0.5}
    )  # WRN's is in its units
    dropping = create_model(name, drop_path_rate=0.2, **before_last, **more).eval()
    dropping.load_state_dict(plain.state_dict())
    for model in (plain, dropping):
        nn.init.ones_(model.head[-1].get_parameter("weight"))
    images = torch.randn(8, plain.in_channels, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(dropping(images), plain(images), rtol=0, atol=0)
        dropping.train()
        assert not torch.equal(dropping(images), dropping(images))
    rates = [path.rate for path in drop_paths_of(dropping)]
    assert rates == sorted(rates)
    assert 0 < rates[0] < rates[-1] == 0.2


def test_a_dropped_residual_leaves_the_shortcut() -> None:
    """ReLU(x), where the unit adds F(x) to x."""
    unit = create_model("resnet20_cifar", drop_path_rate=0.5).stages[0][1].train()  # type: ignore[index]
    drop_paths_of(unit)[0].rate = 1 - 1e-12
    x = torch.randn(2, 16, 8, 8)
    torch.testing.assert_close(unit(x), x.clamp(min=0), rtol=0, atol=0)


def test_both_blocks_of_a_transformers_layer_have_one_rate() -> None:
    """0, 0.1 and 0.2 in three layers; those of 0 need no module."""
    model = create_model("vit_ti_16", depth=3, input_size=32, drop_path_rate=0.2)
    assert [path.rate for path in drop_paths_of(model)] == [0.1, 0.1, 0.2, 0.2]


def test_the_familys_own_drop_path_is_taken_where_it_has_one() -> None:
    model = create_model("efficientnet_b0", drop_path_rate=0.4)
    assert max(path.rate for path in drop_paths_of(model)) == pytest.approx(0.4 * 15 / 16)


@pytest.mark.parametrize(
    ("pool", "expected"), [("avg", 1.5), ("max", 3.0), ("avgmax", 2.25)], ids=str
)
def test_pools_of_a_map_by_hand(pool: str, expected: float) -> None:
    model = create_model("resnet18", global_pool=pool)
    map_2x2 = torch.tensor([[0.0, 1.0], [2.0, 3.0]])[None, None]
    assert model.head[1](model.head[0](map_2x2)).item() == expected


def test_the_mean_of_the_patches_tokens() -> None:
    model = create_model("vit_ti_16", depth=1, input_size=32, global_pool="avg")
    tokens = torch.tensor([[9.0], [1.0], [2.0], [6.0]])[None]
    assert model.head[0](tokens).item() == 3.0


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("resnet18", {"global_pool": ""}, "add num_classes=0"),
        ("resnet18", {"global_pool": "catavgmax"}, "expected avg, max, avgmax, or '' for none"),
        ("vit_ti_16", {"global_pool": "max"}, r"takes token \(its paper's\) or avg"),
        ("resnet18", {"drop_rate": 1.0}, "drop_rate is 1.0; expected 0 to below 1"),
        ("resnet18", {"drop_path_rate": 1.5}, "drop_path_rate is 1.5; expected 0 to below 1"),
        ("dpn68", {"drop_path_rate": 0.1}, "no residuals that could be left out"),
        ("resnet18", {"width_mult": 2}, "resnet18 takes no width; nearest: widths; it takes"),
        ("resnet18", {"progress": True}, "resnet18 takes no progress; downloads say"),
    ],
)
def test_arguments_that_mean_nothing_say_so(
    name: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadArgument, match=message):
        create_model(name, **arguments)


def test_intermediates_are_those_of_features_only() -> None:
    model = create_model("mobilenet_v2_x0_35").eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = create_model_like(model, images)
        last, maps = model.forward_intermediates(images)
        assert isinstance(last, torch.Tensor)
        torch.testing.assert_close(last, model.forward_features(images))
        for found, one in zip(maps, expected, strict=True):
            torch.testing.assert_close(found, one)
        two = model.forward_intermediates(
            images, indices=[1, -3], stop_early=True, intermediates_only=True, output_fmt="NLC"
        )
    assert isinstance(two, list)
    assert [tuple(one.shape) for one in two] == [
        (1, one.shape[2] * one.shape[3], one.shape[1]) for one in expected[1:3]
    ]
    with pytest.raises(BadArgument, match="different numbers from 0 to 4"):
        model.forward_intermediates(images, indices=[7])
    with pytest.raises(BadArgument, match="expected False"):
        model.forward_intermediates(images, norm=True)


def create_model_like(model: Any, images: torch.Tensor) -> list[torch.Tensor]:
    from cladenet.surgery.features import FeatureMaps

    return FeatureMaps(model)(images)


def test_checkpointing_is_switched_on_and_off() -> None:
    model = create_model("resnet20_cifar")
    model.set_grad_checkpointing()
    assert "computed" in vars(model.stages[0][0])  # type: ignore[index]
    model.set_grad_checkpointing(enable=False)
    assert not any({"computed", "forward"} & set(vars(part)) for part in model.modules())


@pytest.mark.slow
def test_timms_layer_decay_takes_the_networks() -> None:
    """The head has the whole rate, the stem the smallest; decay leaves out vectors."""
    torchvision()  # which timm imports
    optim = pytest.importorskip("timm.optim")
    model = create_model("vit_ti_16", depth=2, input_size=32)
    groups = optim.param_groups_layer_decay(model, 0.05, layer_decay=0.5)
    scales = {id(parameter): group["lr_scale"] for group in groups for parameter in group["params"]}
    names = {name: scales[id(parameter)] for name, parameter in model.named_parameters()}
    assert names["head.2.weight"] == 1
    assert names["stem.0.weight"] == min(names.values())
    assert names["stages.0.1.mlp.0.weight"] < names["stages.1.1.mlp.0.weight"] < 1


def test_a_transform_by_arithmetic() -> None:
    """A grey picture stays grey: (128 / 255 - mean) / std."""
    transform = cladenet.create_transform("resnet18")
    picture = Image.new("RGB", (640, 480), (128, 128, 128))
    values = transform(picture)
    for channel, (mean, std) in enumerate([(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]):
        expected = torch.full((224, 224), (128 / 255 - mean) / std)
        torch.testing.assert_close(values[channel], expected)
    with pytest.raises(BadArgument, match=r"crop_pct is missing; pass \*\*resolve_data_config"):
        cladenet.create_transform(input_size=(3, 32, 32), interpolation="bilinear", mean=1, std=1)


def test_a_run_prepares_images_as_it_predicts(tmp_path: Path) -> None:
    """Its folder, its network and its config give one transform: that of the card."""
    run = save_run(tmp_path / "run", open_dataset("digits"), fit="crop")
    model, card, _ = cladenet.load(run)
    config = cladenet.resolve_data_config(run)
    assert config["mean"] == card.preprocess.mean
    assert config["input_size"] == (1, 32, 32)
    assert cladenet.resolve_data_config({"crop_pct": 1.0}, model=model)["crop_pct"] == 1.0
    pixels = np.random.default_rng(0).integers(0, 256, (50, 40, 1), np.uint8)
    prepared = torch.from_numpy(card.preprocess.prepare(pixels))[None]
    expected = card.preprocess.to_input(prepared)[0]
    for transform in (
        cladenet.create_transform(run),
        cladenet.create_transform(model),
        cladenet.create_transform(**config),
    ):
        torch.testing.assert_close(transform(pixels), expected, rtol=0, atol=0)


def test_a_network_of_others_says_nothing_of_images() -> None:
    with pytest.raises(BadArgument, match="Linear does not say how images are prepared"):
        cladenet.resolve_data_config({}, model=nn.Linear(2, 2))
    assert isinstance(create_model("lenet5"), TimmMethods)


def test_weights_by_a_tag_or_an_enum(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def resolve(name: str, **_: object) -> None:
        asked.append(name)
        raise BadArgument("stopped before fetching")

    monkeypatch.setattr("cladenet.weights.resolve.resolve", resolve)
    for weights in ("IMAGENET1K_V1", "ResNet50_Weights.IMAGENET1K_V1", "DEFAULT"):
        with pytest.raises(BadArgument, match="stopped"):
            cladenet.get_model("resnet50_v1_5", weights=weights)
    with pytest.raises(BadArgument, match="stopped"):
        cladenet.create_model("hf_hub:timm/resnet18.a1_in1k")
    v1, v2 = (f"torchvision/resnet50:IMAGENET1K_V{i}" for i in (1, 2))
    assert asked == [v1, v1, v2, "hf:timm/resnet18.a1_in1k"]


def test_where_the_hub_does_not_answer_it_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its client would try five times; what is in its cache needs no connection."""
    hub = pytest.importorskip("huggingface_hub")

    def never(*_: object) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(hub, "hf_hub_download", never)
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr(fetch, "answers", lambda _: False)
    with pytest.raises(CheckpointError, match=r"cannot be fetched \(.* does not answer\)"):
        fetch.fetch_from_hub("timm/resnet18.a1_in1k", "timm/resnet18.a1_in1k")
    kept = str(tmp_path / "model.safetensors")
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_: kept)
    assert fetch.fetch_from_hub("timm/resnet18.a1_in1k", "x") == Path(kept)


def test_a_proxy_is_asked_in_place_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def connect(address: tuple[str, int], timeout: float) -> None:
        asked.append(address)
        raise OSError

    monkeypatch.setattr("socket.create_connection", connect)
    monkeypatch.setattr(fetch, "getproxies", dict)
    assert not fetch.answers("https://huggingface.co/")
    monkeypatch.setattr(fetch, "getproxies", lambda: {"https": "http://proxy.local:3128"})
    assert not fetch.answers("https://huggingface.co/")
    assert asked == [("huggingface.co", 443), ("proxy.local", 3128)]
