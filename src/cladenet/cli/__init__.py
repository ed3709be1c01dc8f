"""The command line: one table of commands, each in a module that is imported when it is asked for.

`cladenet --help` therefore answers in the time Python takes to start.
"""

import argparse
import errno
import gc
import os
import re
import select
import signal
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import Any, NoReturn

from cladenet import __version__
from cladenet.cli.help import Translated
from cladenet.errors import BadArgument, CladeNetError, Interrupted, StorageError
from cladenet.suggest import hint, nearest
from cladenet.translations import check_language, show, translated

# Folder of this package -> its commands, in the order of the help. A command NAME is the module
# FOLDER/NAME_command.py.
GROUPS = {
    "runs": {
        "train": "train a network on a data set; resume or fine-tune a run",
        "evaluate": "evaluate runs: errors with intervals, test-time augmentation, ensembles",
        "predict": "predict the top classes of images: files, folders, shards or a list",
        "compare": "compare finished runs: errors with intervals, costs, curves, settings",
        "explain": "write a page on why a run answers as it does: mistakes, labels, features",
    },
    "datasets": {
        "check": "check a data set: unreadable, duplicate, leaking, imbalanced, too small",
        "index": "read shards once and keep an index beside them, with checksums and labels",
    },
    "networks": {
        "models": "list the networks as a table or tree: year, params, MACs, printed error",
        "info": "describe one network: paper, facts, ancestors and descendants, layers",
        "blocks": "building blocks of the networks: shapes, params, MACs, where they come from",
        "recipes": "show training recipes: each number with its source",
    },
    "search": {
        "search": "search for an architecture: random, aging evolution and others",
    },
    "study": {
        "experiment": "run a paper's claim as trainings that are compared, with a verdict",
    },
    "weights": {
        "import": "turn a weights file (torchvision, timm and others) into a checkpoint",
        "export": "write a trained network as ONNX, OpenVINO, torch, or in the names of timm",
        "verify": "try an exported file again: its preprocessing, its answers, every runtime",
        "convert": "write the inference network of a trained network (CondenseNet)",
    },
    "serving": {
        "serve": "answer over HTTP: an API for programs and a page for people",
        "watch": "show the curves of runs in a browser while they are trained",
    },
    "machine": {
        "bench": "measure speed here: inference, training, input pipeline, hardware limits",
        "env": "show this machine: processor features, usable threads, versions",
        "completion": "print a script that completes commands and networks in bash or zsh",
    },
}
_NO_NUMBER = re.compile(r"argument (\S+): invalid (int|float) value: (.*)")
COMMANDS = {name: text for group in GROUPS.values() for name, text in group.items()}
FOLDERS = {name: folder for folder, group in GROUPS.items() for name in group}


