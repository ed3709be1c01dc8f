"""Recipes by name, and which one `paper` and `default` mean for a network and its images."""

from dataclasses import replace
from functools import cache
from importlib import import_module

from cladenet.errors import BadArgument
from cladenet.ledger.entry import Entry
from cladenet.recipes.recipe import Recipe
from cladenet.suggest import nearest

# Modules of recipes, ours first: what is looked for in vain comes to the last.
OURS = ("own", "quick")
ERAS = ("classic", "inception", "residual", "dense", "light", "searched", "transformer")

SMALL_IMAGE = 48  # pixels; at most this, `default` shifts instead of cropping


@cache
def all_recipes() -> dict[str, Recipe]:
    """Every recipe by its name."""
    return {name: recipe for module in (*OURS, *ERAS) for name, recipe in _of(module).items()}


def papers() -> dict[str, Recipe]:
    """Those of papers."""
    ours = {*_of("own"), *import_module("cladenet.recipes.quick").OWN}
    return {name: recipe for name, recipe in all_recipes().items() if name not in ours}


def find_recipe(name: str) -> Recipe | None:
    """The recipe of that name; a module is loaded where those before it do not have it."""
    for module in (*OURS, *ERAS):
        if recipe := _of(module).get(name):
            return recipe
    return None


def _of(module: str) -> dict[str, Recipe]:
    recipes: dict[str, Recipe] = import_module(f"cladenet.recipes.{module}").RECIPES
    return recipes


def network_of(recipe: str) -> str:
    """The network that a recipe was made for; empty where it was made for none, or is unknown."""
    found = find_recipe(recipe)
    return found.made_for if found else ""


def choose_recipe(
    name: str, entry: Entry, image_size: int, *, fine_tune: bool = False, exits: bool = False
) -> tuple[str, Recipe]:
    """The recipe meant by `name`, which may be `default` or `paper`, with its own name.

    `image_size` is the side of the network's input in pixels. The exits of a network that has
    several, of its own or with `exits`, are all trained, also by a recipe that knows of none.

    Raises:
        BadArgument: no recipe has that name, or the ledger knows none of the network's paper.
    """
    if name == "paper":
        name = entry.recipe
        if not name:
            raise BadArgument(
                f"the ledger has no recipe of a paper for {entry.name}; use --recipe default, or "
                "another by name"
            )
    elif name == "default":
        if fine_tune and image_size > SMALL_IMAGE:
            name = "fine_tune"
        elif image_size <= SMALL_IMAGE:
            name = "default_small"
    recipe = find_recipe(name)
    if recipe is None:
        there = ["paper", *all_recipes()]
        near = nearest(name, there)
        hint = f"nearest: {', '.join(near)}" if near else f"there are: {', '.join(there)}"
        raise BadArgument(
            f"no recipe is called {name!r}; {hint}. `paper` is the recipe of the network's own "
            "paper, `default` works well with little data"
        )
    if (entry.exits_params or exits) and not recipe.auxiliary:
        recipe = replace(recipe, auxiliary=1.0)
    return name, recipe
