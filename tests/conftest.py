"""One torch thread per test process, and the real data where it is."""

import gc
import os
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest
import torch

from cladenet.inference import auto
from cladenet.inference.engines import ENGINES
from cladenet.weights.files.reading import unpack_apart

UNPACK = "cladenet.weights.files.reading.unpack_apart"

torch.set_num_threads(1)
os.environ["CLADENET_LANG"] = "en"  # whatever the locale; tests of Chinese set it themselves


def pytest_collection(session: pytest.Session) -> None:
    """Each of several workers begins to import the tests at a place of its own.

    Whoever imports a file first rewrites its assertions and keeps the bytecode for the others: 8 s
    of a core for all files, which each worker took where all of them came by at the same time.
    """
    worker = getattr(session.config, "workerinput", None)
    if worker is None or session.config.args != session.config.getini("testpaths"):
        return
    files = sorted(Path(__file__).parent.glob("test_*.py"))
    number, workers = int(worker["workerid"].removeprefix("gw")), worker["workercount"]
    first = len(files) * number // workers
    for file in files[first:] + files[:first]:
        with suppress(Exception, pytest.skip.Exception):  # which collecting it will report
            import_module(file.stem)


def pytest_collection_finish() -> None:
    """Thousands of tests are no garbage: looking for it took a tenth of the time of some files."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with MNIST, the CIFAR-10 part, photographs and ImageNet samples."""
    root = os.environ.get("CLADENET_TEST_DATA")
    if not root:
        pytest.skip("CLADENET_TEST_DATA is not set: no real data on this machine")
    return Path(root)


@pytest.fixture(scope="session", autouse=True)
def _engines_stay() -> Iterator[None]:
    """On a machine that is busy enough, `auto` would change its engine in the midst of a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auto, "THREADS_AFTER", float("inf"))
        for name, engine in ENGINES.items():
            after = float("inf") if engine.pays_after else 0.0
            patch.setitem(ENGINES, name, engine._replace(pays_after=after))
        yield


@pytest.fixture(scope="session", autouse=True)
def _unpacking_needs_no_start() -> Iterator[None]:
    """A file of torch.save is read in a fork: a process takes 2 s to start, most of them for torch.

    A test of that process asks for `process_of_its_own`.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UNPACK, _unpack_in_a_fork)
        yield


def _unpack_in_a_fork(source: Path, target: Path) -> str:
    from faults.pickles import unpack_in_a_fork

    return unpack_in_a_fork(source, target)


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Of torch, for this test."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def process_of_its_own(_unpacking_needs_no_start: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this test a file of torch.save is read as a user's is."""
    monkeypatch.setattr(UNPACK, unpack_apart)
