"""Files of Keras without Keras: written here by its two layouts, and read back to the same bits.

Against Keras 3.15.1 itself (random weights, three kinds of file) logits agree to 5e-6 of the
largest for MobileNet, MobileNetV2, EfficientNetB0, DenseNet121, InceptionV3, Xception and VGG16.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cladenet
from cladenet.errors import CheckpointError, MissingExtra
from cladenet.registry import create_model
from cladenet.weights.dialects.keras import plain, read_mobilenet_v3, read_resnet, read_vgg
from cladenet.weights.files.keras_file import NORM, images_of_keras, read_keras
from cladenet.weights.importing import import_weights
from cladenet.weights.sources import SOURCES
from cladenet.weights.spelling import names as spelt_names
from cladenet.weights.spelling import to_theirs
from cladenet.weights.spellings import keras as names

h5py = pytest.importorskip("h5py", reason="the extra keras is not installed")
LEAVES = {"weight": "gamma", "bias": "beta", "running_mean": NORM[2], "running_var": NORM[3]}


def ours() -> Any:
    torch.manual_seed(0)
    source = SOURCES["keras/MobileNet-0.25"]
    model = create_model(source.network, num_classes=5, **source.arguments)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.bias, 1, 4)
            nn.init.uniform_(module.get_buffer("running_mean"), -0.3, 0.3)
    return model.eval()


def arrays(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Any]]:
    """Layer -> leaf -> array, as Keras has them: kernels by height, width, in, out."""
    layers: dict[str, dict[str, Any]] = {}
    for name, value in tensors.items():
        layer, _, leaf = name.rpartition(".")
        if leaf == "num_batches_tracked":
            continue
        norm = layer.endswith("_bn")
        if layer == "conv_preds" and leaf == "weight":
            value = value[:, :, None, None]
        if value.ndim == 4:
            value = value.permute(2, 3, 0, 1) if "dw" in layer else value.permute(2, 3, 1, 0)
        key = LEAVES[leaf] if norm else {"weight": "kernel", "bias": "bias"}[leaf]
        layers.setdefault(layer, {})[key] = value.numpy()
    return layers


def write_release_2(file: Path, layers: Mapping[str, Mapping[str, Any]], group: str = "") -> None:
    """A group for each layer, with the names of its arrays in an attribute."""
    with h5py.File(file, "w") as out:
        root = out.create_group(group) if group else out
        root.attrs["layer_names"] = [name.encode() for name in layers]
        for name, leaves in layers.items():
            place = root.create_group(name)
            words = {leaf: f"{name}/{_of_release_2(name, leaf)}:0" for leaf in leaves}
            place.attrs["weight_names"] = [word.encode() for word in words.values()]
            for leaf, word in words.items():
                place[word] = leaves[leaf]


def _of_release_2(layer: str, leaf: str) -> str:
    return "depthwise_kernel" if "dw" in layer and leaf == "kernel" else leaf


def write_release_3(file: Path, layers: Mapping[str, Mapping[str, Any]]) -> None:
    """Groups by class and number, the layer's name in an attribute, arrays by number."""
    counts: dict[str, int] = {}
    with h5py.File(file, "w") as out:
        for name, leaves in layers.items():
            kind = "batch_normalization" if name.endswith("_bn") else "conv2d"
            kind = "depthwise_conv2d" if "dw" in name and not name.endswith("_bn") else kind
            number = counts[kind] = counts.get(kind, -1) + 1
            place = f"layers/{kind}" + (f"_{number}" if number else "")
            group = out.create_group(f"{place}/vars")
            group.attrs["name"] = name
            order = NORM if kind == "batch_normalization" else ("kernel", "bias")
            for position, leaf in enumerate(leaf for leaf in order if leaf in leaves):
                group[str(position)] = leaves[leaf]


@pytest.mark.parametrize("name", ["old.h5", "whole.h5", "new.weights.h5", "new.keras"])
def test_each_layout_gives_the_same_network(name: str, tmp_path: Path) -> None:
    model, file = ours(), tmp_path / name
    source = SOURCES["keras/MobileNet-0.25"]
    layers = arrays(to_theirs(model, source.spelling))
    if name in ("old.h5", "whole.h5"):
        write_release_2(file, layers, "model_weights" if name == "whole.h5" else "")
    elif name == "new.keras":
        write_release_3(tmp_path / "inside", layers)
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("config.json", "{}")
            archive.write(tmp_path / "inside", "model.weights.h5")
    else:
        write_release_3(file, layers)
    made = import_weights(file, "", tmp_path / "out")
    assert (made.network, made.source) == ("mobilenet_v1_x0_25", "keras/MobileNet-0.25")
    found, card, _ = cladenet.load(made.folder)
    assert card.arguments["activation"] == "relu6"
    assert card.preprocess.mean == (0.5, 0.5, 0.5)
    own = model.state_dict()
    assert all(torch.equal(value, own[key]) for key, value in found.state_dict().items())


