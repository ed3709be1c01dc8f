"""Training recipes: what each paper prints, and one that does well on a small folder of images."""

from cladenet.recipes.choose import RECIPES, choose_recipe
from cladenet.recipes.recipe import Recipe

__all__ = ["RECIPES", "Recipe", "choose_recipe"]
