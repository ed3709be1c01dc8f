"""Methods that users of timm know, with timm's names and meanings."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.ledger import look_up
from cladenet.ledger.imagenet import MEAN, STD
from cladenet.plural import counted

if TYPE_CHECKING:
    from cladenet.layers.feature_maps import FeatureMap

Layout = Literal["NCHW", "NLC"]
FITS = {"center": "crop", "squash": "stretch", "border": "border"}  # timm's words for ours

# What the last layer is called in torchvision, timm and others.
LAST = ("fc", "classifier", "last_linear", "heads")


# What has another name here, or is asked of something else than the network.
HERE = {
    **dict.fromkeys(LAST, "the last layer is head[-1], model.get_classifier()"),
    **dict.fromkeys(("layer4", "features", "blocks", "layers"), "the stages are stages[0] to "
                    "stages[-1]"),
    **dict.fromkeys(("conv1", "patch_embed", "conv_stem"), "the first layers are stem"),
    **dict.fromkeys(("layer1", "layer2", "layer3"), "the stages are stages[0] to stages[-1]"),
    **dict.fromkeys(("avgpool", "global_pool", "fc_norm"), "the pool is a part of head"),
    "predict": "cladenet.predict(RUN, IMAGES) does that",
    **dict.fromkeys(("transform", "preprocess"), "cladenet.create_transform(model) makes it"),
    **dict.fromkeys(("fit", "fine_tune", "fit_one_cycle", "learn"), "cladenet.train(NETWORK, "
                    "DATA) trains"),
    **dict.fromkeys(("freeze", "freeze_to", "unfreeze"), "cladenet.train takes freeze='features'; "
                    "elsewhere model.stem.requires_grad_(False) and the same of stages"),
    **dict.fromkeys(("val", "validate", "score"), "cladenet.evaluate(RUN) does that"),
    **dict.fromkeys(("save", "save_pretrained", "push_to_hub"), "torch.save(model.state_dict(), "
                    "FILE), or cladenet.export_weights for the names of other libraries"),
    **dict.fromkeys(("fuse", "quantize"), "cladenet.for_inference(model) does that"),
    **dict.fromkeys(("export", "to_onnx"), "`cladenet export RUN --format onnx` does that"),
}  # fmt: skip


class TimmMethods(nn.Module):
    """What a classifier offers besides its own methods.

    Attributes:
        architecture: its name in the registry; empty for one that was built from its class.
        preprocessing: how images are prepared for its weights, the values of a `Preprocess`; None
            for fresh weights.
        tuned_size: side of the images that its weights are made for, where others will do as well.
    """

    stem: nn.Module
    stages: nn.Sequential
    head: nn.Sequential
    num_classes: int
    in_channels: int
    input_size: int | None
    least_size: int
    as_map: Callable[[Tensor, tuple[int, int]], Tensor]
    architecture: str = ""
    preprocessing: dict[str, Any] | None = None
    tuned_size: int | None = None

    @property
    def head_hidden_size(self) -> int:
        """Length of the vector that the last layer reads."""
        if isinstance(self.head[-1], nn.Linear):
            return self.head[-1].in_features
        from cladenet.layers.feature_maps import side_for
        from cladenet.layers.modes import training_nowhere
        from cladenet.layers.shapes import on_meta

        side = self.input_size or side_for(self.least_size)
        with training_nowhere(self):
            return on_meta(self, 1, self.in_channels, side, side, method="_pre_logits").shape[1]

    @property
    def pretrained_cfg(self) -> dict[str, Any]:
        """What the network is and how its images are prepared, by timm's keys.

        Fresh weights know of no images; they get what is common for ImageNet, at the size that the
        paper has, or the head is tied to.
        """
        entry = look_up(self.architecture)
        paper = entry.input[1:] if entry else (224, 224)
        own = self.input_size or self.tuned_size
        common = {
            "input_size": (self.in_channels, *((own, own) if own else paper)),
            "crop_pct": 0.875,
            "crop_mode": "center",
            "interpolation": "bilinear",
            "mean": MEAN if self.in_channels == 3 else (sum(MEAN) / 3,) * self.in_channels,
            "std": STD if self.in_channels == 3 else (sum(STD) / 3,) * self.in_channels,
        }
        convolutions = (n for n, m in self.named_modules() if isinstance(m, nn.Conv2d))
        return {
            "architecture": self.architecture or type(self).__name__,
            "num_classes": self.num_classes,
            **(as_config(self.preprocessing) if self.preprocessing else common),
            "fixed_input_size": self.input_size is not None,
            "first_conv": next(convolutions, ""),
            "classifier": f"head.{list(dict(self.head.named_children()))[-1]}",
        }

    @property
    def default_cfg(self) -> dict[str, Any]:
        """`pretrained_cfg` by its older name."""
        return self.pretrained_cfg

    def __setattr__(self, name: str, value: Any) -> None:
        if name in LAST and isinstance(value, nn.Module):
            raise BadArgument(
                f"a new {name} would be a layer that nothing calls: the last one is head[-1] here. "
                "Call reset_classifier(NUMBER), or set model.head[-1]"
            )
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Tensor | nn.Module:
        """A name of other libraries' gets the one here; it stays an AttributeError."""
        try:
            return super().__getattr__(name)
        except AttributeError as error:
            if name not in HERE:
                raise
            raise AttributeError(f"{error}; {HERE[name]}", name=name, obj=self) from None

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """As torch's; where no name is one of this network's, the error says who reads them.

        Raises:
            RuntimeError: names or shapes differ.
        """
        if strict and state_dict and self.state_dict().keys().isdisjoint(state_dict):
            raise RuntimeError(
                f"{counted(len(state_dict), 'tensor')}, none by a name of {type(self).__name__}'s, "
                f"such as {next(iter(state_dict))}. A file in the names of torchvision, timm "
                "and others is read by cladenet.import_weights(FILE)"
            )
        return super().load_state_dict(state_dict, strict, assign)

    def get_classifier(self) -> nn.Module:
        """The layer that gives the logits."""
        return self.head[-1]

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Keep in training only what goes into each unit, and compute the rest twice; or do not."""
        from cladenet.layers.methods.checkpointing import checkpoint_activations, keep_activations

        change = checkpoint_activations if enable else keep_activations
        change(cast(Any, self))

    def no_weight_decay(self) -> set[str]:
        """Parameters of two dimensions or more that are no weights of a layer."""
        return set()

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Patterns of parameters' names for rates that decay by depth: by stages or by units."""
        units = [(r"^stages\.(\d+)\.(\d+)", None), (r"^stages\.(\d+)", (0,))]
        return {"stem": r"^stem", "blocks": r"^stages\.(\d+)" if coarse else units}

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: Layout = "NCHW",
        intermediates_only: bool = False,
    ) -> tuple[Tensor, list[Tensor]] | list[Tensor]:
        """Images -> what `forward_features` gives, and feature maps on the way, finest first.

        Args:
            x: normalised images (N, in_channels, H, W).
            indices: which of `feature_maps`: so many of the last, or their numbers; None for all.
            norm: as False; maps come as the stages give them.
            stop_early: leave out the stages after the last map; `intermediates_only` has to be set.
            output_fmt: "NCHW" for maps (N, C, h, w), "NLC" for (N, hw, C).
            intermediates_only: the maps alone.

        Raises:
            BadArgument: an argument that means nothing here, or an index without a map.
        """
        if norm or output_fmt not in ("NCHW", "NLC") or (stop_early and not intermediates_only):
            raise BadArgument(
                f"norm={norm}, output_fmt={output_fmt!r}, stop_early={stop_early}; expected False "
                "(maps come as the stages give them), NCHW or NLC, and stop_early only with "
                "intermediates_only=True"
            )
        names = self._taken(indices)
        found: dict[str, Tensor] = {}
        size = (x.shape[2], x.shape[3])
        hooks = [self.get_submodule(n).register_forward_hook(_note(found, n)) for n in names]
        try:
            for part in (self.stem, *self.stages):
                x = part(x)
                if stop_early and len(found) == len(names):
                    break
        finally:
            for hook in hooks:
                hook.remove()
        maps = [self.as_map(found[name], size) for name in names]
        if output_fmt == "NLC":
            maps = [one.flatten(2).transpose(1, 2) for one in maps]
        return maps if intermediates_only else (x, maps)

    def _pre_logits(self, x: Tensor) -> Tensor:
        features = self.forward_features(x)  # type: ignore[operator]
        return self.forward_head(features, pre_logits=True)  # type: ignore[operator]

    def _taken(self, indices: int | Sequence[int] | None) -> list[str]:
        """The modules whose outputs are asked for, finest first."""
        places: tuple[FeatureMap, ...] = cast(Any, self).feature_maps
        count = len(places)
        picks = range(count)[-indices:] if isinstance(indices, int) else indices
        chosen = {
            i % count for i in (range(count) if picks is None else picks) if -count <= i < count
        }
        asked = indices if isinstance(indices, int) else count if picks is None else len(picks)
        if not chosen or len(chosen) != asked:
            raise BadArgument(
                f"indices is {indices}; expected 1 to {count}, or different numbers from 0 to "
                f"{count - 1}: {type(self).__name__} has {count} maps"
            )
        return [places[i].module for i in sorted(chosen)]

    def __prepare_scriptable__(self) -> nn.Module:
        """What torch.jit.script compiles in place of it."""
        from cladenet.layers.methods.scripts import scriptable

        return scriptable(self)

    def _repr_html_(self) -> str:
        """How a notebook shows it: in place of torch's text of hundreds of lines, a table."""
        from cladenet.layers.methods.html import as_html

        return as_html(self)


def as_config(preprocessing: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a `Preprocess` by timm's keys."""
    height, width, resize = (preprocessing[key] for key in ("height", "width", "resize"))
    modes = {ours: theirs for theirs, ours in FITS.items()}
    size = max(height, width)
    return {
        "input_size": (preprocessing["channels"], height, width),
        "crop_pct": size / (resize or size),
        "crop_mode": modes.get(preprocessing["fit"], preprocessing["fit"]),
        "interpolation": preprocessing["interpolation"],
        "mean": tuple(preprocessing["mean"]),
        "std": tuple(preprocessing["std"]),
    }


def _note(found: dict[str, Tensor], name: str) -> Callable[..., None]:
    def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
        found[name] = output

    return hook
