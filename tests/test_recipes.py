"""Recipes: the papers' numbers, and schedules by hand arithmetic."""

from dataclasses import replace

import pytest

from cladenet.errors import BadArgument
from cladenet.recipes import RECIPES, Recipe, choose_recipe
from cladenet.recipes.schedule import lr_at


def rates(recipe: Recipe, *steps: int) -> list[float]:
    return [lr_at(recipe, step, recipe.total_steps(1)) for step in steps]


def test_resnet_cifar_drops_at_32k_and_48k_of_64k() -> None:
    """He et al. 2016, Sec. 4.2."""
    recipe = RECIPES["resnet_cifar"]
    assert recipe.steps == 64_000
    assert (recipe.batch_size, recipe.momentum, recipe.weight_decay) == (128, 0.9, 1e-4)
    found = rates(recipe, 0, 31_999, 32_000, 47_999, 48_000, 63_999)
    assert found == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_resnet110_starts_at_a_tenth_for_400_steps() -> None:
    """He et al. 2016, Sec. 4.2: 0.01 for about 400 iterations, then 0.1."""
    recipe = RECIPES["resnet110_cifar"]
    assert rates(recipe, 0, 399, 400, 31_999) == pytest.approx([0.01, 0.01, 0.1, 0.1])


def test_lenet_follows_the_papers_passes() -> None:
    """LeCun et al. 1998, Sec. III-B: passes 1-2, 3-5, 6-8, 9-12, 13-20 in 5 : 2 : 1 : 0.5 : 0.1."""
    recipe = RECIPES["lenet"]
    assert recipe.epochs == 20
    of_pass = [lr_at(recipe, number, 20) / recipe.lr for number in range(20)]
    by_hand = [1.0] * 2 + [0.4] * 3 + [0.2] * 3 + [0.1] * 4 + [0.02] * 8
    assert of_pass == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("name", "batch_size", "lr", "weight_decay", "epochs"),
    [("alexnet", 128, 0.01, 5e-4, 90), ("vgg", 256, 0.01, 5e-4, 74)],
)
def test_plateau_recipes_have_the_printed_numbers(
    name: str, batch_size: int, lr: float, weight_decay: float, epochs: int
) -> None:
    """AlexNet Sec. 5, VGG Sec. 3.1: divided by ten, three times at the most."""
    recipe = RECIPES[name]
    printed = (batch_size, lr, weight_decay, epochs, 0.9)
    found = (recipe.batch_size, recipe.lr, recipe.weight_decay, recipe.epochs, recipe.momentum)
    assert found == printed
    assert [lr_at(recipe, 0, 1, drops) for drops in range(4)] == pytest.approx(
        [0.01, 0.001, 0.0001, 0.00001]
    )
    assert recipe.max_drops == 3


def test_cosine_and_one_cycle_pass_through_the_points_of_their_formulas() -> None:
    base = Recipe(source="", steps=100, lr=2.0, warmup=0.2, warmup_lr=0.5, final_lr=0.1)
    cosine = replace(base, schedule="cosine")
    # warm-up 0.5 -> 1 over 20 steps; then 0.1 + 0.9 (1 + cos(pi t)) / 2 with t = 0, 1/2, 1
    assert rates(cosine, 0, 10, 20, 60) == pytest.approx([1.0, 1.5, 2.0, 2 * 0.55])
    triangle = replace(base, schedule="one_cycle")
    assert rates(triangle, 0, 20, 60) == pytest.approx([1.0, 2.0, 2 * (1 - 0.9 / 2)])
    constant = replace(base, warmup=0.0)
    assert rates(constant, 0, 99) == [2.0, 2.0]


def test_a_shortened_run_keeps_the_shape() -> None:
    short = replace(RECIPES["resnet_cifar"], steps=640)
    assert rates(short, 319, 320, 480) == pytest.approx([0.1, 0.01, 0.001])


@pytest.mark.parametrize(
    ("network", "family", "size", "meant"),
    [
        ("resnet20_cifar", "resnet", 32, "resnet_cifar"),
        ("resnet110_cifar", "resnet", 32, "resnet110_cifar"),
        ("resnet50", "resnet", 224, "resnet_imagenet"),
        ("vgg16", "vgg", 224, "vgg"),
        ("lenet5", "lenet", 32, "lenet"),
    ],
)
def test_paper_means_the_networks_own_recipe(
    network: str, family: str, size: int, meant: str
) -> None:
    name, recipe = choose_recipe("paper", network, family, size)
    assert name == meant
    assert recipe is RECIPES[meant]


def test_default_depends_on_the_size_of_the_images() -> None:
    assert choose_recipe("default", "resnet18", "resnet", 224)[0] == "default"
    assert choose_recipe("default", "resnet20_cifar", "resnet", 32)[0] == "default_small"
    assert choose_recipe("default", "resnet18", "resnet", 224, fine_tune=True)[0] == "fine_tune"


def test_a_handful_of_images_still_gets_enough_steps() -> None:
    """160 photographs in batches of 64 are 2 steps an epoch; 60 epochs of those teach nothing."""
    assert RECIPES["default"].total_steps(steps_per_epoch=2) == 600
    assert RECIPES["default"].total_steps(steps_per_epoch=843) == 60 * 843
    assert RECIPES["resnet_cifar"].total_steps(steps_per_epoch=2) == 64_000


def test_every_recipe_names_its_source() -> None:
    for name, recipe in RECIPES.items():
        assert recipe.source, name
        assert recipe.departs, f"{name} says nothing of what its paper leaves open"


def test_a_misspelt_recipe_gets_the_nearest_name() -> None:
    with pytest.raises(BadArgument, match="nearest: resnet_cifar"):
        choose_recipe("resnet_cifr", "resnet20_cifar", "resnet", 32)


def test_the_paper_of_vgg_prints_nothing_for_small_images() -> None:
    with pytest.raises(BadArgument, match="prints no recipe for 32-pixel images"):
        choose_recipe("paper", "vgg_cifar", "vgg", 32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 3.0}, "lasts epochs or steps"),
        ({"drop_at": (0.5,)}, "drop_at has 1 points, drop_to 0"),
        ({"batch_size": 0}, "batch_size is 0; expected at least 1"),
        ({"flip": 1.5}, "flip is 1.5; expected 0 to 1"),
    ],
)
def test_impossible_numbers_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        replace(Recipe(source="", steps=10), **change)  # type: ignore[arg-type]
