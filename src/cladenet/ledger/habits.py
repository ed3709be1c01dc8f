"""Arguments of timm and torchvision: what they are called here, and why some mean nothing.

Read without torch.
"""

from collections.abc import Collection
from typing import Any

from cladenet.errors import BadArgument
from cladenet.suggest import nearest

# Theirs: ours, where a network takes it.
CALLED_HERE = {
    "in_chans": "in_channels",
    "img_size": "input_size",
    "act_layer": "activation",
    "norm_layer": "norm",
    "bn_eps": "norm_eps",
    "bn_momentum": "norm_momentum",
    "drop_path_rate": "drop_path",
    "stochastic_depth_prob": "drop_path",
    "dropout": "drop_rate",
    "width_mult": "width",
    "aux_logits": "auxiliary",
}

# What `cladenet.create_model` takes before a network sees it.
FOR_WEIGHTS = ("pretrained", "weights", "features_only", "out_indices")

# Where the name above is no argument of a network, another that any network takes.
ELSE = {"drop_path": "drop_path_rate"}

MEAN_NOTHING = {
    "checkpoint_path": "weights of a file are read by cladenet.import_weights(FILE), those of a "
    "run by cladenet.load(RUN)",
    "pretrained_cfg": "how images are prepared comes with the weights: model.pretrained_cfg",
    "pretrained_cfg_overlay": "how images are prepared comes with the weights: "
    "model.pretrained_cfg",
    "cache_dir": "set CLADENET_CACHE, or torch.hub's TORCH_HOME and the hub's HF_HOME",
    "progress": "downloads say before they start what they fetch",
    "transform_input": "images are normalised by the weights' own mean and std: "
    "cladenet.create_transform(NETWORK)",
    "output_stride": "strides are the paper's; larger images give finer maps",
    "dynamic_img_size": "positions are made for one size of images: pass img_size",
    "drop_block_rate": "no paper here has DropBlock; drop_rate and drop_path_rate are its kin",
    "jit": "torch.jit.script(model) and torch.jit.trace(model, images) work on what is built",
    "zero_init_residual": "weights start as the paper has them; set those of the last norms to 0",
}


def as_ours(name: str, given: dict[str, Any], takes: Collection[str]) -> dict[str, Any]:
    """The arguments given for the network called `name`, by the names that it takes.

    Raises:
        BadArgument: one is given twice, or means nothing.
    """
    found: dict[str, Any] = {}
    for theirs, value in given.items():
        ours = CALLED_HERE.get(theirs, theirs)
        if ours not in takes:
            ours = theirs if theirs in takes else ELSE.get(ours, ours)
        if ours in found or (ours != theirs and ours in given):
            raise BadArgument(f"{theirs} and {ours} are one argument; pass one of them")
        if ours in MEAN_NOTHING and ours not in takes:
            raise BadArgument(f"{name} takes no {theirs}; {MEAN_NOTHING[ours]}")
        found[ours] = value
    unknown = sorted(set(found) - set(takes))
    if "input_size" in unknown:
        raise BadArgument(
            f"{name} is not tied to an input size (img_size, input_size); leave it out, images of "
            "any size will do"
        )
    if unknown:
        names = [name for name in (*takes, *CALLED_HERE, *FOR_WEIGHTS) if name not in given]
        nearly = nearest(unknown[0], names)
        near = f"nearest: {', '.join(nearly)}; " if nearly else ""
        raise BadArgument(f"{name} takes no {unknown[0]}; {near}it takes {', '.join(takes)}")
    return found
