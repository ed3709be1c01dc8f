"""A training recipe: numbers with a source.

Points in time are fractions of the run, so that a shortened run keeps the paper's shape: the drops
of He et al. at 32k and 48k of 64k steps are `drop_at=(0.5, 0.75)`.
"""

from contextlib import suppress
from dataclasses import dataclass, fields
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from cladenet.errors import BadArgument
from cladenet.plural import counted

Schedule = Literal["constant", "step", "exponential", "plateau", "cosine", "linear", "one_cycle"]
Normalise = Literal["data", "mean", "unit", "gcn", "imagenet", "half", "lenet"]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        source: paper and section that print the numbers.
        departs: what the paper leaves open, and what is done otherwise here.
        epochs: passes over the training images; 0 where `steps` is given.
        steps: optimiser steps; 0 where `epochs` is given.
        least_steps: optimiser steps at the least, however few images an epoch has.
        batch_size: images per optimiser step, over all processes.
        accumulate: parts a batch is cut into, one forward and backward pass each.
        optimizer: `sgd`, `rmsprop`, `adamw`, or `muon`: steps of orthogonalised momentum for the
            matrices and convolutions between images and last layer, SGD for everything else.
        lr: peak learning rate.
        bias_lr: multiple of the rate that the biases of normalisation layers get; what decays of
            them in a step stays the same.
        head_lr: the same for the last layer.
        momentum: of SGD, RMSProp and Muon; the first beta of AdamW.
        beta2: the second beta of AdamW.
        nesterov: look ahead, SGD and Muon only.
        rms_decay: of RMSProp's running mean of squared gradients.
        rms_epsilon: what RMSProp adds to that mean, under the root.
        weight_decay: L2 for SGD and RMSProp, decoupled for AdamW; what Muon orthogonalises keeps
            its length and is not decayed.
        decay_all: also decay biases and the weights of normalisation layers.
        clip_norm: upper bound on the gradient's L2 norm; 0 is none.
        filter_rms: upper bound on the root mean square of a convolution's filter, restored after
            each step; 0 is none.
        schedule: shape of the learning rate after the warm-up.
        drop_at: for `step`, fractions of the run at which the rate falls.
        drop_to: for `step`, multiples of `lr` from each of those points on.
        drop_parts: for `exponential`, how many equal parts the run has; the rate falls from each
            to the next.
        drop_factor: for `exponential` and `plateau`, what a drop multiplies the rate with.
        patience: for `plateau`, validations without a better error before a drop; where nothing is
            held out, epochs without a better training error.
        max_drops: for `plateau`, drops allowed.
        warmup: fraction of the run spent warming up.
        warmup_lr: multiple of `lr` at the start of the warm-up.
        warmup_shape: `linear` rises to `lr`, `constant` stays at `warmup_lr`.
        final_lr: for `cosine`, `linear` and `one_cycle`, multiple of `lr` at the end.
        cycles: for `cosine`, how often it runs from `lr` down, each time twice as long as before.
        label_smoothing: mass moved from the true class to all.
        class_weights: weigh each class by the inverse of its frequency.
        drop_rate: of the network's dropout, unless `model.drop_rate` says otherwise; `network`
            leaves it as the network has it.
        auxiliary: weight of the loss of each auxiliary classifier, or of each exit before the last,
            beside that of the logits; 0 builds no auxiliary classifiers.
        group_lasso: weight of the group lasso of learned group convolutions; 0 is none.
        ema: decay of the moving average of the weights per step; 0 is none.
        lookahead: steps after which the weights return to their own slow average; 0 is never.
        lookahead_decay: share of itself that the slow average keeps at the end of the run; before,
            it is this times the cube of the share of the run that is done.
        normalise: `data` (mean and std of the training images), `mean` (their mean alone is
            subtracted from levels of 0 to 255), `unit` (levels to [0, 1]), `gcn` (global contrast
            normalisation: the mean and std of each image), `imagenet`, `half` (to [-1, 1]),
            or `lenet` (background -0.1, ink 1.175).
        crop: `none`, `pad` (shift), `resized` (area and aspect), `jitter` (short side, then crop).
        pad: pixels on each side for `pad`.
        pad_mode: what they are: `constant`, the mean colour, or `reflect`.
        scale: area range of `resized`.
        short_side: range of `jitter`, in pixels.
        flip: probability of a mirror image.
        flips: `random`, drawn anew in each epoch, or `alternating`: drawn for the first epoch, and
            from then on each image is seen the other way round than in the epoch before.
        policy: `none`, `trivialaugment`, `randaugment`, `autoaugment_imagenet`,
            `autoaugment_cifar10` or `autoaugment_svhn`.
        colour_jitter: strength of brightness, contrast and saturation changes; 0 is none.
        pca_colour: standard deviation of AlexNet's colour noise; 0 is none.
        erasing: probability of an erased rectangle.
        mixup: alpha of its beta distribution; 0 is none.
        cutmix: alpha of its beta distribution; 0 is none.
        made_for: the network that it was made for, and that is trained where none is named.
    """

    source: str
    departs: str = ""
    epochs: float = 0.0
    steps: int = 0
    least_steps: int = 0
    batch_size: int = 128
    accumulate: int = 1
    optimizer: Literal["sgd", "rmsprop", "adamw", "muon"] = "sgd"
    lr: float = 0.1
    bias_lr: float = 1.0
    head_lr: float = 1.0
    momentum: float = 0.9
    beta2: float = 0.999
    nesterov: bool = False
    rms_decay: float = 0.9
    rms_epsilon: float = 1.0
    weight_decay: float = 1e-4
    decay_all: bool = True
    clip_norm: float = 0.0
    filter_rms: float = 0.0
    schedule: Schedule = "constant"
    drop_at: tuple[float, ...] = ()
    drop_to: tuple[float, ...] = ()
    drop_parts: int = 1
    drop_factor: float = 0.1
    patience: int = 5
    max_drops: int = 3
    warmup: float = 0.0
    warmup_lr: float = 0.0
    warmup_shape: Literal["linear", "constant"] = "linear"
    final_lr: float = 0.0
    cycles: int = 1
    label_smoothing: float = 0.0
    class_weights: bool = False
    drop_rate: float | Literal["network"] = "network"
    auxiliary: float = 0.0
    group_lasso: float = 0.0
    ema: float = 0.0
    lookahead: int = 0
    lookahead_decay: float = 0.75
    normalise: Normalise = "data"
    crop: Literal["none", "pad", "resized", "jitter"] = "none"
    pad: int = 4
    pad_mode: Literal["constant", "reflect"] = "constant"
    scale: tuple[float, float] = (0.08, 1.0)
    short_side: tuple[int, int] = (256, 480)
    flip: float = 0.0
    flips: Literal["random", "alternating"] = "random"
    policy: str = "none"
    colour_jitter: float = 0.0
    pca_colour: float = 0.0
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    made_for: str = ""

    def __post_init__(self) -> None:
        if (self.epochs > 0) == (self.steps > 0):
            raise BadArgument(
                f"a recipe lasts epochs or steps, one of them above 0; it has epochs={self.epochs} "
                f"and steps={self.steps}"
            )
        if len(self.drop_at) != len(self.drop_to):
            raise BadArgument(
                f"drop_at has {counted(len(self.drop_at), 'point')}, drop_to {len(self.drop_to)}; "
                "give as many of one as of the other"
            )
        for name, least in _LEAST.items():
            if not getattr(self, name) >= least:
                raise BadArgument(f"{name} is {getattr(self, name)}; expected at least {least}")
        if not (self.bias_lr > 0 and self.head_lr > 0):
            raise BadArgument(
                f"bias_lr is {self.bias_lr} and head_lr {self.head_lr}; expected multiples above 0"
            )
        if self.drop_rate != "network" and not 0 <= self.drop_rate < 1:
            raise BadArgument(f"drop_rate is {self.drop_rate}; expected 0 to below 1")
        for name in _FRACTIONS:
            if not 0 <= getattr(self, name) <= 1:
                raise BadArgument(f"{name} is {getattr(self, name)}; expected 0 to 1")

    def total_steps(self, steps_per_epoch: int) -> int:
        """Optimiser steps of the whole run."""
        return self.steps or max(1, self.least_steps, round(self.epochs * steps_per_epoch))


_LEAST = {
    "batch_size": 1,
    "accumulate": 1,
    "cycles": 1,
    "lr": 0,
    "weight_decay": 0,
    "clip_norm": 0,
    "filter_rms": 0,
    "rms_epsilon": 0,
    "auxiliary": 0,
    "group_lasso": 0,
    "drop_parts": 1,
    "patience": 1,
    "max_drops": 0,
    "pad": 0,
    "lookahead": 0,
    "pca_colour": 0,
    "colour_jitter": 0,
    "mixup": 0,
    "cutmix": 0,
}
_FRACTIONS = (
    *("warmup", "label_smoothing", "ema", "lookahead_decay", "flip", "erasing", "momentum"),
    "rms_decay",
)


def field_types(owner: type) -> dict[str, Any]:
    """Names and types that `key=value` words may set."""
    hints = get_type_hints(owner)
    return {field.name: hints[field.name] for field in fields(owner)}


def parse_value(name: str, text: str, kind: Any) -> Any:
    """A command line's word as a value of a field's type; tuples are written `0.5,0.75`.

    Raises:
        BadArgument: the word is not of that type.
    """
    try:
        if get_origin(kind) is Literal:
            if text not in get_args(kind):
                raise ValueError
            return text
        if get_origin(kind) in (Union, UnionType):
            return _first_that_fits(name, text, get_args(kind))
        if get_origin(kind) is tuple:
            item = get_args(kind)[0]
            words = text.strip("()[] ").split(",")
            return tuple(item(word) for word in words if word.strip())
        if kind is bool:
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[
                text.lower()
            ]
        return kind(text)
    except (ValueError, KeyError) as error:
        raise BadArgument(f"{name} is {text!r}; expected {_describe(kind)}") from error


def _first_that_fits(name: str, text: str, kinds: tuple[Any, ...]) -> Any:
    for kind in kinds:
        with suppress(BadArgument):
            return parse_value(name, text, kind)
    raise ValueError


def _describe(kind: Any) -> str:
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_describe(one) for one in get_args(kind))
    if get_origin(kind) is Literal and len(get_args(kind)) == 1:
        return str(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(str, get_args(kind)))
    if get_origin(kind) is tuple:
        return f"{get_args(kind)[0].__name__}s separated by commas"
    return {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, "a text")
