"""What Zensical is asked for: one configuration a language, written as TOML."""

import json
from pathlib import Path

import cladenet
from website.page import Page
from website.words import Language

TITLES: dict[Language, dict[str, str]] = {
    "en": {
        "": "Home",
        "Tutorials": "Tutorials",
        "Guides": "Guides",
        "families": "Families",
        "Blocks": "Blocks",
        "Commands": "Commands",
        "Python": "Python",
        "Measured": "Measured",
        "Project": "Project",
    },
    "zh": {
        "": "首页",
        "Tutorials": "教程",
        "Guides": "指南",
        "families": "网络家族",
        "Blocks": "模块",
        "Commands": "命令",
        "Python": "Python",
        "Measured": "实测",
    },
}
SITE_NAMES: dict[Language, str] = {"en": "cladenet", "zh": "cladenet"}
DESCRIPTIONS: dict[Language, str] = {
    "en": "The family tree of image classifiers, LeNet to ViT, as working software",
    "zh": "图像分类网络的家族树：从 LeNet 到 ViT，都能训练、评估和部署",
}
EXTENSIONS = (
    *("admonition", "attr_list", "def_list", "footnotes", "md_in_html", "tables"),
    *('"pymdownx.betterem"', '"pymdownx.inlinehilite"', '"pymdownx.superfences"'),
)
FEATURES = [
    "content.code.copy",
    "navigation.footer",
    "navigation.indexes",
    "navigation.path",
    "navigation.prune",
    "navigation.tabs",
    "navigation.top",
    "search.highlight",
    "toc.follow",
]
PALETTES = (
    ("(prefers-color-scheme)", "", "lucide/sun-moon", ("Light colours", "浅色")),
    ("(prefers-color-scheme: light)", "default", "lucide/sun", ("Dark colours", "深色")),
    ("(prefers-color-scheme: dark)", "slate", "lucide/moon", ("Colours of the system", "跟随系统")),
)


def write_settings(file: Path, language: Language, pages: list[Page]) -> None:
    """The configuration of one language.

    Args:
        file: to write; the sources lie in the folder `docs` beside it, the HTML will in `site`.
        language: of the site.
        pages: in the order of the navigation.
    """
    zh = language == "zh"
    lines = [
        "[project]",
        *_values(
            site_name=SITE_NAMES[language],
            site_description=DESCRIPTIONS[language],
            site_dir="site",
            docs_dir="docs",
            use_directory_urls=False,
            extra_css=["assets/site.css"],
            extra_javascript=["assets/site.js", "assets/switch.js"],
            copyright=f"cladenet {cladenet.__version__}, Apache-2.0",
            nav=_navigation(language, pages),
        ),
        "[project.plugins.offline]",
        "[project.plugins.search]",
        # The theme's own set anchors every line of code, which screen readers then read out.
        *(f"[project.markdown_extensions.{name}]" for name in EXTENSIONS),
        "[project.markdown_extensions.toc]",
        "permalink = true",
        '[project.markdown_extensions."pymdownx.highlight"]',
        "pygments_lang_class = true",
        "[project.theme]",
        *_values(language="zh" if zh else "en", font=False, custom_dir="theme", features=FEATURES),
    ]
    for media, scheme, icon, names in PALETTES:
        lines += ["[[project.theme.palette]]", f"media = {json.dumps(media)}"]
        lines += [f"scheme = {json.dumps(scheme)}"] if scheme else []
        lines += [f'toggle.icon = "{icon}"', f"toggle.name = {_text(names[zh])}"]
    alternate = [
        {"name": "English", "link": "../index.html" if zh else "index.html", "lang": "en"},
        {"name": "中文", "link": "index.html" if zh else "zh/index.html", "lang": "zh"},
    ]
    polyfill = {"path": "assets/iframe-worker.js", "type": "text/javascript"}
    lines += ["[project.extra]", f"alternate = {_inline(alternate)}"]
    lines += [f"polyfills = {_inline([polyfill])}", "generator = false"]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _navigation(language: Language, pages: list[Page]) -> list[object]:
    sections: dict[str, list[Page]] = {}
    for page in pages:
        sections.setdefault(page.section, []).append(page)
    nav: list[object] = []
    for section, title in TITLES[language].items():
        listed = [{page.title: page.path} for page in sections.get(section, [])]
        nav += [{title: "index.md"}] if not section else [{title: listed}] if listed else []
    return nav


def _values(**values: object) -> list[str]:
    return [f"{key} = {_inline(value)}" for key, value in values.items()]


def _inline(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_text(k)} = {_inline(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
