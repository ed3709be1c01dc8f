"""Programs of torch.export, in torch."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from cladenet.errors import CheckpointError, first_line
from cladenet.export.description import KEY, Description
from cladenet.export.sessions.session import Array, Session
from cladenet.export.sessions.torch_session import TorchSession

PREPARE, NORMALISE = "prepare", "normalise"  # submodules of `formats.pixels_module`


def opened(path: Path, threads: int, lean: bool = False) -> Session:
    """The file, ready to run; `lean` changes nothing here.

    Raises:
        CheckpointError: it is damaged, or was not written here.
    """
    program, text = loaded(path)
    description = Description.from_text(text)
    shape = next(
        node.meta["val"].shape
        for node in program.graph.nodes
        if node.op == "placeholder" and node.name in program.graph_signature.user_inputs
    )
    sides = [side if isinstance(side, int) else None for side in shape]
    return TorchSession(program.module(), description, sides, threads)


def loaded(path: Path) -> tuple[Any, str]:
    """The program, and its metadata.

    Raises:
        CheckpointError: it is damaged, or was not written here.
    """
    notes = {KEY: ""}
    try:
        program = torch.export.load(io.BytesIO(path.read_bytes()), extra_files=notes)
    except Exception as error:  # the loader raises what its parts raise
        reason = first_line(error)
        raise CheckpointError(f"{path} cannot be read by torch: {reason}") from error
    if not notes[KEY]:
        raise CheckpointError(
            f"{path} does not say how images are prepared for it: it was not written by "
            "`cladenet export`"
        )
    return program, notes[KEY]


def tap(path: Path, session: TorchSession) -> Callable[[Array], list[Array]]:
    """What the last steps of the file's preparing and normalising parts give.

    The steps up to there are copied, and run without those that follow.
    """
    module: Any = session.module
    last: dict[str, Any] = {}
    for node in module.graph.nodes:
        for name, _ in (node.meta.get("nn_module_stack") or {}).values():
            part = name.rpartition(".")[2]
            if part in (PREPARE, NORMALISE) and isinstance(node.meta.get("val"), torch.Tensor):
                last[part] = node
    ends = [last[PREPARE], last[NORMALISE]]
    steps, copies = torch.fx.Graph(), dict[torch.fx.Node, torch.fx.Node]()
    for node in module.graph.nodes:
        if all(end in copies for end in ends):
            break
        copies[node] = steps.node_copy(node, copies.__getitem__)
    steps.output(tuple(copies[end] for end in ends))
    start = torch.fx.GraphModule(module, steps)

    def run(images: Array) -> list[Array]:
        with torch.inference_mode():
            return [found.numpy() for found in start(torch.from_numpy(images))]

    return run
