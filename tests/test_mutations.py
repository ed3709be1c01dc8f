"""The list of mutations: each can be made in today's source, and its tests are there."""

from pathlib import Path

import pytest

import cladenet
from faults.mutations import MUTATIONS, Mutation
from mutations import mutated

SOURCE = Path(cladenet.__file__).parent


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.what)
def test_a_mutation_can_be_made(mutation: Mutation) -> None:
    """Else `benchmarks/faults/mutations.py` is behind the source."""
    text = (SOURCE / mutation.file).read_text()
    assert mutated(text, mutation) != text
    for test in mutation.tests:
        file, _, name = test.partition("::")
        path = Path(__file__).parent / file
        assert path.exists()
        assert name.partition("[")[0] in path.read_text()
