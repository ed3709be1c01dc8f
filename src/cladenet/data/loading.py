"""Work done ahead of the training step, in threads or in processes, given back in order.

Threads are for what leaves Python's lock (Pillow decoding, PyTorch kernels, file reads) and draws
nothing from a global generator. Processes are for the rest; PyTorch's DataLoader runs them.
"""

import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar, cast

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from cladenet.errors import BadArgument, CladeNetError, OutOfSpace
from cladenet.plural import counted

Job = TypeVar("Job")
Result = TypeVar("Result")


class WorkerProcesses(Generic[Job, Result]):
    """`map(function, jobs)` by processes that live as long as this object.

    A CladeNetError of the function is raised here as it was there. A worker that is killed is
    replaced once for each job, and its work done again.

    Args:
        function: called in the workers. Results that are tensors travel through shared memory, or
            as NumPy arrays through pipes, which takes some 1 ms more a MB and no shared memory.
        workers: how many, at least 1.
        pipes: send tensors through pipes.
    """

    def __init__(
        self, function: Callable[[Job], Result], workers: int, *, pipes: bool = False
    ) -> None:
        if workers < 1:
            raise BadArgument(f"{counted(workers, 'worker')}; expected at least 1")
        self._calls = _Calls(function, pipes)
        self._workers = workers
        self._jobs: _Jobs[Job] = _Jobs()
        self._loader: DataLoader[Result] | None = None

    def map(self, jobs: Sequence[Job]) -> Iterator[Result]:
        """The results in the order of the jobs."""
        done, killed_at = 0, -1
        while done < len(jobs):
            try:
                for result in self._start(jobs[done:]):
                    if isinstance(result, CladeNetError):
                        raise result
                    yield cast(Result, _unpacked(result))
                    done += 1
            except (RuntimeError, OSError, EOFError) as error:
                if not _a_worker_died(error):
                    raise
                self._loader = None
                if killed_at == done:
                    raise OutOfSpace(
                        "a data worker was killed twice at the same batch, most likely for lack "
                        "of memory; use fewer workers or a smaller batch"
                    ) from error
                killed_at = done

    def _start(self, jobs: Sequence[Job]) -> Iterator[Result | CladeNetError]:
        """An iterator of DataLoader's, quietly.

        DataLoader warns of more workers than cores, and sets a signal handler that raises in the
        midst of a training step when a worker dies. The iterator notices that within 5 seconds.
        """
        self._jobs.jobs = jobs
        in_main = threading.current_thread() is threading.main_thread()
        before = signal.getsignal(signal.SIGCHLD)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self._loader is None:
                self._loader = self._new_loader()
            iterator = iter(self._loader)
        if in_main and before is not None:
            signal.signal(signal.SIGCHLD, before)
        return cast(Iterator[Result | CladeNetError], iterator)

    def _new_loader(self) -> DataLoader[Result]:
        return DataLoader(
            self._calls,
            batch_size=None,
            sampler=self._jobs,
            num_workers=self._workers,
            collate_fn=_as_it_is,
            persistent_workers=True,
            worker_init_fn=_leave_signals_to_parent,
            generator=torch.Generator(),  # else it draws from the global one
        )


def _a_worker_died(error: Exception) -> bool:
    """DataLoader reports it, or the shared memory of what the worker sent is gone with it."""
    raised_by_the_function = "in DataLoader worker process" in str(error)
    if isinstance(error, RuntimeError):
        return "DataLoader worker (pid" in str(error) and not raised_by_the_function
    return not raised_by_the_function


class _Jobs(Sampler[Job]):
    """The jobs of the epoch that begins next."""

    jobs: Sequence[Job] = ()

    def __iter__(self) -> Iterator[Job]:
        return iter(self.jobs)

    def __len__(self) -> int:
        return len(self.jobs)


class _Calls(Dataset[Any], Generic[Job, Result]):
    """Indexed by a job instead of a number. Errors are returned: DataLoader changes their text."""

    def __init__(self, function: Callable[[Job], Result], pipes: bool) -> None:
        self._function = function
        self._pipes = pipes

    def __getitem__(self, job: Job) -> Any:
        try:
            result = self._function(job)
        except CladeNetError as error:
            return error
        return _Piped(result.numpy()) if self._pipes and isinstance(result, Tensor) else result


class _Piped(NamedTuple):
    """A tensor on its way through a pipe."""

    array: NDArray[Any]


def _unpacked(result: Any) -> Any:
    return torch.from_numpy(result.array) if isinstance(result, _Piped) else result


def _as_it_is(value: Any) -> Any:
    return value


def _leave_signals_to_parent(_: int) -> None:
    """Ctrl-C reaches the whole group, and the handlers of a training run are inherited."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
