import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import cladenet
from cladenet.checkpoints import load
from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.init import Undrawn
from cladenet.models.vit import VisionTransformer, resize_positions
from cladenet.registry import create_model, find
from cladenet.surgery.features import FeatureMaps
from cladenet.vision import torchvision
from overfit import adam, steps_to_learn
from parity import from_timm, from_torchvision, worst

SMALL: dict[str, Any] = {"depth": 2, "width": 24, "heads": 3, "patch_size": 4, "input_size": 16}


def randomised(model: Classifier) -> Any:
    """Every value random, so that zeros of the initialisation hide nothing."""
    torch.manual_seed(0)
    model = model.double().eval()
    for parameter in model.parameters():
        scale = 1 / math.sqrt(parameter[0].numel()) if parameter.ndim == 2 else 0.2
        nn.init.normal_(parameter, std=scale)
    return model


def to_timm(ours: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our tensors by timm's names."""
    names = {
        "stem.0": "patch_embed.proj",
        "stem.1.class_token": "cls_token",
        "stem.1.positions": "pos_embed",
        "0.norm": "norm1",
        "0.queries_keys_values": "attn.qkv",
        "0.project": "attn.proj",
        "1.norm": "norm2",
        "1.mlp.0": "mlp.fc1",
        "1.mlp.3": "mlp.fc2",
        "head.1": "norm",
        "head.2": "head",
    }
    renamed = {}
    for key, value in ours.items():
        part, _, rest = key.partition("stages.")
        layer, _, inner = rest.partition(".")
        stem, _, last = (inner or part).rpartition(".")
        name = names[inner or part] if (inner or part) in names else f"{names[stem]}.{last}"
        renamed[f"blocks.{layer}.{name}" if rest else name] = value
    return renamed


def to_torchvision(ours: dict[str, Tensor], theirs: nn.Module) -> dict[str, Tensor]:
    """Our tensors by torchvision's names, which lists them in another order."""
    names = {
        "class_token": "stem.1.class_token",
        "conv_proj": "stem.0",
        "encoder.pos_embedding": "stem.1.positions",
        "ln_1": "0.norm",
        "self_attention.in_proj_": "0.queries_keys_values.",
        "self_attention.out_proj": "0.project",
        "ln_2": "1.norm",
        "mlp.0": "1.mlp.0",
        "mlp.3": "1.mlp.3",
        "encoder.ln": "head.1",
        "heads.head": "head.2",
    }
    given = {}
    for key in theirs.state_dict():
        ours_key = key.replace("encoder.layers.encoder_layer_", "stages.")
        for their_part, our_part in names.items():
            ours_key = ours_key.replace(their_part, our_part)
        given[key] = ours[ours_key]
    return given


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("vit_ti_16", "vit_tiny_patch16_224"), ("vit_s_32", "vit_small_patch32_224")],
)
def test_logits_are_those_of_timm(name: str, theirs: str) -> None:
    ours = randomised(create_model(name))
    model = from_timm(theirs)
    model.load_state_dict(to_timm(ours.state_dict()), assign=True)
    images = torch.randn(2, 3, 224, 224, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), model.eval()(images)) < 1e-10


def test_logits_are_those_of_torchvision() -> None:
    torchvision()
    from torchvision.models import VisionTransformer as Theirs

    ours = randomised(create_model("vit_ti_16", **SMALL, num_classes=10))
    theirs = Theirs(16, 4, 2, 3, 24, 96, num_classes=10).double().eval()
    theirs.load_state_dict(to_torchvision(dict(ours.state_dict()), theirs))
    images = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), theirs(images)) < 1e-10


@pytest.mark.parametrize("name", ["vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32", "vit_h_14"])
def test_tensors_are_those_of_torchvisions_networks(name: str) -> None:
    with torch.device("meta"):
        ours = dict(create_model(name).state_dict())
    theirs = from_torchvision(name)
    given = to_torchvision(ours, theirs)
    assert len(given) == len(ours)
    for key, tensor in theirs.state_dict().items():
        assert given[key].shape == tensor.shape


