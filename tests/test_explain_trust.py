"""Calibration, suspected labels and the map of images, against arithmetic and autograd."""

import numpy as np
import pytest
import scipy.special
import torch
from torch.nn import functional as F

from cladenet.errors import BadArgument
from cladenet.evaluation.softmax import softmax, temperature
from cladenet.explain.calibration import calibration, reliability
from cladenet.explain.embedding import affinities, embedding_map, principal, slopes
from cladenet.explain.label_errors import confident_joint, suspects

RANGE = 0.02, 50.0  # of temperatures


def test_the_expected_calibration_error_by_hand() -> None:
    """Two bins of (0.5, 1]: 0.6 and 0.7, one right; and 0.9 three times, two right."""
    confidences = np.array([0.6, 0.7, 0.9, 0.9, 0.9])
    hits = np.array([True, False, True, True, False])
    first, second = reliability(confidences, hits, bins=4)
    assert (first.low, first.high, first.n) == (0.5, 0.75, 2)
    assert first.confidence == pytest.approx(0.65)
    assert first.accuracy == 0.5
    assert second.n == 3
    assert second.accuracy == pytest.approx(2 / 3)
    p = np.stack([confidences, 1 - confidences], 1)
    found = calibration(np.log(p), np.where(hits, 0, 1).astype(np.int64), bins=4)
    assert found.ece == pytest.approx((2 * 0.15 + 3 * (0.9 - 2 / 3)) / 5)
    assert found.confidence == pytest.approx(0.8)
    assert found.accuracy == 0.6


def test_a_confidence_on_an_edge_belongs_to_the_bin_below() -> None:
    found = reliability(np.array([0.0, 0.5, 1.0]), np.array([True] * 3), bins=2)
    assert [each.n for each in found] == [2, 1]


def test_the_temperature_undoes_a_scale_of_the_logits() -> None:
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(4000, 5))
    labels = np.array([rng.choice(5, p=row) for row in softmax(logits)])
    assert temperature(logits, labels, *RANGE) == pytest.approx(1, abs=0.06)
    cold = temperature(logits, labels, *RANGE)
    assert temperature(3 * logits, labels, *RANGE) == pytest.approx(3 * cold)
    found = calibration(3 * logits, labels)
    assert found.ece > 0.15
    assert found.ece_after < 0.03
    tried = [torch.tensor(3 * logits / (found.temperature * by)) for by in (0.99, 1, 1.01)]
    near = [F.cross_entropy(each, torch.tensor(labels)).item() for each in tried]
    assert near[1] < min(near[0], near[2])


def test_posteriors_are_scipys_and_keep_what_float32_loses() -> None:
    logits = np.array([[[1e4, 0.0, -1e4]], [[30.0, 0.0, 1.0]]], np.float32)
    np.testing.assert_allclose(softmax(logits), scipy.special.softmax(logits.astype(float), -1))
    assert softmax(logits)[1, 0, 0] < 1  # 1 - 3.5e-13, which is 1 in float32


def test_a_temperature_stays_within_its_bounds() -> None:
    logits = np.eye(3)
    assert (
        temperature(logits, np.array([0, 1, 2]), *RANGE) == 0.02
    )  # all right: the colder, the better
    assert temperature(-logits, np.array([0, 1, 2]), *RANGE) == 50.0
    with pytest.raises(BadArgument, match="0 answers"):
        calibration(np.zeros((0, 3)), np.zeros(0, np.int64))


def test_the_confident_joint_by_hand() -> None:
    """t_0 = (0.9 + 0.6 + 0.3) / 3 = 0.6, t_1 = (0.8 + 0.5) / 2 = 0.65."""
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8], [0.5, 0.5]])
    labels = np.array([0, 0, 0, 1, 1])
    joint, counted = confident_joint(p, labels)
    assert counted.tolist() == [0, 0, 1, 1, -1]
    assert joint.tolist() == [[2, 1], [0, 1]]
    (found,) = suspects(p, labels)
    assert (found.index, found.label, found.likely) == (2, 0, 1)
    assert found.margin == pytest.approx(0.4)


