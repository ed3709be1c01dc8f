"""One network in two implementations: the same weights, the same images, and what differs.

Weights are those of `parity.saturate`, laid into the other library's network and read from there as
a file of that library is. Compared are, with batches of three:

    odd         evaluation mode, an odd side, float64
    nominal     evaluation mode, the side of the paper, float64; large networks in float32, where
                that can tell, and of the largest one image
    training    training mode at the odd side with nothing dropped, float64: the logits, and what
                one step leaves in the running statistics of the norms
    dropped     the same once for each place of dropout or drop path, with all of it dropped

Of Caffe's, Flax' and Keras' networks evaluation mode alone, in the precision in which they compute.
"""

import gc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from cladenet.layers.classifier import Classifier
from cladenet.registry import accepts, create_model, find
from cladenet.weights.files.wrappers import unwrapped
from cladenet.weights.source import Source
from cladenet.weights.spelling import fit
from others.dropping import Dropping
from others.foreign import Foreign
from others.libraries import build, build_foreign
from others.sides import FOR_ONE_SIZE, sides
from parity import saturate

BATCH = 3
# What two orders of summation part by in float64 at the odd side: with more, float32 at the paper's
# side would show nothing but its rounding.
FLOAT32_WITHIN = 1e-13
# Multiply-accumulates of one image beyond which, at the paper's side, ...
FLOAT32_ABOVE = 3e8  # ... float64 takes too long, ...
ONE_IMAGE_ABOVE = 5e9  # ... a batch of three does, ...
FEW_PLACES_ABOVE = 1e9  # ... and more than the first and the last place that drop something.
MOST_PLACES = 3  # the first, the middle and the last
MANY_NORMS = 1000  # and as many residual branches that each add to what passes through


def pair(source: Source, side: int, checkouts: Path | None = None) -> tuple[Classifier, nn.Module]:
    """Ours and theirs with the same weights, for images of that side."""
    theirs: nn.Module | None = build_foreign(source, side, checkouts)
    if theirs is None:
        theirs = saturate(build(source, side, checkouts))
    if source.name.startswith("CondenseNet/"):
        _prune(theirs)
    if sum(isinstance(module, nn.BatchNorm2d) for module in theirs.modules()) > MANY_NORMS:
        _damp(theirs)
    return _ours(source, side, theirs), theirs


def at_side(
    source: Source, theirs: nn.Module, side: int, checkouts: Path | None = None
) -> tuple[Classifier, nn.Module]:
    """Ours and theirs with the weights of `theirs`, for images of another side.

    Positions, which are other ones there, are drawn. To draw all would take the longest of all
    steps with the large networks.
    """
    drawn = torch.Generator().manual_seed(1)
    other = build(source, side, checkouts).double().to_empty(device="cpu")
    kept = theirs.state_dict()
    for name, tensor in other.state_dict().items():
        if kept[name].shape != tensor.shape:
            kept[name] = torch.rand(tensor.shape, generator=drawn, dtype=torch.float64) - 0.5
    other.load_state_dict(kept, assign=True)
    return _ours(source, side, other), other


def _ours(source: Source, side: int, theirs: nn.Module) -> Classifier:
    overrides = dict(source.arguments)
    if accepts(source.network, "input_size"):
        overrides["input_size"] = side
    with torch.device("meta"):
        ours = create_model(source.network, **overrides)
    ours.load_state_dict(_as_ours(source, ours, theirs), assign=True)
    return ours


