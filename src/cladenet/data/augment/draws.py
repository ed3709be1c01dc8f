"""Random draws that are pure functions of (seed, epoch, sample), so that nothing needs a state.

A run resumed in mid-epoch, any number of workers and any number of processes draw the same
numbers. The generator is counter-based: SplitMix64 (Steele, Lea, Flood. Fast Splittable
Pseudorandom Number Generators. OOPSLA 2014), whose k-th output is a function of k, applied once
for each of purpose, seed, epoch, sample and draw.
"""

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

GOLDEN = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1


def uniform(
    seed: int, epoch: int, samples: ArrayLike, count: int, purpose: str
) -> NDArray[np.float64]:
    """`count` draws for each of `samples`: float64 (N, count) in [0, 1).

    Args:
        seed: any integer (modulo 2**64).
        epoch: any integer.
        samples: int (N,), numbers of the samples in the data set.
        count: draws for each sample. The first k are the same for any count >= k.
        purpose: what the draws are for; other purposes give independent draws.
    """
    bits = absorb(sample_seeds(seed, epoch, samples, purpose)[:, None], np.arange(count))
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def sample_seeds(seed: int, epoch: int, samples: ArrayLike, purpose: str) -> NDArray[np.uint64]:
    """64 random bits for each of `samples`, uint64 (N,): a seed for another generator."""
    return absorb(_key(purpose, seed, epoch), np.asarray(samples))


def permutation(seed: int, epoch: int, n: int) -> NDArray[np.int64]:
    """A random order of range(n), int64 (n,): the samples sorted by their hashes."""
    return np.argsort(sample_seeds(seed, epoch, np.arange(n), "order"), kind="stable")


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """A seed in [0, 2**63) for what is drawn inside one step of one process, such as dropout."""
    return int(absorb(_key("step", seed, step), [rank])[0]) >> 1


def absorb(state: NDArray[np.uint64], values: ArrayLike) -> NDArray[np.uint64]:
    """Output number `values` (from 0) of SplitMix64 seeded with `state`; both broadcast."""
    counters = np.asarray(values).astype(np.uint64) + np.uint64(1)
    z = state + counters * np.uint64(GOLDEN)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@lru_cache(maxsize=64)
def _key(purpose: str, seed: int, epoch: int) -> NDArray[np.uint64]:
    """Shape (1,), since numpy warns when a scalar wraps around and not when an array does."""
    digest = hashlib.blake2b(purpose.encode(), digest_size=8).digest()
    state = np.array([int.from_bytes(digest, "little")], dtype=np.uint64)
    for value in (seed, epoch):
        state = absorb(state, np.array([int(value) & MASK], dtype=np.uint64))
    state.flags.writeable = False
    return state
