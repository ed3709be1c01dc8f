"""Every link, picture, script and anchor of the finished HTML, and no request to elsewhere."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Attributes that the browser fetches by itself when it shows a page.
_FETCHED = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src")}
_FETCHED_RELATIONS = {"stylesheet", "icon", "preload", "preconnect", "modulepreload", "manifest"}


class _Page(HTMLParser):
    """What one page links to, fetches and can be linked to at."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note what this element has."""
        found = {name: value or "" for name, value in attributes}
        self.anchors |= {found[key] for key in ("id", "name") if key in found}
        relations = set(found.get("rel", "").split())
        if tag == "link" and relations & _FETCHED_RELATIONS:
            self.fetched.append(found.get("href", ""))
        elif tag in ("a", "link") and "href" in found:
            self.links.append(found["href"])
        self.fetched += [found[key] for kind, key in _FETCHED if kind == tag and key in found]


def broken_links(site: Path) -> list[str]:
    """`page: link` for each link to what is not there, and each request to elsewhere."""
    pages: dict[Path, _Page] = {}
    for file in sorted(site.rglob("*.html")):
        pages[file.resolve()] = page = _Page()
        page.feed(file.read_text(encoding="utf-8"))
    found = []
    for file, page in pages.items():
        name = file.relative_to(site.resolve())
        found += [f"{name}: fetches {url}" for url in page.fetched if urlsplit(url).netloc]
        found += [
            f"{name}: {url}"
            for url in dict.fromkeys([*page.links, *page.fetched])
            if not _leads_somewhere(url, file, pages)
        ]
    return found


def _leads_somewhere(url: str, file: Path, pages: dict[Path, _Page]) -> bool:
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        return True  # elsewhere; no page is fetched to see
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not target.is_file():
        return False
    wants_anchor = parts.fragment and target in pages and target.stem != "tree"
    return not wants_anchor or unquote(parts.fragment) in pages[target].anchors
