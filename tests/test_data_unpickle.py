"""Hostile and damaged pickles: nothing of them runs, and each is refused with a reason."""

import os
import pickle
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cladenet.data.sources.open import open_dataset
from cladenet.data.sources.unpickle import read_plain_pickle
from cladenet.errors import DataError


class Calls:
    """Pickles to a call of `function`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def hostile(canary: Path) -> dict[str, Any]:
    touch = f"touch {canary}"
    return {
        "posix.system": Calls(os.system, touch),
        "builtins.eval": Calls(eval, f"open({str(canary)!r}, 'w')"),
        "builtins.exec": Calls(exec, f"open({str(canary)!r}, 'w')"),
        "subprocess.Popen": Calls(subprocess.Popen, ["touch", str(canary)]),
        "builtins.getattr": Calls(getattr, "text", "upper"),
        "numpy.load": Calls(np.load, str(canary)),
        "nested": {"data": [Calls(os.system, touch)]},
    }


NAMES = list(hostile(Path("x")))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_with_code_is_refused_by_name_and_never_runs(
    name: str, protocol: int, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps(hostile(canary)[name], protocol))
    # Old protocols name Python 2's modules, such as __builtin__.
    function = "system" if name == "nested" else name.rpartition(".")[2]
    with pytest.raises(DataError, match=rf"pickle with code refused: \S+\.{function}\."):
        open_dataset(f"cifar10:{tmp_path}")
    assert not canary.exists()


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({"data": np.array([object], dtype=object)}, 2))
    with pytest.raises(DataError, match=r"array of type 'O8' refused|pickle with code refused"):
        read_plain_pickle(str(path))


def test_arrays_of_python_2_and_3_are_read(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    for protocol in (2, 3, 4):
        path = tmp_path / f"batch{protocol}"
        path.write_bytes(pickle.dumps({b"data": array, "labels": [1, 2]}, protocol))
        read = read_plain_pickle(str(path))
        assert read["labels"] == [1, 2]
        np.testing.assert_array_equal(read["data"], array)


def test_every_cut_of_a_pickle_is_reported(tmp_path: Path) -> None:
    whole = pickle.dumps({"data": np.zeros((2, 3), np.uint8), "labels": [1, 2]}, 2)
    path = tmp_path / "batch"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"batch is cut off or damaged"):
            read_plain_pickle(str(path))


def test_an_array_that_claims_more_than_it_has_is_refused(tmp_path: Path) -> None:
    whole = pickle.dumps({"data": np.zeros((2, 3), np.uint8)}, 2)
    two, many = b"K\x02K\x03", b"J" + struct.pack("<i", 2**30) + b"K\x03"
    assert two in whole
    path = tmp_path / "batch"
    path.write_bytes(whole.replace(two, many))
    with pytest.raises(DataError, match="damaged"):
        read_plain_pickle(str(path))


def test_another_object_than_a_dict_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(DataError, match="holds a list; expected CIFAR's dict"):
        read_plain_pickle(str(path))
