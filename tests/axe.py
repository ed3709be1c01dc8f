"""axe-core, the accessibility checker, in a page of the browser: npm fetches it for a test run."""

import base64
import hashlib
import io
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

VERSION = "4.14.1"
# Of the archive, as the registry publishes it.
SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
_RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(
  (found) => done(found.violations.map((each) => [
    each.impact, each.id, each.nodes.length, each.nodes[0].html.slice(0, 160)])),
  (error) => done([["critical", String(error), 0, ""]]));
"""


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The checker's script; the tests skip where npm or its registry is missing."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm on this machine, which fetches axe-core")
    folder = tmp_path_factory.mktemp("axe")
    command = [npm, "pack", f"axe-core@{VERSION}", "--silent"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    archive = folder / f"axe-core-{VERSION}.tgz"
    if done.returncode or not archive.is_file():
        pytest.skip(f"npm cannot fetch axe-core: {done.stderr.strip()[-200:]}")
    return script_of(archive)


def script_of(archive: Path) -> str:
    """The script in the archive, once its sum is the one above."""
    packed = archive.read_bytes()
    assert base64.b64encode(hashlib.sha512(packed).digest()).decode() == SHA512
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        member = tar.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()


def serious(browser: Any, axe: str) -> list[list[Any]]:
    """Impact, rule, number of places and the first one, of what is serious or critical."""
    browser.set_script_timeout(60)
    browser.execute_script(axe)
    found: list[list[Any]] = browser.execute_async_script(_RUN)
    return [each for each in found if each[0] in ("serious", "critical")]
