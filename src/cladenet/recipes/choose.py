"""Recipes by name, and which one `paper` and `default` mean for a network and its images."""

from dataclasses import replace

from cladenet.errors import BadArgument
from cladenet.ledger import Entry
from cladenet.recipes import (
    classic,
    dense,
    inception,
    light,
    own,
    quick,
    residual,
    searched,
    transformer,
)
from cladenet.recipes.recipe import Recipe
from cladenet.suggest import nearest

PAPERS = {
    **classic.RECIPES,
    **inception.RECIPES,
    **residual.RECIPES,
    **dense.RECIPES,
    **light.RECIPES,
    **searched.RECIPES,
    **transformer.RECIPES,
    **quick.PAPERS,
}
RECIPES = {**own.RECIPES, **quick.OWN, **PAPERS}

SMALL_IMAGE = 48  # pixels; at most this, `default` shifts instead of cropping


def network_of(recipe: str) -> str:
    """The network that a recipe was made for; empty where it was made for none, or is unknown."""
    return RECIPES[recipe].made_for if recipe in RECIPES else ""


def choose_recipe(
    name: str, entry: Entry, image_size: int, *, fine_tune: bool = False
) -> tuple[str, Recipe]:
    """The recipe meant by `name`, which may be `default` or `paper`, with its own name.

    `image_size` is the side of the network's input in pixels. The exits of a network that has
    several are all trained, also by a recipe that knows of none.

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
    if name not in RECIPES:
        there = ["paper", *RECIPES]
        near = nearest(name, there)
        hint = f"nearest: {', '.join(near)}" if near else f"there are: {', '.join(there)}"
        raise BadArgument(
            f"no recipe is called {name!r}; {hint}. `paper` is the one of the network's paper, "
            "`default` does well on little data"
        )
    recipe = RECIPES[name]
    if entry.exits_params and not recipe.auxiliary:
        recipe = replace(recipe, auxiliary=1.0)
    return name, recipe
