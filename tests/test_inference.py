"""`for_inference`: the same answers, from fewer steps."""

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cladenet import processor
from cladenet.errors import BadArgument, MissingExtra
from cladenet.inference import FastClassifier, for_inference
from cladenet.inference.engine.packed import fold_and_pack
from cladenet.inference.engines import ENGINES
from cladenet.inference.graph.few_pixels import (
    of_few_or_many_pixels,
    of_few_or_many_rows,
    with_relu,
)
from cladenet.inference.graph.packing import pack
from cladenet.inference.graph.recording import record
from cladenet.inference.graph.running import runner
from cladenet.inference.graph.simplify import simplify
from cladenet.inference.graph.single_pixels import pointwise, quicken_single_pixels
from cladenet.ledger.entry import Entry
from cladenet.registry import accepts, create_model, find, list_models
from processors import AVX2, needs_bf16
from shallow import shallow

BF16_TO_TENTHS = pytest.param("bf16", 0.1, marks=needs_bf16)
BF16_TO_HUNDREDTHS = pytest.param("bf16", 0.02, marks=needs_bf16)


def quickest_of_each_family() -> list[str]:
    names = sorted(list_models(), key=lambda name: find(name).macs, reverse=True)
    return sorted({find(name).family: name for name in names}.values())


def built(name: str, **arguments: Any) -> tuple[nn.Module, tuple[int, int, int]]:
    """A network with the statistics of two images, and the size of its input.

    With any others, rounding grows from layer to layer of a deep network, to a tenth of the logits.
    """
    entry: Entry = find(name)
    with torch.device("meta"):
        least = create_model(name, **arguments).least_size
    side = min(entry.input[1], max(least, 64))
    if accepts(name, "input_size"):
        arguments["input_size"] = side
    torch.manual_seed(0)
    model = create_model(name, **arguments)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(torch.randn(2, entry.input[0], side, side))
    last = model.head[-1]
    if isinstance(last, nn.Linear) and not last.weight.any():
        nn.init.normal_(last.weight, std=0.02)
    return model.eval(), (entry.input[0], side, side)


def difference(fast: nn.Module, plain: nn.Module, images: Tensor) -> float:
    """The largest of the logits from those in float64, as a share of the largest of these.

    Divided by that of the plain network where this is more than 1e-5: rounding blown up by depth.
    """
    with torch.inference_mode():
        logits, own = fast(images).double(), plain(images).double()
        expected = plain.double()(images.double())
    plain.float()
    rounding = ((own - expected).abs().max() / expected.abs().max()).item()
    found = ((logits - expected).abs().max() / expected.abs().max()).item()
    return found if rounding < 1e-5 else found / rounding * 1e-5


@pytest.mark.parametrize(("name", "arguments"), shallow(quickest_of_each_family()))
def test_each_family_gives_the_same_logits_packed(name: str, arguments: dict[str, Any]) -> None:
    """Also for another number of images than it was made ready for."""
    model, size = built(name, **arguments)
    fast = for_inference(model, batch_size=2, size=size)
    assert fast.engine == "packed", fast.why
    assert difference(fast, model, torch.randn(3, *size)) < 4e-5


@pytest.mark.parametrize("name", ["resnet20_cifar", "condensenet_50_cifar", "vit_ti_16"])
@pytest.mark.parametrize(("precision", "most"), [BF16_TO_TENTHS, ("int8", 0.125)])
def test_lower_precisions_stay_near(name: str, precision: str, most: float) -> None:
    """int8 with weights of 8 or of 7 bits; narrow random networks are too far off."""
    model, size = built(name)
    images = torch.randn(4, *size)
    calibration = images if precision == "int8" else None
    fast = for_inference(model, precision, batch_size=2, size=size, calibration=calibration)
    assert (fast.engine, fast.precision) == ("packed", precision), fast.why
    assert 0 < difference(fast, model, images) < most