def compare(
    source: Source, checkouts: Path | None = None, nominal_too: bool = True
) -> dict[str, Any]:
    """All that is compared of one pair; differences in units of the largest logit."""
    odd, nominal = sides(source)
    ours, theirs = pair(source, odd, checkouts)
    difference = evaluated(ours, theirs, odd)
    found: dict[str, Any] = {"odd": {"side": odd, "dtype": _dtype(ours), "difference": difference}}
    is_foreign = isinstance(theirs, Foreign)
    if not is_foreign:
        found["training"] = {"side": odd, **trained(source, ours, theirs, odd)}
    if not nominal_too:
        return found
    if is_foreign or source.name.startswith(FOR_ONE_SIZE) or accepts(source.network, "input_size"):
        del ours
        if is_foreign:
            del theirs
            gc.collect()
            ours, theirs = pair(source, nominal, checkouts)
        else:
            ours, theirs = at_side(source, theirs, nominal, checkouts)
            gc.collect()
    large = find(source.network).macs > FLOAT32_ABOVE and not is_foreign
    if large and difference <= FLOAT32_WITHIN:
        ours, theirs = ours.float(), theirs.float()
    dtype = _dtype(ours)
    batch = BATCH if find(source.network).macs <= ONE_IMAGE_ABOVE else 1
    difference = evaluated(ours, theirs, nominal, batch)
    found["nominal"] = {
        "side": nominal, "batch": batch, "dtype": dtype, "difference": difference,
    }  # fmt: skip
    return found


@torch.no_grad()
def evaluated(ours: Classifier, theirs: nn.Module, side: int, batch: int = BATCH) -> float:
    """The largest difference between the logits of all exits."""
    x = images(ours, side, batch)
    mine = list(ours.eval().exits(x))
    other = _tensors(theirs.eval()(x))
    return largest(mine, other)


@torch.no_grad()
def trained(source: Source, ours: Classifier, theirs: nn.Module, side: int) -> dict[str, Any]:
    """One step of both in training mode, with nothing and with each place dropped."""
    x = images(ours, side)
    ours.train()
    theirs.train()
    before = {k: v.clone() for k, v in ours.named_buffers()}
    their_start = {k: v.clone() for k, v in theirs.named_buffers()}
    with Dropping(ours) as own_places:
        mine = _tensors(ours(x))
    with Dropping(theirs) as their_places:
        other = _logits(source, theirs(x))
    found: dict[str, Any] = {"difference": largest(mine[: len(other)], other)}
    momenta = _momenta(ours), _momenta(theirs)
    found["momentum"] = momenta[0] if momenta[0] == momenta[1] else list(momenta)
    found["statistics"] = _step_apart(source, ours, theirs, before, momenta)
    few = find(source.network).macs > FEW_PLACES_ABOVE
    found["dropped"] = {}
    for kind, rates in own_places.rates.items():
        other_rates = their_places.rates[kind]
        asked = kind == "dropout" and source.name.startswith("timm/")  # its own default is 0
        if asked and not rates:
            continue
        # Auxiliary classifiers, which are on the way, have places of their own.
        others = max(0, len(other_rates) - len(rates)) if source.leaves_out else 0
        other_rates = other_rates[others:]
        if len(rates) != len(other_rates):
            found["dropped"][kind] = {"here": len(rates), "there": len(other_rates)}
            continue
        worst = 0.0
        for place in _some(len(rates), few):
            _restore(ours, before)
            _restore(theirs, their_start)
            with Dropping(ours, (kind, place)):
                mine = _tensors(ours(x))
            with Dropping(theirs, (kind, place + others)):
                other = _logits(source, theirs(x))
            worst = max(worst, largest(mine[: len(other)], other, may_be_zeros=True))
        if rates:
            found["dropped"][kind] = {"places": len(rates), "difference": worst}
            if _round(rates) != _round(other_rates) and not asked:
                found["dropped"][kind] |= {"here": _round(rates), "there": _round(other_rates)}
    _restore(ours, before)
    _restore(theirs, their_start)
    return found


def images(ours: Classifier, side: int, batch: int = BATCH) -> Tensor:
    """A batch of random images of that side."""
    torch.manual_seed(1)
    dtype = next(ours.parameters()).dtype
    return torch.randn(batch, ours.in_channels, side, side, dtype=torch.float64).to(dtype)


