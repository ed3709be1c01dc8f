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
from cladenet.inference.engines import ENGINES, able, make
from cladenet.inference.request import CannotPrepare, Request, Run

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


def prepared(name: str, request: Request, reason: str = "was asked for") -> Prepared:
    """The network in the engine of that name, or plain if that engine is not right.

    `reason` says why that engine, after its name.

    Raises:
        BadArgument: no engine has this name; or the precision is one in which neither it nor the
            plain network, which knows no int8, gives logits that are near enough.
        MissingExtra: a package is not installed.
    """
    try:
        try:
            return _compared(name, request, f"{name} {reason}")
        except CannotPrepare as error:
            if request.precision == "int8":
                raise
            return _compared("eager", request, f"the plain network, since {error}")
    except CannotPrepare as error:
        wider = MORE_PRECISE[request.precision]
        message = f"this network cannot be run in {request.precision}: {error}; use {wider}"
        raise BadArgument(message) from error


def fastest(request: Request) -> Prepared:
    """The network in the engine that needs the least time for the images of `request`.

    With a cache, the next `auto` choice for the like of it is this one.

    Raises:
        BadArgument: none takes it.
    """
    known, key = _known(request), _key(request)
    contenders: list[Prepared] = []  # the slow are let go at once: each has weights of its own
    times: dict[str, float] = {}
    failed = []
    for name in able(request):
        try:
            candidate = _compared(name, request, "")
        except CannotPrepare as error:
            failed.append(str(error))
            continue
        times[name] = _milliseconds(candidate.run, request.images)
        enough = CLOSE * min(times.values())
        contenders = [c for c in [*contenders, candidate] if times[c.engine] <= enough]
        del candidate
    if not contenders:
        raise BadArgument(
            f"no engine runs this network in {request.precision}: {'; '.join(failed)}"
        )
    if len(contenders) > 1:  # once more, for a machine has its moods
        for close in contenders:
            times[close.engine] = min(times[close.engine], _milliseconds(close.run, request.images))
    best = min(contenders, key=lambda contender: times[contender.engine])
    _remember(request, known | {key: best.engine})
    told = ", ".join(
        f"{name} {times[name]:.2f} ms" for name in sorted(times, key=times.__getitem__)
    )
    return best._replace(why="; ".join([f"fastest of {told}", *failed]))


def usual(request: Request) -> Prepared:
    """The network in the engine that was the fastest before, or else is ready at once.

    Raises:
        BadArgument: as `prepared` does.
    """
    engines = able(request)
    before = _known(request).get(_key(request)) if request.cache is not None else None
    if before in engines:
        return prepared(before, request, "was the fastest before")
    return prepared(engines[0], request, "is ready at once")


def _compared(name: str, request: Request, why: str) -> Prepared:
    images = request.images[:CHECKED]
    plain: Tensor = request.model(images)
    if not isinstance(plain, Tensor):
        raise CannotPrepare(f"it gives a {type(plain).__name__}, not one tensor of logits")
    largest = plain.abs().max().item() or 1.0
    try:
        run = make(name, request)
        logits = run(images)
        difference = (logits - plain).abs().max().item() / largest
    except UNKNOWN as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CannotPrepare(f"{name} stops with: {reason}") from error
    if not (difference <= MOST_DIFFERENT[request.precision] or _as_exact(logits, plain, request)):
        raise CannotPrepare(
            f"the logits of {name} differ by {difference:.1e} of the largest, more than "
            f"{MOST_DIFFERENT[request.precision]:g}"
        )
    return Prepared(name, run, difference, why)


def _as_exact(logits: Tensor, plain: Tensor, request: Request) -> bool:
    """Are the logits about as near to those in float64 as the plain ones are?

    Some networks, hundreds of layers deep or with odd statistics, blow up what rounding leaves.
    """
    if request.precision != "fp32":
        return False
    exact: Tensor = copy.deepcopy(request.model).double()(request.images[:CHECKED].double())
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


def _key(request: Request) -> str:
    """What the choice depends on."""
    tensors = [(name, list(value.shape)) for name, value in request.model.state_dict().items()]
    facts = [
        str(tensors),
        request.precision,
        list(request.images.shape),
        torch.get_num_threads(),
        torch.__version__,
        [name for name, engine in ENGINES.items() if engine.installed],
    ]
    return sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _known(request: Request) -> dict[str, str]:
    if request.cache is None:
        return {}
    try:
        found = json.loads((request.cache / CHOICES).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(request: Request, choices: dict[str, str]) -> None:
    """A folder that cannot be written costs another measurement next time, nothing else."""
    if request.cache is not None:
        try:
            request.cache.mkdir(parents=True, exist_ok=True)
            write_file(request.cache / CHOICES, to_json(choices))
        except (OSError, StorageError):
            return