@pytest.mark.parametrize(("precision", "most"), [("fp32", 1e-6), BF16_TO_HUNDREDTHS])
@pytest.mark.parametrize("squeeze", [lambda: nn.AdaptiveAvgPool2d(1), lambda: nn.MaxPool2d(8)])
def test_single_pixels_are_excited_at_any_size(
    squeeze: Callable[[], nn.Module], precision: str, most: float
) -> None:
    """Also where, at another size, they are pixels of a map."""
    torch.manual_seed(0)
    excite = [nn.Conv2d(64, 8, 1), nn.ReLU(), nn.Conv2d(8, 64, 1, bias=False), nn.Sigmoid()]
    head = [Odd(lambda x: F.adaptive_avg_pool2d(x, output_size=1)), nn.Flatten(), nn.Linear(64, 5)]
    model = nn.Sequential(nn.Conv2d(3, 64, 3, stride=4), squeeze(), *excite, *head).eval()
    program = record(model, torch.randn(1, 3, 32, 32))
    quicken_single_pixels(program)
    functions = [step.function for step in program.steps]
    assert functions.count(pointwise) == 2
    assert F.adaptive_avg_pool2d not in functions
    fast = for_inference(model, precision, size=(3, 32, 32))
    assert fast.engine == "packed", fast.why
    for side in (32, 48, 101):
        assert difference(fast, model, torch.randn(2, 3, side, side)) < most


