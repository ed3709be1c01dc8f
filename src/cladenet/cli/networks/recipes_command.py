"""`cladenet recipes`: the training recipes, or one of them with its sources. Imports no torch."""

import argparse
import json
import re
from dataclasses import asdict, fields
from inspect import getdoc
from typing import Any

from cladenet.cli.text.tables import paragraph, table
from cladenet.errors import BadArgument
from cladenet.ledger import load, look_up
from cladenet.plural import counted
from cladenet.recipes import RECIPES, Recipe
from cladenet.suggest import hint
from cladenet.translations import translated

HEADINGS = ("recipe", "length", "batch", "optimiser", "lr", "schedule", "source")
ALWAYS = ("batch_size", "optimizer", "lr", "momentum", "weight_decay")  # also as they usually are
IN_WORDS = ("source", "departs", "made_for")  # fields that are no number to set
SHOWN_NETWORKS = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """[NAME] [--json]."""
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="a recipe, or a network for its paper's recipe"
    )
    parser.add_argument("--json", action="store_true", help="print every number as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print all recipes, or one.

    Raises:
        BadArgument: neither a recipe nor a network has this name, or the network has no recipe.
    """
    names = [_find(arguments.name)] if arguments.name else list(RECIPES)
    if arguments.json:
        print(json.dumps({name: asdict(RECIPES[name]) for name in names}, indent=2))
    elif arguments.name:
        print(_one(names[0], RECIPES[names[0]]))
    else:
        rows = [_row(name, RECIPES[name]) for name in names]
        print(table(HEADINGS, rows, right="lrrlr"))
    return 0


def _find(name: str) -> str:
    if name in RECIPES:
        return name
    entry = look_up(name)
    if name == "paper":
        raise BadArgument(
            "`--recipe paper` is the recipe of each network's own paper: `cladenet recipes NETWORK`"
        )
    if entry is None:
        raise BadArgument(
            f"no recipe or network is called {name!r}; {hint(name, [*RECIPES, *load()])}"
            "`cladenet recipes` lists the recipes"
        )
    if not entry.recipe:
        raise BadArgument(
            f"the ledger has no recipe of a paper for {entry.name}; `--recipe default` trains it, "
            "see `cladenet recipes default`"
        )
    return entry.recipe


def _row(name: str, recipe: Recipe) -> tuple[str, ...]:
    return (
        name,
        _length(recipe),
        f"{recipe.batch_size}",
        recipe.optimizer,
        f"{recipe.lr:.3g}",
        recipe.schedule,
        recipe.source,
    )


def _length(recipe: Recipe) -> str:
    return counted(recipe.steps, "step") if recipe.steps else counted(recipe.epochs, "epoch")


def _one(name: str, recipe: Recipe) -> str:
    """What it departs from the usual in, each number with what it means."""
    length = f"{_length(recipe)} of {counted(recipe.batch_size, 'image')}"
    if recipe.least_steps:
        length += f", at least {counted(recipe.least_steps, 'step')}"
    lines = [name, paragraph("source", recipe.source)]
    if recipe.departs:
        lines.append(paragraph("departs", recipe.departs))
    lines.append(paragraph("length", length))
    if recipe.made_for:
        lines.append(paragraph("made for", recipe.made_for))
    networks = [entry.name for entry in load().values() if entry.recipe == name]
    if networks:
        more = len(networks) - SHOWN_NETWORKS
        shown = ", ".join(networks[:SHOWN_NETWORKS]) + (f", and {more} more" if more > 0 else "")
        lines.append(paragraph("paper's of", shown))
    meanings = meanings_of_fields()
    numbers = [
        (f"{field.name}={_text(getattr(recipe, field.name))}", meanings[field.name])
        for field in fields(Recipe)
        if field.name not in IN_WORDS
        and (field.name in ALWAYS or getattr(recipe, field.name) != field.default)
    ]
    width = max(len(setting) for setting, _ in numbers) + 4
    lines += ["", *(paragraph("  " + setting, what, indent=width) for setting, what in numbers)]
    how = f"train with it: cladenet train NETWORK --data DATA --recipe {name} [key=value]"
    lines += ["", translated(how)]
    return "\n".join(lines)


def _text(value: Any) -> str:
    """As a `key=value` word has it."""
    if isinstance(value, tuple):
        return ",".join(f"{item:g}" for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def meanings_of_fields() -> dict[str, str]:
    """What the docstring of `Recipe` says of each field."""
    listed = (getdoc(Recipe) or "").partition("Attributes:")[2]
    found = re.findall(r"^    (\w+): (.+(?:\n        .+)*)", listed, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}
