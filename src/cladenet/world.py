"""One process or many: torchrun starts them, `torch.distributed` connects them.

All that the rest of the library knows of it is this class. With one process every method is free.
"""

import atexit
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from threading import Thread

import torch
from torch import Tensor, distributed, nn
from torch.distributed import PrefixStore, Store, rendezvous  # type: ignore[attr-defined]

from cladenet.device import choose_device
from cladenet.errors import BadArgument, CladeNetError, Interrupted, ProcessLost

# Seconds after which a rank that hangs stops the others; a cache that is built takes less.
TIMEOUT_VARIABLE, TIMEOUT = "CLADENET_RANK_TIMEOUT", 900.0
CPU = torch.device("cpu")
ROLL_CALL = 1.0  # seconds in which the ranks that are left tell each other so


@dataclass(frozen=True)
class World:
    """This process among all that train together."""

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.size:
            raise BadArgument(
                f"rank is {self.rank} of {self.size} processes; expected 0 to {self.size - 1}"
            )

    def part(self, count: int) -> range:
        """This process's share of `count` things in order, each in exactly one process's."""
        return range(self.rank * count // self.size, (self.rank + 1) * count // self.size)

    @property
    def leads(self) -> bool:
        """The first process alone writes files and prints."""
        return self.rank == 0

    def agree(self, code: int) -> int:
        """The largest code of all processes, so that they stop at the same step for one reason."""
        if self.size == 1:
            return code
        shared = torch.tensor([code], device=self.device)
        distributed.all_reduce(shared, distributed.ReduceOp.MAX)
        return int(shared.item())

    def agree_on_failure(self, status: int) -> tuple[int, bool]:
        """The largest exit status of all processes, and whether this one is to say why.

        Of several that have failed with it the first speaks. A status of 0 is no failure.
        """
        mine = status * self.size + self.size - 1 - self.rank if status else 0
        found = self.agree(mine)
        return found // self.size, found == mine

    def total(self, values: Tensor) -> Tensor:
        """Sum over all processes, in place."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values

    def share_buffers(self, model: nn.Module) -> None:
        """Give every process the first one's running statistics, so that all evaluate one model."""
        if self.size > 1:
            for buffer in model.buffers():
                distributed.broadcast(buffer, 0)


ALONE = World()


@contextmanager
def together(world: World) -> Iterator[None]:
    """What fails in one process ends all of them here, with one message and one exit status.

    Every process has to come through the block; inside it none may wait for another.
    """
    failure: CladeNetError | Interrupted | None = None
    try:
        yield
    except (CladeNetError, Interrupted) as error:
        failure = error
    if world.size == 1:
        if failure is not None:
            raise failure
        return
    status, speaks = world.agree_on_failure(failure.exit_status if failure else 0)
    if failure is not None and speaks:
        raise failure
    if status:
        raise _stopped_elsewhere(status) from failure


def _stopped_elsewhere(status: int) -> CladeNetError:
    """The silent end of a process whose neighbour has met an error and says which."""
    error = CladeNetError("")
    error.exit_status = status
    return error


@contextmanager
def open_world(device: str = "auto") -> Iterator[World]:
    """Join the processes that torchrun started, or be alone.

    Raises:
        BadArgument: the device is unknown or absent, or the timeout is no number of seconds.
        ProcessLost: another process has ended, or does not answer in `CLADENET_RANK_TIMEOUT`
            seconds, of which the default is 900.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = choose_device(device)
    if size == 1:
        yield World(device=chosen)
        return
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    seconds = rank_timeout()
    wait = timedelta(seconds=seconds)
    try:
        # After a restart torchrun's workers meet in the store of the attempt before, where a dead
        # rank's address still stands: whoever comes first would call it. Hence a prefix an attempt.
        found, rank, _ = next(rendezvous("env://", timeout=wait))
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        store = PrefixStore(f"attempt-{attempt}", found)
        backend = "nccl" if chosen.type == "cuda" else "gloo"
        distributed.init_process_group(
            backend, store=store, rank=rank, world_size=size, timeout=wait
        )
    except RuntimeError as error:
        if not _of_the_group(error):
            raise
        raise ProcessLost(f"the {size} processes did not meet within {seconds:g} s") from error
    # Gloo's threads take the interpreter's lock while they hold the group's. A distributed network
    # that is freed as the group's last owner would hold the first and wait for the second, for
    # ever. Python's own handle releases the interpreter's lock, so it has to be the last owner.
    atexit.register(_let_go, distributed.group.WORLD)
    try:
        yield World(rank, size, chosen)
    except RuntimeError as error:
        if not _of_the_group(error):
            raise
        raise _lost(store, rank, size, seconds) from error
    finally:
        distributed.destroy_process_group()


def _let_go(_group: object) -> None:
    """Called at the end of the interpreter, with what has to live until then."""


def rank_timeout() -> float:
    """Seconds to wait for another process.

    Raises:
        BadArgument: `CLADENET_RANK_TIMEOUT` is not a positive number.
    """
    given = os.environ.get(TIMEOUT_VARIABLE, str(TIMEOUT))
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < inf:
        raise BadArgument(f"{TIMEOUT_VARIABLE} is {given!r}; expected a number of seconds above 0")
    return seconds


def _of_the_group(error: RuntimeError) -> bool:
    """Does the error speak of the connection to another process? Gloo's has no class."""
    return isinstance(error, distributed.DistError) or "gloo" in str(error)


def _lost(store: Store, rank: int, size: int, seconds: float) -> ProcessLost | CladeNetError:
    """What ends a process that has lost another; of those that are left, the first says which."""
    present = _roll_call(store, rank, size)
    missing = [str(other) for other in range(size) if other not in present]
    if rank != min(present):
        return _stopped_elsewhere(ProcessLost.exit_status)
    who = f"rank {' and '.join(missing)} of {size}" if missing else f"one of {size} ranks"
    return ProcessLost(
        f"{who} has ended, or did not answer for {seconds:g} s ({TIMEOUT_VARIABLE}); see what it "
        "printed, and resume the run"
    )


def _roll_call(store: Store, rank: int, size: int) -> set[int]:
    """The ranks that still answer.

    In a thread: where the process is gone that keeps the store, asking may never come back.
    """
    present, end = {rank}, time.monotonic() + ROLL_CALL

    def call() -> None:
        try:
            store.set(f"left-{rank}", "")
            for other in set(range(size)) - present:
                left = max(0.001, end - time.monotonic())
                with suppress(distributed.DistStoreError):  # it has not come
                    store.wait([f"left-{other}"], timedelta(seconds=left))
                    present.add(other)
        except distributed.DistError:  # the store is gone
            return

    asking = Thread(target=call, daemon=True)
    asking.start()
    asking.join(2 * ROLL_CALL)
    return set(present)