def test_at_another_size_logits_are_those_of_timm_with_its_own_resized_positions() -> None:
    """Weights for 224 evaluated at 384: timm resizes when it loads, we as we look."""
    torchvision()
    from timm.layers.pos_embed import resample_abs_pos_embed

    ours = randomised(create_model("vit_ti_16", depth=2))
    theirs = from_timm("vit_tiny_patch16_224", img_size=384, depth=2)
    weights = to_timm(dict(ours.state_dict()))
    weights["pos_embed"] = resample_abs_pos_embed(weights["pos_embed"], [24, 24])
    theirs.load_state_dict(weights, assign=True)
    images = torch.randn(1, 3, 384, 384, dtype=torch.float64)
    larger = create_model("vit_ti_16", depth=2, input_size=384).double().eval()
    larger.load_state_dict(larger.adopt(ours.state_dict()))
    with torch.no_grad():
        expected = theirs.eval()(images)
        assert worst(ours(images), expected) < 1e-6  # timm resizes in float32
        assert worst(larger(images), ours(images)) < 1e-12


def test_positions_keep_the_class_token_and_return_from_a_round_trip() -> None:
    """A plane is its own interpolation, but for the border, where bicubic has no neighbours."""
    rows, columns = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    plane = torch.stack([rows, columns, 2 * rows - columns], dim=2).reshape(1, 64, 3).double()
    positions = torch.cat([torch.full((1, 1, 3), 9.0, dtype=torch.float64), plane], dim=1)
    larger = resize_positions(positions, (16, 16))
    assert larger.shape == (1, 257, 3)
    assert torch.equal(larger[:, 0], positions[:, 0])
    back = resize_positions(larger, (8, 8))[:, 1:].unflatten(1, (8, 8))
    inner = plane.unflatten(1, (8, 8))[:, 2:-2, 2:-2]
    assert (back[:, 2:-2, 2:-2] - inner).abs().max() < 0.02
    assert resize_positions(positions, (8, 8)) is positions
    wide = resize_positions(positions, (8, 12))
    assert wide.shape == (1, 97, 3)
    # rows run down the grid, columns along it: a plane of rows has equal values along a row
    assert wide[0, 1:, 0].unflatten(0, (8, 12)).std(1).max() < 1e-9


def test_without_positions_patches_are_a_set_and_with_them_a_picture() -> None:
    """Sec. 3.1: positions are all that the network knows of the image's two dimensions."""
    model = randomised(VisionTransformer(**SMALL, num_classes=5))
    images = torch.randn(1, 3, 16, 16, dtype=torch.float64)
    swapped = torch.cat([images[..., 8:], images[..., :8]], dim=3)
    with torch.no_grad():
        assert not torch.allclose(model(images), model(swapped))
        nn.init.zeros_(model.stem[1].positions)
        torch.testing.assert_close(model(images), model(swapped), rtol=1e-10, atol=1e-10)


def test_one_encoder_layer_is_equations_2_and_3() -> None:
    """With softmax, heads and GELU written out."""
    model = randomised(VisionTransformer(**SMALL))
    z = torch.randn(2, 5, 24, dtype=torch.float64)
    attention, perceptron = model.stages[0]
    a = attention
    normed = F.layer_norm(z, (24,), a.norm.weight, a.norm.bias, 1e-6)
    qkv = normed @ a.queries_keys_values.weight.T + a.queries_keys_values.bias
    heads = []
    for head in range(3):
        q, k, v = (qkv[..., part * 24 + head * 8 :][..., :8] for part in range(3))
        weights = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(8), dim=2)
        heads.append(weights @ v)
    z1 = z + torch.cat(heads, dim=2) @ a.project.weight.T + a.project.bias
    hidden = F.layer_norm(z1, (24,), perceptron.norm.weight, perceptron.norm.bias, 1e-6)
    hidden = hidden @ perceptron.mlp[0].weight.T + perceptron.mlp[0].bias
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    expected = z1 + hidden @ perceptron.mlp[3].weight.T + perceptron.mlp[3].bias
    with torch.no_grad():
        torch.testing.assert_close(model.stages[0](z), expected, rtol=1e-10, atol=1e-10)


def test_only_the_class_token_reaches_the_logits() -> None:
    model = randomised(VisionTransformer(**SMALL, num_classes=5))
    tokens = torch.randn(2, 17, 24, dtype=torch.float64)
    others = tokens.clone()
    others[:, 1:] = 7
    with torch.no_grad():
        assert torch.equal(model.forward_head(tokens), model.forward_head(others))


def test_maps_are_the_tokens_in_their_places() -> None:
    model: Any = VisionTransformer(**SMALL)
    images = torch.zeros(1, 3, 16, 24)
    images[0, :, 4:8, 20:24] = 1.0  # the patch in row 1, column 5
    with torch.no_grad():
        model.stem[1].positions.zero_()
        stem = model.as_map(model.stem(images), (16, 24))
        maps = FeatureMaps(model.eval())(images)
    there = (stem - stem[:, :, :1, :1]).abs().sum(1)[0] > 1e-6
    assert there.nonzero().tolist() == [[1, 5]]
    assert [tuple(m.shape) for m in maps] == [(1, 24, 4, 6)] * 2


