"""Calls of the library leave the caller's generators and threads as they were."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cladenet
from cladenet.errors import BadArgument
from cladenet.runs.undisturbed import undisturbed

SCAN = Path(__file__).parents[1] / "examples" / "digits" / "seven.png"
Numbers = tuple[float, float, float, int]


def drawn_after(call: Callable[[], Any]) -> Numbers:
    """What the three generators give next, and the number of threads."""
    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(3)
    call()
    return random.random(), np.random.rand(), torch.rand(()).item(), torch.get_num_threads()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "digits"
    options = {"steps": 2, "threads": 2, "policy": "trivialaugment", "mixup": 0.2}
    found = drawn_after(
        lambda: cladenet.train("lenet5_relu", "digits", out=out, quiet=True, options=options)
    )
    assert found == drawn_after(lambda: None), "after train"
    return out


@pytest.mark.parametrize("name", ["evaluate", "predict", "evaluate_protocols", "load", "resumed"])
def test_after_a_call_everything_is_drawn_as_without_it(run: Path, name: str) -> None:
    calls: dict[str, Callable[[], Any]] = {
        "evaluate": lambda: cladenet.evaluate(run),
        "predict": lambda: cladenet.predict(run, [SCAN]),
        "evaluate_protocols": lambda: cladenet.evaluate_protocols([run], protocol="dense"),
        "load": lambda: cladenet.load(run),
        "resumed": lambda: cladenet.train(resume=run, quiet=True, threads=3),
    }
    assert drawn_after(calls[name]) == drawn_after(lambda: None)


def test_also_after_a_call_that_fails() -> None:
    @undisturbed()
    def fails() -> None:
        random.random()
        np.random.rand()
        torch.manual_seed(0)
        torch.set_num_threads(torch.get_num_threads() + 1)
        raise BadArgument("no")

    def call() -> None:
        with pytest.raises(BadArgument):
            fails()

    assert drawn_after(call) == drawn_after(lambda: None)
