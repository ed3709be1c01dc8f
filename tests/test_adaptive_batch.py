"""Batches whose images lie apart: gathered in their order, and run in few different numbers."""

import numpy as np
import pytest
import torch

from cladenet.adaptive.batch import Batch, filled_up
from cladenet.adaptive.stepping import SteppedExits
from cladenet.adaptive.walking import answer_until
from cladenet.inference.graph.running import Held
from cladenet.inference.graph.stepwise import Segments
from cladenet.registry import create_model

SIZE = (3, 8, 8)


@pytest.fixture(scope="module")
def stepped() -> SteppedExits:
    torch.manual_seed(0)
    model = create_model("msdnet_budget_4_cifar", layers=(1, 1, 2)).eval()
    return SteppedExits(model, SIZE, batch_size=32)


def numbered(stepped: SteppedExits, start: int, stop: int) -> Batch:
    """Images whose pixels are their number."""
    numbers = torch.arange(float(start), float(stop)).view(-1, 1, 1, 1)
    return stepped.begin(numbers.expand(-1, *SIZE))


def gathered(batch: Batch) -> list[int]:
    """The numbers of the images that the next segment is given."""
    held, count = batch.gathered()
    (pixels,) = (x for x in held if isinstance(x, torch.Tensor) and x.shape[1:] == SIZE)
    assert len(pixels) == count
    assert pixels.is_contiguous(memory_format=torch.channels_last)
    return [int(number) for number in pixels[:, 0, 0, 0]]


def test_whoever_goes_on_is_gathered_from_all_batches(stepped: SteppedExits) -> None:
    """Batches of 5, 2 and 4 images, of which 3, all and 3 go on; then 4 of those 8."""
    first, second, third = (numbered(stepped, *ends) for ends in ((0, 5), (5, 7), (7, 11)))
    first.keep(np.array([0, 2, 4]))
    third.keep(np.array([0, 1, 3]))
    all_three = Batch.joined([first, second, third])
    assert gathered(all_three) == [0, 2, 4, 5, 6, 7, 8, 10]
    all_three.keep(np.array([1, 2, 6, 7]))
    assert len(all_three) == 4
    assert gathered(all_three) == [2, 4, 8, 10]
    all_three.keep(np.array([0, 3]))
    assert gathered(all_three) == [2, 10]


def test_the_last_image_fills_up_what_is_gathered(stepped: SteppedExits) -> None:
    batch = numbered(stepped, 0, 30)
    assert gathered(batch) == list(range(30))  # as it came, no image is copied
    batch.keep(np.arange(1, 18))
    assert len(batch) == 17
    assert gathered(batch) == [*range(1, 18), 17]


def test_nothing_is_copied_where_nobody_leaves(stepped: SteppedExits) -> None:
    """Neither the images that came, nor 17 that are filled up to 18 from one exit to the next."""
    batch = numbered(stepped, 0, 30)
    source = batch._sources[0]
    assert batch.gathered()[0] is source
    batch.keep(np.arange(17))
    with torch.inference_mode():
        _, batch = stepped.run(0, batch)
    source = batch._sources[0]
    batch.keep(np.arange(17))
    held, count = batch.gathered()
    assert held is source
    assert count == 18
    batch.keep(np.arange(1, 17))
    assert batch.gathered()[0] is not source


def test_few_images_do_not_hold_the_memory_of_many(stepped: SteppedExits) -> None:
    """8 of 32 wait in the maps of all; 7 of 32 have maps of their own, and the others are free."""
    for count, kept in ((8, True), (7, False)):
        batch = numbered(stepped, 0, 32)
        (source,) = batch._sources
        batch.keep(np.arange(10, 10 + count))
        assert (batch._sources[0] is source) == kept
        joined = Batch.joined([batch, numbered(stepped, 40, 42)])
        assert gathered(joined) == [*range(10, 10 + count), 40, 41]


def test_segments_are_run_in_few_different_numbers_of_images() -> None:
    numbers = [filled_up(images) for images in range(1, 257)]
    assert numbers[:20] == [*range(1, 17), 18, 18, 20, 20]
    assert sorted(set(numbers))[16:] == [
        *range(18, 33, 2), *range(36, 65, 4), *range(72, 129, 8), *range(144, 257, 16)
    ]  # fmt: skip
    assert all(n <= filled < 1.125 * n for n, filled in enumerate(numbers, 1))


def test_images_that_fill_up_are_nobodys_answers(
    stepped: SteppedExits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 31 images 17 go on and 3 to the end; 18 and 3 are run, and all exits are right."""
    images = torch.randn(31, *SIZE, generator=torch.Generator().manual_seed(3))
    ends = np.array([2 if i in (4, 9, 30) else 1 if i < 20 and i % 5 else 0 for i in range(31)])
    assert [(ends >= k).sum() for k in range(3)] == [31, 17, 3]
    alone = [stepped.walk(image) for image in images.split(1)]
    shares = torch.cat([torch.stack(list(walk)) for walk in alone], 1).double().softmax(-1).numpy()
    counts: list[int] = []
    run = Segments.run

    def counted(segments: Segments, number: int, held: Held) -> torch.Tensor:
        logits = run(segments, number, held)
        counts.append(len(logits))
        return logits

    monkeypatch.setattr(Segments, "run", counted)
    found = answer_until(stepped, images, ends)
    assert counts == [31, 18, 3]
    np.testing.assert_allclose(found.posteriors, shares[ends, np.arange(31)], atol=1e-5)
    assert list(found.exits) == list(ends)
