"""TorchScript files, in torch."""

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from cladenet.errors import CheckpointError, first_line, last_line
from cladenet.export.description import KEY, Description
from cladenet.export.sessions.session import Array, Session
from cladenet.export.sessions.torch_session import TorchSession


def opened(path: Path, threads: int, lean: bool = False) -> Session:
    """The file, ready to run; `lean` changes nothing here.

    Raises:
        CheckpointError: it is damaged, or was not written here.
    """
    script, text = loaded(path)
    description = Description.from_text(text)
    p = description.preprocess
    fixed = (p.height, p.width) if _has_one_size(description) else (None, None)
    if description.takes_pixels:
        return ScriptSession(script, description, (None, *fixed, p.channels), threads)
    return ScriptSession(script, description, (None, p.channels, *fixed), threads)


class ScriptSession(TorchSession):
    """A script in torch, whose errors begin with where in it they are."""

    reason = staticmethod(last_line)


def loaded(path: Path) -> tuple[Any, str]:
    """The script, and its metadata.

    Raises:
        CheckpointError: it is damaged, or was not written here.
    """
    notes: dict[str, Any] = {KEY: ""}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            script = torch.jit.load(
                io.BytesIO(path.read_bytes()), map_location="cpu", _extra_files=notes
            )
    except Exception as error:  # the loader raises what its parts raise
        reason = first_line(error)
        raise CheckpointError(f"{path} cannot be read by torch: {reason}") from error
    text = notes[KEY].decode() if isinstance(notes[KEY], bytes) else str(notes[KEY])
    if not text:
        raise CheckpointError(
            f"{path} does not say how images are prepared for it: it was not written by "
            "`cladenet export`"
        )
    return script, text


def tap(path: Path, session: TorchSession) -> Callable[[Array], list[Array]]:
    """What the file's parts called `prepare` and `normalise` give."""
    script: Any = session.module

    def run(images: Array) -> list[Array]:
        with torch.inference_mode():
            prepared = script.prepare(torch.from_numpy(images))
            return [prepared.numpy(), script.normalise(prepared).numpy()]

    return run


def _has_one_size(description: Description) -> bool:
    if description.takes_pixels:
        return description.preprocess.fit == "none"
    return not description.any_size
