import math

import numpy as np
import pytest
import torch
from torch import Tensor

from cladenet.data.augment.mix import box, mix
from cladenet.errors import BadArgument

LABELS = torch.tensor([0, 2, 1, 1])


def constant_images(height: int = 8, width: int = 8) -> Tensor:
    """Image p is p everywhere."""
    return torch.arange(4.0)[:, None, None, None].expand(4, 3, height, width).contiguous()


def shares_of(step: int, **alphas: float) -> float:
    """What the first image keeps of itself."""
    _, labels = mix(constant_images(), LABELS, 3, seed=0, step=step, **alphas)
    return labels[0, 0].item()


def test_mixup_is_the_weighted_mean_of_neighbours() -> None:
    images, labels = mix(constant_images(), LABELS, 3, mixup_alpha=1.0, seed=0, step=5)
    share = labels[0, 0].item()
    assert 0 < share < 1
    other = 1 - share
    expected_images = torch.tensor([other, share, 2 * share + 3 * other, 3 * share + 2 * other])
    torch.testing.assert_close(images, expected_images[:, None, None, None].expand(4, 3, 8, 8))
    expected = [[share, 0, other], [other, 0, share], [0, 1, 0], [0, 1, 0]]
    torch.testing.assert_close(labels, torch.tensor(expected))


def test_cutmix_weighs_labels_by_area() -> None:
    """Whatever the box, an image's mean is its own value times its share, plus the partner's."""
    for step in range(30):
        images, labels = mix(constant_images(), LABELS, 3, cutmix_alpha=1.0, seed=0, step=step)
        share = labels[0, 0].item()
        assert images[0].mean().item() == pytest.approx(1 - share, abs=1e-6)
        assert images[1].mean().item() == pytest.approx(share, abs=1e-6)
        assert set(images[2].unique().tolist()) <= {2.0, 3.0}
        taken = images[0, 0] == 1
        rows, columns = taken.any(dim=1).sum(), taken.any(dim=0).sum()
        assert taken.sum() == rows * columns
        assert torch.equal(taken, images[1, 2] == 0)


def test_a_box_by_hand() -> None:
    """Share 0.75 of 16x32: sides of half, so 8x16; the second one sticks out at a corner."""
    assert box(16, 32, 0.75, np.array([0.5, 0.5])) == (4, 12, 8, 24)
    assert box(16, 32, 0.75, np.array([0.0, 0.99])) == (0, 4, 23, 32)
    assert box(16, 32, 1.0, np.array([0.3, 0.3])) == (4, 4, 9, 9)


def test_shares_follow_the_beta_distribution() -> None:
    """Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1))."""
    for alpha in (0.2, 1.0):
        shares = [shares_of(step, mixup_alpha=alpha) for step in range(3000)]
        assert np.mean(shares) == pytest.approx(0.5, abs=0.03)
        assert np.var(shares) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.08)


def test_with_both_each_step_takes_one() -> None:
    cut = 0
    for step in range(400):
        images, _ = mix(
            constant_images(), LABELS, 3, mixup_alpha=1.0, cutmix_alpha=1.0, seed=1, step=step
        )
        cut += images[0].unique().numel() == 2 or images[0, 0, 0, 0].item() in (0.0, 1.0)
    assert cut == pytest.approx(200, abs=4 * math.sqrt(100))


def test_processes_with_parts_of_a_batch_mix_as_one_does() -> None:
    torch.manual_seed(0)
    images, labels = torch.randn(8, 3, 6, 6), torch.randint(0, 5, (8,))
    for alphas in ({"mixup_alpha": 0.4}, {"cutmix_alpha": 1.0}):
        whole = mix(images, labels, 5, **alphas, seed=3, step=9)
        parts = [
            mix(images[at], labels[at], 5, **alphas, seed=3, step=9)
            for at in (slice(0, 4), slice(4, 8))
        ]
        for one, two in zip(whole, zip(*parts, strict=True), strict=True):
            assert torch.equal(one, torch.cat(two))


def test_the_last_of_an_odd_batch_stays_itself() -> None:
    images, labels = mix(constant_images()[:3], LABELS[:3], 3, mixup_alpha=1.0, seed=0, step=0)
    assert (images[2] == 2).all()
    assert labels[2].tolist() == [0, 1, 0]


def test_without_alphas_nothing_is_mixed_and_nothing_is_changed_in_place() -> None:
    images = constant_images()
    same, labels = mix(images, LABELS, 3, seed=0, step=0)
    assert torch.equal(same, images)
    assert labels.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 0]]
    for alphas in ({"mixup_alpha": 1.0}, {"cutmix_alpha": 1.0}):
        mix(images, LABELS, 3, **alphas, seed=0, step=0)
        assert torch.equal(images, constant_images())


def test_global_random_state_and_memory_format_are_kept() -> None:
    before = torch.get_rng_state()
    images = constant_images().to(memory_format=torch.channels_last)
    for alphas in ({"mixup_alpha": 1.0}, {"cutmix_alpha": 1.0}):
        mixed, _ = mix(images, LABELS, 3, **alphas, seed=0, step=0)
        assert mixed.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_negative_alpha_is_refused() -> None:
    with pytest.raises(BadArgument, match=r"mixup_alpha is -1\.0, cutmix_alpha 0\.0; expected 0"):
        mix(constant_images(), LABELS, 3, mixup_alpha=-1.0, seed=0, step=0)
