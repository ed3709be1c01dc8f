"""Classes that training scripts save beside the weights, read as values that can do nothing.

No class is imported: what a file builds of one becomes a plain dictionary of its settings, which
nobody reads. Only the names listed here are read so; every other one is refused.
"""

import codecs
import re
from collections import OrderedDict
from typing import Any

# Settings, logs and paths of public training code, by module and class.
KNOWN = re.compile(
    r"""(argparse|types)\.(Simple)?Namespace
    |pathlib\.(Posix|Windows|Pure\w*)?Path|pathlib\._local\.\w*Path
    |collections\.defaultdict
    |datetime\.(datetime|date|timedelta)
    |omegaconf\.[\w.]+|yacs\.config\.CfgNode|easydict\.EasyDict|addict\.[\w.]+|munch\.[\w.]+
    |ml_collections\.[\w.]+|fvcore\.common\.config\.CfgNode|detectron2\.config\.[\w.]+
    |mmengine\.(config|logging)\.[\w.]+|mmcv\.utils\.config\.\w+
    |(pytorch_lightning|lightning|lightning_fabric|lightning_utilities)\.[\w.]+
    |fastcore\.foundation\.L""",
    re.VERBOSE,
)


class Inert:
    """In the place of a class: whatever is built of it is a dictionary."""

    def __new__(cls, *_: Any, **__: Any) -> Any:
        """A dictionary of the one type that takes items and settings alike."""
        return OrderedDict()


def allowed(names: list[str]) -> list[Any]:
    """What `torch.serialization.safe_globals` takes for those of a file's names that are known."""
    plain = _numpys()
    found: list[Any] = [(plain[name], name) for name in names if name in plain]
    if "numpy.dtype" in names:  # a dtype is built of the class of its own
        found += [(kind, name) for name, kind in plain.items() if name.startswith("numpy.dtypes")]
    inert = [name for name in names if name not in plain and KNOWN.fullmatch(name)]
    return found + [(type("Inert", (Inert,), {}), name) for name in inert]


def plain_names() -> list[str]:
    """For files of before 2020, which do not list their names."""
    return [*_numpys(), "argparse.Namespace", "collections.defaultdict", "pathlib.PosixPath"]


def _numpys() -> dict[str, Any]:
    """NumPy's numbers and arrays: data, and what turns text into their bytes."""
    import numpy as np

    plain: dict[str, Any] = {"_codecs.encode": _encode}
    for core in ("numpy.core", "numpy._core"):
        plain[f"{core}.multiarray._reconstruct"] = np.empty(0).__reduce__()[0]
        plain[f"{core}.multiarray.scalar"] = np.float64(0).__reduce__()[0]
    plain |= {"numpy.ndarray": np.ndarray, "numpy.dtype": np.dtype}
    return plain | {f"numpy.dtypes.{kind}": getattr(np.dtypes, kind) for kind in np.dtypes.__all__}


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """The bytes of a number as Python 2's pickles have them; no other encoding is looked up."""
    if encoding != "latin1" or not isinstance(text, str):
        raise ValueError("text of another encoding than latin1")
    return codecs.encode(text, "latin1")
