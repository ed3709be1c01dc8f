"""The block gallery: a page a block with what it costs, its drawing and its code."""

import inspect
from importlib import import_module

from cladenet.analysis.gallery import BLOCKS, show
from website.drawings import drawing_of_block
from website.page import Page, fenced, plain, table

SECTION = "Blocks"


def block_pages() -> list[Page]:
    """A page for each block of `cladenet blocks`; docs/blocks.md is their list."""
    return [Page(f"blocks/{name}.md", _block(name), SECTION) for name in BLOCKS]


def _block(name: str) -> str:
    block = show(name)
    shapes = " -> ".join("x".join(map(str, shape)) for shape in (block.input, block.output))
    lines = [f"# `{name}`", "", plain(block.idea), "", f"{plain(block.origin)}. `{block.home}`."]
    svg = drawing_of_block(name)
    if svg is not None:
        lines += ["", f'<div class="drawing" markdown="0">{svg}</div>']
    row = (shapes, f"{block.params:,}", f"{block.macs:,}")
    lines += ["", table(("shapes", "params", "MACs"), [row], "lrr")]
    code = [_source(home) for home in block.home.split(", ")]
    lines += ["", "## The code", "", *(fenced(text, "python") for text in code if text)]
    lines += ["", "## Run it", "", fenced(_run_it(name), "python")]
    return "\n".join(lines)


def _run_it(name: str) -> str:
    channels, height, width = BLOCKS[name].input
    return "\n".join(
        [
            "import torch",
            "from cladenet.analysis.gallery import BLOCKS",
            "",
            f'block = BLOCKS["{name}"].make().eval()',
            f"output = block(torch.randn(1, {channels}, {height}, {width}))",
            "print(tuple(output.shape))",
        ]
    )


def _source(home: str) -> str:
    """The source of "package.module.name"; empty where the home is no such place."""
    module, _, name = home.rpartition(".")
    if not module.startswith("cladenet.") or not name.isidentifier():
        return ""
    value = getattr(import_module(module), name, None)
    return inspect.getsource(value) if inspect.isfunction(value) or inspect.isclass(value) else ""
