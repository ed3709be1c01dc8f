"""Which engine runs a network: held against the plain network first, then against the others."""

import copy
import json
import statistics
import time
from hashlib import sha256
from typing import NamedTuple

import torch
from torch import Tensor

from cladenet.checkpoints.atomic import to_json, write_file
from cladenet.errors import BadArgument, StorageError
from cladenet.inference.engines import ENGINES, CannotPrepare, Run, Wish, able, make

# Of the largest |logit|. Between float32 engines the order of summation differs; bfloat16 has
# 8 bits, and errors of the layers add up; what int8 costs has to be measured on labelled images.
MOST_DIFFERENT = {"fp32": 1e-5, "bf16": 0.15, "int8": 1.0}
MORE_PRECISE = {"int8": "bf16", "bf16": "fp32"}
CHECKED = 2  # images
NO_WORSE = 4  # times the rounding error of the plain network
# What private operators of torch raise that do not know a precision or processor, or that another
# release of torch has not, or takes other arguments for.
UNKNOWN = (RuntimeError, AttributeError, TypeError)
ROUNDS = 5
SPINNING, VISIT = 0.1, 0.4  # seconds
CLOSE = 1.3  # times as slow as the best: measured a second time
CHOICES = "engines.json"


class Prepared(NamedTuple):
    """A network in an engine.

    Args:
        engine: its name.
        run: from images to logits.
        difference: the largest from the plain network's logits, as a share of the largest of those.
        why: how the engine was chosen.
    """

    engine: str
    run: Run
    difference: float
    why: str


def prepared(name: str, wish: Wish, reason: str = "was asked for") -> Prepared:
    """The network in the engine of that name, or plain if that engine is not right.

    `reason` says why that engine, after its name.

    Raises:
        BadArgument: no engine has this name; or the precision is one in which neither it nor the
            plain network, which knows no int8, gives logits that are near enough.
        MissingExtra: a package is not installed.
    """
    try:
        try:
            return _compared(name, wish, f"{name} {reason}")
        except CannotPrepare as error:
            if wish.precision == "int8":
                raise
            return _compared("eager", wish, f"the plain network, since {error}")
    except CannotPrepare as error:
        wider = MORE_PRECISE[wish.precision]
        message = f"this network cannot be run in {wish.precision}: {error}; use {wider}"
        raise BadArgument(message) from error


def fastest(wish: Wish) -> Prepared:
    """The network in the engine that needs the least time for the images of `wish`.

    With a cache, the next `auto` choice for the like of it is this one.

    Raises:
        BadArgument: none takes it.
    """
    known, key = _known(wish), _key(wish)
    contenders: list[Prepared] = []  # the slow are let go at once: each has weights of its own
    times: dict[str, float] = {}
    failed = []
    for name in able(wish):
        try:
            candidate = _compared(name, wish, "")
        except CannotPrepare as error:
            failed.append(str(error))
            continue
        times[name] = _milliseconds(candidate.run, wish.images)
        enough = CLOSE * min(times.values())
        contenders = [c for c in [*contenders, candidate] if times[c.engine] <= enough]
        del candidate
    if not contenders:
        raise BadArgument(f"no engine runs this network in {wish.precision}: {'; '.join(failed)}")
    if len(contenders) > 1:  # once more, for a machine has its moods
        for close in contenders:
            times[close.engine] = min(times[close.engine], _milliseconds(close.run, wish.images))
    best = min(contenders, key=lambda contender: times[contender.engine])
    _remember(wish, known | {key: best.engine})
    told = ", ".join(
        f"{name} {times[name]:.2f} ms" for name in sorted(times, key=times.__getitem__)
    )
    return best._replace(why="; ".join([f"fastest of {told}", *failed]))


def usual(wish: Wish) -> Prepared:
    """The network in the engine that was the fastest before, or else is ready at once.

    Raises:
        BadArgument: as `prepared` does.
    """
    engines = able(wish)
    before = _known(wish).get(_key(wish)) if wish.cache is not None else None
    if before in engines:
        return prepared(before, wish, "was the fastest before")
    return prepared(engines[0], wish, "is ready at once")


def _compared(name: str, wish: Wish, why: str) -> Prepared:
    images = wish.images[:CHECKED]
    plain: Tensor = wish.model(images)
    if not isinstance(plain, Tensor):
        raise CannotPrepare(f"it gives a {type(plain).__name__}, not one tensor of logits")
    largest = plain.abs().max().item() or 1.0
    try:
        run = make(name, wish)
        logits = run(images)
        difference = (logits - plain).abs().max().item() / largest
    except UNKNOWN as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CannotPrepare(f"{name} stops with: {reason}") from error
    if not (difference <= MOST_DIFFERENT[wish.precision] or _as_exact(logits, plain, wish)):
        raise CannotPrepare(
            f"the logits of {name} differ by {difference:.1e} of the largest, more than "
            f"{MOST_DIFFERENT[wish.precision]:g}"
        )
    return Prepared(name, run, difference, why)


def _as_exact(logits: Tensor, plain: Tensor, wish: Wish) -> bool:
    """Are the logits about as near to those in float64 as the plain ones are?

    Some networks, hundreds of layers deep or with odd statistics, blow up what rounding leaves.
    """
    if wish.precision != "fp32":
        return False
    exact: Tensor = copy.deepcopy(wish.model).double()(wish.images[:CHECKED].double())
    own = (plain - exact).abs().max().item()
    return (logits - exact).abs().max().item() <= NO_WORSE * own


def _milliseconds(run: Run, images: Tensor) -> float:
    """The lower quartile of calls for a while: what it takes where nothing else wants the cores.

    Threads of the engine before go on spinning for a while; nothing that they meet counts.
    """
    taken: list[float] = []
    start = time.perf_counter()
    while len(taken) < ROUNDS or time.perf_counter() < start + SPINNING + VISIT:
        begun = time.perf_counter()
        run(images)
        if images.is_cuda:
            torch.cuda.synchronize()
        if begun > start + SPINNING:
            taken.append(1000 * (time.perf_counter() - begun))
    return statistics.quantiles(taken, n=4)[0]


def _key(wish: Wish) -> str:
    """What the choice depends on."""
    tensors = [(name, list(value.shape)) for name, value in wish.model.state_dict().items()]
    facts = [
        str(tensors),
        wish.precision,
        list(wish.images.shape),
        torch.get_num_threads(),
        torch.__version__,
        [name for name, engine in ENGINES.items() if engine.installed],
    ]
    return sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _known(wish: Wish) -> dict[str, str]:
    if wish.cache is None:
        return {}
    try:
        found = json.loads((wish.cache / CHOICES).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(wish: Wish, choices: dict[str, str]) -> None:
    """A folder that cannot be written costs another measurement next time, nothing else."""
    if wish.cache is not None:
        try:
            wish.cache.mkdir(parents=True, exist_ok=True)
            write_file(wish.cache / CHOICES, to_json(choices))
        except (OSError, StorageError):
            return
