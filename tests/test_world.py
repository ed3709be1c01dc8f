import pytest

from cladenet.errors import BadArgument, CladeNetError, DataError
from cladenet.world import World, together
from ranks import in_ranks


@pytest.mark.parametrize(("count", "size"), [(10, 1), (10, 3), (7, 7), (2, 5), (0, 2)])
def test_the_parts_of_all_processes_are_everything_once(count: int, size: int) -> None:
    parts = [World(rank, size).part(count) for rank in range(size)]
    assert [index for part in parts for index in part] == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("rank", [-1, 2])
def test_a_rank_beyond_the_processes_is_refused(rank: int) -> None:
    with pytest.raises(BadArgument, match=f"rank is {rank} of 2 processes; expected 0 to 1"):
        World(rank, 2)


@pytest.mark.parametrize(("failing", "speaks"), [({0}, 0), ({1, 2}, 1), ({0, 2}, 0)])
def test_one_process_says_what_has_ended_all(failing: set[int], speaks: int) -> None:
    def work(world: World) -> object:
        try:
            with together(world):
                if world.rank in failing:
                    raise DataError(f"image {world.rank} is damaged")
        except CladeNetError as error:
            return error.exit_status, str(error)
        return None

    silent, named = (3, ""), (3, f"image {speaks} is damaged")
    assert in_ranks(3, work) == [named if rank == speaks else silent for rank in range(3)]
