"""The papers' evaluation protocols by name, each a set of views of an image.

    single-scale      the checkpoint's own view; at a given Q, the middle of the image
    dense             the whole image and its mirror image at one scale      VGG, Table 3
    multi-scale       dense at three scales                                  VGG, Table 4
    multi-crop        5x5 crops, mirrored, at three scales: 150              VGG, Table 5
    multi-crop+dense  the mean of multi-crop and multi-scale                 VGG, Table 5
    ten-crop          5 crops of the central square, mirrored, at one scale  AlexNet, Sec. 4.1
    googlenet-144     18 crops, mirrored, at four scales                     GoogLeNet, Sec. 7
    mirror-shift      the own view, and it moved by a pixel; mirrored: 6     airbench, Sec. 3.5

The answer is the mean of the posteriors of all view specs; all count alike.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument
from cladenet.evaluation.scales import (
    OWN,
    TrainScale,
    default_scale,
    default_scales,
    least_scale,
    own_scale,
    steps_above,
)
from cladenet.evaluation.view_specs import AVERAGES, Crops, Dense, Shifts, ViewSpec
from cladenet.layers.classifier import Classifier

PLAIN, ALL = "single-scale", "all"
SEVERAL_SCALES = ("multi-scale", "multi-crop", "multi-crop+dense")
DENSE = ("dense", "multi-scale", "multi-crop+dense")
NAMES = (PLAIN, "dense", *SEVERAL_SCALES, "ten-crop", "googlenet-144", "mirror-shift")
OWN_SCALES = {"googlenet-144", "mirror-shift"}  # takes no other


@dataclass(frozen=True)
class Protocol:
    """One protocol for one network.

    Args:
        name: one of `NAMES`.
        specs: all different.
        scales: Q, of all of them.
    """

    name: str
    specs: tuple[ViewSpec, ...]
    scales: tuple[int, ...]

    @property
    def views(self) -> str:
        """What the network is shown of each image: "150 crops + 6 maps"."""
        counts = Counter[str]()
        for spec in self.specs:
            counts["map" if spec.whole else "crop"] += spec.count
        return " + ".join(f"{n} {what}{'s' if n > 1 else ''}" for what, n in counts.items())


@dataclass(frozen=True, kw_only=True)
class ViewOptions:
    """What a user may ask of the protocols' views.

    Args:
        scales: Q in pixels, instead of the default ones. Several go to the protocols of several
            scales; a single one to those of one scale as well.
        flip: mirror images too; by default for all but single-scale.
        average: over the positions of a map, see `view_specs.Dense`.

    Raises:
        BadArgument: a scale is not positive or comes twice, or `average` is unknown.
    """

    scales: Sequence[int] = ()
    flip: bool | None = None
    average: str = "scores"

    def __post_init__(self) -> None:
        if any(scale < 1 for scale in self.scales) or len(set(self.scales)) < len(self.scales):
            raise BadArgument(
                f"the scales are {_listed(self.scales)}; expected different short sides in pixels, "
                "such as 224,256,288"
            )
        if self.average not in AVERAGES:
            raise BadArgument(
                f"average is {self.average!r}; expected {' or '.join(AVERAGES)}: of the positions "
                "of a class-score map"
            )


def parse_names(text: str) -> tuple[str, ...]:
    """Protocols as named on the command line: `all`, or names separated by commas.

    Raises:
        BadArgument: a name is unknown or comes twice.
    """
    if text == ALL:
        return NAMES
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in NAMES:
            raise BadArgument(
                f"protocol is {name!r}; expected one of {', '.join(NAMES)}, several of them "
                "separated by commas, or all"
            )
    if len(set(names)) < len(names):
        raise BadArgument(f"a protocol comes twice in {text!r}; name each once")
    return names


def protocols_for(
    names: Sequence[str],
    model: Classifier,
    preprocess: Preprocess,
    trained: TrainScale,
    options: ViewOptions,
) -> tuple[Protocol, ...]:
    """The protocols called `names`, for a network that was trained at the scales `trained`.

    Raises:
        BadArgument: a scale is below what the network can look at, or no protocol takes the scales.
    """
    if len(options.scales) > 1 and not set(names) & set(SEVERAL_SCALES):
        raise BadArgument(
            f"{len(options.scales)} scales are given, {_listed(options.scales)}; "
            f"{', '.join(names)} takes one. Give one, or name a protocol of several scales: "
            f"{', '.join(SEVERAL_SCALES)}"
        )
    if options.scales and set(names) <= OWN_SCALES:
        raise BadArgument(f"{', '.join(names)} has scales of its own; leave --scales out")
    found = tuple(_protocol(name, preprocess, trained, options) for name in names)
    for protocol in found:
        for spec in protocol.specs:
            _check_scale(spec, protocol.name, model, preprocess)
    return found


def _protocol(
    name: str, preprocess: Preprocess, trained: TrainScale, options: ViewOptions
) -> Protocol:
    flip = name != PLAIN if options.flip is None else options.flip
    crops = partial(Crops, flip=flip)
    dense = partial(Dense, flip=flip, average=options.average)
    one = options.scales if len(options.scales) == 1 else ()
    several = options.scales or default_scales(trained, preprocess)
    specs: list[ViewSpec]
    match name:
        case "single-scale":
            specs = [crops("centre", scale) for scale in one or (OWN,)]
        case "dense":
            specs = [dense(scale) for scale in one or (default_scale(trained),)]
        case "multi-scale":
            specs = [dense(scale) for scale in several]
        case "multi-crop":
            specs = [crops("grid", scale) for scale in several]
        case "multi-crop+dense":
            specs = [
                *(crops("grid", scale) for scale in several),
                *(dense(scale) for scale in several),
            ]
        case "ten-crop":
            specs = [crops("five", scale) for scale in one or steps_above(preprocess, 1)]
        case "mirror-shift":
            specs = [crops("centre", OWN), Shifts(OWN, flip)]
        case _:
            specs = [crops("squares", scale) for scale in steps_above(preprocess, 1, 2, 3, 4)]
    scales = dict.fromkeys(spec.scale or own_scale(preprocess) for spec in specs)
    return Protocol(name, tuple(specs), tuple(scales))


def _check_scale(spec: ViewSpec, name: str, model: Classifier, preprocess: Preprocess) -> None:
    if spec.scale == OWN:
        return
    least = least_scale(preprocess)
    if spec.whole:
        least = model.input_size or model.least_size
    if spec.scale < least:
        what = "the image that this network can look at" if spec.whole else "the network's crop"
        raise BadArgument(
            f"{name} at a short side of {spec.scale} is below the side of {what}, {least}; give "
            f"--scales of {least} or more"
        )


def _listed(scales: Sequence[int]) -> str:
    return ",".join(map(str, scales))
