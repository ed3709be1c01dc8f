from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.analysis.layer_table import layer_table
from cladenet.errors import BadArgument
from cladenet.models.inception import average_pool, path
from cladenet.models.inception_v3 import module_b, module_c, module_d
from cladenet.registry import create_model, find
from cladenet.surgery.features import FeatureMaps
from overfit import quick_norm, sgd, steps_to_learn
from parity import from_timm, from_torchvision, randomised, wear, worst

SIZE = (2, 3, 107, 107)
THEIRS = {"init_weights": False, "dropout": 0.0}


def test_logits_and_maps_are_those_of_torchvision_and_timm_when_pools_count_zeros() -> None:
    ours = randomised("inception_v3", count_include_pad=True)
    images = torch.randn(SIZE, dtype=torch.float64)
    torchvisions = wear(from_torchvision("inception_v3", aux_logits=False, **THEIRS), ours)
    timms = wear(from_timm("inception_v3"), ours)
    with torch.no_grad():
        logits = ours(images)
        assert worst(logits, torchvisions(images)) < 1e-10
        assert worst(logits, timms(images)) < 1e-10
        for ours_is, theirs_is in zip(
            FeatureMaps(ours)(images), timms.forward_intermediates(images)[1], strict=True
        ):
            assert worst(ours_is, theirs_is) < 1e-10


def test_pools_leave_the_zeros_of_the_border_out_as_tensorflow_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """torchvision's network with its average pools made to divide by the pixels that are there."""
    ours = randomised("inception_v3")
    images = torch.randn(SIZE, dtype=torch.float64)
    theirs = wear(from_torchvision("inception_v3", aux_logits=False, **THEIRS), ours)
    with torch.no_grad():
        logits = ours(images)
        assert not torch.allclose(logits, theirs(images), rtol=1e-3)
        with monkeypatch.context() as patch:
            patch.setattr(F, "avg_pool2d", partial(F.avg_pool2d, count_include_pad=False))
            assert worst(logits, theirs(images)) < 1e-10


def test_in_training_logits_and_auxiliary_logits_are_those_of_torchvision() -> None:
    """Statistics that the batch norms have gathered are compared as well."""
    ours = randomised("inception_v3", auxiliary=True, drop_rate=0.0, count_include_pad=True)
    theirs: Any = from_torchvision("inception_v3", **THEIRS)
    names = sorted(theirs.state_dict(), key=lambda name: name.startswith("AuxLogits"))
    tensors = [tensor.clone() for tensor in ours.state_dict().values()]
    theirs.load_state_dict(dict(zip(names, tensors, strict=True)), assign=True)
    images = torch.randn(2, 3, 299, 299, dtype=torch.float64)
    with torch.no_grad():
        logits, auxiliary = ours.train()(images)
        wanted, wanted_auxiliary = theirs.train()(images)
    assert worst(logits, wanted) < 1e-10
    assert worst(auxiliary, wanted_auxiliary) < 1e-10
    gathered = theirs.state_dict()
    for name, mine in zip(names, ours.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, gathered[name], rtol=0, atol=1e-10)


def test_grids_are_those_of_the_paper() -> None:
    """Table 1: 147, 71, 35, 17 and 8 pixels a side from 299."""
    with torch.device("meta"):
        maps = create_model("inception_v3", features_only=True).eval()(torch.empty(1, 3, 299, 299))
    sides = [(147, 64), (71, 192), (35, 288), (17, 768), (8, 2048)]
    assert [tuple(m.shape) for m in maps] == [(1, width, side, side) for side, width in sides]


