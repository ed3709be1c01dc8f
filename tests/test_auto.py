"""`engine="auto"`: an answer at once, the fastest engine later, threads that are worth it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.inference import FastClassifier, auto, contest, for_inference
from cladenet.inference.auto import Auto, Stage, planned
from cladenet.inference.comparing import Prepared
from cladenet.inference.contest import SPINNING, VISIT, milliseconds, with_fewer_threads
from cladenet.inference.engines import ENGINES, Engine
from cladenet.inference.remembered import Choice, recall, remember
from cladenet.inference.request import CannotPrepare, Request
from cladenet.registry import create_model
from processors import AVX2

SIZE = (1, 32, 32)


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return create_model("lenet5_relu").eval()


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Engines that need no package: the milliseconds that each takes, as measured from now on.

    `steam` and `coal` are the plain network; what stands here is what a clock says of them.
    """
    taken = {"packed": 9.0, "steam": 4.0, "coal": 1.0}
    for name in set(ENGINES) - {"packed", "eager"}:
        monkeypatch.delitem(ENGINES, name)
    for name, after in (("steam", 5.0), ("coal", 100.0)):
        engine = Engine("eager", "cpu", ("fp32", "bf16", "int8"), pays_after=after)
        monkeypatch.setitem(ENGINES, name, engine)
    monkeypatch.setattr(auto, "THREADS_AFTER", 5.0)
    monkeypatch.setattr(
        contest, "milliseconds", lambda sides, _: [taken[ready.engine] for ready in sides]
    )
    return taken


