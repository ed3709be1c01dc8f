"""Read a file of torch.save in a process of its own, and write its tensors as safetensors.

    python -m cladenet.weights.unpack FILE OUT

Nothing in the file can run: torch reads it with `weights_only`. The process is bounded besides, so
that a file that asks for endless memory or time ends this process and not the user's. What was
found, or why not, is one line of JSON on the standard output.
"""

import json
import os
import resource
import shutil
import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

MEMORY = 32 << 30  # bytes of address space, in which torch's own libraries take several
SECONDS = 600
# Where training scripts put the weights that they recommend; averages come first.
EMA = ("state_dict_ema", "model_ema", "ema_state_dict", "ema")
PLACES = (*EMA, "state_dict", "model_state_dict", "model", "net", "weights", "params")


def weights_in(content: Any) -> tuple[str, dict[str, Any]]:
    """Where in a file's content the weights lie, and the tensors there by name.

    Raises:
        ValueError: it holds no tensors by name.
    """
    from torch import Tensor

    if isinstance(content, Mapping):
        for place in PLACES:
            if isinstance(content.get(place), Mapping):
                _, tensors = weights_in(content[place])
                return place, tensors
        tensors = {str(k): v for k, v in content.items() if isinstance(v, Tensor)}
        if tensors:
            return "", tensors
    raise ValueError(f"it holds a {type(content).__name__} without tensors by name")


def main() -> None:
    """Read, write, report."""
    source, target = sys.argv[1:]
    for limit, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, SECONDS)):
        resource.setrlimit(limit, (most, most))
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch
    from safetensors.torch import save_file

    try:
        # Values that training scripts save beside the weights, and which can do nothing.
        with torch.serialization.safe_globals([Namespace]):
            content = torch.load(source, map_location="cpu", weights_only=True)
        place, tensors = weights_in(content)
        needed = sum(tensor.nbytes for tensor in tensors.values())
        free = shutil.disk_usage(os.path.dirname(target)).free
        if needed >= free:
            print(json.dumps({"needed": needed, "free": free}))
            return
        plain = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
        save_file(plain, target)
        print(json.dumps({"place": place}))
    except Exception as error:  # whatever it is, the other process has to say it
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}))


if __name__ == "__main__":
    main()
