import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.analysis.layer_table import layer_table
from cladenet.models.lenet import RBF, Squash, SubSampling
from cladenet.models.lenet_targets import CODE_LENGTH, drawing, targets
from cladenet.registry import create_model
from overfit import sgd, steps_to_learn
from parity import randomised, worst

# Table I as it is printed: a row for each map of S2, an X where a map of C3 reads it.
PRINTED = (
    "X...XXX..XXXX.XX",
    "XX...XXX..XXXX.X",
    "XXX...XXX..X.XXX",
    ".XXX..XXXX..X.XX",
    "..XXX..XXXX.XX.X",
    "...XXX..XXXX.XXX",
)


def lenet5() -> Any:
    return create_model("lenet5")


def table_conv(model: Any) -> Any:
    return model.stages[0][0]


@pytest.mark.parametrize("reader", range(16))
def test_a_map_of_c3_reads_the_maps_of_s2_that_table_1_marks(reader: int) -> None:
    maps = torch.randn(1, 6, 14, 14, requires_grad=True)
    table_conv(lenet5())(maps)[:, reader].sum().backward()
    assert maps.grad is not None
    reached = (maps.grad.abs().sum((0, 2, 3)) > 0).tolist()
    assert reached == [row[reader] == "X" for row in PRINTED]


def unconnected(model: Any) -> Tensor:
    """C3's kernels where Table I has no X: 36 of 96."""
    marked = [[row[reader] == "X" for row in PRINTED] for reader in range(16)]
    kernels: Tensor = table_conv(model).kernel()[~torch.tensor(marked)]
    assert kernels.shape == (36, 5, 5)
    return kernels


def test_what_is_not_connected_never_gets_a_weight() -> None:
    """Decay and momentum reach all that is a parameter: C3 has 60 kernels of 25, and 16 biases."""
    model = lenet5()
    assert sum(values.numel() for values in table_conv(model).parameters()) == 1_516
    assert not unconnected(model).any()
    before = table_conv(model).weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(4, 1, 32, 32)).logsumexp(1).sum().backward()
        optimizer.step()
    assert (table_conv(model).weight != before).all()
    assert not unconnected(model).any()


def test_gradients_are_those_of_the_network_written_out_map_by_map() -> None:
    model = lenet5().double()
    images = torch.rand(2, 1, 32, 32, dtype=torch.float64)
    ours, theirs = (
        torch.autograd.grad(logits[:, 3].sum(), list(model.parameters()))
        for logits in (model(images), written_out(model, images))
    )
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)


def test_connections_are_the_papers_340908() -> None:
    """Sec. II-B counts a bias as a connection, and 84 differences for each output."""
    windows = {"SubSampling": 5}  # four pixels and a bias for each unit
    connections: dict[str, int] = {}
    for row in layer_table(lenet5(), (1, 32, 32)):
        positions = row.out_shape[1] * row.out_shape[2] if len(row.out_shape) == 3 else 1
        each = windows.get(row.kind, 0) * row.out_shape[0] or row.params
        name = row.name.removesuffix(".0").removesuffix(".1").removesuffix(".2")
        if each:
            key = f"{row.kind} {name}"
            connections[key] = connections.get(key, 0) + each * positions
    assert list(connections.values()) == [122_304, 5_880, 151_600, 2_000, 48_120, 10_164]
    assert sum(connections.values()) + 10 * CODE_LENGTH == 340_908


