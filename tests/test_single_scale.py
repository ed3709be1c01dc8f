from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cladenet.data.dataset import Split, from_array
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument, CladeNetError, DataError
from cladenet.evaluation.options import PassOptions
from cladenet.evaluation.result import Evaluation
from cladenet.evaluation.single_scale import evaluate
from cladenet.layers.classifier import Classifier
from cladenet.world import ALONE, World
from processors import needs_bf16
from ranks import in_ranks
from saved_run import noise, small_network

PLAIN = Preprocess(height=4, width=4, channels=1, fit="none", mean=(0.0,), std=(1.0,))
LENET = Preprocess(height=32, width=32, channels=1, fit="none", mean=(0.4,), std=(0.3,))


class Brightness(nn.Module):
    """Says class 0, 1 or 2 for dark, medium and bright images; no sum depends on the batch."""

    num_classes = 3

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.Parameter(torch.tensor([0.2, 0.5, 0.8]))
        self.drop = nn.Dropout(0.5)

    def forward(self, images: Tensor) -> Tensor:
        bright: Tensor = self.drop(images)[:, :, 0, 0]
        return -10 * (bright - self.levels).abs()


def grey_split(values: list[int], labels: list[int]) -> Split:
    array = np.broadcast_to(np.array(values, np.uint8)[:, None, None, None], (len(values), 4, 4, 1))
    return from_array("made", np.ascontiguousarray(array), np.array(labels))


def measure(
    model: nn.Module,
    split: Split,
    preprocess: Preprocess = PLAIN,
    world: World = ALONE,
    **options: Any,
) -> Evaluation:
    return evaluate(model, split, preprocess, PassOptions(**options), world)  # type: ignore[arg-type]


SPLIT = grey_split([51, 128, 204, 51, 128, 204, 230], [0, 1, 2, 1, 1, 0, 2])


def test_each_image_counts_once_with_the_answer_it_got() -> None:
    """Guesses 0 1 2 0 1 2 2: the fourth and the sixth are wrong."""
    found = measure(Brightness(), SPLIT, worst=5)
    assert found.confusion.tolist() == [[1, 0, 1], [1, 2, 0], [0, 0, 2]]
    assert {mistake.id for mistake in found.mistakes} == {"made[3]", "made[5]"}


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_the_last_batch_is_short_and_never_dropped(batch_size: int) -> None:
    found = measure(Brightness(), SPLIT, batch_size=batch_size, worst=5)
    assert found.to_json() == measure(Brightness(), SPLIT, worst=5).to_json()


def test_the_network_is_left_as_it_was() -> None:
    """Also one that is half frozen and draws random numbers, and the random state."""
    model = small_network(10, 1).train()
    model.head.register_forward_hook(lambda *call: call[2] + torch.rand(1))
    model.stem.eval()
    modes = [module.training for module in model.modules()]
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    split = from_array("made", noise(1, 20, 32, 32, 1), np.arange(20) % 10)
    measure(model, split, LENET)
    assert torch.equal(torch.rand(3), expected)
    assert [module.training for module in model.modules()] == modes
    assert True in modes
    assert False in modes
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())


def test_dropout_is_off() -> None:
    model = Brightness().train()
    assert measure(model, SPLIT).to_json() == measure(model.eval(), SPLIT).to_json()


@needs_bf16
def test_bf16_computes_in_bf16_and_comes_near() -> None:
    model = small_network(10, 1)
    kinds: list[torch.dtype] = []
    model.head[-1].register_forward_hook(lambda *call: kinds.append(call[2].dtype))
    split = from_array("made", noise(1, 60, 32, 32, 1), np.arange(60) % 10)
    exact, rough = measure(model, split, LENET), measure(model, split, LENET, precision="bf16")
    assert kinds == [torch.float32, torch.bfloat16]
    assert rough.loss == pytest.approx(exact.loss, rel=0.02)


@pytest.mark.parametrize(("images", "world"), [(7, 2), (7, 3), (7, 5), (1, 2), (10, 4), (13, 3)])
def test_processes_share_the_work_and_give_what_one_gives(images: int, world: int) -> None:
    """No number divides by that of the processes, and one leaves a process without an image."""
    values = [(51, 128, 204, 230)[number % 4] for number in range(images)]
    split = grey_split(values, [number % 3 for number in range(images)])
    expected = measure(Brightness(), split, worst=4).to_json()

    def work(here: World) -> object:
        return measure(Brightness(), split, world=here, batch_size=2, worst=4).to_json()

    assert in_ranks(world, work) == [expected] * world


@pytest.mark.parametrize("failing", [{1}, {0, 1}])
def test_a_process_that_fails_stops_the_others_with_its_status(failing: set[int]) -> None:
    """The first that has failed says why."""

    def work(here: World) -> object:
        model = Brightness()
        if here.rank in failing:
            model.register_forward_hook(fail)
        try:
            measure(model, SPLIT, world=here)
        except CladeNetError as error:
            return type(error), error.exit_status, str(error)
        return None

    named, silent = (DataError, 3, "a.png is damaged"), (CladeNetError, 3, "")
    assert in_ranks(2, work) == ([silent, named] if failing == {1} else [named, silent])


def fail(*_: object) -> None:
    raise DataError("a.png is damaged")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"precision": "fp8"}, "precision is 'fp8'; expected one of fp32, bf16"),
        ({"batch_size": 0}, "batch_size is 0; expected 1 or more"),
    ],
)
def test_arguments_that_contradict_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        measure(Brightness(), SPLIT, **changes)


def test_labels_beyond_the_networks_classes_are_refused() -> None:
    with pytest.raises(DataError, match="labels run from 0 to 3, the network has 3 classes"):
        measure(Brightness(), grey_split([1, 2], [0, 3]))


def test_an_empty_split_is_refused() -> None:
    with pytest.raises(DataError, match="the split has no images"):
        measure(Brightness(), SPLIT.subset([]))


def test_a_real_network_is_scored_as_by_hand() -> None:
    """Normalising, forward pass and counting written out in plain torch."""
    model: Classifier = small_network(10, 1)
    pixels, labels = noise(4, 50, 32, 32, 1), np.arange(50) % 10
    found = measure(model, from_array("made", pixels, labels), LENET, batch_size=50)
    x = (torch.from_numpy(pixels).float().permute(0, 3, 1, 2) / 255 - 0.4) / 0.3
    with torch.no_grad():
        logits = model(x)
    truth = torch.from_numpy(labels)
    assert found.wrong == int((logits.argmax(1) != truth).sum())
    assert found.loss == pytest.approx(nn.functional.cross_entropy(logits, truth).item(), abs=1e-5)
