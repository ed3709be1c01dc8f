"""The reference of the command line, from the parsers themselves."""

import argparse
from dataclasses import MISSING, Field, fields
from importlib import import_module
from typing import Any, Literal, get_args, get_origin

from cladenet.cli import COMMANDS, FOLDERS, GROUPS
from cladenet.recipes import Recipe
from cladenet.runs.folder.config import RunConfig, option_kinds
from cladenet.translations.text import in_language
from website.docstrings import items, parts
from website.measured import phrase
from website.page import Page, fenced, plain, table
from website.words import WORDS, Language

SECTION = "Commands"
COLUMNS = ("argument", "takes", "default", "what_it_does")
_SKIPPED = (argparse._HelpAction, argparse._VersionAction)


def command_pages(language: Language) -> list[Page]:
    """A page for each command of `cladenet --help`, one for the options of a run, and a list."""
    return [
        Page("commands/index.md", _index(language), SECTION),
        *(Page(f"commands/{name}.md", _command(name, language), SECTION) for name in COMMANDS),
        Page("commands/options.md", _options(language), SECTION),
    ]


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of one command, as `cladenet NAME` has it."""
    command = import_module(f"cladenet.cli.{FOLDERS[name]}.{name}_command")
    parser = argparse.ArgumentParser(prog=f"cladenet {name}", description=COMMANDS[name])
    command.add_arguments(parser)
    return parser


def _index(language: Language) -> str:
    words = WORDS[language]
    lines = [f"# {words['commands']}", "", words["commands_intro"]]
    for folder, group in GROUPS.items():
        rows = [
            (f"[`{name}`]({name}.md)", plain(_said(text, language))) for name, text in group.items()
        ]
        headings = (words["command"], words["what_it_does"])
        lines += [
            "",
            f"## {words[f'commands_{folder}']} {{ #{folder} }}",
            "",
            table(headings, rows),
        ]
    return "\n".join([*lines, "", words["commands_more"]])


def _said(text: str, language: Language) -> str:
    """A text of `--help` as `cladenet` has it in that language."""
    return text if language == "en" else in_language(language, text)


def _command(name: str, language: Language) -> str:
    does = _said(COMMANDS[name], language)
    ends = "." if language == "en" else "。"
    lines = [f"# `cladenet {name}`", "", f"{does[0].upper()}{does[1:]}{ends}"]
    return "\n".join(lines + _parser(parser_of(name), "##", language))


def _parser(parser: argparse.ArgumentParser, level: str, language: Language) -> list[str]:
    """Usage, arguments, epilogue, and the same for each command within the command."""
    words = WORDS[language]
    lines = ["", fenced(parser.format_usage().removeprefix("usage: "), "text")]
    rows = [
        _argument(action, language)
        for action in parser._actions
        if not isinstance(action, (*_SKIPPED, argparse._SubParsersAction))
        and action.help != argparse.SUPPRESS
    ]
    if rows:
        lines += ["", f"{level} {words['arguments']}", "", table([words[k] for k in COLUMNS], rows)]
    if parser.epilog:
        lines += ["", plain(" ".join(_said(parser.epilog, language).split()))]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inner in action.choices.items():
                lines += ["", f"{level} `{parser.prog} {word}`"]
                lines += _parser(inner, level + "#", language)
    return lines


def _argument(action: argparse.Action, language: Language) -> tuple[str, ...]:
    text = (action.help or "") % {**vars(action), "prog": ""} if action.help else ""
    return (
        ", ".join(f"`{word}`" for word in action.option_strings or [_name(action)]),
        _takes(action, WORDS[language]),
        "" if action.default in (None, False, "", argparse.SUPPRESS) else f"`{action.default}`",
        plain(_said(text, language)),
    )


def _name(action: argparse.Action) -> str:
    metavar = action.metavar if isinstance(action.metavar, str) else None
    return metavar or action.dest.upper()


def _takes(action: argparse.Action, words: dict[str, str]) -> str:
    if action.nargs == 0 or not action.option_strings:
        return ""
    if action.choices is not None:
        return words["or"].join(f"`{choice}`" for choice in action.choices)
    many = {"*": " ...", "+": " ...", "?": words["may_be_left_out"]}
    return f"`{_name(action)}`" + many.get(str(action.nargs), "")


def _options(language: Language) -> str:
    words, takes = WORDS[language], option_kinds()
    lines = [f"# {words['options']}", "", words["options_intro"]]
    headings = [words[key] for key in ("key", "type", "default", "meaning")]
    for key, kind in (("run", RunConfig), ("recipe", Recipe)):
        meanings = items(parts(kind.__doc__ or "")["Attributes"])
        rows = [
            (
                f"`{field.name}`",
                _type(field, words),
                _default(field),
                plain(_meaning(meanings[field.name], language)),
            )
            for field in fields(kind)
            if field.name in takes
        ]
        lines += ["", f"## {words[f'options_{key}']} {{ #the-{key} }}", "", table(headings, rows)]
    return "\n".join(lines)


def _meaning(text: str, language: Language) -> str:
    return text if language == "en" else phrase(text) or text


def _type(field: "Field[Any]", words: dict[str, str]) -> str:
    if get_origin(field.type) is Literal:
        return words["or"].join(f"`{value}`" for value in get_args(field.type))
    kind = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", "")
    known = kind if isinstance(field.type, type) else str(field.type)
    return "`" + known.replace("typing.", "").replace("Literal", "") + "`"


def _default(field: "Field[Any]") -> str:
    if field.default is MISSING:
        return ""
    return f"`{field.default}`" if field.default != "" else ""
