"""Evidence for an answer against networks whose answer depends on a place that is known."""

import numpy as np
import torch
from torch import Tensor, nn

from cladenet.explain.attribution.evidence import evidence, tinted
from cladenet.layers.classifier import Classifier
from cladenet.registry import create_model


class Bright(Classifier):
    """Class 0 for brightness, class 1 against it; `side` is that of the last stage's map."""

    def __init__(self, side: int) -> None:
        super().__init__(1, 2)
        self.stem = nn.Identity()
        self.stages = nn.Sequential(nn.Sequential(nn.AdaptiveAvgPool2d(side)))
        linear = nn.Linear(side**2, 2, False)
        self.head = nn.Sequential(nn.ReLU(inplace=True), nn.Flatten(), linear)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor([[1.0], [-1.0]]).expand(2, side**2))


def spot() -> Tensor:
    """One bright patch, rows 8 to 11 and columns 4 to 7 of 16."""
    image = torch.zeros(1, 1, 16, 16)
    image[..., 8:12, 4:8] = 1
    return image


def test_grad_cam_finds_the_patch_that_speaks_for_a_class_and_nothing_for_the_other() -> None:
    model = Bright(4)
    found = evidence(model, spot().expand(2, 1, 16, 16), torch.tensor([0, 1]))
    assert found.method == "Grad-CAM at stages.0"
    row, column = divmod(int(found.maps[0].argmax()), 16)
    assert 8 <= row < 12
    assert 4 <= column < 8
    assert found.maps[0].max() == 1
    assert found.maps[0, :4].max() == 0
    assert found.maps[1].max() == 0


def test_without_a_map_it_is_gradient_times_input() -> None:
    """By hand: the mean over the image, so that the gradient is the same everywhere."""
    found = evidence(Bright(1), spot(), torch.tensor([1]))
    assert found.method == "gradient x input"
    torch.testing.assert_close(found.maps[0], spot()[0, 0])


def test_tokens_have_no_map() -> None:
    model = create_model("vit_ti_16", input_size=32, num_classes=3)
    found = evidence(model, torch.rand(2, 3, 32, 32), torch.tensor([0, 2]))
    assert found.method == "gradient x input"
    assert found.maps.shape == (2, 32, 32)


def test_the_network_is_left_as_it_was() -> None:
    model = create_model("resnet20_cifar")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    evidence(model, torch.rand(2, 3, 32, 32), torch.tensor([0, 1]))
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_a_view_is_tinted_where_there_is_evidence() -> None:
    view = np.full((2, 2, 1), 100, dtype=np.uint8)
    shown = tinted(view, np.array([[0.0, 1.0], [0.0, 0.0]], dtype=np.float32))
    assert shown[0, 0].tolist() == [55, 55, 55]  # 0.55 x 100
    assert shown[0, 1].tolist() == [201, 95, 55]  # 25 + 0.75 x (235, 94, 40)