def written_out(model: Any, images: Tensor) -> Tensor:
    """The network map by map, from the paper's text and Table I."""
    c1, s2, s4 = model.stem[0], model.stem[2], model.stages[0][2]
    biases = table_conv(model).bias
    kernels = iter(table_conv(model).weight)
    c5, f6, rbf = model.stages[1][0], model.head[1], model.head[3]

    def squash(a: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(a * 2 / 3)

    def sub_sample(maps: Tensor, layer: SubSampling) -> Tensor:
        n, c, h, w = maps.shape
        sums = maps.view(n, c, h // 2, 2, w // 2, 2).sum((3, 5))
        pairs = zip(sums.unbind(1), layer.weight, layer.bias, strict=True)
        return squash(torch.stack([m * weight + bias for m, weight, bias in pairs], dim=1))

    x = sub_sample(squash(F.conv2d(images, c1.weight, c1.bias)), s2)
    c3 = []
    for reader in range(16):
        total = biases[reader].expand(len(x), 10, 10).clone()
        read = [place for place in range(6) if PRINTED[place][reader] == "X"]
        for place in read:
            total += F.conv2d(x[:, place : place + 1], next(kernels)[None, None])[:, 0]
        c3.append(total)
    assert next(kernels, None) is None
    x = sub_sample(squash(torch.stack(c3, dim=1)), s4)
    x = squash(x.flatten(1) @ c5.weight.flatten(1).T + c5.bias)
    x = squash(x @ f6.weight.T + f6.bias)
    distances = [[((value - code) ** 2).sum() for code in rbf.targets] for value in x]
    return -torch.stack([torch.stack(row) for row in distances])


def test_logits_are_those_of_the_network_written_out_map_by_map() -> None:
    model = lenet5().double()
    for values in model.parameters():
        nn.init.uniform_(values, -0.5, 0.5)
    images = torch.rand(2, 1, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        assert worst(model(images), written_out(model, images)) < 1e-10


def test_the_squashing_function_keeps_one_and_minus_one() -> None:
    """Appendix A: the parameters are chosen so that f(1) = 1 and f(-1) = -1."""
    ends = Squash()(torch.tensor([1.0, -1.0]))
    torch.testing.assert_close(ends, torch.tensor([1.0, -1.0]), rtol=0, atol=1e-4)


def test_f6_equal_to_a_drawing_has_the_largest_logit_which_is_zero() -> None:
    drawings = torch.tensor([drawing(digit) for digit in range(10)])
    logits = RBF(10)(drawings)
    assert logits.argmax(1).tolist() == list(range(10))
    assert logits.diagonal().tolist() == [0] * 10
    pixels_apart = (drawings[0] != drawings[1]).sum()
    assert logits[0, 1] == -4 * pixels_apart


def test_drawings_differ_in_at_least_five_pixels() -> None:
    drawings = torch.tensor([drawing(digit) for digit in range(10)])
    apart = (drawings[:, None] != drawings).sum(2) + 100 * torch.eye(10)
    assert apart.min() >= 5


def test_codes_of_other_class_counts_are_fixed_signs_that_all_differ() -> None:
    codes = targets(100)
    assert {abs(value) for code in codes for value in code} == {1.0}
    assert len({tuple(code) for code in codes}) == 100
    assert codes[:7] == targets(7)


def test_weights_start_within_2_4_over_fan_in() -> None:
    """Appendix A; C3's maps read 3, 4 or 6 maps and so have different bounds."""
    model = lenet5()
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear | SubSampling)]
    drawn = [tuple(layer.parameters()) for layer in layers]
    connected = [sum(row[reader] == "X" for row in PRINTED) for reader in range(16)]
    kernels = table_conv(model).weight.split(connected)
    drawn += zip(kernels, table_conv(model).bias, strict=True)
    fan_ins = [25, 4, 4, 400, 120, *(25 * maps for maps in connected)]
    assert sum(values.numel() for both in drawn for values in both) == 60_000
    for both, fan_in in zip(drawn, fan_ins, strict=True):
        largest = max(values.abs().max().item() for values in both)
        assert 0.5 * 2.4 / fan_in < largest <= 2.4 / fan_in


def test_the_modern_form_is_two_convolutions_two_pools_and_three_linear_layers() -> None:
    ours = randomised("lenet5_relu")
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = ours.parameters()
    images = torch.randn(2, 1, 32, 32, dtype=torch.float64)
    x = F.max_pool2d(F.relu(F.conv2d(images, w1, b1)), 2)
    x = F.max_pool2d(F.relu(F.conv2d(x, w2, b2)), 2)
    x = F.relu(F.relu(x.flatten(1) @ w3.T + b3) @ w4.T + b4)
    with torch.no_grad():
        assert worst(ours(images), x @ w5.T + b5) < 1e-10


def test_caffes_form_has_one_relu_after_the_first_linear_layer() -> None:
    ours = randomised("lenet_caffe")
    w1, b1, w2, b2, w3, b3, w4, b4 = ours.parameters()
    images = torch.randn(2, 1, 28, 28, dtype=torch.float64)
    x = F.max_pool2d(F.conv2d(images, w1, b1), 2)
    x = F.max_pool2d(F.conv2d(x, w2, b2), 2)
    with torch.no_grad():
        expected = F.relu(x.flatten(1) @ w3.T + b3) @ w4.T + b4
        assert worst(ours(images), expected) < 1e-10


def test_the_modern_form_on_colour_has_the_size_that_its_note_gives() -> None:
    table = layer_table(create_model("lenet5_relu", in_channels=3), (3, 32, 32))
    assert (sum(row.params for row in table), sum(row.macs for row in table)) == (62_006, 651_720)


@pytest.mark.parametrize(("name", "lr"), [("lenet5", 0.003), ("lenet5_relu", 0.01)])
def test_eight_real_images_are_overfitted(name: str, lr: float) -> None:
    torch.manual_seed(0)
    assert 0 < steps_to_learn(create_model(name), sgd(lr), size=32) < 200


@pytest.mark.parametrize("size", [28, 29])
def test_sub_sampling_is_a_sum_in_onnx_files_too(size: int, tmp_path: Path) -> None:
    """Both exporters of torch write a plain average where `divisor_override` is asked for."""
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    layer = SubSampling(6).eval()
    nn.init.uniform_(layer.weight, 0.5, 2.0)
    nn.init.uniform_(layer.bias, -1.0, 1.0)
    x = torch.randn(2, 6, size, size)
    file = tmp_path / "s2.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(layer, (x,), file, input_names=["x"], dynamo=False)
    onnx.checker.check_model(onnx.load(file))
    (found,) = runtime.InferenceSession(file).run(None, {"x": x.numpy()})
    even = x[:, :, : size // 2 * 2, : size // 2 * 2]
    sums = even.unflatten(2, (-1, 2)).unflatten(4, (-1, 2)).sum((3, 5))
    torch.testing.assert_close(torch.from_numpy(found), layer.weight * sums + layer.bias)
