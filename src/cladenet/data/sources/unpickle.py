"""CIFAR's "python version" files without the danger of pickles.

A pickle may call any function of any module. The files of CIFAR need three: the two that rebuild
a NumPy array, and one that turns text back into bytes. This reader knows only those; every other
name is refused before anything is called, and what comes out is checked by the caller.
"""

import codecs
import io
import pickle
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from cladenet.errors import DataError
from cladenet.files import read_bytes


def read_plain_pickle(path: str) -> dict[str, Any]:
    """The dict of numbers, strings, lists and uint8 arrays in a pickle of Python 2 or 3.

    Raises:
        DataError: the file is missing, cut off, no such dict, or names anything that could run.
    """
    content = read_bytes(path)
    try:
        # Latin-1 maps bytes to text one to one, which is what arrays of Python 2 pickles need.
        value = NamedUnpickler(io.BytesIO(content), _ALLOWED, "CIFAR's file").load()
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except MemoryError:
        raise DataError(f"{path} is damaged: it asks for more memory than is available") from None
    except Exception as error:  # damaged bytes are damaged opcodes: any error at all
        raise DataError(f"{path} is cut off or damaged: {error or type(error).__name__}") from None
    if not isinstance(value, dict):
        raise DataError(f"{path} holds a {type(value).__name__}; expected CIFAR's dict")
    return {_text(key): entry for key, entry in value.items()}


def _dtype(code: Any, *_: Any) -> np.dtype[Any]:
    """NumPy's dtype for bytes, the only one in CIFAR (called with align=0, copy=1)."""
    if code not in ("u1", "|u1", "uint8"):
        raise DataError(f"array of type {code!r} refused; expected bytes (u1)")
    return np.dtype(np.uint8)


_RECONSTRUCT = np.empty(0).__reduce__()[0]
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): codecs.encode,
}


class NamedUnpickler(pickle.Unpickler):
    """A reader that knows some names and refuses all others before anything is called.

    Args:
        file: open for reading in binary.
        allowed: what stands for a module's name; whatever it is, a file can call it.
        expected: what the file should be, for the message.

    Raises:
        DataError: by `load`, for any other name.
    """

    def __init__(
        self, file: IO[bytes], allowed: Mapping[tuple[str, str], Any], expected: str
    ) -> None:
        super().__init__(file, encoding="latin1")
        self._allowed, self._expected = allowed, expected

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """One of the names that are allowed."""
        try:
            return self._allowed[module_name, global_name]
        except KeyError:
            raise DataError(
                f"pickle with code refused: {module_name}.{global_name}. This is not "
                f"{self._expected}"
            ) from None


def _text(key: object) -> str:
    return key.decode("latin1") if isinstance(key, bytes) else str(key)