def largest(ours: list[Tensor], theirs: list[Tensor], may_be_zeros: bool = False) -> float:
    """The largest difference, in units of the largest value, after checking that there is one.

    Args:
        ours: of each exit.
        theirs: the same.
        may_be_zeros: a last layer without biases, whose inputs are all dropped, gives zeros.
    """
    assert len(ours) == len(theirs), f"{len(ours)} tensors of logits here, {len(theirs)} there"
    found = 0.0
    for mine, other in zip(ours, theirs, strict=True):
        scale = other.abs().max().item()
        assert mine.shape == other.shape
        is_zeros = may_be_zeros and not scale
        assert is_zeros or 1e-3 < scale < 1e6, (
            f"the logits are as large as {scale}: nothing would be tested"
        )
        found = max(found, (mine - other).abs().max().item() / max(scale, 1.0))
    return found


def _as_ours(source: Source, ours: Classifier, theirs: nn.Module) -> dict[str, Tensor]:
    """Their tensors as a file of theirs is read."""
    if isinstance(theirs, Foreign):
        state = theirs.tensors()
    else:
        state = {k.removeprefix("network."): v for k, v in theirs.state_dict().items()}
        state, _ = unwrapped(state)
    state = {k: v for k, v in state.items() if not k.startswith(source.leaves_out or ("\0",))}
    state = source.read(state) if source.read else state
    found = fit(ours, source.spelling, state, source.zeros)
    if not found.whole:
        raise ValueError(f"{source.name}: {found.missing} {found.extra} {found.other_shape}")
    dtype = theirs.dtype if isinstance(theirs, Foreign) else torch.float64
    weights = {k: v.to(dtype) if v.is_floating_point() else v for k, v in found.weights.items()}
    buffers = dict(ours.named_buffers())  # a step changes them, each side its own
    return {k: v.clone() if k in buffers else v for k, v in weights.items()}


def _step_apart(
    source: Source,
    ours: Classifier,
    theirs: nn.Module,
    before: dict[str, Tensor],
    momenta: tuple[list[float], list[float]],
) -> float:
    """Of what a step has moved the running statistics by; in units of the momentum of each."""
    worst = 0.0
    share = momenta[0][0] / momenta[1][0] if len(momenta[0]) == len(momenta[1]) == 1 else 1.0
    after, own = _as_ours(source, ours, theirs), ours.state_dict()
    for name in own:
        if name.endswith(("running_mean", "running_var")):
            mine, other = own[name] - before[name], share * (after[name] - before[name])
            scale = max(own[name].abs().max().item(), 1.0)
            worst = max(worst, (mine - other).abs().max().item() / scale)
    return worst


def _momenta(model: nn.Module) -> list[float]:
    """Of all batch norms, each value once."""
    norms = (m for m in model.modules() if isinstance(m, _BatchNorm))
    return sorted({float(norm.momentum) for norm in norms if norm.momentum is not None})


def _round(rates: list[float]) -> list[float]:
    return [round(rate, 6) for rate in rates]


def _some(count: int, few: bool) -> list[int]:
    chosen = {0, count - 1} if few else {0, count // 2, count - 1}
    return sorted(chosen) if count > MOST_PLACES else list(range(count))


def _restore(model: nn.Module, buffers: dict[str, Tensor]) -> None:
    for name, value in model.named_buffers():
        value.copy_(buffers[name])


def _logits(source: Source, output: Any) -> list[Tensor]:
    """Without those of auxiliary classifiers that the network here is built without."""
    found = _tensors(output)
    if source.name.startswith("MSDNet"):
        *early, last = found
        return [last, *early]
    return found[:1] if source.leaves_out else found


def _tensors(output: Any) -> list[Tensor]:
    return [output] if isinstance(output, Tensor) else [t for t in output if t is not None]


@torch.no_grad()
def _prune(theirs: nn.Module) -> None:
    """As training does: the columns of the least weight, stage by stage."""
    layers: Iterable[Any] = theirs.modules()
    for layer in layers:
        if hasattr(layer, "_dropping"):
            for stage in range(1, layer.condense_factor):
                layer.stage = stage
                layer._dropping(layer.in_channels // layer.condense_factor)


@torch.no_grad()
def _damp(theirs: nn.Module) -> None:
    """So that six hundred residual branches do not add up to numbers that hide every bias."""
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d) and module.affine:
            module.weight.mul_(0.2)


def _dtype(model: nn.Module) -> str:
    return str(next(model.parameters()).dtype).removeprefix("torch.")