def answered(fast: FastClassifier, seconds: float, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """Its answer to a call that a clock says has taken so long."""
    times = iter([0.0, seconds])
    with monkeypatch.context() as patch:
        patch.setattr("time.perf_counter", lambda: next(times, seconds))
        patch.setattr(auto, "CALLS", 0)
        return fast(torch.ones(1, *SIZE))


def test_it_answers_at_once_and_changes_to_the_fastest_when_that_pays(
    model: nn.Module, engines: dict[str, float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fast = for_inference(model, size=SIZE, cache=tmp_path)
    assert (fast.engine, fast.why) == ("packed", "packed is ready at once")
    first = answered(fast, 4.9, monkeypatch)
    assert fast.engine == "packed"
    answered(fast, 0.2, monkeypatch)
    assert fast.engine == "steam"
    assert fast.why.startswith("fastest of steam 4.00 ms, packed 9.00 ms")
    torch.testing.assert_close(answered(fast, 94.0, monkeypatch), first)
    assert fast.engine == "steam"
    answered(fast, 1.0, monkeypatch)
    assert fast.engine == "coal"
    again = for_inference(model, size=SIZE, cache=tmp_path)
    assert again.engine == "packed"
    again.settle(1000.0)
    assert (again.engine, again.why) == ("coal", "coal was the fastest before")


def test_one_that_is_slower_is_not_tried_again(
    model: nn.Module, engines: dict[str, float], tmp_path: Path
) -> None:
    engines.update(packed=1.0)
    for_inference(model, size=SIZE, cache=tmp_path).settle()
    request = Request(model, torch.zeros(1, *SIZE), "fp32", 1, cache=tmp_path)
    found = recall(request)
    assert found is not None
    assert (found.engine, set(found.against)) == ("packed", {"packed", "steam"})
    assert planned(request, found, "packed") == [Stage(100.0, ("coal",))]


def test_what_measuring_takes_counts_and_not_more_than_a_part_of_a_large_batch(
    model: nn.Module, engines: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """10 calls of the length in which another engine would be asked, after 5 s."""
    fast = for_inference(model, size=SIZE)
    times = iter([0.0, 5.5, 5.5, 6.1])
    monkeypatch.setattr("time.perf_counter", lambda: next(times, 6.1))
    fast(torch.ones(1, *SIZE))  # 5.5 s so far, and 10 calls would be 55
    assert fast.engine == "packed"
    fast(torch.ones(100, *SIZE))  # 6.1 s, of which a hundredth of 0.6 s is one call
    assert fast.engine == "steam"


def test_an_engine_that_cannot_do_it_leaves_the_one_that_can(
    model: nn.Module, engines: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str, *_: Any) -> Prepared:
        raise CannotPrepare(f"no {name} today")

    fast = for_inference(model, size=SIZE)
    monkeypatch.setattr(contest, "compared", broken)
    fast.settle(1000.0)
    assert fast.engine == "packed"
    assert "no steam today" in fast.why or "no coal today" in fast.why


def test_changes_of_the_network_do_not_reach_it_later(
    model: nn.Module, engines: dict[str, float]
) -> None:
    fast = for_inference(model, size=SIZE)
    images = torch.randn(2, *SIZE)
    before = fast(images)
    with torch.no_grad():
        next(model.parameters()).mul_(1.01)
    fast.settle()
    assert fast.engine == "packed"
    assert fast.why.endswith("the network has been changed since")
    torch.testing.assert_close(fast(images), before, rtol=0, atol=0)


def test_memory_that_is_not_there_is_not_asked_for(
    model: nn.Module, engines: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """LeNet-5's 61,706 weights of 4 bytes, six times: half of what is free, or less, and 2 GiB."""
    for free, engine in ((2 * 6 * 4 * 61_706 - 1, "packed"), (2 * 6 * 4 * 61_706, "steam")):
        monkeypatch.setattr(auto, "available_memory", lambda free=free: free)
        fast = for_inference(model, size=SIZE)
        fast.settle()
        assert fast.engine == engine, fast.why
    for most, engine in ((6 * 4 * 61_706 - 1, "packed"), (6 * 4 * 61_706, "steam")):
        monkeypatch.setattr(auto, "MOST_MEMORY", most)
        fast = for_inference(model, size=SIZE)
        fast.settle()
        assert fast.engine == engine, fast.why


def test_images_of_another_size_are_not_left_to_the_plain_network(
    engines: dict[str, float],
) -> None:
    torch.manual_seed(0)
    model = create_model("resnet20_cifar").eval()
    fast = for_inference(model, size=(3, 32, 32))
    fast.settle()
    assert fast.engine == "steam"
    images = torch.randn(2, 3, 40, 40)
    torch.testing.assert_close(fast(images), model(images), rtol=1e-4, atol=1e-4)
    assert isinstance(fast._ready, Auto)
    assert fast._ready._first.engine == "packed"


def test_eight_bits_stay_in_the_engine_that_they_began_in(
    model: nn.Module, engines: dict[str, float], tmp_path: Path
) -> None:
    """Others would quantise in another way; what was found to be the fastest begins at once."""
    images = torch.randn(4, *SIZE)
    options: dict[str, Any] = {"size": SIZE, "calibration": images, "cache": tmp_path}
    fast = for_inference(model, "int8", **options)
    fast.settle(1000.0)
    assert fast.engine == "packed"
    assert for_inference(model, "int8", engine="fastest", **options).engine == "coal"
    assert for_inference(model, "int8", **options).engine == "coal"


def ready(threads: int, answer: Callable[[Tensor], Tensor]) -> Prepared:
    return Prepared("packed", threads, answer, 0.0, 0.0, "")


@pytest.mark.parametrize(
    ("times", "chosen"),
    [
        ({4: 10.0, 2: 11.4, 1: 20.0}, 2),  # 14 % is not worth two threads, 75 % is
        ({4: 10.0, 2: 11.6, 1: 10.0}, 4),
        ({4: 10.0, 2: 9.0, 1: 10.5}, 2),  # of 9, not of 10
        ({4: 10.0, 2: 11.0, 1: 11.0}, 1),
    ],
)
def test_twice_the_threads_have_to_be_worth_it(
    times: dict[int, float], chosen: int, model: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        contest, "milliseconds", lambda sides, _: [times[side.threads] for side in sides]
    )
    request = Request(model, torch.zeros(1, *SIZE), "fp32", 4)
    found = with_fewer_threads(ready(4, model), request)
    assert found.threads == chosen
    assert (f"ms with {chosen} of its threads" in found.why) == (chosen < 4)
    assert with_fewer_threads(ready(4, model), replace(request, fixed=True)).threads == 4


def test_a_machine_that_becomes_slower_does_not_decide(
    model: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def taking(seconds: float) -> Callable[[Tensor], Tensor]:
        def answer(images: Tensor) -> Tensor:
            nonlocal now
            now += seconds * (1.5 if now > SPINNING + VISIT else 1.0)
            return images

        return answer

    monkeypatch.setattr("time.perf_counter", lambda: now)
    request = Request(model, torch.zeros(1, *SIZE), "fp32", 2)
    sides = [ready(2, taking(0.012)), ready(2, taking(0.010))]
    assert milliseconds(sides, request) == pytest.approx([18.0, 15.0])
    now = 0.0
    assert milliseconds(sides[:1], request) == pytest.approx([18.0])


def test_torch_has_as_many_threads_as_before_after_an_answer() -> None:
    seen = []

    def answer(images: Tensor) -> Tensor:
        seen.append(torch.get_num_threads())
        if len(seen) > 1:
            raise RuntimeError("halfway")
        return images

    before = torch.get_num_threads()
    other = ready(before + 1, answer)
    other.answer(torch.zeros(1))
    with pytest.raises(RuntimeError, match="halfway"):
        other.answer(torch.zeros(1))
    assert seen == [before + 1] * 2
    assert torch.get_num_threads() == before


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("engine", ["packed", "onnxruntime", "openvino"])
def test_threads_can_be_fixed(engine: str, model: nn.Module) -> None:
    fast = for_inference(model, size=SIZE, engine=engine, threads=2)
    assert (fast.engine, fast.threads) == (engine, 2), fast.why
    images = torch.randn(1, *SIZE)
    torch.testing.assert_close(fast(images), model(images), rtol=1e-4, atol=1e-5)
    with pytest.raises(BadArgument, match="threads is 0; expected 1 to 1024"):
        for_inference(model, size=SIZE, threads=0)


def test_a_choice_is_of_one_machine_and_survives_no_damage(
    model: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request(model, torch.zeros(1, *SIZE), "fp32", 2, cache=tmp_path)
    choice = Choice("eager", 1, 0.5, ("packed",))
    remember(request, choice)
    found = recall(request)
    assert found is not None
    assert replace(found, against=tuple(found.against)) == choice
    for other in (replace(request, threads=1), replace(request, precision="bf16")):
        assert recall(other) is None
    with monkeypatch.context() as patch:
        patch.setattr("cladenet.processor.abilities", lambda: AVX2)
        assert recall(request) is None
    kept = json.loads((tmp_path / "engines.json").read_text())
    for damage in ("packed", {"engine": "packed"}, {**next(iter(kept.values())), "engine": "oil"}):
        (tmp_path / "engines.json").write_text(json.dumps(dict.fromkeys(kept, damage)))
        assert recall(request) is None
