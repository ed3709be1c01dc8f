"""The reference of the command line, from the parsers themselves."""

import argparse
from dataclasses import MISSING, Field, fields
from importlib import import_module
from typing import Any, Literal, get_args, get_origin

from cladenet.cli import COMMANDS, FOLDERS, GROUPS
from cladenet.recipes import Recipe
from cladenet.runs.folder.config import RunConfig, option_kinds
from website.docstrings import items, parts
from website.page import Page, fenced, plain, table

SECTION = "Commands"
HEADINGS = ("argument", "takes", "default", "what it does")
_SKIPPED = (argparse._HelpAction, argparse._VersionAction)


def command_pages() -> list[Page]:
    """A page for each command of `cladenet --help`, one for the options of a run, and a list."""
    return [
        Page("commands/index.md", _index(), SECTION),
        *(Page(f"commands/{name}.md", _command(name), SECTION) for name in COMMANDS),
        Page("commands/options.md", _options(), SECTION),
    ]


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of one command, as `cladenet NAME` has it."""
    command = import_module(f"cladenet.cli.{FOLDERS[name]}.{name}_command")
    parser = argparse.ArgumentParser(prog=f"cladenet {name}", description=COMMANDS[name])
    command.add_arguments(parser)
    return parser


def _index() -> str:
    lines = ["# Commands", "", "Every command of `cladenet`, with all that it takes."]
    for folder, group in GROUPS.items():
        rows = [(f"[`{name}`]({name}.md)", plain(text)) for name, text in group.items()]
        lines += ["", f"## {folder.capitalize()}", "", table(("command", "what it does"), rows)]
    lines += [
        "",
        "Exit statuses are the same for all of them: [Exit statuses](../exit-codes.md). The "
        "options that `cladenet train` takes as `key=value` words are on a page of their own: "
        "[Options of a run](options.md).",
    ]
    return "\n".join(lines)


def _command(name: str) -> str:
    lines = [f"# `cladenet {name}`", "", f"{COMMANDS[name][0].upper()}{COMMANDS[name][1:]}."]
    return "\n".join(lines + _parser(parser_of(name), "##"))


def _parser(parser: argparse.ArgumentParser, level: str) -> list[str]:
    """Usage, arguments, epilogue, and the same for each command within the command."""
    lines = ["", fenced(parser.format_usage().removeprefix("usage: "), "text")]
    rows = [
        _argument(action)
        for action in parser._actions
        if not isinstance(action, (*_SKIPPED, argparse._SubParsersAction))
        and action.help != argparse.SUPPRESS
    ]
    if rows:
        lines += ["", f"{level} Arguments", "", table(HEADINGS, rows)]
    if parser.epilog:
        text = " ".join(parser.epilog.split())
        lines += ["", plain(text)]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inner in action.choices.items():
                lines += ["", f"{level} `{parser.prog} {word}`", *_parser(inner, level + "#")]
    return lines


def _argument(action: argparse.Action) -> tuple[str, ...]:
    return (
        ", ".join(f"`{word}`" for word in action.option_strings or [_name(action)]),
        _takes(action),
        "" if action.default in (None, False, "", argparse.SUPPRESS) else f"`{action.default}`",
        plain((action.help or "") % {**vars(action), "prog": ""} if action.help else ""),
    )


def _name(action: argparse.Action) -> str:
    metavar = action.metavar if isinstance(action.metavar, str) else None
    return metavar or action.dest.upper()


def _takes(action: argparse.Action) -> str:
    if action.nargs == 0 or not action.option_strings:
        return ""
    if action.choices is not None:
        return " or ".join(f"`{choice}`" for choice in action.choices)
    many = {"*": " ...", "+": " ...", "?": " (may be left out)"}
    return f"`{_name(action)}`" + many.get(str(action.nargs), "")


def _options() -> str:
    takes = option_kinds()
    lines = [
        "# Options of a run",
        "",
        "`cladenet train` takes each of these as a `key=value` word or as an option: `lr=0.05` is "
        "`--lr 0.05`. `cladenet.train` takes them as keyword arguments, and a `--config` file as "
        "lines. `model.KEY=VALUE` sets an argument of the network.",
    ]
    for title, kind in (("The run", RunConfig), ("The recipe", Recipe)):
        meanings = items(parts(kind.__doc__ or "")["Attributes"])
        rows = [
            (f"`{field.name}`", _type(field), _default(field), plain(meanings[field.name]))
            for field in fields(kind)
            if field.name in takes
        ]
        lines += ["", f"## {title}", "", table(("key", "type", "default", "meaning"), rows)]
    return "\n".join(lines)


def _type(field: "Field[Any]") -> str:
    if get_origin(field.type) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(field.type))
    kind = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", "")
    known = kind if isinstance(field.type, type) else str(field.type)
    return "`" + known.replace("typing.", "").replace("Literal", "") + "`"


def _default(field: "Field[Any]") -> str:
    if field.default is MISSING:
        return ""
    return f"`{field.default}`" if field.default != "" else ""
