"""The command line: one table of commands, each in a module that is imported when it is asked for.

`cladenet --help` therefore answers in the time Python takes to start.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

from cladenet import __version__
from cladenet.errors import BadArgument, CladeNetError

COMMANDS = {
    "models": "the family tree as a table or tree: year, params, MACs, printed error",
    "info": "one network: paper, ideas, ledger facts, ancestors and descendants, layers",
    "train": "train a network on a data set; resume or fine-tune a run",
    "evaluate": "top-1 and top-5 error of a run, with intervals, per class, confusion",
    "predict": "the likeliest classes of images, files, folders or a list",
    "check": "the doctor: unreadable, duplicate, leaking, imbalanced, too small",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status (see `cladenet.errors`)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        return _dispatch(words)
    except CladeNetError as error:
        if debug:
            raise
        if str(error):
            print(f"cladenet: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("cladenet: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `cladenet models | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if words[0] in ("-V", "--version"):
        print(f"cladenet {__version__}")
        return 0
    name = words[0]
    if name not in COMMANDS:
        near = get_close_matches(name, COMMANDS, n=1)
        hint = f"; did you mean `cladenet {near[0]}`?" if near else ""
        raise BadArgument(
            f"no command is called {name!r}{hint} `cladenet --help` lists all {len(COMMANDS)}"
        )
    command = import_module(f"cladenet.cli.{name}_command")
    parser = argparse.ArgumentParser(prog=f"cladenet {name}", description=COMMANDS[name])
    command.add_arguments(parser)
    try:
        parsed = parser.parse_intermixed_args(words[1:])
    except SystemExit as stop:  # argparse has printed its usage or its help
        return stop.code if isinstance(stop.code, int) else 2
    status: int = command.run(parsed)
    return status


def _help() -> str:
    lines = [
        "cladenet: image classifiers from LeNet to ViT, true to their papers",
        "",
        "usage: cladenet COMMAND [arguments]      `cladenet COMMAND --help` tells more",
        "",
        *(f"  {name:<10}{summary}" for name, summary in COMMANDS.items()),
        "",
        "  --version  print the version          --debug  show the traceback of an error",
        "",
        "start here: cladenet train lenet5 --data digits",
    ]
    return "\n".join(lines)
