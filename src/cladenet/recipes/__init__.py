"""Training recipes: what each paper prints, and one that does well on a small folder of images."""

from cladenet.recipes.choose import PAPERS, RECIPES, choose_recipe, network_of
from cladenet.recipes.recipe import Recipe

__all__ = ["PAPERS", "RECIPES", "Recipe", "choose_recipe", "network_of"]