def test_a_bias_before_a_norm_goes_into_its_mean_and_red_comes_first() -> None:
    kernel = torch.randn(4, 3, 3, 3)
    found = read_resnet(
        {
            "keras/conv1_conv.weight": kernel,
            "keras/conv1_conv.bias": torch.tensor([1.0, 2.0, 3.0, 4.0]),
            "keras/conv1_bn.running_mean": torch.tensor([5.0, 5.0, 5.0, 5.0]),
        }
    )
    assert torch.equal(found["conv1_conv.weight"], kernel.flip(1))
    assert found["conv1_bn.running_mean"].tolist() == [4, 3, 2, 1]
    assert "conv1_conv.bias" not in found


def test_the_first_dense_layer_of_vgg_reads_channel_by_channel() -> None:
    """Keras flattens (7, 7, 512), torch (512, 7, 7): value 2 of row 1, column 3."""
    weight = torch.zeros(1, 7 * 7 * 512)
    weight[0, (1 * 7 + 3) * 512 + 2] = 1
    found = read_vgg({"keras/fc1.weight": weight, "keras/fc2.weight": torch.zeros(2, 2)})
    assert found["fc1.weight"].nonzero().tolist() == [[0, 2 * 49 + 1 * 7 + 3]]


def test_a_dense_layer_of_another_name_is_the_last() -> None:
    """As transfer learning leaves it: `dense_3` on top of a nested model."""
    found = plain({"keras/dense_3.weight": torch.zeros(5, 8), "keras/dense_3.bias": torch.zeros(5)})
    assert list(found) == ["predictions.weight", "predictions.bias"]


@pytest.mark.parametrize("layer", ["keras/normalization.", "keras/normalization_3."])
def test_the_normalisation_inside_a_network_is_that_of_its_images(layer: str) -> None:
    """Keras' EfficientNets keep stds in the place of variances, where they are ImageNet's.

    The layer has a number where the session had built another EfficientNet before.
    """
    mean = torch.tensor([0.485, 0.456, 0.406])
    kept = plain({f"{layer}mean": mean, "keras/batch_normalization_3.weight": mean})
    assert list(kept) == ["batch_normalization_3.weight"]

    def images(variance: list[float]) -> dict[str, Any]:
        return images_of_keras({f"{layer}mean": mean, f"{layer}variance": torch.tensor(variance)})

    assert images([0.229, 0.224, 0.225])["std"] == pytest.approx((0.229, 0.224, 0.225))
    assert images([0.04, 0.09, 0.16])["std"] == pytest.approx((0.2, 0.3, 0.4))
    assert images_of_keras({}) == {}


def test_damaged_files_and_a_missing_extra_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.h5", "b.keras"):
        (tmp_path / name).write_bytes(b"no such file")
        with pytest.raises(CheckpointError, match="is not a complete Keras file"):
            read_keras(tmp_path / name)
    with h5py.File(tmp_path / "c.h5", "w") as out:
        out["numbers"] = [1, 2]
    with pytest.raises(CheckpointError, match="is not a complete Keras file"):
        read_keras(tmp_path / "c.h5")
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(MissingExtra, match=r"pip install 'cladenet\[keras\]'"):
        read_keras(tmp_path / "c.h5")


# Layers of MobileNetV3 in Keras 2, and what Keras 3 calls them.
OLD = {
    "Conv": "conv",
    "Conv/BatchNorm": "conv_bn",
    "expanded_conv/depthwise": "expanded_conv_depthwise",
    "expanded_conv/depthwise/BatchNorm": "expanded_conv_depthwise_bn",
    "expanded_conv/squeeze_excite/Conv": "expanded_conv_squeeze_excite_conv",
    "expanded_conv/squeeze_excite/Conv_1": "expanded_conv_squeeze_excite_conv_1",
    "expanded_conv_1/expand": "expanded_conv_1_expand",
    "expanded_conv_1/expand/BatchNorm": "expanded_conv_1_expand_bn",
    "expanded_conv_1/project/BatchNorm": "expanded_conv_1_project_bn",
    "Conv_1/BatchNorm": "conv_1_bn",
    "Conv_2": "conv_2",
    "Logits": "logits",
}