def test_a_token_sees_its_pixels_alone_before_attention_and_all_after() -> None:
    model = randomised(VisionTransformer(**SMALL))
    images = torch.randn(1, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    tokens = model.stem(images)
    (before,) = torch.autograd.grad(tokens[0, 1].sum(), images, retain_graph=True)
    assert before[0, :, :4, :4].abs().min() > 0
    before[0, :, :4, :4] = 0
    assert before.abs().max() == 0
    (after,) = torch.autograd.grad(model.stages[0](tokens)[0, 1].sum(), images)
    assert (after.abs().sum(1) > 0).all()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"input_size": 384, "patch_size": 14}, "input_size is 384; .* patch size 14, such as 378"),
        ({"width": 100, "heads": 3}, "width is 100; expected a multiple of the 3 heads"),
        ({"input_size": 8, "patch_size": 16}, "input_size is 8; .* such as 16"),
    ],
)
def test_impossible_arguments_are_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        create_model("vit_ti_16", **overrides)


def test_images_that_patches_do_not_tile_are_refused() -> None:
    model = create_model("vit_ti_16", depth=1)
    with pytest.raises(BadArgument, match=r"230x224; its sides must be .* 16, such as 224x224"):
        model(torch.zeros(1, 3, 230, 224))
    with pytest.raises(BadArgument, match="input is 8x8; VisionTransformer needs at least 16x16"):
        model(torch.zeros(1, 3, 8, 8))


def test_weights_start_as_in_the_authors_code() -> None:
    """Positions N(0, 0.02^2), Glorot's bound in the encoder, zeros for the last layer."""
    model: Any = create_model("vit_ti_16", depth=1)
    assert model.head[-1].weight.abs().max() == 0
    assert model.stem[1].class_token.abs().max() == 0
    assert model.stem[1].positions.std().item() == pytest.approx(0.02, rel=0.02)
    mlp = model.stages[0][1].mlp[0].weight
    bound = math.sqrt(6 / (192 + 768))
    assert 0.99 * bound < mlp.abs().max() <= bound
    patches = model.stem[0].weight
    assert patches.std().item() == pytest.approx(math.sqrt(1 / (3 * 16 * 16)), rel=0.02)
    model.reset_classifier(3)
    assert model.head[-1].weight.abs().max() == 0


def test_the_cost_of_b16_is_linears_patches_and_the_products_of_attention_by_hand() -> None:
    tokens, width, depth = 197, 768, 12
    layer = 12 * width**2 * tokens + 2 * tokens**2 * width
    assert find("vit_b_16").macs == depth * layer + 196 * 16 * 16 * 3 * width + width * 1000


def test_eight_real_images_are_overfitted() -> None:
    torch.manual_seed(0)
    model = VisionTransformer(4, depth=3, width=48, heads=3, num_classes=10, input_size=32)
    assert 0 < steps_to_learn(model, adam(1e-3), size=32) < 200


def test_fine_tuning_at_another_size_interpolates_the_positions_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = {"model.patch_size": 4, "model.depth": 1, "model.width": 12, "model.heads": 2}
    options: dict[str, Any] = {**small, "steps": 2, "batch_size": 16, "threads": 1}
    first = cladenet.train(
        "vit_ti_16", "digits", out=tmp_path / "first", options={**options, "size": 8}
    )
    second = cladenet.train(
        "vit_ti_16", "digits", out=tmp_path / "second", weights=first.folder,
        options={**options, "size": 16},
    )  # fmt: skip
    assert "stem.1.positions interpolated for images of another size" in capsys.readouterr().err
    shapes = [
        load(run.folder).model.state_dict()["stem.1.positions"].shape for run in (first, second)
    ]
    assert shapes == [(1, 1 + 2 * 2, 12), (1, 1 + 4 * 4, 12)]


def test_weights_that_a_file_replaces_are_never_drawn_again_and_again() -> None:
    """torch repeats the draw of a cut-off normal distribution while any value lies outside."""
    weight = torch.full((8,), 9.0)
    with Undrawn():
        nn.init.trunc_normal_(weight, std=1.0, a=-2.0, b=2.0)
    assert not weight.any()
