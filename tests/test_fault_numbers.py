"""Numbers that end a run: a loss that is not finite, a batch too small to be normalised."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from cladenet.data.preprocess import Preprocess
from cladenet.training.non_finite import first_non_finite
from trials import STEPS, check_refusal, child, overwrite, pictures, small_run, steps_of, warm

UNCHANGED = ("crop=none", "flip=0")  # so that an image can be recognised by its pixels
RESNET = ("network=resnet20_cifar", "size=8")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return warm(tmp_path_factory.mktemp("data"))


def all_finite(run: Path) -> bool:
    """Are all weights finite in all that was saved?"""
    files = list((run / "checkpoints").rglob("*.safetensors"))
    return all(bool(t.isfinite().all()) for file in files for t in load_file(file).values())


@pytest.mark.parametrize(
    ("words", "phrases"),
    [
        # the second step finds it
        (
            (),
            (
                "in epoch 1 after step 1, lr 1e.30: the loss of step 2 is not finite",
                "the first value that is not is in the output of stages.0.0. The learning rate was "
                "1e.30, the images /.*png and 4 more. Lower lr",
            ),
        ),
        # validating after the first step finds it
        (("batch_size=32",), ("after step 1, ", "answers for 4 of 4 images are not finite")),
        # without validation
        (("batch_size=40", "val=0", "test=0"), ("the loss of step 2 is not finite",)),
        # where the moving average hides it for a while
        (("ema=0.9999", "val=0"), ("not finite", "after step 1, ")),
    ],
)
def test_a_learning_rate_without_measure_ends_with_its_place(
    words: tuple[str, ...], phrases: tuple[str, ...], data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ("lr=1e30", "schedule=constant", "warmup=0", "clip_norm=0", *words)
    outcome = child(small_run(run, data, *words), tmp_path / "output")
    check_refusal(
        outcome, 5, *phrases, f"No checkpoint had been written; `cladenet train --resume {run}"
    )
    assert not steps_of(run)


def test_weights_that_answer_nothing_finite_are_kept_for_resuming_alone(
    data: Path, tmp_path: Path
) -> None:
    """A deep network has such answers at first, before its running statistics have settled."""
    run, output = tmp_path / "run", tmp_path / "output"
    words = ("lr=1e30", "schedule=constant", "warmup=0", "clip_norm=0", "save_steps=1")
    outcome = child(small_run(run, data, *words), output)
    check_refusal(outcome, 5, "the loss of step 2", "Last good checkpoint: .*step-000000001;")
    assert steps_of(run) == [1]
    assert all_finite(run)
    outcome = child(["predict", str(run), str(data)], output)
    check_refusal(outcome, 4, "had no finite answers yet when it was saved; use a later checkpoint")


def poison(step: int) -> Callable[[], None]:
    """What makes white images not a number from a step on, as a broken decoder would."""

    def arm() -> None:
        to_input = Preprocess.to_input
        calls = 0

        def poisoned(
            self: Preprocess,
            images: Tensor,
            device: torch.device | str = "cpu",
            dtype: torch.dtype = torch.float32,
        ) -> Tensor:
            nonlocal calls
            calls += torch.is_grad_enabled()
            values = to_input(self, images, device, dtype)
            white = (images == 255).flatten(1).all(1)
            return values.where(~white.view(-1, 1, 1, 1) | (calls < step), torch.nan)

        overwrite(Preprocess, "to_input", poisoned)

    return arm


@pytest.mark.parametrize("words", [(), RESNET])
def test_one_poisoned_image_is_named_and_the_last_good_checkpoint_stays(
    words: tuple[str, ...], data: Path, tmp_path: Path
) -> None:
    """Also where a batch norm spreads it over the batch."""
    run = tmp_path / "run"
    poisoned = pictures(tmp_path / "pictures", each=20)
    for number in range(4):  # some of them are in the training part, and in every epoch
        white = Image.fromarray(np.full((20, 18, 3), 255, np.uint8))
        white.save(poisoned / "ant" / f"white{number}.png")
    outcome = child(
        small_run(run, poisoned, *words, *UNCHANGED), tmp_path / "output", poison(step=5)
    )
    check_refusal(
        outcome,
        5,
        r"in epoch 2 after step [4-7], lr ",
        r"the loss of step [5-8] is not finite",
        r"the first value that is not is in the output of stem\.0",
        r"the images /\S*white\d\.png(, /\S*white\d\.png)*\. Lower lr",
        rf"Last good checkpoint: {run}/checkpoints/step-00000000[46]; "
        rf"continue with `cladenet train --resume {run}`",
    )
    assert steps_of(run)[0] in (4, 6)
    assert (run / "checkpoints" / "best").exists()
    assert all_finite(run)


def test_the_first_module_and_the_images_of_a_broken_number_are_found() -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.log(x - 1)

    model = nn.Sequential(nn.Flatten(), nn.Identity(), Broken(), nn.BatchNorm1d(2))
    found = first_non_finite(model, torch.tensor([[2.0, 2.0], [2.0, 0.5], [3.0, 2.0]]))
    assert found is not None
    assert (found.module, found.images.tolist()) == ("2", [False, True, False])
    assert first_non_finite(model, torch.full((2, 2), 2.0)) is None


@pytest.mark.parametrize(
    "words",
    [
        ("batch_size=1",),
        ("batch_size=8", "accumulate=8"),
        ("batch_size=3", "accumulate=2"),  # parts of two and of one
        ("batch_size=64", "accumulate=20"),  # of the 32 images that there are
    ],
)
def test_a_single_image_under_a_batch_norm_is_refused_before_training(
    words: tuple[str, ...], data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    outcome = child(small_run(run, data, *RESNET, *words), tmp_path / "output")
    check_refusal(
        outcome,
        2,
        "a forward pass would see 1 image, and stem.1.0 normalises over the batch",
        "raise batch_size, lower accumulate, give more images, or choose a network without",
    )
    assert not run.exists()


def test_a_single_image_is_enough_without_a_batch_norm(data: Path, tmp_path: Path) -> None:
    words = small_run(tmp_path / "run", data, "batch_size=1", "steps=3", "epochs=0")
    assert child(words, tmp_path / "output").status == 0


def test_the_image_left_over_from_an_epoch_is_left_out(data: Path, tmp_path: Path) -> None:
    """32 images in batches of 31: a step per epoch, none with a single image."""
    run = tmp_path / "run"
    outcome = child(small_run(run, data, *RESNET, "batch_size=31"), tmp_path / "output")
    assert outcome.status == 0, outcome
    assert steps_of(run)[0] == 2 < STEPS