def test_planted_label_errors_are_suspected() -> None:
    """By a network that is nearly always right: of 5 % wrong labels most, and little else."""
    rng = np.random.default_rng(1)
    truth = rng.integers(10, size=3000)
    logits = rng.normal(size=(3000, 10))
    logits[np.arange(3000), truth] += 7
    planted = rng.choice(3000, 150, replace=False)
    labels = truth.copy()
    labels[planted] = (truth[planted] + rng.integers(1, 10, 150)) % 10
    found = {each.index for each in suspects(softmax(logits), labels)}
    right = len(found & set(planted.tolist()))
    assert right / 150 > 0.85
    assert right / len(found) > 0.85


def test_a_class_without_images_is_never_likely() -> None:
    joint, counted = confident_joint(np.array([[0.2, 0.8], [0.3, 0.7]]), np.array([0, 0]))
    assert joint.tolist() == [[1, 0], [0, 0]]
    assert counted.tolist() == [-1, 0]
    with pytest.raises(BadArgument, match="expected \\(2,\\)"):
        confident_joint(np.ones((2, 2)) / 2, np.zeros(3, np.int64))


def test_slopes_of_the_map_are_those_of_the_divergence() -> None:
    """Eq. (5) against autograd of KL(P | Q)."""
    torch.manual_seed(0)
    x = torch.randn(12, 5, dtype=torch.float64)
    y = torch.randn(12, 2, dtype=torch.float64, requires_grad=True)
    p = affinities(x, 4.0)
    off = ~torch.eye(12, dtype=torch.bool)
    near = 1 / (1 + (y[:, None] - y[None]).square().sum(2))
    q = near[off] / near[off].sum()
    (p[off] * (p[off] / q).log()).sum().backward()
    torch.testing.assert_close(slopes(y.detach(), p), y.grad)


def test_affinities_have_the_perplexity_that_was_asked_for() -> None:
    torch.manual_seed(0)
    x = torch.randn(40, 6, dtype=torch.float64)
    p = affinities(x, 7.0)
    torch.testing.assert_close(p, p.T)
    assert p.sum().item() == pytest.approx(1)
    assert p.diagonal().abs().max() == 0
    # Of points on a circle all p_j|i are alike, so that 2 n p_ij is twice p_j|i.
    angles = torch.arange(24, dtype=torch.float64) * torch.pi / 12
    circle = 24 * affinities(torch.stack([angles.cos(), angles.sin()], 1), 5.0)
    entropy = -torch.special.xlogy(circle, circle).sum(1)
    torch.testing.assert_close(entropy.exp(), torch.full((24,), 5.0, dtype=torch.float64))


def test_groups_stay_groups_on_the_map() -> None:
    torch.manual_seed(0)
    groups = torch.arange(90) // 30
    features = 6 * torch.randn(3, 20)[groups] + torch.randn(90, 20)
    places = embedding_map(features, 10.0)
    assert places.shape == (90, 2)
    apart = torch.cdist(places, places)
    apart.fill_diagonal_(float("inf"))
    assert (groups[apart.argmin(1)] == groups).all()
    centres = torch.stack([places[groups == g].mean(0) for g in range(3)])
    spread = max(places[groups == g].std(0).max() for g in range(3))
    assert torch.pdist(centres).min() > 2 * spread
    assert torch.equal(places, embedding_map(features, 10.0))
    with pytest.raises(BadArgument, match="4 or more"):
        embedding_map(features[:3])


def test_principal_components_keep_distances() -> None:
    torch.manual_seed(0)
    x = torch.randn(10, 4, dtype=torch.float64)
    kept = principal(x, 50)
    torch.testing.assert_close(torch.pdist(kept), torch.pdist(x))
    assert (kept.var(0).diff() <= 0).all()
