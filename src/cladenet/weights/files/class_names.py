"""Names of the classes that training scripts keep beside the weights.

meta.dataset_meta.classes   mmpretrain, of mmengine
meta.CLASSES                mmclassification, of mmcv
class_to_idx, idx_to_class  torchvision's ImageFolder, as many scripts keep it
classes, class_names        scripts of all kinds, and hyper_parameters of Lightning
"""

from collections.abc import Mapping
from typing import Any

PLACES = ((), ("meta",), ("meta", "dataset_meta"), ("hyper_parameters",))
LISTS = ("classes", "CLASSES", "class_names")


def class_names(content: Any) -> list[str]:
    """In the order of the logits; empty where the content of a file names none."""
    for place in PLACES:
        held = content
        for name in place:
            held = held.get(name) if isinstance(held, Mapping) else None
        if isinstance(held, Mapping) and (found := _named(held)):
            return found
    return []


def _named(held: Mapping[Any, Any]) -> list[str]:
    for key in LISTS:
        names = held.get(key)
        if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
            return list(names)
    numbers, names = held.get("class_to_idx"), held.get("idx_to_class")
    if isinstance(numbers, Mapping):
        return _by_number({number: name for name, number in numbers.items()})
    return _by_number(names) if isinstance(names, Mapping) else []


def _by_number(names: Mapping[Any, Any]) -> list[str]:
    """Names by 0, 1, 2, ...; none where a number is missing."""
    ordered = [names.get(number) for number in range(len(names))]
    return [name for name in ordered if isinstance(name, str)] if all(ordered) else []
