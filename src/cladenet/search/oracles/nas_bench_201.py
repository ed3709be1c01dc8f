"""NAS-Bench-201's tables, where a user has them: from its file to a small one of columns.

Dong, Yang. NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search. ICLR
2020. arXiv:2001.00326. `NAS-Bench-201-v1_0-e61699.pth` and `-v1_1-096897.pth` are pickles of

    meta_archs    texts such as |nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|skip_connect~2|
    arch2infos    number -> full (200 epochs) and less (12), each with
        arch_str      its text
        all_results   (data set, seed) -> epochs, eval_acc1es {"x-valid@199": percent},
                      train_times {0: seconds} or None, ...

A pickle may call any function; this reader knows ordered dicts, sets and NumPy's numbers, and
refuses everything else. What is kept of a cell is taken as soon as it is read.

    data set         validation                          test
    cifar10          cifar10-valid, x-valid              cifar10, ori-test; where it was not
                                                         trained on all images, cifar10-valid's
    cifar100         cifar100, x-valid                   cifar100, x-test
    ImageNet16-120   ImageNet16-120, x-valid             ImageNet16-120, x-test

The columns are those of `npz`: `val_cell`, `val` and `seconds` of trainings that were validated,
`test_cell` and `test` of those that were tested, `cell` being the place in `EdgeCells.all`.
"""

import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cladenet.data.sources.unpickle import NamedUnpickler
from cladenet.errors import BadArgument, CladeNetError, DataError
from cladenet.search.oracles.table import Table
from cladenet.search.spaces.edge_cells import EDGES, FIVE, EdgeCells

NAMES = {
    "none": "zero",
    "skip_connect": "skip",
    "nor_conv_1x1": "conv_1x1",
    "nor_conv_3x3": "conv_3x3",
    "avg_pool_3x3": "avg_pool_3x3",
}
PARTS = {12: "less", 200: "full"}  # by epochs
# Data set -> where its validation accuracies are, and its test accuracies, the first that is there.
SOURCES = {
    "cifar10": (
        ("cifar10-valid", "x-valid"),
        (("cifar10", "ori-test"), ("cifar10-valid", "ori-test")),
    ),
    "cifar100": (("cifar100", "x-valid"), (("cifar100", "x-test"),)),
    "ImageNet16-120": (("ImageNet16-120", "x-valid"), (("ImageNet16-120", "x-test"),)),
}
LEGACY = 0x1950A86A20F9469CFC6C  # begins the older files of torch.save
COLUMNS = ("val_cell", "val", "seconds", "test_cell", "test")

Columns = dict[str, NDArray[Any]]


def read_nas_bench_201(path: Path, dataset: str = "cifar10", epochs: int = 200) -> Columns:
    """The columns of one data set.

    Args:
        path: of the benchmark's file.
        dataset: cifar10, cifar100 or ImageNet16-120.
        epochs: 12 or 200, those of a training.

    Raises:
        BadArgument: the data set or the epochs are unknown.
        DataError: the file is missing, damaged, none of the benchmark, or would run code.
    """
    if dataset not in SOURCES or epochs not in PARTS:
        raise BadArgument(
            f"dataset is {dataset!r}, epochs {epochs}; expected {', '.join(SOURCES)}, and 12 or 200"
        )
    taken = _Taken(dataset, PARTS[epochs])
    _take_all(path, taken)
    if not taken.vals or not taken.tests:
        raise DataError(f"{path} has no trainings of {epochs} epochs on {dataset}")
    val_cell, val, seconds = zip(*taken.vals, strict=True)
    test_cell, test = zip(*taken.tests, strict=True)
    return {
        "name": np.array(f"NAS-Bench-201, {dataset}, {epochs} epochs"),
        "val_cell": np.array(val_cell, np.uint16),
        "val": np.array(val, np.float32) / 100,
        "seconds": np.array(seconds, np.float32),
        "test_cell": np.array(test_cell, np.uint16),
        "test": np.array(test, np.float32) / 100,
    }


class _Taken:
    """What is wanted of the cells that were read so far."""

    def __init__(self, dataset: str, part: str) -> None:
        self.part = part
        self.val_source, self.test_sources = SOURCES[dataset]
        self.vals: list[tuple[int, float, float]] = []
        self.tests: list[tuple[int, float]] = []
        self.space = EdgeCells(FIVE)

    def take(self, info: Any) -> None:
        """Of one cell's `full` and `less`; what was taken is emptied."""
        own = info.pop(self.part, None) if isinstance(info, dict) else None
        if isinstance(info, dict):
            info.clear()
        if not own:
            return
        cell = self._place(str(own["arch_str"]))
        results: Mapping[tuple[str, Any], Any] = own["all_results"]
        for (dataset, _), result in results.items():
            if dataset == self.val_source[0]:
                value = _last(result, self.val_source[1])
                if value is not None:
                    self.vals.append((cell, value, _seconds(result)))
        for dataset, name in self.test_sources:
            found = [_last(r, name) for (other, _), r in results.items() if other == dataset]
            tested = [(cell, value) for value in found if value is not None]
            self.tests += tested
            if tested:
                break
        own.clear()

    def _place(self, text: str) -> int:
        operations = [NAMES[name] for name, _ in _edges(text)]
        return int(np.ravel_multi_index(self.space.choices_of(operations), (len(FIVE),) * 6))


