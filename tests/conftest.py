"""One torch thread per test process, and the real data where it is."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from cladenet.inference import auto
from cladenet.inference.engines import ENGINES

torch.set_num_threads(1)
os.environ["CLADENET_LANG"] = "en"  # whatever the locale; tests of Chinese set it themselves


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
