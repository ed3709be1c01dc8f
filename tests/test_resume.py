"""Kill -9 at any instant: the resumed run ends as the undisturbed one, bit for bit."""

import signal
from collections.abc import Callable
from functools import cache, partial
from itertools import cycle
from pathlib import Path

import pytest

from cladenet.vision import torchvision
from faults.kills import RECIPES, SAVING, Reference, check_death, die_at, many_kills, undisturbed
from faults.kills import digits as make_digits
from trials import child, final_state, pictures, resumed, small_run
from trials import reference as undisturbed_small


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """What every child would import for itself: seconds each."""

    torchvision()


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_digits(tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="module")
def reference_of(
    digits: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Reference]:
    """How a network's undisturbed run ends, trained once for all tests."""
    return cache(lambda name: undisturbed(name, digits, tmp_path_factory.mktemp("reference")))


@pytest.fixture(scope="module", params=sorted(RECIPES))
def reference(
    request: pytest.FixtureRequest, reference_of: Callable[[str], Reference]
) -> Reference:
    return reference_of(str(request.param))


@pytest.fixture(scope="module")
def lenet(reference_of: Callable[[str], Reference]) -> Reference:
    return reference_of("lenet5_relu")


def test_killed_runs_end_bit_identical(reference: Reference, digits: Path, tmp_path: Path) -> None:
    """Five kills at random instants, with another number of workers after each."""
    assert many_kills(reference, digits, tmp_path, kills=5, seed=7) >= 1


@pytest.mark.slow
def test_fifty_kills_end_bit_identical(
    reference: Reference,
    digits: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`make test-kills`: 25 kills for each of the five networks."""
    runs = many_kills(reference, digits, tmp_path, kills=25, seed=100)
    assert runs >= 5
    with capsys.disabled():
        print(f"\n{reference.network}: 25 random kill -9 in {runs} runs, all bit-identical")


@pytest.mark.parametrize(("point", "after"), list(zip(SAVING, cycle([False, True]))))
def test_a_kill_inside_a_save_loses_nothing(
    point: str, after: bool, lenet: Reference, digits: Path, tmp_path: Path
) -> None:
    """Die just before and just after the second call of each that saving is made of."""
    call = 9 if point == "fsync" else 2
    check_death(lenet, digits, tmp_path, point, call, after)


@pytest.mark.slow
@pytest.mark.parametrize(("point", "after"), list(zip(SAVING, cycle([True, False]))))
def test_a_kill_at_the_other_side_of_each_call_loses_nothing(
    point: str, after: bool, lenet: Reference, digits: Path, tmp_path: Path
) -> None:
    check_death(lenet, digits, tmp_path, point, 9 if point == "fsync" else 2, after)


NORMED = ("network=resnet20_cifar", "size=8")  # with running statistics


@pytest.fixture(scope="module")
def normed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """Images, and how a network with batch norm ends that is trained on them."""
    folder = tmp_path_factory.mktemp("normed")
    data = pictures(folder / "pictures")
    return data, undisturbed_small(folder, data, *NORMED)


@pytest.mark.parametrize(("point", "after"), list(zip(SAVING, cycle([True, False]))))
def test_a_kill_inside_a_save_loses_no_running_statistics(
    point: str, after: bool, normed: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    data, expected = normed
    run, output = tmp_path / "run", tmp_path / "output"
    words = small_run(run, data, *NORMED)
    death = partial(die_at, point, 9 if point == "fsync" else 2, after)
    assert child(words, output, death).status == -signal.SIGKILL
    outcome = child(resumed(run), output)
    assert outcome.status == 0, outcome
    assert final_state(run) == expected
