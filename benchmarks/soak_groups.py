"""The groups of the soak: which faults strike, how often, and what is promised of each."""

import os
import random
import shutil
import signal
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import checkpoint_tools
import trials
from faults import damage, disks, elastic, images, kills, leaks, pickles, stops, workers
from faults import races as racing
from faults.hostile_files import hostile_files

BLOCK = 100  # images a child decodes


class Bench(NamedTuple):
    """Where a group works, and pictures to train on."""

    folder: Path
    data: Path

    def new(self, name: str) -> Path:
        """An empty folder."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        return folder


class Trial(NamedTuple):
    """How many faults struck, how many outcomes were as promised, what is known of the others."""

    struck: int
    failure: str = ""
    note: str = ""


Group = Callable[[Bench, int], Iterator[Trial]]


def attempt(check: Callable[[], Any], struck: int = 1) -> Trial:
    """One trial; an exception of any kind is a promise that was not kept."""
    try:
        check()
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        printed = f"{type(error).__name__}: {error}"[:1500]
        return Trial(struck, f"{printed} ({Path(where.filename).name}:{where.lineno})")
    return Trial(struck)


def kill_network(network: str) -> Group:
    """Random kills of one network, five a run at most, the workers drawn anew after each."""

    def group(bench: Bench, count: int) -> Iterator[Trial]:
        digits = kills.digits(bench.folder / "digits")
        reference = kills.undisturbed(network, digits, bench.folder / "reference")
        struck = run = 0
        while struck < count:
            place, found, most = bench.new(f"run-{run}"), [0], min(5, count - struck)

            def check(
                place: Path = place, found: list[int] = found, most: int = most, run: int = run
            ) -> None:
                found[0] = kills.check_kills(reference, digits, place, most, 5000 + run)

            trial = attempt(check)
            shutil.rmtree(place)
            # A run that ends wrongly counts its one wrong end.
            yield trial if trial.failure else Trial(found[0])
            struck += max(found[0], bool(trial.failure))
            run += 1

    return group


def saving(bench: Bench, count: int) -> Iterator[Trial]:
    """SIGKILL before and after the calls that a save is made of, in turn, at the n-th of each."""
    digits = kills.digits(bench.folder / "digits")
    reference = kills.undisturbed("lenet5_relu", digits, bench.folder / "reference")
    for number in range(count):
        place = bench.new(f"run-{number}")
        yield attempt(
            partial(kills.check_death, reference, digits, place, *kills.random_death(number))
        )
        shutil.rmtree(place)


def full_disks(bench: Bench, count: int) -> Iterator[Trial]:
    """No file may grow beyond a random size from a random save on."""
    expected = trials.reference(bench.new("reference"), bench.data)
    for seed in range(count):
        place = bench.new(f"run-{seed}")
        yield attempt(partial(disks.check_random_full_disk, seed, bench.data, place, expected))
        shutil.rmtree(place)


def preempted(bench: Bench, count: int) -> Iterator[Trial]:
    """SIGTERM to the process group at a random time; those that come too late do not count."""
    expected = trials.reference(bench.new("reference"), bench.data, stops.POLICY)
    struck = seed = 0
    while struck < count:
        place, came = bench.new(f"run-{seed}"), [False]

        def check(place: Path = place, came: list[bool] = came, seed: int = seed) -> None:
            came[0] = stops.check_random_signal(
                seed, bench.data, place, expected, signals=(signal.SIGTERM,)
            )

        trial = attempt(check)
        shutil.rmtree(place)
        seed += 1
        if trial.failure or came[0]:
            struck += 1
            yield trial


def mutants(bench: Bench, count: int) -> Iterator[Trial]:
    """Damaged image files, decoded one by one, and as a data set that leaves the bad ones out."""
    for seed in range(-(-count // BLOCK)):
        size, place = min(BLOCK, count - seed * BLOCK), bench.new(f"block-{seed}")

        def check(seed: int = seed, size: int = size, place: Path = place) -> None:
            images.check_mutants(seed, size, place)
            images.check_none_is_replaced(seed, size, place)

        yield attempt(check, size)
        shutil.rmtree(place)


def damaged(kind: str) -> Group:
    """Checkpoints of a run that was stopped after two saves, with a flipped bit or cut short."""

    def group(bench: Bench, count: int) -> Iterator[Trial]:
        run = bench.folder / "run"
        arm = trials.at_step(5, lambda: os.kill(os.getpid(), signal.SIGTERM))
        outcome = trials.child(trials.small_run(run, bench.data), bench.folder / "output", arm)
        if outcome.status != 143:
            raise RuntimeError(f"the run to be damaged did not stop: {outcome}")
        for seed in range(count):
            yield attempt(partial(damage.check_damage, seed, run / "checkpoints", kind))

    return group


def hostile(bench: Bench, count: int) -> Iterator[Trial]:
    """Each of the forty files at each way into the program."""
    saved = checkpoint_tools.save(bench.folder / "saved" / "step-000000003")
    canary = bench.folder / "canary"
    for file in hostile_files(bench.folder / "files", canary)[:count]:
        place = bench.new(f"at-{file.name}")

        def check(file: Path = file, place: Path = place) -> None:
            pickles.check_dangerous(file, canary)
            pickles.check_hostile([file], pickles.COMMANDS, canary, saved, place)

        yield attempt(check)
        shutil.rmtree(place)


def ranks(bench: Bench, count: int) -> Iterator[Trial]:
    """One of two ranks killed at a random step, restarted by torchrun."""
    undisturbed = two_ranks(bench)
    steps = elastic.steps_of_run(undisturbed)
    for seed in range(count):
        kill, run = elastic.random_kill(seed, steps), bench.folder / f"run-{seed}"
        yield attempt(partial(elastic.check_killed_rank, kill, undisturbed, run))


def launchers(bench: Bench, count: int) -> Iterator[Trial]:
    """torchrun itself asked to end at a random step."""
    undisturbed = two_ranks(bench)
    steps = elastic.steps_of_run(undisturbed)
    for seed in range(count):
        step = random.Random(seed).randrange(1, steps - 1)
        run = bench.folder / f"run-{seed}"
        yield attempt(partial(elastic.check_launcher, step, undisturbed, run))


def two_ranks(bench: Bench) -> Path:
    """An undisturbed run of two ranks."""
    run = bench.folder / "undisturbed"
    done = elastic.torchrun(*elastic.PLAIN, *elastic.SHORT, "epochs=2", "--out", run)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return run


def races(bench: Bench, count: int) -> Iterator[Trial]:
    """Three processes grab one folder at the same moment."""
    for number in range(count):
        place = bench.folder / f"race-{number}"

        def check(place: Path = place) -> None:
            statuses = racing.race(place, 3)
            if statuses != [0, 7, 7]:
                raise AssertionError(f"exit statuses {statuses}")

        yield attempt(check)


def killed_workers(bench: Bench, count: int) -> Iterator[Trial]:
    """One to three data workers killed in an epoch."""
    expected = trials.reference(bench.new("reference"), bench.data, workers.POLICY)
    for seed in range(count):
        place, number = bench.new(f"run-{seed}"), 1 + seed % 3
        yield attempt(
            partial(workers.check_killed_workers, seed, number, bench.data, place, expected)
        )
        shutil.rmtree(place)


def leak(bench: Bench, count: int) -> Iterator[Trial]:
    """One run of many epochs of 200 images."""
    data, slopes = trials.pictures(bench.folder / "many", each=125), [0.0]
    place = bench.new("run")

    def check() -> None:
        slopes[0] = leaks.check_leak(count, data, place)

    trial = attempt(check)
    yield trial._replace(note=f"{slopes[0]:+.3f} MB an epoch, {count} epochs")


class Row(NamedTuple):
    """A group: what is done, what is promised, how often, how often with --quick."""

    fault: str
    promise: str
    group: Group
    times: int
    quick: int


BITS = "the run ends bit-identical: weights, average, optimiser, best, metrics"
GROUPS = {
    **{
        f"kill-{short}": Row(f"kill -9 at a random time, {name}", BITS, kill_network(name), 40, 3)
        for short, name in (
            ("lenet", "lenet5_relu"),
            ("resnet", "resnet20_cifar"),
            ("depth", "resnet110_stochastic_depth_cifar"),
            ("vit", "vit_ti_16"),
            ("msdnet", "msdnet_budget_4_cifar"),
        )
    },
    "saving": Row("kill -9 before or after a system call of a save", BITS, saving, 50, 5),
    "disk": Row(
        "disk full in a save", "exit 6, old checkpoint untouched, resumed bit-identical",
        full_disks, 50, 3,
    ),
    "sigterm": Row(
        "SIGTERM at a random time", "exit 143, 0 steps lost, resumed bit-identical",
        preempted, 100, 3,
    ),
    "images": Row(
        "damaged image file", "decoded or named; no crash, no hang over 2 s, none replaced",
        mutants, 1000, 100,
    ),
    "cuts": Row(
        "checkpoint cut short", "never loads, falls back to the one before",
        damaged("cut"), 200, 20,
    ),
    "flips": Row(
        "one flipped bit in a checkpoint", "never loads, falls back to the one before",
        damaged("flip"), 1000, 50,
    ),
    "pickles": Row(
        "hostile pickle, at 18 places of 6 commands", "refused, nothing runs", hostile, 40, 5
    ),
    "ranks": Row(
        "one of two ranks killed under torchrun", "one restart, the run ends bit-identical",
        ranks, 10, 1,
    ),
    "launchers": Row(
        "SIGTERM to torchrun", "0 steps lost, resumed bit-identical", launchers, 10, 1
    ),
    "races": Row("three runs, one folder", "one owner, the others exit 7", races, 200, 10),
    "workers": Row(
        "data workers killed", "replaced, the run ends bit-identical", killed_workers, 50, 3
    ),
    "leak": Row("a long run", "below 1 MB an epoch, open files constant", leak, 50, 10),
}  # fmt: skip
