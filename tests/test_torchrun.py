"""Two processes under torchrun: the same batches as one, and the same end after a rank has died."""

import gc
import re
import weakref
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from cladenet import cli
from cladenet.errors import DataError
from cladenet.training.sync_norm import share_statistics
from faults.elastic import (
    PLAIN,
    SHORT,
    bits_of,
    check_killed_rank,
    check_launcher,
    forked,
    torchrun,
)
from forking import join, start, wait

# A small rate: the rounding of two sums grows with every step that a batch norm amplifies.
NORMED = [
    *("resnet20_cifar", "--recipe", "paper", "size=8", "lr=0.001", "steps=6", "schedule=constant"),
    "sync_bn=true",
]


def check_forked(world: int, run: Path, *words: str) -> None:
    """The same as `world` forks of this process, which need no start-up, to a good end."""
    outcomes = forked(run, "train", *words, *SHORT, "--out", run, world=world)
    assert [outcome.status for outcome in outcomes] == [0] * world, outcomes


def end_of(run: Path) -> tuple[dict[str, Tensor], list[dict[str, Any]], dict[str, str]]:
    """Weights, metrics, and the sums of the last checkpoint's files."""
    rows, sums = bits_of(run)
    return load_file(run / "checkpoints" / "last" / "weights.safetensors"), rows, sums


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The undisturbed run of two processes."""
    run = tmp_path_factory.mktemp("two") / "run"
    check_forked(2, run, *PLAIN, "epochs=2")
    return run


@pytest.mark.parametrize(
    "words", [[*PLAIN, "steps=20"], NORMED], ids=["no batch norm", "shared batch norm"]
)
def test_two_processes_train_as_one(words: list[str], tmp_path: Path) -> None:
    """The same global batches: losses and weights agree to the rounding of a split sum."""
    check_forked(1, tmp_path / "one", *words)
    check_forked(2, tmp_path / "two", *words)
    one, rows_one, _ = end_of(tmp_path / "one")
    two, rows_two, _ = end_of(tmp_path / "two")
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-4)
    assert rows_two[0]["train_loss"] == pytest.approx(rows_one[0]["train_loss"], rel=1e-5)
    assert [row["step"] for row in rows_one] == [row["step"] for row in rows_two]


@pytest.mark.slow
@pytest.mark.parametrize("kill", ["0:3", "1:17", "0:28", "1:30", "1:45", "0:61"])
def test_kills_of_either_rank_end_bit_identical(kill: str, two_ranks: Path, tmp_path: Path) -> None:
    """One dies at that step, torchrun starts both again, the run ends as the undisturbed one.

    In forks, without torchrun, test_fault_ranks.py has it by default.
    """
    check_killed_rank(kill, two_ranks, tmp_path / "run")


@pytest.mark.slow
def test_a_signal_to_the_launcher_costs_no_step(two_ranks: Path, tmp_path: Path) -> None:
    check_launcher(17, two_ranks, tmp_path / "run")


def test_an_error_of_all_ranks_is_printed_once_with_its_exit_status(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "somebody's.txt").touch()
    done = torchrun(*PLAIN, *SHORT, "epochs=2", "--out", tmp_path / "run")
    assert len(re.findall("is not empty and holds no run", done.stderr)) == 1
    assert re.findall(r"exitcode\s*:\s*(\d+)", done.stderr)[0] == "7"


def normalised(norm: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    """Output, gradient of a loss that is no symmetric function of the batch, and the statistics."""
    x = x.clone().requires_grad_()
    y = norm(x)
    (y.pow(3) * torch.arange(1.0, 1 + x.shape[1])[:, None, None]).sum().backward()
    assert x.grad is not None
    return y.detach(), x.grad, norm.running_mean, norm.running_var  # type: ignore[return-value]


@pytest.mark.parametrize("world", [1, 2])
def test_shared_batch_norm_is_batch_norm_of_the_whole_batch(world: int, tmp_path: Path) -> None:
    """In float64, with unequal shares: output, gradients and running statistics are torch's own."""
    torch.manual_seed(0)
    plain = nn.BatchNorm2d(5).double()
    nn.init.normal_(plain.weight)
    nn.init.normal_(plain.bias)
    x = torch.randn(7, 5, 3, 2, dtype=torch.float64) * 3 + 1
    shares = [x] if world == 1 else [x[:3], x[3:]]

    def rank_of(rank: int) -> int:
        join(rank, world, tmp_path)
        shared = share_statistics(nn.Sequential(deepcopy(plain)), torch.device("cpu"))[0]  # type: ignore[index]
        torch.save(normalised(shared, shares[rank]), tmp_path / f"{rank}.pt")
        torch.distributed.destroy_process_group()
        return 0

    children = [start(partial(rank_of, rank), tmp_path / f"{rank}.txt") for rank in range(world)]
    assert [wait(child) for child in children] == [0] * world, (tmp_path / "0.txt").read_text()
    y, gradient, mean, variance = normalised(plain, x)
    found = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(world)]
    torch.testing.assert_close(torch.cat([share[0] for share in found]), y)
    torch.testing.assert_close(torch.cat([share[1] for share in found]), gradient)
    for share in found:
        torch.testing.assert_close(share[2], mean)
        torch.testing.assert_close(share[3], variance)


class Cycle:
    """What only the collector of cycles frees."""

    def __init__(self) -> None:
        self.own = self


@pytest.mark.parametrize("fails", [False, True])
def test_a_rank_frees_what_holds_the_group_before_the_interpreter_ends(
    fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or its threads outlive the interpreter, and a rank whose work is done aborts now and then."""
    left: list[weakref.ref[Cycle]] = []

    def leave_a_cycle(words: list[str]) -> int:
        left.append(weakref.ref(Cycle()))
        if fails:
            raise DataError("no such images")
        return 0

    monkeypatch.setattr(cli, "_dispatch", leave_a_cycle)
    monkeypatch.setenv("WORLD_SIZE", "2")
    gc.disable()
    try:
        assert cli.main(["train"]) == (DataError.exit_status if fails else 0)
        assert left[0]() is None
    finally:
        gc.enable()
