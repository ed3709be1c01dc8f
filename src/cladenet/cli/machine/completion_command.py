"""`cladenet completion`: a script by which bash or zsh completes commands and networks."""

import argparse
from importlib import import_module
from pathlib import Path

from cladenet.cli.text.completion import Words, bash, zsh
from cladenet.cli.weights.export_command import FILES
from cladenet.ledger import load
from cladenet.recipes import RECIPES

CLI = Path(__file__).parents[1]
SHELLS = {"bash": bash, "zsh": zsh}
EPILOG = """
bash: cladenet completion bash > ~/.local/share/bash-completion/completions/cladenet.
zsh: cladenet completion zsh > FOLDER/_cladenet, with a FOLDER of fpath. Make it anew after an
upgrade.
"""

# Commands whose words may be networks, and those that take key=value.
OF_NETWORKS = ("train", "info", "bench")
OF_PAIRS = ("train",)
FILES_TOO = ("--weights",)
LIBRARIES = ("torchvision", "timm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """SHELL."""
    parser.epilog = EPILOG
    parser.add_argument("shell", choices=list(SHELLS), help="the shell that completes")


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    files = sorted(CLI.glob("*/*_command.py"), key=lambda file: file.name)
    names = {file.stem.removesuffix("_command"): file.parent.name for file in files}
    commands = {name: _words(name, folder) for name, folder in names.items()}
    print(SHELLS[arguments.shell](commands), end="")
    return 0


def _words(name: str, folder: str) -> Words:
    """What the command's parser takes."""
    parser = argparse.ArgumentParser(prog=name)
    import_module(f"cladenet.cli.{folder}.{name}_command").add_arguments(parser)
    options: list[str] = []
    values: dict[str, tuple[str, ...]] = {}
    others: list[str] = list(load()) if name in OF_NETWORKS else []
    for action in parser._actions:
        choices = tuple(map(str, action.choices or ()))
        options += action.option_strings
        if not action.option_strings:
            others += choices
        elif action.nargs != 0:
            known = [_known(f"{name} {option}") for option in action.option_strings]
            values |= dict.fromkeys(action.option_strings, next(filter(None, known), choices))
    if name == "recipes":
        others += RECIPES
    if name in OF_PAIRS:
        from cladenet.runs.folder.config import option_kinds

        others += [f"{key}=" for key in option_kinds()]
    return Words(tuple(options), values, tuple(others), FILES_TOO)


def _known(option: str) -> tuple[str, ...]:
    """The values of options that are more than their parser lists."""
    if option == "train --recipe":
        return ("paper", *RECIPES)
    if option == "train --weights":
        return _names_of_weights()
    if option == "export --format":
        return (*FILES, *LIBRARIES)
    return ()


def _names_of_weights() -> tuple[str, ...]:
    """torchvision's networks, whose recommended weights these are, and timm's weights.

    What has a colon in it is left out: bash takes that for the end of a word.
    """
    from cladenet.weights.known import known_weights

    names = (each.source if ":" in each.name else each.name for each in known_weights().values())
    return tuple(dict.fromkeys(name for name in names if ":" not in name))
