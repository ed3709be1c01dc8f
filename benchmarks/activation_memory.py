"""Memory of one training step: activations kept, or computed again in the backward pass.

    python benchmarks/activation_memory.py

Each case is a process of its own with one thread: a step on 2 images, so that the optimiser's
memory is there, then one step on a batch of random images: forward, backward, SGD with momentum.
Its peak is the process's highest resident memory as Linux counts it, Python and torch included;
`step_mib` is what the step added to the memory of the moment before. All forms of a network must
agree on loss and norm of the gradient to the last bit, or nothing is written. The plain ResNet-1202
at batch 128 is not run, since many a machine has less memory: its figure is a straight line through
two smaller batches, and the same line for the other form is held against its measurement.
`holes kept` is the form without the calls that make glibc give back what is free in its heap.
What is written: benchmarks/results/activation_memory.json.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

RESULT = Path(__file__).parent / "results" / "activation_memory.json"
MIB = 1024  # KiB, in which Linux counts


class Case(NamedTuple):
    """One network in one form at one batch size."""

    network: str
    form: str  # plain, efficient, block, stage; the library, if it is another, in front
    batch: int
    size: int = 32


CASES = [
    *(
        Case("resnet110_cifar", form, 128)
        for form in ("plain", "block", "block, holes kept", "stage")
    ),
    *(Case("resnet1202_cifar", form, batch) for batch in (8, 16) for form in ("plain", "block")),
    Case("resnet1202_cifar", "block", 128),
    *(
        Case("densenet_bc_100_12_cifar", form, 64)
        for form in ("plain", "efficient", "block", "efficient, block")
    ),
    *(
        Case("densenet121", form, 8, 224)
        for form in (
            *("plain", "efficient"),
            *("torchvision", "torchvision, efficient", "timm", "timm, efficient"),
        )
    ),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--only", default="", help="networks whose name begins so")
    parser.add_argument("--case", help="for the processes that this one starts")
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measured(Case(*json.loads(options.case)))))
        return
    rows = []
    for case in CASES:
        if case.network.startswith(options.only):
            rows.append(in_a_process(case))
            print(described(rows[-1]), flush=True)
    refuse_what_differs(rows)
    from machine import machine  # it imports torch, which only the cases' processes need before

    result = {"machine": machine(threads=1), "steps": rows, "ratios": dict(ratios(rows))}
    if any(row["network"] == "resnet1202_cifar" for row in rows):
        result["resnet1202 at batch 128"] = at_batch_128(rows)
    print(json.dumps({key: result[key] for key in result if key != "steps"}, indent=2))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written: {options.out}")


def in_a_process(case: Case) -> dict[str, Any]:
    command = [sys.executable, __file__, "--case", json.dumps(case)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{case} ended with {done.returncode}:\n{done.stderr}")
    return {**case._asdict(), **json.loads(done.stdout.splitlines()[-1])}


def measured(case: Case) -> dict[str, Any]:
    """Run in a process that does nothing else."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = build(case).train()
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, fused=True)

    def step(batch: int) -> float:
        images = torch.randn(batch, 3, case.size, case.size)
        loss = F.cross_entropy(model(images), torch.arange(batch) % 10)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    step(2)
    before, wall, cpu = memory("VmRSS"), time.perf_counter(), time.process_time()
    loss = step(case.batch)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    counters = [v for k, v in model.state_dict().items() if k.endswith("num_batches_tracked")]
    return {
        "peak_mib": round(memory("VmHWM") / MIB),
        "step_mib": round((memory("VmHWM") - before) / MIB),
        "seconds": round(wall, 2),
        "cpu_seconds": round(cpu, 2),
        "loss": loss,
        "gradient_norm": torch.nn.utils.get_total_norm(gradients).item(),
        "updates_of_statistics_a_step": sorted({int(counter) / 2 for counter in counters}),
    }


def build(case: Case) -> Any:
    import cladenet
    from cladenet.layers.methods import checkpointing
    from cladenet.vision import torchvision

    library, efficient = case.form.partition(",")[0], "efficient" in case.form
    if library in ("torchvision", "timm"):
        torchvision()
        from torchvision import models

        if library == "torchvision":
            return models.get_model(case.network, memory_efficient=efficient)
        import timm

        model = timm.create_model(case.network)
        model.set_grad_checkpointing(efficient)
        return model
    if "holes kept" in case.form:
        checkpointing._trim = None
    arguments: dict[str, Any] = {"memory_efficient": True} if efficient else {}
    net = cladenet.create_model(case.network, **arguments)
    for every in checkpointing.EVERY:
        if every in case.form:
            checkpointing.checkpoint_activations(net, every)
    return net


def memory(which: str) -> int:
    """VmRSS or VmHWM of this process, in KiB: resident now, and at the most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(which))


def refuse_what_differs(rows: list[dict[str, Any]]) -> None:
    """Every form of a network computes the same loss and gradient, or the comparison is void."""
    first: dict[Any, dict[str, Any]] = {}
    for row in rows:
        if row["form"].startswith(("torchvision", "timm")):
            continue  # other random weights
        reference = first.setdefault((row["network"], row["batch"]), row)
        for figure in ("loss", "gradient_norm"):
            if row[figure] != reference[figure]:
                raise SystemExit(f"{figure} of {row} is not that of {reference}")


def ratios(rows: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, float]]]:
    """Memory that the step adds, and CPU time, as shares of the plain form's."""
    plain = {(r["network"], r["batch"]): r for r in rows if r["form"] == "plain"}
    for row in rows:
        reference = plain.get((row["network"], row["batch"]))
        if reference and row is not reference:
            yield (
                f"{row['network']}, batch {row['batch']}, {row['form']}",
                {
                    "memory": round(row["step_mib"] / reference["step_mib"], 3),
                    "cpu_time": round(row["cpu_seconds"] / reference["cpu_seconds"], 2),
                },
            )


def at_batch_128(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Straight lines through the peaks at batch 8 and 16."""
    peak = {
        (row["form"], row["batch"]): row["peak_mib"]
        for row in rows
        if row["network"] == "resnet1202_cifar"
    }

    def line(form: str) -> int:
        return round(peak[form, 16] + (128 - 16) * (peak[form, 16] - peak[form, 8]) / 8)

    return {
        "plain_mib_by_the_line": line("plain"),
        "block_mib_by_the_line": line("block"),
        "block_mib_measured": peak["block", 128],
    }


def described(row: dict[str, Any]) -> str:
    return (
        f"{row['network']}, {row['form']}, batch {row['batch']}: peak {row['peak_mib']:,} MiB, "
        f"the step {row['step_mib']:,} MiB, {row['cpu_seconds']} CPU seconds"
    )


if __name__ == "__main__":
    main()
