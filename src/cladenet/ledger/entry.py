"""What one row of the ledger says, and what makes a row wrong."""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import Any

from cladenet.errors import CladeNetError


class LedgerError(CladeNetError):
    """A ledger file has something that cannot be read as a fact."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One network: what its paper prints, and what was counted.

    Errors are in percent. `top1_err` and `top5_err` follow the row's `protocol`; a name that ends
    in `_1crop`, `_10crop`, `_320` (one crop of 320 pixels) or `_noaug` (trained on the images as
    they are) carries its own. `macs` are multiply-accumulates of convolutions and
    linear layers for one image; norms, pools, activations and fixed targets are not in it.

    Args:
        family: the module in `cladenet.models`; in a file it is the file's name.
        aliases: other names that the field has for it; `find` and `create_model` know them too.
        input: channels, height and width of the input that `macs` is for.
        params: trainable values with `classes` classes.
        params_cifar100: the same with 100 classes, where a paper has both.
        params_with_aux: trainable values with the auxiliary classifiers of training.
        train_params: where the network of training is another than the inference network, which
            `params` and `macs` count.
        train_macs: of the same.
        exits_params: of a network with exits, what the network up to each of them holds.
        exits_macs: what it costs to come to each exit, the exits before it included.
        recipe: name in `cladenet.recipes.RECIPES` of the paper's training; empty if none is known.
        figures: where the printed errors were read; "memory" says that they were not.
        reference: the independent implementation that was counted.
        release: how the authors' release differs from the network here, and the argument that
            builds it so; empty where it does not.
        verified: about params and macs. run: the reference was built and counted; derived: built
            from the paper and counted; read; memory.
    """

    name: str
    family: str
    paper: str
    first_author: str
    arxiv: str
    year: int
    month: int
    input: tuple[int, int, int]
    classes: int
    params: int
    macs: int
    verified: str
    layers: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    params_cifar100: int | None = None
    macs_cifar100: int | None = None
    params_with_aux: int | None = None
    train_params: int | None = None
    train_macs: int | None = None
    exits_params: tuple[int, ...] = ()
    exits_macs: tuple[int, ...] = ()
    paper_params: str = ""
    paper_flops: str = ""
    shortcut: str = ""
    stride_on: str = ""
    top1_err: float | None = None
    top5_err: float | None = None
    top1_err_1crop: float | None = None
    top5_err_1crop: float | None = None
    top1_err_10crop: float | None = None
    top5_err_10crop: float | None = None
    top1_err_320: float | None = None
    top5_err_320: float | None = None
    cifar10_err: float | None = None
    cifar100_err: float | None = None
    cifar10_err_noaug: float | None = None
    cifar100_err_noaug: float | None = None
    svhn_err: float | None = None
    recipe: str = ""
    protocol: str = ""
    figures: str = ""
    reference: str = ""
    release: str = ""
    notes: str = ""

    def macs_at(self, height: int, width: int) -> int:
        """About the multiply-accumulates of an image of another size, by its area."""
        return self.macs * height * width // (self.input[1] * self.input[2])

    @property
    def printed(self) -> str:
        """The printed errors in short: "22.85 / 6.71", top-1 and top-5; empty without any."""
        errors = self._printed()[0]
        return " / ".join(str(error) for error in errors if error is not None)

    @property
    def printed_for(self) -> str:
        """What `printed` was measured on: the first part of the protocol; empty without any."""
        errors, crops = self._printed()
        doubt = "from memory: " if self.figures.startswith("memory") else ""
        return doubt + crops + self.protocol.split("; ")[0] if errors else ""

    def _printed(self) -> tuple[tuple[float | None, ...], str]:
        candidates = (
            ((self.top1_err, self.top5_err), ""),
            ((self.cifar10_err,), ""),
            ((self.cifar100_err,), ""),
            ((self.cifar10_err_noaug,), ""),
            ((self.cifar100_err_noaug,), ""),
            ((self.svhn_err,), ""),
            ((self.top1_err_1crop, self.top5_err_1crop), "1 crop, "),
            ((self.top1_err_10crop, self.top5_err_10crop), "10 crops, "),
            ((self.top1_err_320, self.top5_err_320), "1 crop of 320, "),
        )
        return next((found for found in candidates if found[0][0] is not None), ((), ""))


@dataclass(frozen=True)
class Taken:
    """What a family has from another one that is not its parent.

    Args:
        family: whose idea it is.
        what: the idea, in a few words.
        source: the place in the paper or the code of the family that took it; "memory" in it marks
            one that was not looked up again.
    """

    family: str
    what: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Family:
    """A branch of the tree: the paper that began it, and its idea in one sentence.

    Args:
        parent: the family that this one builds on; empty for the root.
        takes: what it has from others besides.
    """

    name: str
    title: str
    year: int
    paper: str
    authors: str
    venue: str
    idea: str
    parent: str = ""
    takes: tuple[Taken, ...] = ()


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_percent(value: object) -> bool:
    return isinstance(value, float) and 0 <= value <= 100


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_shape(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(map(_is_int, value))


def _are_counts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_int, value))


def _is_lines(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_taken(value: object) -> bool:
    keys = {field.name for field in fields(Taken)}
    return isinstance(value, list) and all(
        isinstance(row, dict) and set(row) == keys and all(map(_is_text, row.values()))
        for row in value
    )


EXPECTED: dict[Any, tuple[str, Callable[[object], bool]]] = {
    str: ("a text", _is_text),
    int: ("a whole number, 0 or more", _is_int),
    int | None: ("a whole number, 0 or more", _is_int),
    float | None: ("a percentage with a decimal point", _is_percent),
    tuple[int, int, int]: ("three whole numbers", _is_shape),
    tuple[int, ...]: ("a list of whole numbers", _are_counts),
    tuple[str, ...]: ("a list of texts", _is_lines),
    tuple[Taken, ...]: ("a list of { family = ..., what = ..., source = ... }", _is_taken),
}


def read_row(kind: type[Any], row: dict[str, Any], where: str) -> Any:
    """A TOML table -> an `Entry` or a `Family`.

    Args:
        kind: the dataclass to make.
        row: keys and values as `tomllib` gives them.
        where: file and row, for messages: "lenet.toml, row lenet5".

    Raises:
        LedgerError: a key is unknown or missing, or its value has the wrong type.
    """
    expected = {field.name: field for field in fields(kind)}
    unknown = sorted(set(row) - set(expected))
    if unknown:
        raise LedgerError(f"{where}: unknown key {unknown[0]!r}; expected {', '.join(expected)}")
    for name, field in expected.items():
        if name not in row:
            if field.default is MISSING:
                raise LedgerError(f"{where}: the key {name!r} is missing; add it")
            continue
        words, holds = EXPECTED[field.type]
        if not holds(row[name]):
            raise LedgerError(f"{where}: {name} is {row[name]!r}; expected {words}")
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in row.items()}
    if "takes" in values:
        values["takes"] = tuple(Taken(**taken) for taken in values["takes"])
    return kind(**values)