def seen(module: nn.Module, channels: int, side: int) -> tuple[int, int]:
    """Height and width of what the middle pixel of the output sees."""
    maps = torch.rand(1, channels, side, side, requires_grad=True)
    module.eval()(maps)[0, :, side // 2, side // 2].sum().backward()
    assert maps.grad is not None
    rows, columns = maps.grad.abs().sum((0, 1)).nonzero(as_tuple=True)
    return int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1


def weights(module: nn.Module) -> int:
    return sum(m.weight.numel() for m in module.modules() if isinstance(m, nn.Conv2d))


@pytest.mark.parametrize(("n", "share"), [(3, 2 / 3), (7, 2 / 7)])
def test_1xn_and_nx1_see_as_far_as_nxn_for_a_share_of_its_weights(n: int, share: float) -> None:
    """Sec. 3.2: a 3x3 of that kind is "33% cheaper", and the gain grows with n."""
    whole = path(8, (8, n), norm=nn.BatchNorm2d)
    factorised = path(8, (8, (1, n)), (8, (n, 1)), norm=nn.BatchNorm2d)
    for module in (whole, factorised):
        for conv in (m for m in module.modules() if isinstance(m, nn.Conv2d)):
            nn.init.constant_(conv.weight, 0.1)  # no path is cut by a ReLU
    assert seen(whole, 8, 15) == seen(factorised, 8, 15) == (n, n)
    assert weights(factorised) == pytest.approx(share * weights(whole))


def test_branches_of_a_17x17_module_see_1_7_13_and_3_pixels() -> None:
    """Fig. 6 with n = 7: no kernel of 7x7 is there, and yet as much is seen."""
    module = module_c(128, nn.BatchNorm2d, average_pool)
    for conv in (m for m in module.modules() if isinstance(m, nn.Conv2d)):
        nn.init.constant_(conv.weight, 0.1)
        assert conv.kernel_size in ((1, 1), (1, 7), (7, 1))
    assert [seen(module[i], 768, 17) for i in range(4)] == [(1, 1), (7, 7), (13, 13), (3, 3)]


@pytest.mark.parametrize(
    ("module", "channels"),
    [(module_b(288, nn.BatchNorm2d), 288), (module_d(nn.BatchNorm2d), 768)],
    ids=["B", "D"],
)
def test_a_grid_is_reduced_without_a_bottleneck(module: nn.Module, channels: int) -> None:
    """Fig. 10: the pool passes all maps on, and beside it convolutions work on the full grid."""
    maps = torch.randn(1, channels, 17, 17)
    out = module.eval()(maps)
    torch.testing.assert_close(out[:, -channels:], F.max_pool2d(maps, 3, 2), rtol=0, atol=0)
    assert out.shape[1] > channels
    assert out.shape[2:] == (8, 8)
    table = [row for row in layer_table(module, (channels, 17, 17)) if row.kind == "Conv2d"]
    assert all(row.in_shape[1:] == (17, 17) for row in table)


def with_auxiliary(**overrides: Any) -> Any:
    return create_model("inception_v3", auxiliary=True, num_classes=5, **overrides)


def test_the_auxiliary_classifier_has_the_counted_size_and_is_heard_in_training_alone() -> None:
    with torch.device("meta"):
        model: Any = create_model("inception_v3", auxiliary=True)
        images = torch.empty(2, 3, 299, 299)
        size = sum(p.numel() for p in model.parameters())
        assert size == find("inception_v3").params_with_aux
        assert [logits.shape for logits in model.train()(images)] == [(2, 1000)] * 2
        assert model.eval()(images).shape == (2, 1000)
        assert not isinstance(create_model("inception_v3").train()(images), tuple)


def test_the_auxiliary_classifier_reads_the_last_17x17_map() -> None:
    """Its gradient reaches all of the network up to there, and nothing behind."""
    model = with_auxiliary(drop_rate=0.0)
    model(torch.randn(2, 3, 299, 299))[1].sum().backward()
    outputs = {
        name: any(p.grad is not None for p in part.parameters())
        for name, part in [("stem", model.stem), *model.stages.named_children()]
    }
    assert outputs == {"stem": True, "0": True, "1": True, "2": False}
    last = model.stages[1][4]
    assert all(p.grad is not None for p in last.parameters())


def test_the_auxiliary_classifier_is_normalised_at_both_its_layers() -> None:
    """BN-auxiliary: the 5x5 convolution that leaves one pixel is its fully connected layer."""
    with torch.device("meta"):
        head = with_auxiliary().auxiliary[0]
        table = layer_table(head, (768, 17, 17))
    kinds = [row.kind for row in table if row.params]
    assert kinds == ["Conv2d", "BatchNorm2d", "Conv2d", "BatchNorm2d", "Linear"]
    assert [row.out_shape for row in table if row.kind == "Conv2d"] == [(128, 5, 5), (768, 1, 1)]


def test_images_too_small_for_the_auxiliary_classifier_are_refused() -> None:
    with torch.device("meta"):
        model = with_auxiliary()
        with pytest.raises(BadArgument, match="input is 298x299; InceptionV3 needs at least 299"):
            model(torch.empty(2, 3, 298, 299))
        with pytest.raises(BadArgument, match="input is 74x75; InceptionV3 needs at least 75x75"):
            create_model("inception_v3")(torch.empty(2, 3, 74, 75))


def test_without_classes_there_is_no_auxiliary_classifier() -> None:
    with torch.device("meta"):
        model: Any = create_model("inception_v3", auxiliary=True, num_classes=0)
        assert model.auxiliary is None
        assert model.train()(torch.empty(2, 3, 299, 299)).shape == (2, 2048)


@pytest.mark.slow
def test_eight_real_images_are_overfitted() -> None:
    torch.manual_seed(0)
    model = create_model("inception_v3", num_classes=10, norm=quick_norm)
    assert 0 < steps_to_learn(model, sgd(0.001), 75) < 200


@pytest.mark.slow
def test_eight_real_images_are_overfitted_with_the_auxiliary_classifier() -> None:
    torch.manual_seed(0)
    model = create_model("inception_v3", num_classes=10, auxiliary=True, norm=quick_norm)
    assert 0 < steps_to_learn(model, sgd(0.001), 299) < 200


def test_any_norm_fits() -> None:
    def norm(channels: int) -> nn.Module:
        return nn.GroupNorm(8, channels)

    with torch.device("meta"):
        model = create_model("inception_v3", auxiliary=True, norm=norm)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    logits: Tensor = model.eval()(torch.empty(1, 3, 299, 299, device="meta"))
    assert logits.shape == (1, 1000)
