"""Which field of a sample is its image, which its label, and what a label says.

A label is a whole number or a class name. What would be trained on all the same, and mean nothing,
is a fault: an empty or missing label, null, -1 for "none", several labels, a mask beside the image.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cladenet.data.images.decode import readable
from cladenet.data.images.listing import SUFFIXES, UNDECODED

IMAGES = frozenset(suffix[1:] for suffix in SUFFIXES | UNDECODED)
LABELS = ("cls", "class", "label")  # fields that hold a label and nothing else
KEYS = ("label", "cls", "class", "class_name", "category", "target")  # of a JSON object, columns
NUMBER = re.compile(r"[+-]?\d+", re.ASCII)
LONGEST = 200  # characters of a class name
MANY = 5


class Fault(Exception):
    """What is wrong with one sample: a clause that goes after its name."""


@dataclass(frozen=True)
class Fields:
    """What the user set for a sample's fields, or of a table's columns.

    Args:
        image: the one with the image; empty to find it.
        label: the one with the label, such as `cls`, `json.label`; empty to find it.
    """

    image: str = ""
    label: str = ""

    def wants(self, name: str) -> bool:
        """Whether the bytes of field `name` of a tar shard are needed."""
        return name in (self.image, self.label) or (
            (not self.image and name in IMAGES)
            or (not self.label and (name in LABELS or name == "json"))
            or (name == "json" and self.label.startswith("json."))
        )


def image_field(names: Sequence[str], fields: Fields) -> str:
    """Which of a sample's fields is the image.

    Raises:
        Fault: none is, or several are.
    """
    if fields.image:
        if fields.image not in names:
            raise Fault(f"has no {readable(fields.image)}; {_has(names)}")
        return fields.image
    found = [name for name in names if name in IMAGES]
    if len(found) == 1:
        return found[0]
    if found:
        raise Fault(f"has several images, {_listed(found)}; name one: image={found[0]}")
    dotted = [name for name in names if name.rpartition(".")[2] in IMAGES]
    if dotted:
        raise Fault(
            f"{_has(names)}: a key ends at the first dot of the file's name. Rename the files, or "
            f"name the image's field: image={readable(dotted[0])}"
        )
    raise Fault(f"has no image; {_has(names)}")


def label_of(
    contents: Mapping[str, bytes], names: Sequence[str], fields: Fields
) -> tuple[str, str]:
    """Where a sample's label is from, and what it says.

    Raises:
        Fault: there is none, or it is none that a classifier can learn.
    """
    where = fields.label
    if not where:
        found = [name for name in LABELS if name in names] or [n for n in names if n == "json"]
        if len(found) != 1:
            some = f"has several labels, {_listed(found)}" if found else "has no label"
            raise Fault(f"{some}; {_has(names)}. Name it: label=FIELD")
        where = found[0]
    if where in contents:
        if where == "json":
            return _of_json(contents["json"], None)
        return where, as_label(_decoded(contents[where], where))
    if where.startswith("json.") and "json" in contents:
        return _of_json(contents["json"], where.removeprefix("json."))
    raise Fault(f"has no {readable(where)}; {_has(names)}")


def as_label(value: Any) -> str:
    """A class name, or a number in its shortest form.

    Raises:
        Fault: it is neither.
    """
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise Fault(f"has the label {value}, which says that there is none")
        return str(value)
    if value is None:
        raise Fault("has a null label")
    if isinstance(value, list | tuple | dict):
        raise Fault(f"has several labels, {str(value)[:60]}; a classifier takes one of each image")
    if not isinstance(value, str):
        raise Fault(f"has the label {value!r}; expected a whole number or a class name")
    name = value.strip()
    if not name:
        raise Fault("has an empty label")
    if len(name) > LONGEST or "\n" in name:
        raise Fault(f"has the label {readable(name[:40])!r}..., a text and no class name")
    return name


def _of_json(content: bytes, path: str | None) -> tuple[str, str]:
    try:
        value: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Fault(f"has a .json that cannot be read: {error}") from None
    if path is None:
        there = [key for key in KEYS if isinstance(value, dict) and key in value]
        if not there:
            keys = _listed(list(value)) if isinstance(value, dict) else "no object"
            raise Fault(f"has no label in its .json, which has {keys}. Name one: label=json.KEY")
        path = there[0]
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            raise Fault(f"has no {readable(path)} in its .json")
        value = value[key]
    return f"json.{path}", as_label(value)


def _decoded(content: bytes, field: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Fault(f"has a {field} that is not text: {content[:16]!r}") from None


def _has(names: Sequence[str]) -> str:
    return (
        f"its fields are {_listed(names)}" if len(names) != 1 else f"its only field is {names[0]}"
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(readable(str(name)) for name in names[:MANY])
    return f"{shown} and {len(names) - MANY} more" if len(names) > MANY else shown or "none"
