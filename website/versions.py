"""Versions of the site side by side: `latest`, and a folder for each release that was built.

site/index.html     leads to latest/
site/versions.js    the list that the switch in every page reads, also from disk
site/latest/        the checkout as it is, Chinese pages in zh/
site/0.2.0/         the same of a checkout with the tag v0.2.0; later builds leave it alone
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

LATEST = "latest"
LIST = "versions.js"
_TAG = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
_HOME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>cladenet</title>
<script>
const chinese = /^zh\\b(?!-(TW|HK|MO|Hant))/i.test(navigator.language);
location.replace(`latest/${chinese ? "zh/" : ""}index.html`);
</script>
<noscript><meta http-equiv="refresh" content="0; url=latest/index.html"></noscript>
</head>
<body>
<p><a href="latest/index.html">cladenet</a></p>
<p><a href="latest/zh/index.html" lang="zh-CN">cladenet 中文</a></p>
</body>
</html>
"""


def release_of(checkout: Path) -> str:
    """The release that the checkout is, such as "0.2.0"; empty where HEAD has no such tag."""
    git = ["git", "tag", "--points-at", "HEAD"]
    done = subprocess.run(git, cwd=checkout, capture_output=True, text=True)
    found = [match for match in map(_TAG.fullmatch, done.stdout.split()) if match]
    return max(found, key=_numbers)[0][1:] if found else ""


def _numbers(tag: re.Match[str]) -> tuple[int, ...]:
    return tuple(map(int, tag.groups()))


def versions(site: Path) -> list[str]:
    """What lies in the site: `latest`, then releases, the newest first."""
    found = [_TAG.fullmatch(f"v{folder.name}") for folder in site.iterdir() if folder.is_dir()]
    releases = sorted((match for match in found if match), key=_numbers, reverse=True)
    names = [match[0][1:] for match in releases]
    return [LATEST, *names] if (site / LATEST).is_dir() else names


def add_version(built: Path, site: Path, release: str) -> None:
    """Put a site that was just built into its places, list all, and lead the first page to it.

    Args:
        built: the pages of one version; moved.
        site: what holds the versions; those of other releases stay as they are.
        release: whose folder gets the pages beside `latest`; none where it is empty.
    """
    site.mkdir(parents=True, exist_ok=True)
    for name in [release, LATEST] if release else [LATEST]:
        shutil.rmtree(site / name, ignore_errors=True)
        shutil.copytree(built, site / name)
    shutil.rmtree(built)
    names = json.dumps(versions(site))
    (site / LIST).write_text(f"window.CLADENET_VERSIONS = {names};\n", encoding="utf-8")
    (site / "index.html").write_text(_HOME, encoding="utf-8")


def page_list(pages: dict[str, list[str]]) -> str:
    """assets/pages.js: which pages a version has in which language, for the switches."""
    listed = json.dumps(pages, separators=(",", ":"))
    return f"window.CLADENET_PAGES = {listed};\n"
