"""Networks run from exit to exit: the same answers as all exits at once, for the price of fewer."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from cladenet.adaptive.batch import Batch
from cladenet.adaptive.confidence import posteriors
from cladenet.adaptive.policy import Policy
from cladenet.adaptive.stepping import SteppedExits
from cladenet.adaptive.thresholds import Thresholds, exits_taken, thresholds_for
from cladenet.adaptive.voting import posteriors_of
from cladenet.adaptive.walking import answer, answer_until
from cladenet.errors import BadArgument, CheckpointError
from cladenet.inference.graph.program import Step
from cladenet.inference.graph.recording import record_for_any_number
from cladenet.inference.graph.stepwise import AllExits, exit_slots, exits_first, taken
from cladenet.layers.classifier import Classifier
from cladenet.registry import create_model

SIZE = (3, 32, 32)
NOBODY = float("inf")


@pytest.fixture(scope="module")
def model() -> Classifier:
    torch.manual_seed(0)
    network = create_model("msdnet_budget_4_cifar", layers=(1, 1, 2)).eval()
    for module in network.modules():  # statistics and scales that fold to something
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    return network


@pytest.fixture(scope="module")
def stepped(model: Classifier) -> SteppedExits:
    return SteppedExits(model, SIZE, batch_size=8)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(19, *SIZE, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def logits(model: Classifier, images: torch.Tensor) -> np.ndarray:
    with torch.inference_mode():
        return torch.stack(list(model.exits(images))).double().numpy()


def test_each_exit_gives_the_plain_networks_logits(
    stepped: SteppedExits, images: torch.Tensor, logits: np.ndarray
) -> None:
    found = torch.stack(list(stepped.walk(images))).numpy()
    np.testing.assert_allclose(found, logits, atol=1e-5 * np.abs(logits).max())


@pytest.mark.filterwarnings("ignore")
def test_an_exit_that_8_bits_upset_is_refused(model: Classifier, images: torch.Tensor) -> None:
    """One channel of its first map is 5,000 times as wide as the others, which have no level left.

    It counts no more than they do: the network's answers are what they were.
    """
    network = deepcopy(model)
    exit_2: Any = network.heads()["early_heads.1"]
    norm, second = exit_2[0][1], exit_2[1][0]
    with torch.no_grad():
        norm.weight[0] *= 5000
        norm.bias[0] *= 5000
        second.weight[:, 0] /= 5000
    with torch.inference_mode():
        for found, before in zip(network.exits(images), model.exits(images), strict=True):
            torch.testing.assert_close(found, before, atol=1e-5, rtol=1e-5)
    assert SteppedExits(model, SIZE, "int8", calibration=images).difference < 0.125
    with pytest.raises(BadArgument, match=r"in int8: the logits of exit 2 differ by \S+ of the"):
        SteppedExits(network, SIZE, "int8", calibration=images)


def test_images_that_stay_are_not_disturbed_by_those_that_left(
    stepped: SteppedExits, images: torch.Tensor, logits: np.ndarray
) -> None:
    here = np.array([2, 3, 7, 18])
    with torch.inference_mode():
        _, batch = stepped.run(0, stepped.begin(images))
        batch.keep(here)
        second, batch = stepped.run(1, batch)
        batch.keep(np.array([0, 3]))
        third, _ = stepped.run(2, batch)
    bound = 1e-5 * np.abs(logits).max()
    np.testing.assert_allclose(second.numpy(), logits[1, here], atol=bound)
    np.testing.assert_allclose(third.numpy(), logits[2, here[[0, 3]]], atol=bound)


def thirds(sure: np.ndarray) -> Thresholds:
    """A third leaves at each of three exits; halfway to the next image, as rounding may move it."""
    thresholds = thresholds_for(sure, np.full(3, 1 / 3))
    between = [
        (v + max(s[s < v], default=v - 1)) / 2
        for v, s in zip(thresholds.values[:-1], sure, strict=False)
    ]
    return Thresholds((*between, -NOBODY))


def test_what_an_exit_does_not_need_runs_after_it(model: Classifier, images: torch.Tensor) -> None:
    program = record_for_any_number(AllExits(model.exits, model), images[:2])
    everything = set(program.steps)
    exits_first(program)
    assert set(program.steps) == everything
    ordered = program.steps
    for k, logits in enumerate(exit_slots(program)):
        runs = next(i for i, step in enumerate(ordered) if logits in step.outputs()) + 1
        needed: set[Step] = set()
        for exit_so_far in exit_slots(program)[: k + 1]:
            alone = replace(program, logits=exit_so_far, steps=ordered, constants={})
            alone.drop_unread()
            needed.update(alone.steps)
        assert set(ordered[:runs]) == needed


@pytest.mark.parametrize("starts", [(), (0, 0, 1)])
@pytest.mark.parametrize("temperatures", [(), (0.5, 2.0, 1.5)])
@pytest.mark.parametrize("confidence", ["posterior", "margin", "entropy"])
def test_images_leave_where_saved_logits_say_they_do(
    stepped: SteppedExits,
    images: torch.Tensor,
    logits: np.ndarray,
    confidence: str,
    temperatures: tuple[float, ...],
    starts: tuple[int, ...],
) -> None:
    open_policy = Policy(Thresholds((NOBODY, NOBODY, -NOBODY)), confidence, temperatures, starts)
    shares, sure = open_policy.confidences(logits)
    policy = Policy(thirds(sure), confidence, temperatures, starts)
    taken = exits_taken(sure, policy.thresholds)
    found = answer(stepped, policy, images)
    assert list(found.exits) == list(taken)
    assert len(set(taken)) == 3
    np.testing.assert_allclose(found.posteriors, shares[taken, np.arange(19)], atol=1e-5)


def counted_runs(stepped: SteppedExits, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Filled with the segment and the number of images of each run."""
    runs: list[tuple[int, int]] = []
    plain = stepped.run

    def run(number: int, batch: Batch) -> tuple[torch.Tensor, Batch]:
        runs.append((number, len(batch)))
        return plain(number, batch)

    monkeypatch.setattr(stepped, "run", run)
    return runs


