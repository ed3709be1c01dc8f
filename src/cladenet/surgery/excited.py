"""Squeeze-and-excitation put into a finished network, of whatever family.

Hu, Shen, Albanie, Sun, Wu. Squeeze-and-Excitation Networks. arXiv:1709.01507, Sec. 3.3, 6.5 and
Fig. 2, 3 and 5. Where it goes in a unit y = ReLU(F(x) + shortcut(x)):

    standard    F(x) is scaled, before the addition
    pre         what F reads is scaled
    post        y is scaled, after addition and ReLU
    identity    the shortcut is scaled, after any projection
    3x3         what the last 3x3 of F gives is scaled, after its norm and ReLU

A unit without a residual, such as an Inception module or a searched cell, is scaled as a whole. So
is a chain of plain layers, such as a stage of VGG, which is one unit here. Layers that give feature
maps of several scales, or tokens, have no one map to scale and are refused: MSDNet, ViT.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.modes import training_nowhere
from cladenet.layers.shapes import on_meta
from cladenet.layers.squeeze_excite import SqueezeExcite, check_places, followed, is_chain

SIDE = 224  # pixels of the imagined images whose feature maps are measured


class Excite(Protocol):
    """Makes the module that scales a map of so many channels, by way of so many hidden ones."""

    def __call__(self, channels: int, hidden: int) -> nn.Module:
        """From C and C / r."""


def add_squeeze_excite(
    model: Classifier,
    reduction: int = 16,
    position: str = "standard",
    stages: Iterable[int] | None = None,
    excite: Excite = SqueezeExcite,
) -> None:
    """Give every unit squeeze-and-excitation with C / reduction hidden channels, at least 1.

    Where a chain of layers is scaled, as F of a residual unit is, its tensors keep their names, so
    that weights of the plain network are weights of this one.

    Args:
        model: changed in place.
        reduction: the paper's r.
        position: one of `POSITIONS`.
        stages: which stages, counted from 0; all of them by default.
        excite: makes it.

    Raises:
        BadArgument: `reduction`, `position` or `stages` is none, the network has
            squeeze-and-excitation already, or a unit has no place for it.
    """
    if not isinstance(reduction, int) or isinstance(reduction, bool) or reduction < 1:
        raise BadArgument(f"reduction is {reduction!r}; expected 1 or more, such as 16")
    name = type(model).__name__
    chosen = check_places(name, position, stages, len(model.stages))
    if any(isinstance(module, SqueezeExcite) for module in model.modules()):
        raise BadArgument(f"{name} has squeeze-and-excitation already; build it without")
    places = [
        _place(unit, position) for i in sorted(chosen) for unit in _units(model.stages[i], name)
    ]
    widths = _measure(model, [place.module for place in places])
    like = next(model.parameters())
    for place, (reads, gives) in zip(places, widths, strict=True):
        channels = reads if position == "pre" else gives
        scale = excite(channels, max(1, channels // reduction)).to(like.device, like.dtype)
        model.initialise(scale)
        place.put(scale.train(model.training), before=position == "pre")


class _Place(NamedTuple):
    """A module by where it hangs."""

    parent: nn.Module
    name: str

    @property
    def module(self) -> nn.Module:
        return self.parent.get_submodule(self.name)

    def put(self, scale: nn.Module, before: bool) -> None:
        """Let `scale` read what the module gives, or give what it reads."""
        if before:
            setattr(self.parent, self.name, nn.Sequential(scale, self.module))
        else:
            setattr(self.parent, self.name, followed(self.module, scale))


def _units(stage: nn.Module, name: str) -> Iterator[_Place]:
    """The units of a stage; of a chain of plain layers the last one, which closes it."""
    keys = [
        key for key, child in stage.named_children() if next(child.children(), None) is not None
    ]
    if not keys and is_chain(stage) and len(stage):  # type: ignore[arg-type]
        keys = [list(dict(stage.named_children()))[-1]]
    if not keys:
        raise BadArgument(f"a stage of {name} has no units to put squeeze-and-excitation into")
    return (_Place(stage, key) for key in keys)


def _place(unit: _Place, position: str) -> _Place:
    """The module in `unit`, or the whole of it, whose output or input is scaled."""
    module = unit.module
    parts = dict(module.named_children())
    residual = parts.get("residual")
    if position in ("standard", "post") and "cell" in parts:
        return _Place(module, "cell")
    if position == "post" or (position == "standard" and residual is None):
        return unit
    if position in ("standard", "pre") and residual is not None:
        return _Place(module, "residual")
    if position == "identity" and "shortcut" in parts:
        return _Place(module, "shortcut")
    if position == "3x3" and residual is not None and is_chain(residual):
        kernels = [_kernels(layer) for layer in residual.children()]
        squares = [i for i, sizes in enumerate(kernels) if (3, 3) in sizes]
        if squares:
            rest = range(squares[-1] + 1, len(kernels))
            end = next((i for i in rest if kernels[i]), len(kernels))
            return _Place(residual, str(end - 1))
    raise BadArgument(
        f"position is {position!r}; a {type(module).__name__} has no place for it: "
        "expected standard or post"
    )


def _measure(model: Classifier, modules: list[nn.Module]) -> list[tuple[int, int]]:
    """Channels that each module reads and gives, without computing anything."""
    widths: dict[nn.Module, tuple[int, int]] = {}

    def observe(module: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        read = next((x for x in inputs if isinstance(x, Tensor)), None)
        if not isinstance(output, Tensor) or output.ndim != 4 or read is None:
            raise BadArgument(
                f"a {type(module).__name__} of {type(model).__name__} does not give one map "
                "(N, C, H, W): squeeze-and-excitation has nothing to scale there"
            )
        widths[module] = read.shape[1], output.shape[1]

    side = model.input_size or max(SIDE, model.least_size)
    hooks = [module.register_forward_hook(observe) for module in modules]
    try:
        with training_nowhere(model):
            on_meta(model, 2, model.in_channels, side, side)
    finally:
        for hook in hooks:
            hook.remove()
    return [widths[module] for module in modules]


def _kernels(layer: nn.Module) -> list[tuple[int, ...]]:
    return [part.kernel_size for part in layer.modules() if isinstance(part, nn.Conv2d)]