@pytest.mark.parametrize(("slow", "pixels"), [(False, [2048, 2048]), (True, [1024, 1024])])
def test_a_1x1_convolution_of_few_pixels_is_a_product(
    slow: bool, pixels: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """40 to 6 channels at 16x16: 2,048 pixels are 8 images; 64x1024 weights are too many for one.

    Where products are slow, half as many.

    What is strided, padded or grouped stays a convolution.
    """
    monkeypatch.setattr(processor, "has_slow_products", lambda: slow)
    torch.manual_seed(0)
    few = nn.Sequential(nn.Conv2d(3, 40, 3, padding=1), nn.Conv2d(40, 6, 1), nn.ReLU())
    rest = nn.Sequential(
        nn.Conv2d(6, 64, 1, bias=False),
        nn.Conv2d(64, 1024, 1),
        nn.Conv2d(1024, 8, 1, stride=2),
        nn.Conv2d(8, 8, 1, groups=2),
        nn.Conv2d(8, 8, 1, padding=1),
    )
    model = nn.Sequential(*few, *rest, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    program = record(model, torch.randn(1, 3, 16, 16))
    pack(program, 16)
    most = [step.args[1] for step in program.steps if step.function is of_few_or_many_pixels]
    assert most == pixels
    fast = for_inference(model, "fp32", size=(3, 16, 16), batch_size=16, engine="packed")
    for images in (1, 4, 5, 8, 9, 16):
        assert difference(fast, model, torch.randn(images, 3, 16, 16)) < 1e-5


def test_a_wide_1x1_convolution_is_a_product_for_fewer_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """100 to 100 channels: 400 pixels are 4 million multiply-accumulates, 150 are 1.5 million."""
    model = nn.Sequential(nn.Conv2d(100, 100, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    for slow, most in ((False, 400), (True, 150)):
        monkeypatch.setattr(processor, "has_slow_products", lambda slow=slow: slow)
        program = record(model, torch.randn(1, 100, 10, 10))
        pack(program, 4)
        assert program.steps[0].args[1] == most


def test_a_small_linear_layer_of_few_rows_is_a_product() -> None:
    """Up to a million multiply-accumulates: 16 images of 3x16x16 to 80, and none to 20,000."""
    torch.manual_seed(0)
    layers = [nn.Linear(768, 80), nn.ReLU(), nn.Linear(80, 20_000, bias=False)]
    model = nn.Sequential(nn.Flatten(), *layers).eval()
    program = record(model, torch.randn(1, 3, 16, 16))
    pack(program, 16)
    most = [step.args[1] for step in program.steps if step.function is of_few_or_many_rows]
    assert most == [16]
    fast = for_inference(model, "fp32", size=(3, 16, 16), batch_size=20, engine="packed")
    for images in (1, 16, 17, 20):
        assert difference(fast, model, torch.randn(images, 3, 16, 16)) < 1e-5


def test_a_relu_of_few_numbers_follows_its_convolution() -> None:
    """Maps of 20x16x16: 12 images have fewer than 2^16 numbers, 13 more; 300x16x16 are too many."""
    torch.manual_seed(0)
    few = nn.Sequential(nn.Conv2d(3, 20, 3, padding=1), nn.ReLU(), nn.Conv2d(20, 300, 3, padding=1))
    rest = nn.Sequential(nn.ReLU(), nn.Conv2d(300, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = nn.Sequential(*few, *rest).eval()
    program = record(model, torch.randn(1, 3, 16, 16))
    pack(program, 16)
    assert [step.args[0] for step in program.steps if step.function is with_relu] == [12]
    fast = for_inference(model, "fp32", size=(3, 16, 16), batch_size=16, engine="packed")
    for images in (1, 12, 13, 16):
        assert difference(fast, model, torch.randn(images, 3, 16, 16)) < 1e-5


def test_norms_activations_and_shortcuts_have_no_step_of_their_own() -> None:
    """ResNet-20: 19 convolutions, a small linear layer; 2 units pad what they add, in two steps."""
    model, size = built("resnet20_cifar")
    program = record(model, torch.randn(1, *size))
    before = [step.function for step in program.steps]
    assert before.count(F.batch_norm) == 19
    assert before.count(F.relu) == 19
    simplify(program)
    pack(program, 1)
    names = [str(step.function) for step in program.steps]
    assert sum("convolution_pointwise" in name or "with_relu" in name for name in names) == 19
    assert sum("convolution_pointwise.binary" in name for name in names) == 9
    assert sum("of_few_or_many_rows" in name for name in names) == 1
    assert len(names) == 19 + 1 + 2 * 2 + 2


class Sums(nn.Module):
    """Convolutions added to what `code` makes of a convolution's maps, which others read or not."""

    def __init__(self, code: Callable[[Tensor, nn.Module], Tensor]) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.conv = nn.Conv2d(8, 8, 1)
        self.code = code

    def forward(self, x: Tensor) -> Tensor:
        return self.code(self.first(x).relu(), self.conv).mean((2, 3))


@pytest.mark.parametrize(
    ("code", "in_place"),
    [
        (lambda x, conv: F.relu(conv(x) + x), 0),  # the convolution reads what it adds
        (lambda x, conv: F.relu(conv(F.relu(conv(x))) + x), 1),
        (lambda x, conv: conv(conv(x)) + F.max_pool2d(x, 3, 1, 1), 1),
        (lambda x, conv: conv(conv(x)) + x + x, 0),  # it is read later
        (lambda x, conv: F.relu(conv(conv(x)) + x) * conv(x), 0),
        (lambda x, conv: conv(conv(x)) + x + x[:, :1], 0),  # a view of it is
        (lambda x, conv: conv(x[:, [0]].expand(-1, 8, -1, -1)) + x.flip(1), 0),
        (lambda x, conv: conv(conv(x)) + x[:, :1].expand(-1, 8, -1, -1), 0),  # one number 8 times
        (lambda x, conv: conv(conv(x).view_as(x)) + x.transpose(2, 3), 0),
    ],
)
@pytest.mark.parametrize("from_python", [True, False], ids=["python", "script"])
def test_a_shortcut_that_nobody_reads_again_is_added_in_place(
    code: Callable[[Tensor, nn.Module], Tensor], in_place: int, from_python: bool
) -> None:
    torch.manual_seed(0)
    model = Sums(code).eval()
    x = torch.randn(2, 3, 6, 6).to(memory_format=torch.channels_last)
    before = x.clone()
    program = record(model, x[:1])
    fold_and_pack(program, torch.float32, None, 2)
    names = [str(step.function) for step in program.steps]
    assert sum("convolution_pointwise_.binary" in name for name in names) == in_place
    run = runner(program, from_python=from_python)
    with torch.inference_mode():
        for _ in range(2):
            torch.testing.assert_close(run(x), model(x))
    assert torch.equal(x, before)


def test_the_images_are_not_added_in_place() -> None:
    model = nn.Sequential(Shortcut(), nn.Flatten()).eval()
    x = torch.randn(2, 8, 6, 6).to(memory_format=torch.channels_last)
    before = x.clone()
    fast = for_inference(model, batch_size=2, size=(8, 6, 6), engine="packed")
    torch.testing.assert_close(fast(x), model(x), rtol=1e-4, atol=1e-4)
    assert torch.equal(x, before)


class Shortcut(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.b(F.relu(self.a(x))) + x)


def test_a_relu6_has_no_step_of_its_own() -> None:
    """MobileNetV2: 52 convolutions, the pool, its flattening, and a linear layer."""
    model, size = built("mobilenet_v2_x1_0")
    program = record(model, torch.randn(1, *size))
    simplify(program)
    pack(program, 1)
    assert len(program.steps) == 52 + 1 + 1 + 1


@pytest.mark.parametrize(
    "code",
    [
        lambda x: F.relu(x, inplace=True) + x,
        lambda x: x.add_(1).mul_(2) + x,
        lambda x: torch.cat(x.chunk(3, 1)[::-1], 1),
        lambda x: x.max(dim=1).values,
        lambda x: x * torch.arange(8.0),
        lambda x: torch.zeros(1, 8) + x[:, 0, 0],
        lambda x: (x.shape[2] * x).mean((2, 3)),
    ],
)
def test_what_is_recorded_is_what_is_computed(code: Callable[[Tensor], Tensor]) -> None:
    class Coded(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return code(x)

    program = record(Coded(), torch.randn(2, 3, 8, 8))
    images = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(runner(program)(images.clone()), code(images.clone()))


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(0, 3), dilation=(1, 2), groups=2),
        nn.Conv2d(4, 6, (2, 3), dilation=2, padding="same"),
        nn.Conv2d(4, 6, 5, stride=3, bias=False),
        nn.Linear(9, 5),
    ],
)
def test_a_product_is_recorded_in_the_shape_that_it_has(layer: nn.Module) -> None:
    program = record(layer, torch.randn(2, 4, 11, 9))
    assert program.shapes[program.logits] == layer(torch.randn(2, 4, 11, 9)).shape


class Odd(nn.Module):
    """A network that a list of steps cannot say."""

    def __init__(self, code: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.code = code

    def forward(self, x: Tensor) -> Any:
        return self.code(x * self.scale)


def written_into(x: Tensor) -> Tensor:
    logits = x.mean((2, 3))
    logits[:, 0] = 1
    return logits


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (lambda x: x.mean((2, 3)) * float(x[-1].detach().sum()), "the logits of packed differ by"),
        (lambda x: x.mean((2, 3)) * len(x), "others for two images than for one"),
        (written_into, "it writes into a part of a tensor"),
    ],
)
def test_a_wrong_engine_makes_way_for_the_plain_network(
    code: Callable[[Tensor], Any], reason: str
) -> None:
    model = Odd(code)
    fast = for_inference(model, batch_size=2, size=(3, 8, 8))
    assert fast.engine == "eager"
    assert reason in fast.why
    images = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(fast(images), model(images))


@pytest.mark.parametrize("name", ["resnet20_cifar", "vgg11", "mobilenet_v3_small"])
def test_it_has_weights_of_its_own_and_leaves_the_network_as_it_was(name: str) -> None:
    model, size = built(name)
    for kind, value in model.named_parameters():
        if kind.endswith("bias"):  # zero at first
            nn.init.normal_(value, std=0.1)
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fast = for_inference(model, batch_size=2, size=size, engine="packed")
    assert fast.engine == "packed", fast.why
    images = torch.randn(2, *size)
    answer = fast(images)
    assert model.training
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    for value in model.state_dict().values():
        nn.init.zeros_(value)
    torch.testing.assert_close(fast(images), answer, rtol=0, atol=0)


def test_images_that_the_network_does_not_take_are_refused() -> None:
    model, size = built("resnet20_cifar")
    fast = for_inference(model, size=size)
    with pytest.raises(BadArgument, match="input has 1 channel; this ResNetCifar takes 3"):
        fast(torch.randn(1, 1, 32, 32))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "fp8"}, "precision is 'fp8'; expected one of fp32, bf16, int8"),
        ({"precision": "int8"}, "int8 needs calibration=IMAGES"),
        (
            {"precision": "int8", "calibration": torch.zeros(2, 1, 28, 28)},
            "calibration images are 1x28x28, and size says that 1x32x32 will come",
        ),
        ({"batch_size": 0}, "batch_size is 0; expected 1 or more"),
        ({"engine": "steam"}, "engine is 'steam'; expected auto, fastest or one of packed"),
        ({"engine": "graph"}, "engine graph does fp32 and bf16 on cuda, not fp32 on cpu"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        for_inference(create_model("lenet5_relu"), size=(1, 32, 32), **options)


def test_bf16_is_refused_before_anything_is_made_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processor, "abilities", lambda: AVX2)
    monkeypatch.setattr(nn.Module, "__call__", None)
    with pytest.raises(BadArgument, match=r"\(AVX2\) has no instructions .*\nuse fp32 or int8"):
        for_inference(create_model("lenet5_relu"), "bf16", size=(1, 32, 32))


@pytest.mark.filterwarnings("ignore")
@needs_bf16
def test_float32_does_not_go_by_the_name_of_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO takes float32 instead where bfloat16 is missing, and does not say so."""
    openvino = pytest.importorskip("openvino")
    monkeypatch.setattr(openvino.CompiledModel, "get_property", lambda *_: openvino.Type.f32)
    model = create_model("lenet5_relu")
    fast = for_inference(model, "bf16", size=(1, 32, 32), engine="openvino")
    assert (fast.engine, fast.precision) == ("eager", "bf16")
    assert "openvino computes in f32 here" in fast.why


def raising(error: Exception) -> Callable[..., Any]:
    def operator(*_: Any, **__: Any) -> Any:
        raise error

    return operator


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mkldnn_bf16_device_check: needs avx512bw"),
        AttributeError("'_OpNamespace' 'mkldnn' object has no attribute"),
        TypeError("takes 5 arguments"),
        RuntimeError(),
    ],
)
def test_an_operator_that_raises_makes_way_for_the_plain_network(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As packing of bfloat16 does on a processor without, or as another release may."""
    packing = import_module("cladenet.inference.graph.packing")
    monkeypatch.setattr(packing, "packed", raising(error))
    fast = for_inference(create_model("lenet5_relu"), size=(1, 32, 32), engine="packed")
    assert fast.engine == "eager"
    assert f"packed failed: {str(error) or 'RuntimeError'}" in fast.why


@needs_bf16
@pytest.mark.parametrize("engine", ["auto", "fastest"])
def test_a_network_that_bf16_upsets_is_refused_in_it(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of what nearly cancels: little of it is left in 8 bits."""
    for name in set(ENGINES) - {"packed", "eager"}:  # they take seconds to get ready
        monkeypatch.delitem(ENGINES, name)
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 4, 3)
    nn.init.constant_(conv.bias, 300.0)  # type: ignore[arg-type]
    model = nn.Sequential(conv, Odd(lambda x: (x - 300.0).mean((2, 3))))
    with pytest.raises(BadArgument, match=r"in bf16: .*the logits of eager differ by"):
        for_inference(model, "bf16", size=(3, 8, 8), engine=engine)
    assert for_inference(model, size=(3, 8, 8), engine=engine).difference < 1e-5


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "openvino", ENGINES["openvino"]._replace(package="openvono"))
    with pytest.raises(MissingExtra, match=r"pip install 'cladenet\[engines\]'"):
        for_inference(create_model("lenet5_relu"), size=(1, 32, 32), engine="openvino")


def test_the_fastest_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in set(ENGINES) - {"packed", "eager"}:  # they take seconds to get ready
        monkeypatch.delitem(ENGINES, name)
    model, size = built("lenet5_relu")

    def made(engine: str) -> FastClassifier:
        return for_inference(model, size=size, engine=engine, cache=tmp_path / "engines")

    assert made("auto").why == "packed is ready at once"
    found = made("fastest")
    assert found.why.startswith(f"fastest of {found.engine}")
    assert made("auto").why == f"{found.engine} was the fastest before"
    (tmp_path / "engines" / "engines.json").write_text("{")
    assert made("auto").why == "packed is ready at once"


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("name", ["resnet20_cifar", "shufflenet_v2_x0_5"])  # ops of few exporters
@pytest.mark.filterwarnings("ignore")
def test_other_engines_give_the_same_logits(engine: str, name: str) -> None:
    """Also for fewer images than they were made for, and for images of another size."""
    pytest.importorskip(engine)
    torch.manual_seed(0)
    model = create_model(name).eval()
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):  # in these networks rounding does not grow with such
            nn.init.normal_(norm.running_mean, std=0.05)  # type: ignore[arg-type]
            nn.init.uniform_(norm.running_var, 0.9, 1.2)  # type: ignore[arg-type]
    size = (3, 32, 32)
    fast = for_inference(model, batch_size=4, size=size, engine=engine)
    assert fast.engine == engine, fast.why
    for shape in ((4, *size), (3, *size), (6, *size), (1, 3, 40, 40)):
        assert difference(fast, model, torch.randn(shape)) < 1e-5


@pytest.mark.filterwarnings("ignore")
def test_a_network_without_a_form_in_onnx_stays_plain_and_nothing_is_printed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Here positions of patches are interpolated by what ONNX lacks."""
    pytest.importorskip("onnxruntime")
    fast = for_inference(create_model("vit_ti_16"), size=(3, 64, 64), engine="onnxruntime")
    assert fast.engine == "eager"
    assert "ONNX failed: Exporting the operator 'aten::_upsample_bicubic2d_aa'" in fast.why
    assert capfd.readouterr().out == ""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("engine", ["packed", "onnxruntime"])
def test_calibration_images_leave_float32_as_it_is(engine: str) -> None:
    model, size = built("lenet5_relu")
    images = torch.randn(2, *size)
    fast = for_inference(model, size=size, engine=engine, calibration=images)
    assert fast.engine == engine, fast.why
    assert difference(fast, model, images) < 1e-5


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@pytest.mark.filterwarnings("ignore")
def test_other_engines_run_in_8_bits(engine: str) -> None:
    """Calibrated on a number of images that is no multiple of the batch."""
    for package in ("onnx", "onnxruntime", engine):
        pytest.importorskip(package)
    model, size = built("resnet20_cifar")
    images = torch.randn(5, *size)
    fast = for_inference(model, "int8", batch_size=2, size=size, engine=engine, calibration=images)
    assert fast.engine == engine, fast.why
    assert 1e-4 < difference(fast, model, images) < 0.25


def one_wide_channel(times: float) -> nn.Module:
    """Its first channel is so many times as wide as the others, and counts no more than they do."""
    torch.manual_seed(0)
    first, second = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 10, 3)
    with torch.no_grad():
        first.weight[0].mul_(times)
        second.weight[:, 0].div_(times)
    return nn.Sequential(first, nn.ReLU(), second, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()


@pytest.mark.parametrize(("able", "wider"), [(AVX2, "fp32"), (AVX2._replace(bf16=True), "bf16")])
@pytest.mark.parametrize("engine", ["packed", "onnxruntime"])
@pytest.mark.filterwarnings("ignore")
def test_a_network_that_8_bits_upset_is_refused(
    engine: str, able: processor.Processor, wider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other channels have a level or two. It says what to use that the processor can do."""
    pytest.importorskip(engine if engine != "packed" else "torch")
    monkeypatch.setattr(processor, "abilities", lambda: able)
    images = torch.randn(4, 3, 16, 16)
    options: dict[str, Any] = {"size": (3, 16, 16), "engine": engine, "calibration": images}
    message = rf"in int8: the logits of {engine} differ by \S+ of the largest, .* use {wider}$"
    with pytest.raises(BadArgument, match=message):
        for_inference(one_wide_channel(200.0), "int8", **options)
    assert for_inference(one_wide_channel(1.0), "int8", **options).difference < 0.06


@pytest.mark.filterwarnings("ignore")
def test_an_engine_that_would_end_the_process_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """OpenVINO has crashed on networks in 8 bits: such are tried in a process of their own.

    One that it had forked lived on, with the pipes of its parent, and was waited for without end.
    """
    for package in ("onnx", "onnxruntime", "openvino"):
        pytest.importorskip(package)
    runtime = import_module("cladenet.inference.engine.openvino_runtime")
    crash = "import os, time; os.fork() or time.sleep(600); os.kill(os.getpid(), 11)"
    monkeypatch.setattr(runtime, "TRIAL", crash)
    model, size = built("resnet20_cifar")
    images = torch.randn(2, *size)
    with pytest.raises(BadArgument, match=r"openvino ends with status -11 .* use (bf16|fp32)$"):
        for_inference(model, "int8", size=size, engine="openvino", calibration=images)


def test_a_network_is_made_ready_without_torchs_compiler() -> None:
    """Whose shapes are sympy's: 0.3 to 0.8 s and 60 MB, as much as the rest. In a fresh process."""
    code = """
import sys, cladenet
cladenet.for_inference(cladenet.create_model("lenet5_relu"), size=(1, 32, 32))
print("cladenet.inference.engine.packed" in sys.modules, "sympy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_a_network_that_is_put_back_into_training_answers_as_before() -> None:
    """Also at a size that was not seen yet, for which the plain network is asked."""
    model, size = built("resnet20_cifar")
    fast = for_inference(model, batch_size=2, size=size)
    images = torch.randn(2, 3, 40, 40)
    expected = model(images)
    model.train()
    torch.testing.assert_close(fast(images), expected, rtol=1e-4, atol=1e-4)
    assert model.training
