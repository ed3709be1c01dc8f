"""Images shared out among threads: who runs what, and that answers stay what they are."""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest
import torch
from torch import Tensor

from cladenet.inference import for_inference
from cladenet.inference.engine import packed
from cladenet.inference.graph import side_by_side as module
from cladenet.inference.graph.side_by_side import FEWEST, FEWEST_LARGE, LARGE, shares, side_by_side
from cladenet.registry import create_model

THREADS = 3
SIZE = (3, 8, 8)


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


def test_torch_shares_out() -> None:
    """Every version that is allowed can, on each system on which its library is found."""
    assert shares(THREADS * FEWEST) == THREADS
    assert shares(THREADS * FEWEST - 1) == 1
    assert shares(THREADS * FEWEST_LARGE, LARGE) == THREADS
    assert shares(THREADS * FEWEST_LARGE + 1, LARGE) == 1  # one thread would wait for the other
    assert shares(THREADS * FEWEST_LARGE, LARGE - 1) == 1
    assert shares(THREADS * (FEWEST_LARGE - 1), LARGE) == 1
    torch.set_num_threads(1)
    assert shares(1000) == 1


def test_pieces_run_at_the_same_time_each_on_one_thread() -> None:
    """Each waits for the others, which alone it would do for ever; pieces of it stay with it."""
    all_here = threading.Barrier(THREADS, timeout=60)

    def piece() -> tuple[int, set[int], bool]:
        all_here.wait()
        inner = side_by_side([threading.get_ident] * 5)
        return threading.get_ident(), set(inner), torch.is_inference_mode_enabled()

    for _ in range(2):
        found = side_by_side([piece] * THREADS)
        assert len({thread for thread, _, _ in found}) == THREADS
        assert threading.get_ident() in {thread for thread, _, _ in found}
        assert all(inner == {thread} and mode for thread, inner, mode in found)
        assert not torch.is_inference_mode_enabled()
        assert torch.get_num_threads() == THREADS


def test_there_can_be_more_pieces_than_threads() -> None:
    assert side_by_side([partial(abs, number) for number in range(10)]) == list(range(10))


@pytest.mark.parametrize("failing", [{0}, {2}, {1, 2}])
def test_what_a_piece_raises_comes_when_all_are_done(failing: set[int]) -> None:
    done: list[int] = []

    def piece(number: int) -> None:
        if number in failing:
            raise ValueError(f"no {number}")
        done.append(number)

    with pytest.raises(ValueError, match=f"no {min(failing)}"):
        side_by_side([partial(piece, number) for number in range(THREADS)])
    assert set(done) == set(range(THREADS)) - failing


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_each_thread_answers_its_images(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """50 images are 17, 17 and 16; 47 are answered together, and 130 by chunks of 100 and 30."""
    torch.manual_seed(0)
    model = create_model("msdnet_budget_4_cifar", layers=(1, 1, 2)).eval()
    images = torch.randn(130, *SIZE, generator=torch.Generator().manual_seed(1))
    fast = for_inference(
        model,
        precision,
        size=SIZE,
        batch_size=100,
        engine="packed",
        threads=THREADS,
        calibration=images if precision == "int8" else None,
    )
    seen: list[list[int]] = []

    def counted(pieces: Sequence[Callable[[], Tensor]]) -> list[Tensor]:
        found = side_by_side(pieces)
        seen.append([len(logits) for logits in found])
        return found

    monkeypatch.setattr(packed, "side_by_side", counted)
    found = [fast(images[:50]), fast(images[:47]), fast(images)]
    assert seen == [[17, 17, 16], [34, 33, 33]]
    monkeypatch.setattr(packed, "shares", lambda images, numbers: 1)
    together = [fast(images[:50]), fast(images[:47]), fast(images)]
    scale = together[2].abs().max()
    for ours, theirs in zip(found, together, strict=True):
        assert (ours - theirs).abs().max() <= (1e-6 if precision == "fp32" else 0.01) * scale


def test_images_of_another_size_come_in_chunks_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A map of an image of 32 pixels is a quarter of that of one of 64."""
    torch.manual_seed(0)
    model = create_model("resnet20_cifar").eval()
    map_of_32 = 16 * 32 * 32 * 4  # bytes: 16 channels, and stages halve the sides as they double
    monkeypatch.setattr(packed, "LARGEST_BLOCK", 8 * map_of_32)
    fast = packed.Packed(model, torch.zeros(8, 3, 64, 64), "fp32", None)
    seen: list[int] = []

    def counted(run: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        seen.append(len(x))
        return run(x)

    for steps, run in fast._runs.items():
        fast._runs[steps] = partial(counted, run)
    images = torch.randn(16, 3, 32, 32)
    found = [fast(images), fast(torch.randn(4, 3, 64, 64))]
    assert seen == [8, 8, 2, 2]
    torch.testing.assert_close(found[0], model(images), rtol=1e-4, atol=1e-5)


def test_without_the_library_all_threads_compute_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module._LIBRARIES, sys.platform, "elsewhere")
    module._parallel_for.cache_clear()
    try:
        assert shares(1000) == 1
    finally:
        module._parallel_for.cache_clear()
