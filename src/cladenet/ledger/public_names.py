"""Functions that users of other libraries look for in `cladenet`: what to call instead."""

from collections.abc import Iterable

from cladenet.ledger import look_up
from cladenet.suggest import nearest

PRETRAINED = "list_models(pretrained=True) has the networks, `cladenet models --weights` the sets"
HERE = {
    "get_model_weights": PRETRAINED,
    "get_weight": PRETRAINED,
    "list_pretrained": PRETRAINED,
    "resolve_model_data_config": "resolve_data_config(model=model) is that",
    "create_dataset": "open_dataset(FOLDER) is that",
    "ImageFolder": "open_dataset(FOLDER) is that",
    "create_optimizer_v2": "train(..., optimizer=NAME) makes one; timm's own takes the model",
    "ModelEmaV2": "train(..., ema=DECAY) averages the weights",
    "vision_learner": "train(NETWORK, FOLDER) is that",
    "Learner": "train(NETWORK, FOLDER) is that",
    "explain": "explain_run(RUN) is that",
    "export": "export_run(RUN, 'onnx') writes a file, export_weights(RUN, 'timm', FILE) weights",
    "info": "find(NAME) has the facts of a network",
    "models": "list_models() names them, create_model(NAME) builds one",
    "recipes": "train(..., recipe=NAME) takes one, cladenet.recipes.find_recipe(NAME) has it",
    "YOLO": "train(data=FOLDER) and predict(RUN, IMAGES) are that",
}
# Commands that are programs rather than functions.
COMMANDS = ("bench", "blocks", "env", "experiment", "index", "search", "serve", "watch")


def here(name: str, public: Iterable[str]) -> str:
    """What follows "has no attribute ...": what to call, the nearest `public` names, nothing."""
    if name in HERE:
        return f"; {HERE[name]}"
    if name in COMMANDS:
        return f"; it is a command: `cladenet {name}`"
    if look_up(name) is not None:
        return f"; networks are built by name: create_model({name!r})"
    near = nearest(name, public)
    return f"; nearest: {', '.join(near)}" if near else ""
