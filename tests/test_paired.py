"""Taking turns: who is called when, and what is made of the times."""

import pytest

from cladenet.bench.paired import CLOCKS, paired, repeated, spread, times_as_fast


def test_all_take_turns_and_every_second_round_runs_backwards() -> None:
    calls: list[str] = []

    def measure(name: str, seconds: float) -> float:
        calls.append(name)
        return seconds

    taken = paired({"a": lambda: measure("a", 1.0), "b": lambda: measure("b", 2.0)}, rounds=3)
    assert "".join(calls) == "ab" + "ab" + "ba" + "ab"
    assert taken == {"a": [1.0] * 3, "b": [2.0] * 3}


def test_a_visit_warms_up_once_and_gives_the_median(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that moves 9 seconds in the first call, then 1, 5 and 3."""
    now, steps = [0.0], iter([9.0, 1.0, 5.0, 3.0])
    monkeypatch.setitem(CLOCKS, "wall", lambda: now[0])

    def call() -> None:
        now[0] += next(steps)

    assert repeated(call, visit=0.0)() == 3.0


def test_a_ratio_is_of_each_round_by_itself() -> None:
    """A minute in which the whole machine is half as fast changes no ratio."""
    assert times_as_fast([3.0, 6.0, 3.0], [1.0, 2.0, 1.0]) == (3.0, 3.0, 3.0)
    assert spread([1.0, 2.0, 3.0, 4.0, 5.0]) == (3.0, 2.0, 4.0)
    assert spread([7.0]) == (7.0, 7.0, 7.0)