def command() -> int:
    """`main` as the whole of a process."""
    status = main()
    # At its end the interpreter looks for garbage among all that is left, which with torch takes it
    # a fifth of the processor time of a prediction. Nothing is freed that the system would not.
    gc.freeze()
    return status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status (see `cladenet.errors`)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    while "--debug" in words:
        words.remove("--debug")
    _escape_what_cannot_be_written()
    try:
        check_language()
        status = _dispatch(words)
        print(end="", flush=True)
        return status
    except (CladeNetError, Interrupted) as error:
        if debug:
            raise
        if str(error):
            show(f"cladenet: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        show("cladenet: interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        left = error.errno == errno.EPIPE and _reader_left()
        if not left and error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if left:  # `cladenet models | head`
            return 0
        show("cladenet: the disk that the output goes to is full", file=sys.stderr)
        return StorageError.exit_status
    except MemoryError:
        if debug:
            raise
        show("cladenet: memory ran out; use smaller images or batches", file=sys.stderr)
        return StorageError.exit_status
    finally:
        if "WORLD_SIZE" in os.environ:
            # A network that was distributed lies in a reference cycle and holds the group's
            # threads. Freed no earlier than at the interpreter's end, they ask for a lock that is
            # gone, and the process aborts with all its work done.
            gc.collect()


def _reader_left() -> bool:
    """Whether nobody reads what we print any more; a broken pipe may be another, to a process."""
    if not hasattr(select, "poll"):
        return True
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # a stream that is no file
            poll = select.poll()
            poll.register(stream.fileno(), 0)
            if poll.poll(0):  # an error, or a hang-up
                return True
    return False


def _escape_what_cannot_be_written() -> None:
    """A letter that the terminal's encoding has not is printed as `\\u4e2d`, and stops nothing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        show(_help())
        return 0
    if words[0] in ("-V", "--version"):
        print(f"cladenet {__version__}")
        return 0
    name = words[0]
    if name not in COMMANDS:
        near = nearest(name, COMMANDS, most=1)
        meant = f"did you mean `cladenet {near[0]}`? " if near else ""
        raise BadArgument(f"no command is called {name!r}; {meant}`cladenet --help` lists them all")
    import_module("cladenet.threads").prepare_threads(os.environ)  # before anything imports torch
    command = import_module(f"cladenet.cli.{FOLDERS[name]}.{name}_command")
    parser = (_DashesParser if "--" in words else _Parser)(
        prog=f"cladenet {name}", description=COMMANDS[name], formatter_class=Translated
    )
    command.add_arguments(parser)
    end = words.index("--") if "--" in words else len(words)
    rest, plain = words[1:end], map(_Plain, words[end + 1 :])
    parser.refuse_pairs(rest, getattr(command, "settings", tuple))
    if hasattr(command, "as_pairs"):
        rest = command.as_pairs(rest, parser)
    try:
        parsed, unknown = parser.parse_known_intermixed_args([*rest, *plain])
    except SystemExit as stop:  # argparse has printed its help
        return stop.code if isinstance(stop.code, int) else 0
    if unknown:
        parser.refuse_values(rest, getattr(command, "option_for", lambda word: ""))
        raise parser.unknown(unknown[0])
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # see __main__.py; `main` answers it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    status: int = command.run(parsed)
    return status


class _Parser(argparse.ArgumentParser):
    """argparse whose complaints are ours, and which knows what was nearly right."""

    def error(self, message: str) -> NoReturn:
        """Refuse the words that were given."""
        if number := _NO_NUMBER.fullmatch(message):
            option, kind, value = number.groups()
            expected = "a whole number" if kind == "int" else "a number"
            raise BadArgument(f"{option} is {value}; expected {expected}")
        raise BadArgument(f"{message}. `{self.prog} --help` lists its arguments")

    def format_usage(self) -> str:
        """In English, always: argparse cuts off the seven letters of `usage: `."""
        kept, self.formatter_class = self.formatter_class, argparse.HelpFormatter
        try:
            return super().format_usage()
        finally:
            self.formatter_class = kept

    def refuse_pairs(self, words: Sequence[str], settings: Callable[[], Collection[str]]) -> None:
        """Refuse `out=x` where `--out x` is meant; `settings()` are what the command takes so."""
        for before, word in zip(["", *words], words, strict=False):
            key, equals, value = word.partition("=")
            option = f"--{key.replace('_', '-')}"
            action = self._option_string_actions.get(option)
            takes_word = self._option_string_actions.get(before)
            if takes_word and takes_word.nargs != 0:
                continue
            if equals and action and not os.path.exists(word) and key not in settings():
                way = option if action.nargs == 0 else f"{option} {value or 'VALUE'}"
                raise BadArgument(f"{word} is not understood; write {way}")

    def refuse_values(self, words: Sequence[str], option_for: Callable[[str], str]) -> None:
        """Refuse `onnx` where `--format onnx` is meant; `option_for(word)` is the command's own."""
        for before, word in zip(["", *words], words, strict=False):
            takes_word = self._option_string_actions.get(before)
            if word.startswith("-") or (takes_word and takes_word.nargs != 0):
                continue
            options = [
                name
                for name, action in self._option_string_actions.items()
                if name.startswith("--") and word in map(str, action.choices or ())
            ]
            if option := next(iter(options), option_for(word)):
                way = f"{option} {word}"
                raise BadArgument(f"{word} is not understood; write {way}")

    def unknown(self, word: str) -> BadArgument:
        """The error for an option that there is not, or one word too many."""
        options = [name for name in self._option_string_actions if name.startswith("--")]
        plain = word.partition("=")[0].lstrip("-")
        for action in self._get_positional_actions():
            if word.startswith("--") and plain in (action.dest, action.dest.removesuffix("s")):
                return BadArgument(
                    f"`{self.prog}` takes {action.metavar or plain.upper()} as it is, without "
                    f"--{plain}: {self.prog} {action.metavar or plain.upper()}"
                )
        near = hint(word.partition("=")[0], options, most=2)
        if word.startswith("-"):
            return BadArgument(
                f"`{self.prog}` has no option {word!r}; {near}`{self.prog} --help` lists its "
                "arguments"
            )
        return BadArgument(
            f"`{self.prog}` has no place for {word!r}; `{self.prog} --help` lists its arguments"
        )


class _Plain(str):
    """A word that stood behind `--`: no option, whatever it looks like."""


class _DashesParser(_Parser):
    """Takes words behind `--` beside options; argparse itself takes none between them."""

    def _parse_optional(self, arg_string: str) -> Any:
        """What argparse asks of each word; None says that it is no option."""
        return None if isinstance(arg_string, _Plain) else super()._parse_optional(arg_string)


def _listed() -> list[str]:
    """The commands, an empty line after each group."""
    return [
        line
        for group in GROUPS.values()
        for line in (*(f"  {name:<12}{translated(text)}" for name, text in group.items()), "")
    ]


def _help() -> str:
    from cladenet.cli.text.tables import folded

    lines = [
        "cladenet: image classifiers from LeNet to ViT, true to their papers",
        "",
        "usage: cladenet COMMAND [arguments]      `cladenet COMMAND --help` tells more",
        "",
        *_listed(),
        "  --version  print the version          --debug  show the traceback of an error",
        "",
        "start here: cladenet train --data FOLDER          a folder of class folders",
        "            cladenet train lenet5_relu --data digits    no data at hand",
    ]
    return folded("\n".join(lines))
