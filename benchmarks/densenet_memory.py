"""What a training step of DenseNet-121 keeps for its backward pass, and the time of a step.

    python benchmarks/densenet_memory.py

Ours and torchvision's, each plain and memory-efficient, take turns in one process on the same
random images, at float32 in each library's own layout. Bytes are those of all memory that autograd
holds between the two passes, each piece once, parameters and buffers aside. Seconds are of the
processor, forward and backward; the ratios are medians over rounds taken side by side. Our two
forms must give the same loss and gradients to the last bit, or nothing is written.
What is written: benchmarks/results/densenet_memory.json.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import cladenet
from cladenet.allocator import keep_freed_memory
from cladenet.vision import torchvision
from machine import machine

RESULT = Path(__file__).parent / "results" / "densenet_memory.json"
OURS, OURS_EFFICIENT = "cladenet", "cladenet, memory_efficient"
THEIRS, THEIRS_EFFICIENT = "torchvision", "torchvision, memory_efficient"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(options.threads)
    nets, labels = networks(), torch.arange(options.batch)
    images = torch.randn(options.batch, 3, options.size, options.size)
    views = {name: images.contiguous(memory_format=layout(name)) for name in nets}
    kept = {name: bytes_kept(net, views[name]) for name, net in nets.items()}
    refuse_other_bits(nets, views[OURS], labels)
    seconds: dict[str, list[float]] = {name: [] for name in nets}
    for _ in range(options.rounds):
        for name, net in nets.items():
            begin = time.process_time()
            F.cross_entropy(net(views[name]), labels).backward()
            seconds[name].append(time.process_time() - begin)
    result = {
        "machine": machine(),
        "batch": options.batch,
        "size": options.size,
        "rounds": options.rounds,
        "forms": {
            name: {
                "mb_kept_per_image": round(kept[name] / options.batch / 1e6, 1),
                "cpu_seconds": round(statistics.median(seconds[name]), 3),
                "time_to_plain": ratio(seconds[name], seconds[OURS]),
                "time_to_torchvision": ratio(seconds[name], seconds[THEIRS]),
            }
            for name in nets
        },
    }
    print(json.dumps(result, indent=2))
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written: {options.out}")


def networks() -> dict[str, Any]:
    """In training, each library's pair with the same weights."""
    torchvision()
    from torchvision import models

    found = {
        OURS: cladenet.create_model("densenet121"),
        OURS_EFFICIENT: cladenet.create_model("densenet121", memory_efficient=True),
        THEIRS: models.densenet121(),
        THEIRS_EFFICIENT: models.densenet121(memory_efficient=True),
    }
    found[OURS_EFFICIENT].load_state_dict(found[OURS].state_dict())
    return {name: net.to(memory_format=layout(name)).train() for name, net in found.items()}


def layout(name: str) -> torch.memory_format:
    return torch.channels_last if name.startswith("cladenet") else torch.contiguous_format


def bytes_kept(net: nn.Module, images: Tensor) -> int:
    """All memory that waits for the backward pass, parameters and buffers aside."""
    own = {tensor.untyped_storage().data_ptr() for tensor in [*net.parameters(), *net.buffers()]}
    found: dict[int, Any] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage  # held, so that no address is used twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = net(images)
    size = sum(storage.nbytes() for storage in found.values())
    del out
    return size


def refuse_other_bits(nets: dict[str, Any], images: Tensor, labels: Tensor) -> None:
    """Both of our forms compute the same step, or the comparison is void."""
    for name in (OURS, OURS_EFFICIENT):
        nets[name].zero_grad()
        F.cross_entropy(nets[name](images), labels).backward()
    pairs = zip(nets[OURS].parameters(), nets[OURS_EFFICIENT].parameters(), strict=True)
    if not all(torch.equal(a.grad, b.grad) for a, b in pairs):
        raise SystemExit("the gradients of the two forms differ")


def ratio(seconds: list[float], reference: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(seconds, reference, strict=True)), 3)


if __name__ == "__main__":
    main()
