"""What `--help` prints, in the language of the terminal."""

import argparse
import re
from collections.abc import Iterable
from typing import Any

from cladenet.translations import heading, translated
from cladenet.translations.width import wrap

_TITLE = re.compile(r"(?<=\n)([^\n ]*[^\x00-\x7f]):(?=\n)")


class Translated(argparse.HelpFormatter):
    """argparse's formatter, whose texts are translated, and then wrapped by columns."""

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[Any],
        prefix: str | None = None,
    ) -> None:
        """The line on how it is called."""
        begin = heading("usage: ") if prefix is None else prefix
        super().add_usage(usage, actions, groups, begin)

    def start_section(self, heading_: str | None) -> None:
        """A group of options."""
        super().start_section(heading_ and heading(heading_))

    def format_help(self) -> str:
        """The whole; the colon after a Chinese title is as wide as its letters."""
        return _TITLE.sub(r"\1：", super().format_help())

    def _expand_help(self, action: argparse.Action) -> str:
        return translated(super()._expand_help(action))

    def _split_lines(self, text: str, width: int) -> list[str]:
        return super()._split_lines(text, width) if text.isascii() else wrap(text, width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        plain = translated(text.strip())
        if plain.isascii():
            return super()._fill_text(text, width, indent)
        return "\n".join(indent + line for line in wrap(plain, width - len(indent)))
