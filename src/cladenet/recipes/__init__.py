"""Training recipes: what each paper prints, and one that does well on a small folder of images.

`RECIPES` has all of them by name, `PAPERS` those of papers; both load every module of recipes, and
`choose_recipe` does not.
"""

from cladenet.recipes.choose import all_recipes, choose_recipe, network_of, papers
from cladenet.recipes.recipe import Recipe

__all__ = ["PAPERS", "RECIPES", "Recipe", "choose_recipe", "network_of"]


def __getattr__(name: str) -> dict[str, Recipe]:
    if name == "RECIPES":
        return all_recipes()
    if name == "PAPERS":
        return papers()
    raise AttributeError(f"module 'cladenet.recipes' has no attribute {name!r}")