def test_what_is_left_of_several_batches_goes_on_together(
    stepped: SteppedExits, logits: np.ndarray, images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """19 images in batches of 8; 3 of 8, 2 of 8 and 1 of 3 go on, and 2 of those 6 to the end."""
    on, to_the_end = {0, 4, 7, 9, 12, 17}, {4, 17}
    ends = np.array([2 if i in to_the_end else 1 if i in on else 0 for i in range(19)])
    runs = counted_runs(stepped, monkeypatch)
    found = answer_until(stepped, images, ends)
    assert sorted(runs) == [(0, 3), (0, 8), (0, 8), (1, 6), (2, 2)]
    shares = torch.from_numpy(logits).softmax(-1).numpy()
    np.testing.assert_allclose(found.posteriors, shares[ends, np.arange(19)], atol=1e-5)
    assert list(found.exits) == list(ends)


def test_no_more_than_a_batch_waits_at_an_exit(
    stepped: SteppedExits, images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = counted_runs(stepped, monkeypatch)
    ends = np.arange(19) % 3
    assert list(answer_until(stepped, images, ends).exits) == list(ends)
    assert max(size for _, size in runs) <= stepped.chunk == 8


def test_images_of_one_batch_end_where_each_may(
    stepped: SteppedExits, images: torch.Tensor, logits: np.ndarray
) -> None:
    """Some by thresholds, some at an exit of their own; neither changes the others' answers."""
    starts = (0, 0, 0)
    votes, sure = Policy(Thresholds((NOBODY, NOBODY, -NOBODY)), starts=starts).confidences(logits)
    policy = Policy(thirds(sure), starts=starts)
    taken = exits_taken(sure, policy.thresholds)
    assert len(set(taken)) == 3
    early = np.arange(19) % 3 == 0
    ends = np.where(early, 2, np.arange(19) % 3)
    shares = torch.from_numpy(logits).softmax(-1).numpy()
    found = answer_until(stepped, images, ends, policy, early)
    expected = np.where(early, taken, ends)
    assert list(found.exits) == list(expected)
    rows = np.arange(19)
    wanted = np.where(early[:, None], votes[expected, rows], shares[expected, rows])
    np.testing.assert_allclose(found.posteriors, wanted, atol=1e-5)
    with pytest.raises(BadArgument, match="there are no thresholds"):
        answer_until(stepped, images, ends, early=early)


def test_a_batch_of_one_and_of_none(stepped: SteppedExits, images: torch.Tensor) -> None:
    policy = Policy(Thresholds((0.0, 0.0, -NOBODY)))
    assert list(answer(stepped, policy, images[:1]).exits) == [0]
    assert len(answer(stepped, policy, images[:0]).exits) == 0


@pytest.mark.parametrize("temperature", [None, 0.7])
def test_one_exits_posteriors_are_those_of_all_to_the_bit(temperature: float | None) -> None:
    """Thresholds are set on posteriors of all exits at once; images leave by those of one."""
    scores = 30 * torch.randn(3, 5, 10, generator=torch.Generator().manual_seed(1))
    temperatures = None if temperature is None else np.full(3, temperature)
    whole = posteriors(scores.numpy(), temperatures)
    assert all((posteriors_of(scores[k], temperature) == whole[k]).all() for k in range(3))


@pytest.mark.parametrize("value", [float("nan"), NOBODY, -NOBODY])
def test_logits_that_are_not_finite_are_refused_as_they_are_when_thresholds_are_set(
    value: float,
) -> None:
    scores = torch.zeros(2, 10)
    scores[1, 3] = value
    with pytest.raises(BadArgument, match="network has diverged"):
        posteriors(scores[None].numpy())
    with pytest.raises(BadArgument, match="network has diverged"):
        posteriors_of(scores)


def test_an_image_ends_where_it_must_even_if_all_may_leave_early(
    stepped: SteppedExits, images: torch.Tensor, logits: np.ndarray
) -> None:
    policy = Policy(Thresholds((NOBODY, NOBODY, -NOBODY)))
    ends = np.arange(19) % 3
    found = answer_until(stepped, images, ends, policy, np.ones(19, np.bool_))
    assert list(found.exits) == list(ends)
    shares = torch.from_numpy(logits).softmax(-1).numpy()
    np.testing.assert_allclose(found.posteriors, shares[ends, np.arange(19)], atol=1e-5)


def test_a_network_of_one_exit_takes_all_there() -> None:
    network = create_model("resnet20_cifar", depth=8).eval()
    stepped = SteppedExits(network, SIZE)
    found = answer(stepped, Policy(Thresholds((-NOBODY,))), torch.randn(3, *SIZE))
    assert list(found.exits) == [0, 0, 0]
    assert found.posteriors.shape == (3, 10)


def test_thresholds_of_another_precision_are_refused(
    stepped: SteppedExits, images: torch.Tensor
) -> None:
    policy = Policy(Thresholds((0.5, 0.5, -NOBODY)), precision="bf16")
    with pytest.raises(BadArgument, match=r"set in bf16 with engine packed, .* runs in fp32"):
        answer(stepped, policy, images)


def test_thresholds_of_another_network_are_refused(
    stepped: SteppedExits, images: torch.Tensor
) -> None:
    with pytest.raises(BadArgument, match="2 thresholds for 3 exits"):
        answer(stepped, Policy(Thresholds((0.5, -NOBODY))), images)


def test_a_policy_survives_being_written() -> None:
    policy = Policy(
        Thresholds((0.5, NOBODY, -NOBODY), ("exit 2: none",)), "margin", (1.0, 2.0, 3.0), (0, 0, 2)
    )
    assert Policy.from_json(policy.to_json()) == policy


def test_a_policy_that_was_edited_badly_is_refused() -> None:
    values = Policy(Thresholds((0.5, -NOBODY))).to_json()
    with pytest.raises(CheckpointError, match="thresholds cannot be read"):
        Policy.from_json({**values, "thresholds": "high"})
    with pytest.raises(CheckpointError, match="expected one of posterior, margin, entropy"):
        Policy.from_json({**values, "confidence": "mood"})


def test_images_that_stay_keep_their_memory_format() -> None:
    """index_select alone gives another one, and each later step would change it back."""
    places = torch.tensor([0, 3])
    for shape in ((5, 8, 4, 4), (5, 8, 1, 1), (5, 8)):
        plain = torch.randn(*shape)
        kinds = [plain]
        if len(shape) == 4:
            kinds.append(plain.to(memory_format=torch.channels_last))
        for x in kinds:
            several = [[(x, places)], [(x, places[:1]), (x, places[1:])]]
            for sources in several:
                found = taken(sources)
                assert torch.equal(found, plain[[0, 3]])
                if len(shape) == 4 and x.is_contiguous(memory_format=torch.channels_last):
                    assert found.is_contiguous(memory_format=torch.channels_last)
