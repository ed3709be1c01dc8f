"""One torch thread per test process, and the real data where it is."""

import os
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with MNIST, the CIFAR-10 part, photographs and ImageNet samples."""
    root = os.environ.get("CLADENET_TEST_DATA")
    if not root:
        pytest.skip("CLADENET_TEST_DATA is not set: no real data on this machine")
    return Path(root)