def _edges(text: str) -> Iterable[tuple[str, int]]:
    """(operation, node read) of the six edges, in the order of `EDGES`.

    Raises:
        DataError: the text has other edges.
    """
    found = [(name, int(node)) for name, node in re.findall(r"\|?([a-z0-9_]+)~(\d)", text)]
    if [node for _, node in found] != [i for i, _ in EDGES] or any(
        n not in NAMES for n, _ in found
    ):
        raise DataError(f"{text!r} is not a cell of NAS-Bench-201: expected six known operations")
    return found


def _last(result: Mapping[str, Any], name: str) -> float | None:
    """Accuracy after the last epoch, in percent; None where it was not measured."""
    value = result["eval_acc1es"].get(f"{name}@{int(result['epochs']) - 1}")
    return None if value is None else float(value)


def _seconds(result: Mapping[str, Any]) -> float:
    times = result.get("train_times")
    return float(sum(times.values())) if times else float("nan")


def _take_all(path: Path, taken: _Taken) -> None:
    """Read the file and take its cells, those that an ordered dict holds as they come."""

    class Ordered(dict[Any, Any]):
        """In the place of OrderedDict."""

        def __setitem__(self, key: Any, value: Any) -> None:
            if isinstance(value, dict) and taken.part in value:
                taken.take(value)
            super().__setitem__(key, value)

    allowed: dict[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): Ordered,
        ("builtins", "set"): set,
        ("__builtin__", "set"): set,
        ("_codecs", "encode"): _encode,
        ("numpy", "dtype"): _NumberType,
        ("numpy.core.multiarray", "scalar"): _number,
        ("numpy._core.multiarray", "scalar"): _number,
    }
    try:
        content = _unpickled(path, allowed)
        infos = content.get("arch2infos") if isinstance(content, Mapping) else None
        if not isinstance(infos, Mapping):
            raise DataError(
                "it is not NAS-Bench-201, as it has no arch2infos. Expected a file such as "
                "NAS-Bench-201-v1_1-096897.pth"
            )
        for info in infos.values():
            taken.take(info)
    except FileNotFoundError:
        raise DataError(f"{path} is missing") from None
    except CladeNetError as error:
        raise DataError(f"{path}: {error}") from None
    except MemoryError:
        raise DataError(
            f"{path} does not fit into memory; its own API needs about 28 GB, and the whole file "
            "has to be read once. Convert it on a larger machine and bring the small file here"
        ) from None
    except Exception as error:  # damaged bytes are damaged opcodes: any error at all
        raise DataError(f"{path} is cut off or damaged: {error or type(error).__name__}") from None


def _unpickled(path: Path, allowed: Mapping[tuple[str, str], Any]) -> Any:
    """The content of a file of torch.save, or of a plain pickle."""

    def load(file: IO[bytes]) -> Any:
        return NamedUnpickler(file, allowed, "NAS-Bench-201's table").load()

    with path.open("rb") as file:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                (name,) = (n for n in archive.namelist() if n.endswith("data.pkl"))
                with archive.open(name) as inner:
                    return load(inner)
        file.seek(0)
        first = load(file)
        if first != LEGACY:
            return first
        load(file)  # of torch.save from before 2020: the version, facts of the system, the content
        load(file)
        return load(file)


class _NumberType:
    """In the place of a dtype: the kind of a number."""

    def __init__(self, code: Any, *_: Any) -> None:
        if code not in ("f4", "f8", "i4", "i8"):
            raise DataError(f"number of type {code!r} refused; expected f4, f8, i4 or i8")
        self.code = f"<{code}"

    def __setstate__(self, state: Any) -> None:
        """Byte order and the like; little endian, as the benchmark was made."""


def _number(kind: _NumberType, content: bytes | str) -> float:
    raw = content.encode("latin1") if isinstance(content, str) else content
    return float(np.frombuffer(raw, kind.code)[0])


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding != "latin1":
        raise DataError(f"text of encoding {encoding!r} refused; expected latin1")
    return text.encode("latin1")


def write_columns(path: Path, columns: Columns) -> None:
    """Write the small file."""
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **columns)


def read_table(path: Path) -> Table:
    """The table in a file of columns.

    Raises:
        DataError: the file is missing, damaged, holds other columns, or lacks a cell.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            columns = {name: archive[name] for name in ("name", *COLUMNS)}
    except FileNotFoundError:
        raise DataError(f"{path} is missing") from None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} is not a table: {error}. Make one from the benchmark's file with `cladenet "
            "search convert NAS-Bench-201-v1_1-096897.pth --out TABLE.npz`"
        ) from error
    space = EdgeCells(FIVE)
    count = len(FIVE) ** len(EDGES)
    vals = _by_cell(columns["val_cell"], columns["val"], count)
    tests = _by_cell(columns["test_cell"], columns["test"], count)
    missing = sum(not (len(v) and len(t)) for v, t in zip(vals, tests, strict=True))
    if missing:
        raise DataError(
            f"{path} lacks {missing:,} of the {count:,} cells; a comparison needs all of them"
        )
    seconds = _by_cell(columns["val_cell"], columns["seconds"], count)
    return Table(
        name=str(columns["name"]),
        space=space,
        vals=vals,
        tests=tests,
        seconds=np.array([own.mean() for own in seconds]),
        trainings=len(columns["val"]),
        networks=count,
    )


def _by_cell(cell: NDArray[Any], value: NDArray[Any], count: int) -> list[NDArray[np.float64]]:
    """The values of each cell, in the order of the rows."""
    order = np.argsort(cell, kind="stable")
    ends = np.searchsorted(cell[order], np.arange(1, count))
    return np.split(value[order].astype(np.float64), ends)
