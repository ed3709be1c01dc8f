"""From a clean checkout to a tag, or back to how it was."""

import datetime
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path

from release.changelog import Refused, check_number, unreleased, version_of
from release.files import current_version, write_version

Trial = Callable[[Path, list[Path]], None]


def make_release(root: Path, wanted: str, *, dry_run: bool, trial: Trial) -> list[Path]:
    """Check, write the version, build, try what was built, commit and tag. Nothing is uploaded.

    Args:
        root: the checkout.
        wanted: the new version.
        dry_run: do all of it but leave the checkout as it was, without commit and tag.
        trial: raises `Refused` where the built files do not work.

    Returns:
        The source distribution and the wheel, in dist/.

    Raises:
        Refused: a check fails; the checkout is as it was.
    """
    version, before = version_of(wanted), current_version(root)
    check_number(version, before, unreleased((root / "CHANGELOG.md").read_text()))
    tag = f"v{version}"
    if git(root, "status", "--porcelain", "--untracked-files=no"):
        raise Refused("the checkout has changes that are not committed; commit them first")
    if git(root, "tag", "--list", tag):
        raise Refused(f"the tag {tag} is there already")
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    written = write_version(root, version, date)
    try:
        built = build(root)
        trial(root, built)
        if not dry_run:
            git(root, "commit", "--quiet", "-m", f"release: {version}", "--", *written)
            git(root, "tag", "--annotate", tag, "-m", f"cladenet {version}")
    except BaseException:
        git(root, "checkout", "--quiet", "HEAD", "--", *written)
        raise
    if dry_run:
        git(root, "checkout", "--quiet", "HEAD", "--", *written)
    return built


def git(root: Path, *words: str) -> str:
    """What git prints.

    Raises:
        Refused: it fails.
    """
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)  # noqa: S607
    if done.returncode:
        raise Refused(f"git {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


def build(root: Path) -> list[Path]:
    """The source distribution and the wheel made of it, by PyPA's `build` in its own environment.

    Raises:
        Refused: they cannot be built.
    """
    out = root / "dist"
    for old in out.glob("cladenet-*"):
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="cladenet-release-") as name:
        venv.create(name, with_pip=True)
        python = str(Path(name) / "bin" / "python")
        run(python, "-m", "pip", "install", "--quiet", "build")
        run(python, "-m", "build", "--outdir", str(out), str(root))
    built = sorted(out.glob("cladenet-*"))
    if [file.suffix for file in built] != [".whl", ".gz"]:
        raise Refused(f"expected one wheel and one .tar.gz in {out}, found {built}")
    return built


def try_built(root: Path, built: list[Path]) -> None:
    """A dozen commands from each file, in a fresh environment with the versions of CI.

    Raises:
        Refused: one fails.
    """
    sys.path.insert(0, str(root / "tests" / "smoke"))
    from fresh import install

    from commands import run_all

    for file in built:
        print(f"trying {file.name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="cladenet-release-") as name:
            python = install(file, Path(name) / "environment", root / "constraints.txt")
            passed, failed = run_all(python)
        if failed:
            raise Refused(f"{file.name}: {failed} of {passed + failed} commands fail")


def run(*words: str) -> None:
    """A command whose output is shown.

    Raises:
        Refused: it fails.
    """
    if subprocess.run(words).returncode:
        raise Refused(f"failed: {' '.join(words)}")
