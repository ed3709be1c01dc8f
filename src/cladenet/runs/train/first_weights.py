"""The network that a run begins with: drawn at random, fine-tuned, or started from a shallower one.

Salimans, Kingma 2016, arXiv:1602.07868, Sec. 3, draw nothing but directions where weights are
normalised: the first batch says how long they are.

Simonyan, Zisserman 2015, arXiv:1409.1556, Sec. 3.1, start deep networks from layers of a trained
shallow one; which layers those are, the network says: `start_from`.
"""

import torch

from cladenet.checkpoints import Loaded, load_into
from cladenet.checkpoints.card import Card, numbered
from cladenet.checkpoints.loading import AUXILIARY
from cladenet.data.augment.draws import sample_seeds
from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.plural import counted
from cladenet.registry import create_for_user, list_models, offers
from cladenet.runs.folder.config import RunConfig
from cladenet.runs.train.setup import Setting

EARLY_EXITS = "early_heads."


def build(
    config: RunConfig, setting: Setting, weights: Loaded | None, shallow: Loaded | None
) -> tuple[Classifier, tuple[str, ...]]:
    """The network with its first weights, and what there is to say about them.

    Args:
        config: names the network.
        setting: what it is built with.
        weights: of the same network, to fine-tune, or None.
        shallow: a shallower network to start from, or None.

    Raises:
        BadArgument: the network cannot be built so, or cannot start from `shallow`.
        CheckpointError: the weights to fine-tune do not fit.
    """
    torch.manual_seed(int(sample_seeds(config.seed, 0, [0], "initialisation").item()) >> 1)
    arguments = setting.arguments | ({"auxiliary": True} if setting.auxiliary else {})
    model = create_for_user(config.network, arguments, config.arguments)
    notes: list[str] = []
    if weights is not None:
        notes += _fine_tune(model, weights, setting)
    if shallow is not None:
        notes += _start_from(model, shallow, config, setting)
    return model, tuple(notes)


def refuse_start(network: str) -> None:
    """Raise BadArgument unless `network` can start from a shallower one."""
    if not offers(network, "start_from"):
        able = [name for name in list_models() if offers(name, "start_from")]
        raise BadArgument(
            f"{network} cannot start from another network's layers; init_from is for "
            f"{', '.join(able)}. To train on from weights of {network} use --weights"
        )


def has_new_head(card: Card, classes: tuple[str, ...]) -> bool:
    """Is the last layer of weights with these metadata initialised anew for these classes?"""
    return card.classes != classes and not _same_by_count(card, classes)


def _same_by_count(card: Card, classes: tuple[str, ...]) -> bool:
    """Classes that are numbers are taken to be those of the data if there are as many."""
    return numbered(card.classes) and len(card.classes) == len(classes)


def _fine_tune(model: Classifier, weights: Loaded, setting: Setting) -> list[str]:
    """Give `model` the weights, a last layer of its own for other classes, and say what was done.

    Auxiliary classifiers and early exits that one side lacks, or has elsewhere, are left aside, or
    start afresh.
    """
    source, card, folder = weights
    other_exits = source.exits_after != model.exits_after
    apart = (AUXILIARY, *([EARLY_EXITS] if other_exits else []))
    classes = setting.dataset.classes
    own, given = model.state_dict(), model.adopt(source.state_dict())
    resized = [n for n, v in source.state_dict().items() if v.shape != given[n].shape]
    ahead = [n for n in own if n.startswith(apart) and (other_exits or n not in given)]
    aside = [n for n in given if n.startswith(apart) and (other_exits or n not in own)]
    by_count = _same_by_count(card, classes)
    new_head = has_new_head(card, classes)
    last = [n for n in _last_layers(model) if n not in ahead] if new_head else []
    load_into(model, given, str(folder), (*last, *ahead, *aside))
    imported = str(card.data.get("name", ""))  # a cache's folder has a name that says nothing
    whence = imported if imported.startswith("imported from ") else f"from {folder}"
    if new_head:
        had = f"for {counted(len(classes), 'class')} (it had {len(card.classes)})"
        notes = [f"weights {whence}; {', '.join(last)} are newly initialised {had}"]
    else:
        notes = [f"weights {whence}, all of them"]
    if by_count and card.classes != classes:
        notes.append(
            f"the weights' {len(classes)} classes are numbers, taken to be those of the data in "
            "their order; `cladenet import FILE --classes NAMES` gives them names"
        )
    if resized:
        notes.append(f"{', '.join(resized)} interpolated for images of another size")
    if ahead:
        notes.append(f"these weights have no {_kinds(ahead)}: those are newly initialised")
    if aside:
        notes.append(f"the {_kinds(aside)} of these weights are not used")
    return notes


def _kinds(names: list[str]) -> str:
    """What the tensors called so belong to."""
    return "early exits" if names[0].startswith(EARLY_EXITS) else "auxiliary classifiers"


def _start_from(
    model: Classifier, shallow: Loaded, config: RunConfig, setting: Setting
) -> list[str]:
    source, card, folder = shallow
    classes = setting.dataset.classes
    if card.classes != classes:
        raise BadArgument(
            f"init_from={config.init_from} has {counted(len(card.classes), 'class')}, the data "
            f"have {len(classes)}: the last layer is used too, so both must have the same. Train "
            f"{card.network} on these data first"
        )
    if not isinstance(source, type(model)):
        raise BadArgument(
            f"init_from={config.init_from} holds weights of {card.network}; {config.network} can "
            f"start from another {type(model).__name__}"
        )
    try:
        taken = model.start_from(source)  # type: ignore[operator]
    except BadArgument as error:
        raise BadArgument(
            f"{config.network} cannot start from {card.network} in {config.init_from}: {error}"
        ) from error
    notes = [f"{', '.join(taken)} start from {card.network} in {folder}, everything else at random"]
    seen, now = card.preprocess, setting.preprocess
    if (seen.mean, seen.std, seen.per_image) != (now.mean, now.std, now.per_image):
        notes.append(f"{card.network} saw its images normalised differently than they are here")
    return notes


def _last_layers(model: Classifier) -> list[str]:
    """The tensors of the layers that give logits."""
    lasts = tuple(f"{name}.{len(head) - 1}." for name, head in model.heads().items())
    return [name for name in model.state_dict() if name.startswith(lasts)]
