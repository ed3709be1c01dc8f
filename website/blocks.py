"""The block gallery: a page a block with its drawing, equation, cost, code and ancestors."""

import inspect
import re
from html import escape
from importlib import import_module

from cladenet.analysis.drawing.rails import as_text
from cladenet.analysis.drawing.svg import as_svg
from cladenet.analysis.gallery import BLOCKS, show
from cladenet.ledger import families
from website.measured import phrase
from website.page import Page, fenced, plain, table
from website.words import WORDS, Language

SECTION = "Blocks"
GALLERY = "blocks.md"
COLUMNS = ("input", "output", "params", "macs", "of_a_convolution")


def block_pages(language: Language) -> list[Page]:
    """A page for each block of `cladenet blocks`; docs/blocks.md is their list."""
    return [Page(f"blocks/{name}.md", _block(name, language), SECTION) for name in BLOCKS]


def with_drawings(text: str, language: Language) -> str:
    """The gallery's page with each block's drawing below its heading, which leads to its page."""
    root = "" if language == "en" else "../"

    def drawing(heading: re.Match[str]) -> str:
        name = heading[1]
        if name not in BLOCKS:
            return heading[0]
        image = f'<img src="{root}assets/blocks/{name}.svg" alt="{name}" loading="lazy">'
        return f'{heading[0]}\n\n<p class="drawing"><a href="blocks/{name}.html">{image}</a></p>'

    return re.sub(r"^## (\w+).*$", drawing, text, flags=re.MULTILINE)


def block_drawing(name: str) -> str:
    """One block as SVG."""
    return as_svg([("", show(name).boxes)])


def _block(name: str, language: Language) -> str:
    words, block, kind = WORDS[language], show(name), BLOCKS[name]
    idea = block.idea if language == "en" else phrase(block.idea) or block.idea
    ancestors = ", ".join(f"[{other}]({other}.md)" for other in block.ancestors)
    origin = words["block_origin"].format(
        origin=plain(block.origin),
        family=f"[{families()[kind.family].title}](../families/{kind.family}.md)",
        ancestors=ancestors or words["nothing"],
    )
    root = "../" if language == "en" else "../../"
    alt = escape(f"{name}: {idea}")
    row = (*block.sizes, f"{block.params:,}", f"{block.macs:,}", block.share)
    lines = [
        f"# `{name}`",
        "",
        plain(idea),
        "",
        origin,
        "",
        fenced(block.equation, "text"),
        "",
        f'<p class="drawing"><img src="{root}assets/blocks/{name}.svg" alt="{alt}"></p>',
        "",
        table([words[key] for key in COLUMNS], [row], "llrrr"),
        "",
        f"## {words['block_text']} {{ #the-same-as-text }}",
        "",
        fenced(as_text(block.boxes), "text"),
    ]
    code = _code(block.home)
    if code:
        lines += [
            "",
            f"## {words['block_code']} {{ #the-code }}",
            "",
            *(fenced(text, "python") for text in code),
        ]
    lines += ["", f"## {words['block_run']} {{ #run-it }}", "", fenced(_run_it(name), "python")]
    return "\n".join(lines)


def _run_it(name: str) -> str:
    shape = ", ".join(map(str, BLOCKS[name].input))
    return "\n".join(
        [
            "import torch",
            "from cladenet.analysis.gallery import BLOCKS",
            "",
            f'block = BLOCKS["{name}"].make().eval()',
            f"output = block(torch.randn(1, {shape}))",
            "print(tuple(output.shape))",
        ]
    )


def _code(home: str) -> list[str]:
    """The sources of "package.module.Name, Other"; of what is no function or class, none."""
    found, module = [], ""
    for place in home.partition("(")[0].split(", "):
        named, _, name = place.rpartition(".")
        module = named or module
        value = getattr(import_module(module), name)
        if inspect.isfunction(value) or inspect.isclass(value):
            found.append(inspect.getsource(value))
    return found
