"""Docstrings to Markdown: paragraphs, tables of a paper, and lists of what goes in and out.

Each sentence or list of a docstring goes through `say`, which may put it into another language;
names, signatures and tables do not.
"""

import inspect
import re
import textwrap
from collections.abc import Callable

from website.page import plain

Say = Callable[[str], str]

SECTIONS = ("Args", "Attributes", "Returns", "Raises", "Yields")
_HEADING = re.compile(rf"^({'|'.join(SECTIONS)}):$", re.MULTILINE)
_ITEM = re.compile(r"^    (\*{0,2}\w[\w.]*): (.+(?:\n(?:        .*)?)*)", re.MULTILINE)


def parts(docstring: str) -> dict[str, str]:
    """The text before the first section, under "", then each section's text by its name."""
    pieces = _HEADING.split(inspect.cleandoc(docstring))
    return {"": pieces[0].strip(), **dict(zip(pieces[1::2], pieces[2::2], strict=True))}


def items(section: str) -> dict[str, str]:
    """What a section says of each name in it, in one line."""
    return {name: " ".join(text.split()) for name, text in _ITEM.findall(section + "\n")}


def same(text: str) -> str:
    """`say` of the language that docstrings are written in."""
    return text


def summary(docstring: str, say: Say = same) -> str:
    """The first paragraph, in one line."""
    first = re.split(r"\n\s*\n", inspect.cleandoc(docstring).strip(), maxsplit=1)[0]
    return plain(say(" ".join(first.split())))


def markdown(docstring: str, say: Say = same) -> str:
    """The whole docstring; indented lines are kept as they stand, in a block."""
    texts = parts(docstring)
    blocks = [prose(texts.pop(""), say)]
    for name, section in texts.items():
        listed = items(section)
        lines = [f"- `{item}`{say(': ')}{plain(say(text))}" for item, text in listed.items()]
        blocks.append(
            f"**{say(name)}**\n\n" + ("\n".join(lines) or prose(textwrap.dedent(section), say))
        )
    return "\n\n".join(blocks)


def prose(text: str, say: Say = same) -> str:
    """Paragraphs, and indented lines in a fence: tables of papers keep their columns."""
    blocks: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = block.splitlines()
        if lines and all(line.startswith("    ") for line in lines):
            code = "\n".join(line[4:] for line in lines)
            if blocks and blocks[-1].endswith("```"):
                blocks[-1] = blocks[-1][:-3] + f"\n{code}\n```"
            else:
                blocks.append(f"```text\n{code}\n```")
        elif lines:
            blocks += _mixed(lines, say)
    return "\n\n".join(blocks)


def _mixed(lines: list[str], say: Say) -> list[str]:
    """A paragraph that runs into indented lines, or out of them, without an empty one."""
    blocks: list[str] = []
    for line in lines:
        indented = line.startswith("    ")
        text = line[4:] if indented else line
        if blocks and blocks[-1].startswith("```") == indented:
            blocks[-1] = f"{blocks[-1]}\n{text}"
        else:
            blocks.append(f"```text\n{text}" if indented else text)
    return [f"{b}\n```" if b.startswith("```") else _sentences(b, say) for b in blocks]


def _sentences(text: str, say: Say) -> str:
    lines = text.splitlines()
    is_list = any(line.lstrip().startswith(("- ", "* ")) for line in lines)
    whole = "\n".join(lines) if is_list else " ".join(line.strip() for line in lines)
    return plain(say(whole))