@pytest.mark.parametrize("nested", [False, True])
def test_layers_whose_names_have_slashes_are_told_apart(nested: bool, tmp_path: Path) -> None:
    """Each in a group of its own, or all in that of the model around which another one lies."""
    file = tmp_path / "old.h5"
    with h5py.File(file, "w") as out:
        groups = {"MobilenetV3small": list(OLD)} if nested else {old: [old] for old in OLD}
        out.attrs["layer_names"] = [name.encode() for name in groups]
        for group, layers in groups.items():
            leaves = ["beta" if old.endswith("BatchNorm") else "bias" for old in layers]
            arrays = [f"{old}/{leaf}:0" for old, leaf in zip(layers, leaves, strict=True)]
            place = out.require_group(group)
            place.attrs["weight_names"] = [name.encode() for name in arrays]
            for old, name in zip(layers, arrays, strict=True):
                place[name] = [float(list(OLD).index(old))]
    found = read_mobilenet_v3(read_keras(file))
    assert {name: value.item() for name, value in found.items()} == {
        f"{new}.bias": number for number, new in enumerate(OLD.values())
    }
    with torch.device("meta"):
        model = create_model("mobilenet_v3_small")
    assert set(OLD.values()) <= set(names.mobilenet_v3(model))


def spelt(source: str) -> dict[str, str]:
    with torch.device("meta"):
        model = create_model(SOURCES[source].network, **SOURCES[source].arguments)
    return spelt_names(model, SOURCES[source].spelling)


def test_inception_resnet_numbers_what_has_no_name() -> None:
    """5 convolutions in the stem, 7 in the mixed module, 10 x 6, 4, 20 x 4, 7, 10 x 4: 203."""
    layers = {name.rpartition(".")[0] for name in spelt("keras/InceptionResNetV2").values()}
    numbered = {f"conv2d_{number}" for number in range(203)}
    named = {f"block{size}_{n}_conv" for size in (35, 8) for n in range(1, 11)}
    named |= {f"block17_{n}_conv" for n in range(1, 21)}
    norms = {f"batch_normalization_{number}" for number in range(203)}
    assert layers == numbered | norms | named | {"conv_7b", "conv_7b_bn", "predictions"}


def test_nasnets_cells_have_numbers_and_blocks_have_sides() -> None:
    """keras/src/applications/nasnet.py, N = 4: the reduction between 3 and 5 is `reduce_4`.

    The fifth block of a reduction is called `left4` there, that of a normal cell `left5`.
    """
    found = spelt("keras/NASNetMobile")
    reduction, normal = "stages.1.0.cell.", "stages.1.1.cell."
    assert found[f"{reduction}operations.8.1.weight"] == (
        "separable_conv_1_reduction_left4_reduce_4.depthwise.weight"
    )
    assert found[f"{reduction}operations.3.6.weight"] == (
        "separable_conv_2_reduction_right2_reduce_4.pointwise.weight"
    )
    assert found[f"{reduction}fit_before.1.weight"] == "adjust_conv_projection_reduce_4.weight"
    assert found[f"{normal}fit_before.1.paths.1.1.weight"] == "adjust_conv_2_5.weight"
    assert found[f"{normal}operations.8.7.bias"] == "separable_conv_2_bn_normal_left5_5.bias"
    assert found["stages.2.4.cell.fit.1.weight"] == "normal_conv_1_12.weight"
    assert found["stem.1.cell.fit.2.weight"] == "reduction_bn_1_stem_1.weight"


@pytest.mark.parametrize(
    ("side", "largest", "average"),
    [
        (4, [[-1, 0], [0, 0]], [[-9, -6], [-6, -4]]),  # rows 0 to 2, 2 to 4 of which 4 is a zero
        (3, [[0, 0], [0, 0]], [[-4, -4], [-4, -4]]),  # rows -1 to 1, 1 to 3
    ],
)
def test_pools_that_stride_see_zeros(side: int, largest: Any, average: Any) -> None:
    """Over a map of -1 the maximum is 0 wherever a window leaves it."""
    model = create_model("nasnet_a_cifar", n=1, width=4, drop_path=0.0, zeros_in_pools=True)
    operations = model.get_submodule("stages.1.0.cell.operations")
    assert isinstance(operations, nn.ModuleList)
    image = torch.full((1, 8, side, side), -1.0)  # the second stage is twice as wide
    assert operations[2](image)[0, 0].tolist() == largest  # max_pool_3x3(s0)
    torch.testing.assert_close(operations[4](image)[0, 0], torch.tensor(average) / 9)
