"""A library call leaves the process as it found it: random generators and number of threads."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put back the global generators of Python, NumPy and torch, and torch's number of threads.

    Whoever calls in the midst of an experiment draws the same numbers after the call as without it.
    Also a decorator. The generators of CUDA devices are put back as they were; where CUDA comes up
    within the call, they get the seed of the processor's generator, as they would have before it.
    """
    threads = torch.get_num_threads()
    pythons, numpys = random.getstate(), np.random.get_state()
    seed, was_up = torch.initial_seed(), torch.cuda.is_initialized()
    devices = range(torch.cuda.device_count()) if was_up else ()
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(pythons)
        np.random.set_state(numpys)
        if torch.cuda.is_initialized() and not was_up:
            torch.cuda.manual_seed_all(seed)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
