"""Read a file of torch.save in a process of its own, and write its tensors as safetensors.

    python -m cladenet.weights.files.unpack FILE OUT

Nothing in the file can run: torch reads it with `weights_only`. The process is bounded besides, so
that a file that asks for endless memory or time ends this process and not the user's. What was
found, or why not, is one line of JSON on the standard output.
"""

import json
import os
import resource
import shutil
import sys
from collections.abc import Mapping
from typing import Any

MEMORY = 32 << 30  # bytes of address space, in which torch's own libraries take several
SECONDS = 600
# Where training scripts put the weights that they recommend; averages come first.
EMA = ("state_dict_ema", "model_ema", "ema_state_dict", "ema_model", "ema", "shadow")
PLACES = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params")
# Where they put what is none.
ASIDE = ("optim", "opt", "state", "sched", "scaler", "amp", "rng", "param_groups", "callbacks")
WRAPPERS = ("module.", "_orig_mod.", "model.")
COUNTED = "n_averaged"  # beside the average of torch.optim.swa_utils


def weights_in(content: Any) -> tuple[str, dict[str, Any], list[str]]:
    """Where in a file's content the weights lie, the tensors there by name, and what to say.

    Raises:
        ValueError: it holds no tensors by name, or several sets of them.
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"it holds a {type(content).__name__} without tensors by name")
    found = {place: _within(content[place]) for place in (*EMA, *PLACES) if place in content}
    held = {place: within for place, within in found.items() if within}
    plain = next((place for place in PLACES if place in held), "")
    own = _tensors(content)
    last = held[plain][1] if plain else own
    notes: list[str] = []
    for place in EMA:
        if place in held and (not last or _bare(held[place][1]) >= _bare(last)):
            return _joined(place, held[place][0]), held[place][1], [*notes, *held[place][2]]
        if place in found:
            notes.append(f"{place} holds no complete average of the weights and is left out")
    if plain:
        return _joined(plain, held[plain][0]), held[plain][1], [*notes, *held[plain][2]]
    if own:
        return "", own, notes
    return _the_only(content)


def _within(content: Any) -> tuple[str, dict[str, Any], list[str]] | None:
    try:
        return weights_in(content)
    except ValueError:
        return None


def _joined(place: str, inner: str) -> str:
    return f"{place}.{inner}" if inner else place


def _the_only(content: Mapping[Any, Any]) -> tuple[str, dict[str, Any], list[str]]:
    """The weights under a name of the script's own, where there is one."""
    names = [
        name
        for name, value in content.items()
        if isinstance(value, Mapping) and not str(name).lower().startswith(ASIDE)
    ]
    sets = {str(name): within for name in names if (within := _within(content[name]))}
    if len(sets) > 1:
        raise ValueError(f"several: it holds the weights of {', '.join(sets)}")
    if not sets:
        raise ValueError(f"it holds a {type(content).__name__} without tensors by name")
    ((name, (inner, tensors, notes)),) = sets.items()
    return _joined(name, inner), tensors, notes


def _tensors(content: Mapping[Any, Any]) -> dict[str, Any]:
    """Those of the values that are tensors, or numbers of NumPy with a shape."""
    import numpy as np
    from torch import Tensor, from_numpy

    found = {}
    for name, value in content.items():
        if isinstance(value, Tensor) and isinstance(name, str):
            found[name] = value
        elif isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and isinstance(name, str):
            found[name] = from_numpy(value.copy())
    return found


def _bare(tensors: Mapping[str, Any]) -> set[str]:
    """Names without wrappers and counters: an average has those of the weights it is of."""
    names = {name for name in tensors if name != COUNTED and not name.endswith("batches_tracked")}
    for wrapper in 2 * WRAPPERS:
        if names and all(name.startswith(wrapper) for name in names):
            names = {name.removeprefix(wrapper) for name in names}
    return names


def read(source: str) -> Any:
    """The content of the file, by torch's reader for weights alone."""
    import torch

    from cladenet.weights.files.inert import allowed, plain_names

    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(source)
    except ValueError:  # of before 2020
        names = plain_names()
    with torch.serialization.safe_globals(allowed(names)):
        return torch.load(source, map_location="cpu", weights_only=True)


def main() -> None:
    """Read, write, report."""
    source, target = sys.argv[1:]
    for limit, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, SECONDS)):
        resource.setrlimit(limit, (most, most))
    os.environ["OMP_NUM_THREADS"] = "1"
    from safetensors.torch import save_file

    from cladenet.weights.files.class_names import class_names

    try:
        content = read(source)
        place, tensors, notes = weights_in(content)
        if any(tensor.is_quantized for tensor in tensors.values()):
            raise ValueError("quantised: its weights are of 8 bits with scales of their own")
        needed = sum(tensor.nbytes for tensor in tensors.values())
        free = shutil.disk_usage(os.path.dirname(target)).free
        if needed >= free:
            print(json.dumps({"needed": needed, "free": free}))
            return
        plain = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
        save_file(plain, target)
        print(json.dumps({"place": place, "notes": notes, "classes": class_names(content)}))
    except Exception as error:  # whatever it is, the other process has to say it
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}))


if __name__ == "__main__":
    main()
