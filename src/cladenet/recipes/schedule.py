"""The learning rate as a function of how much of the run has passed."""

import math

from cladenet.recipes.recipe import Recipe


def lr_at(recipe: Recipe, step: int, total: int, drops: int = 0) -> float:
    """Learning rate of `step` (from 0) of `total`; `drops` is how often `plateau` has fallen."""
    return recipe.lr * multiple_at(recipe, step / total, drops)


def multiple_at(recipe: Recipe, progress: float, drops: int = 0) -> float:
    """The rate as a multiple of `recipe.lr` after a fraction `progress` of the run."""
    if progress < recipe.warmup:
        if recipe.warmup_shape == "constant":
            return recipe.warmup_lr
        return recipe.warmup_lr + (1 - recipe.warmup_lr) * progress / recipe.warmup
    if recipe.schedule == "step":
        passed = [
            to for at, to in zip(recipe.drop_at, recipe.drop_to, strict=True) if progress >= at
        ]
        return passed[-1] if passed else 1.0
    if recipe.schedule == "exponential":
        return recipe.drop_factor ** parts_passed(progress, recipe.drop_parts)
    if recipe.schedule == "plateau":
        return recipe.drop_factor**drops
    rest = (progress - recipe.warmup) / (1 - recipe.warmup) if recipe.warmup < 1 else 1.0
    if recipe.schedule == "cosine":
        rest = _in_cycle(rest, recipe.cycles) if recipe.cycles > 1 else rest
        return recipe.final_lr + (1 - recipe.final_lr) * (1 + math.cos(math.pi * rest)) / 2
    # Smith 2018: up and down linearly; the warm-up is the way up.
    if recipe.schedule in ("linear", "one_cycle"):
        return 1 - (1 - recipe.final_lr) * rest
    return 1.0


def parts_passed(progress: float, parts: int) -> int:
    """How many of `parts` equal parts lie behind: the largest k with k / parts <= progress.

    `progress * parts` may come out below the whole number it stands for, and the rate would fall
    a step late; two quotients of the same ratio are the same number.
    """
    nearest = round(progress * parts)
    return nearest if nearest / parts <= progress else nearest - 1


def _in_cycle(progress: float, cycles: int) -> float:
    """How much of its cycle has passed, where each of `cycles` is twice as long as the one before.

    Loshchilov, Hutter. SGDR. ICLR 2017. arXiv:1608.03983, with T_mult = 2.
    """
    first = 1 / (2**cycles - 1)
    passed = min(cycles - 1, int(math.log2(progress / first + 1 + 1e-12)))
    return (progress - first * (2**passed - 1)) / (first * 2**passed)
