"""Recipes: the papers' numbers, and schedules by hand arithmetic."""

from dataclasses import replace
from pathlib import Path

import pytest

from cladenet.data.sources.open import open_dataset
from cladenet.errors import BadArgument
from cladenet.ledger import families
from cladenet.recipes import PAPERS, RECIPES, Recipe, choose_recipe
from cladenet.recipes.schedule import lr_at, parts_passed
from cladenet.registry import find, list_models
from cladenet.runs.folder.config import RunConfig
from cladenet.runs.train import setup

# Recipes that no network of the ledger calls its own, and what they are for.
ELSEWHERE = {
    "vgg_s384": "the stage between vgg_s256 and vgg_jitter",
    "nin_cifar10_augmented": "the augmented row of Table 1",
    "bn_inception_x5": "the slower of two rates",
    "wide_resnet_svhn": "other data",
    "stochastic_depth_svhn": "other data",
    "densenet_cifar_noaug": "the rows without augmentation",
    "densenet_svhn": "other data",
    "cliquenet_svhn": "other data",
}


def rates(recipe: Recipe, *steps: int) -> list[float]:
    return [lr_at(recipe, step, recipe.total_steps(1)) for step in steps]


def test_resnet_cifar_drops_at_32k_and_48k_of_64k() -> None:
    """He et al. 2016, Sec. 4.2."""
    recipe = RECIPES["resnet_cifar"]
    assert recipe.steps == 64_000
    assert (recipe.batch_size, recipe.momentum, recipe.weight_decay) == (128, 0.9, 1e-4)
    found = rates(recipe, 0, 31_999, 32_000, 47_999, 48_000, 63_999)
    assert found == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


@pytest.mark.parametrize(
    ("recipe", "network", "more", "expected"),
    [
        ("densenet_cifar_noaug", "densenet_40_12_cifar", {}, 0.2),
        ("densenet_svhn", "densenet_40_12_cifar", {}, 0.2),
        ("wide_resnet_svhn", "wrn_40_1_cifar", {}, 0.4),
        ("densenet_svhn", "densenet_40_12_cifar", {"drop_rate": 0.0}, 0.0),
        ("vit_jft", "vit_ti_16", {}, 0.0),
        ("densenet_cifar", "densenet_40_12_cifar", {}, None),
    ],
)
def test_the_recipe_sets_the_dropout_of_its_paper(
    recipe: str, network: str, more: dict[str, float], expected: float | None
) -> None:
    """Huang 2017, Sec. 4.2: 0.2 without augmentation; Zagoruyko 2016, Sec. 3: 0.4 on SVHN."""
    config = RunConfig(network, "digits", recipe, RECIPES[recipe], dict(more))
    found = setup._arguments(config, open_dataset("digits"), 32)
    assert found.get("drop_rate") == expected


def test_lenet_follows_the_papers_passes() -> None:
    """LeCun et al. 1998, Sec. III-B: passes 1-2, 3-5, 6-8, 9-12, 13-20 in 5 : 2 : 1 : 0.5 : 0.1."""
    recipe = RECIPES["lenet"]
    assert recipe.epochs == 20
    of_pass = [lr_at(recipe, number, 20) / recipe.lr for number in range(20)]
    by_hand = [1.0] * 2 + [0.4] * 3 + [0.2] * 3 + [0.1] * 4 + [0.02] * 8
    assert of_pass == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("name", "batch_size", "first", "weight_decay", "epochs", "drops"),
    [
        ("alexnet", 128, 0.01, 5e-4, 90, 3),
        ("zfnet", 128, 0.01, 5e-4, 70, 3),
        ("vgg_s256", 256, 0.01, 5e-4, 74, 3),
        ("vgg_s384", 256, 0.001, 5e-4, 74, 2),
        ("vgg_jitter", 256, 0.01, 5e-4, 74, 3),
    ],
)
def test_rates_lowered_by_hand_are_divided_by_ten_at_plateaus(
    name: str, batch_size: int, first: float, weight_decay: float, epochs: int, drops: int
) -> None:
    """AlexNet Sec. 5, ZFNet Sec. 3, VGG Sec. 3.1."""
    recipe = RECIPES[name]
    printed = (batch_size, weight_decay, epochs, 0.9, drops)
    found = (recipe.batch_size, recipe.weight_decay, recipe.epochs, recipe.momentum)
    assert (*found, recipe.max_drops) == printed
    assert [lr_at(recipe, 0, 1, count) for count in range(drops + 1)] == pytest.approx(
        [first / 10**count for count in range(drops + 1)]
    )


@pytest.mark.parametrize(
    ("name", "length", "batch_size", "weight_decay", "nesterov", "found"),
    [
        # 0.01 x 250^(-1/3) at 25, 50 and 75 %: to 1/250 in four levels
        ("alexnet_owt", 90, 128, 5e-4, False,
         {0: 0.01, 22: 0.01, 23: 0.0015874, 45: 0.00025198, 89: 0.00004}),
        # the author's README: 200 + 30 + 30 epochs
        ("nin_cifar10", 260, 128, 1e-4, False, {199: 0.1, 200: 0.01, 229: 0.01, 230: 0.001}),
        ("nin_cifar100", 260, 128, 5e-4, False, {199: 0.02, 200: 0.002, 230: 0.0002}),
        ("nin_imagenet", 450_000, 64, 5e-4, False,
         {199_999: 0.01, 200_000: 0.001, 399_999: 0.001, 400_000: 0.0001}),
        ("highway_cifar", 200_000, 100, 1e-3, True,
         {0: 0.025, 99_999: 0.025, 100_000: 0.0025, 150_000: 0.00025, 175_000: 0.000025}),
        ("highway_mnist", 180_000, 100, 1e-3, True,
         {59_999: 0.01, 60_000: 0.001, 120_000: 0.0001}),
        ("xception", 100, 32, 1e-5, False, {1: 0.045, 2: 0.0423, 99: 0.045 * 0.94**49}),
        ("resnet110_cifar", 64_000, 128, 1e-4, False,
         {0: 0.01, 399: 0.01, 400: 0.1, 32_000: 0.01, 48_000: 0.001}),
        ("preact_resnet_cifar", 64_000, 128, 1e-4, False,
         {399: 0.01, 400: 0.1, 31_999: 0.1, 32_000: 0.01}),
        ("preact_resnet_imagenet", 90, 256, 1e-4, False, {0: 0.1, 29: 0.1, 30: 0.01, 60: 0.001}),
        # the authors' condition: from epoch 148 and 223 of 300, counted from 1
        ("resnext_cifar", 300, 128, 5e-4, True,
         {146: 0.1, 147: 0.01, 221: 0.01, 222: 0.001}),
        ("resnext_imagenet", 100, 256, 1e-4, True,
         {29: 0.1, 30: 0.01, 60: 0.001, 89: 0.001, 90: 0.0001}),
        ("wide_resnet_cifar", 200, 128, 5e-4, True,
         {59: 0.1, 60: 0.02, 120: 0.004, 160: 0.0008}),
        ("wide_resnet_svhn", 160, 128, 5e-4, True, {79: 0.01, 80: 0.001, 120: 0.0001}),
        ("stochastic_depth_cifar", 500, 128, 1e-4, True, {249: 0.1, 250: 0.01, 375: 0.001}),
        ("stochastic_depth1202_cifar", 300, 128, 1e-4, True,
         {9: 0.01, 10: 0.1, 149: 0.1, 150: 0.01, 225: 0.001}),
        ("stochastic_depth_svhn", 50, 128, 1e-4, True, {29: 0.1, 30: 0.01, 35: 0.001}),
        ("densenet_cifar", 300, 64, 1e-4, True, {149: 0.1, 150: 0.01, 225: 0.001}),
        ("densenet_svhn", 40, 64, 1e-4, True, {19: 0.1, 20: 0.01, 30: 0.001}),
        ("densenet_imagenet", 90, 256, 1e-4, True, {29: 0.1, 30: 0.01, 60: 0.001}),
        ("msdnet_cifar", 300, 64, 1e-4, True, {149: 0.1, 150: 0.01, 225: 0.001}),
        ("msdnet_imagenet", 90, 256, 1e-4, True, {29: 0.1, 30: 0.01, 60: 0.001}),
        ("dpn_imagenet", 100, 1280, 1e-4, False, {0: 0.316228, 30: 0.0316228}),
        ("senet_imagenet", 100, 1024, 1e-4, False, {29: 0.6, 30: 0.06, 60: 0.006, 90: 0.0006}),
        ("cliquenet_cifar", 300, 64, 1e-4, True, {149: 0.1, 150: 0.01, 225: 0.001}),
        ("cliquenet_imagenet", 100, 160, 1e-4, False, {29: 0.1, 30: 0.01, 90: 0.0001}),
        ("ibn_net_imagenet", 100, 256, 1e-4, False, {29: 0.1, 30: 0.01, 60: 0.001, 90: 0.0001}),
    ],
)  # fmt: skip
def test_schedules_have_the_printed_rates(
    name: str,
    length: int,
    batch_size: int,
    weight_decay: float,
    nesterov: bool,
    found: dict[int, float],
) -> None:
    """`found`: rates by epoch or, where the recipe counts steps, by step; both from 0."""
    recipe = RECIPES[name]
    assert recipe.total_steps(1) == length
    assert (recipe.batch_size, recipe.weight_decay) == (batch_size, weight_decay)
    assert (recipe.optimizer, recipe.momentum, recipe.nesterov) == ("sgd", 0.9, nesterov)
    assert rates(recipe, *found) == pytest.approx(list(found.values()), rel=1e-4)


def test_inception_v3_falls_by_6_percent_every_2_of_100_epochs() -> None:
    """Sec. 8 of arXiv:1512.00567; 1,281,167 images are 40,036 batches of 32."""
    recipe, epoch = RECIPES["inception_v3"], 1_281_167 // 32
    assert (recipe.optimizer, recipe.rms_decay, recipe.rms_epsilon) == ("rmsprop", 0.9, 1.0)
    assert (recipe.clip_norm, recipe.label_smoothing, recipe.auxiliary) == (2.0, 0.1, 0.4)
    total = recipe.total_steps(epoch)
    assert total == 100 * epoch
    for fall in range(50):
        first = lr_at(recipe, 2 * fall * epoch, total)
        last = lr_at(recipe, 2 * (fall + 1) * epoch - 1, total)
        assert first == last == pytest.approx(0.045 * 0.94**fall)


def test_googlenet_falls_by_4_percent_every_8_epochs() -> None:
    """31.0M steps of 32 are 774 epochs: 96 falls, and a rate that is a fiftieth at the end."""
    recipe = RECIPES["googlenet"]
    assert recipe.steps * recipe.batch_size / 1_281_167 / 8 == pytest.approx(97, abs=0.5)
    step = round(8 * 1_281_167 / 32)
    assert rates(recipe, 0, step - 2000, step + 2000) == pytest.approx(
        [0.0015, 0.0015, 0.0015 * 0.96]
    )
    assert rates(recipe, recipe.steps - 1) == pytest.approx([0.0015 * 0.96**96])
    assert (recipe.auxiliary, recipe.ema) == (0.3, 0.9999)
    assert (recipe.crop, recipe.scale) == ("resized", (0.08, 1.0))


@pytest.mark.parametrize(("name", "times"), [("bn_inception_x5", 5), ("bn_inception_x30", 30)])
def test_bn_inception_falls_six_times_faster_from_a_higher_rate(name: str, times: int) -> None:
    """Sec. 4.2 of arXiv:1502.03167: 4 % every 8/6 epochs, a fifth of the weight decay."""
    recipe, googlenet = RECIPES[name], RECIPES["googlenet"]
    assert recipe.lr == pytest.approx(times * googlenet.lr)
    assert recipe.weight_decay == pytest.approx(googlenet.weight_decay / 5)
    epochs = recipe.steps * recipe.batch_size / 1_281_167
    assert epochs / recipe.drop_parts == pytest.approx(8 / 6, rel=0.01)
    assert recipe.drop_factor == 0.96


@pytest.mark.parametrize("parts", [4, 50, 97, 112, 400])
@pytest.mark.parametrize("length", [1, 3, 37, 40_036])
def test_the_rate_falls_at_the_very_step(parts: int, length: int) -> None:
    """29 / 50 * 50 is 28.999...: a floor would make that fall one step late."""
    total = parts * length
    for part in range(parts):
        assert parts_passed(part * length / total, parts) == part
        assert parts_passed(((part + 1) * length - 1) / total, parts) == part


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
    short = replace(RECIPES["inception_v3"], epochs=10.0)
    assert rates(replace(short, epochs=0, steps=1000), 19, 20) == pytest.approx([0.045, 0.0423])


@pytest.mark.parametrize(
    ("network", "meant"),
    [
        ("resnet20_cifar", "resnet_cifar"),
        ("resnet110_cifar", "resnet110_cifar"),
        ("resnet1202_cifar", "resnet110_cifar"),
        ("plain110_cifar", "resnet_cifar"),
        ("resnet50", "resnet_imagenet"),
        ("vgg11", "vgg_s256"),
        ("vgg16", "vgg_jitter"),
        ("alexnet", "alexnet"),
        ("alexnet_owt", "alexnet_owt"),
        ("lenet5", "lenet"),
    ],
)
def test_paper_means_the_recipe_of_the_networks_row(network: str, meant: str) -> None:
    name, recipe = choose_recipe("paper", find(network), find(network).input[1])
    assert name == meant
    assert recipe is RECIPES[meant]


def test_every_recipe_in_the_ledger_is_one_of_a_paper() -> None:
    for network in list_models():
        recipe = find(network).recipe
        assert not recipe or recipe in PAPERS, f"{network} names {recipe!r}"


def test_every_recipe_of_a_paper_is_some_networks() -> None:
    """A recipe is called by its family; one whose family is in the ledger has to be used there."""
    used = {find(network).recipe for network in list_models()}
    present = families()
    for name in set(PAPERS) - used - set(ELSEWHERE):
        of = [family for family in present if name.startswith(family)]
        assert not of, f"no row of the ledger names {name}; {of[0]}.toml should"
    assert not used & set(ELSEWHERE)
    assert set(ELSEWHERE) <= set(PAPERS)


def test_a_recipe_made_for_a_network_names_one_of_the_ledger() -> None:
    made = {name: recipe.made_for for name, recipe in RECIPES.items() if recipe.made_for}
    assert set(made) == {"speedrun", "airbench94"}
    assert all(find(network).name == network for network in made.values())


def test_default_depends_on_the_size_of_the_images() -> None:
    assert choose_recipe("default", find("resnet18"), 224)[0] == "default"
    assert choose_recipe("default", find("resnet20_cifar"), 32)[0] == "default_small"
    assert choose_recipe("default", find("resnet18"), 224, fine_tune=True)[0] == "fine_tune"


@pytest.mark.parametrize(("name", "weight"), [("default", 1.0), ("googlenet", 0.3)])
def test_a_network_with_exits_trains_them_all(name: str, weight: float) -> None:
    entry = replace(find("resnet20_cifar"), exits_params=(1000, 272_474), exits_macs=(1, 2))
    assert choose_recipe(name, entry, 32)[1].auxiliary == weight


def test_a_handful_of_images_still_gets_enough_steps() -> None:
    """160 photographs in batches of 64 are 2 steps an epoch; 60 epochs of those teach nothing."""
    assert RECIPES["default"].total_steps(steps_per_epoch=2) == 600
    assert RECIPES["default"].total_steps(steps_per_epoch=843) == 60 * 843
    assert RECIPES["resnet_cifar"].total_steps(steps_per_epoch=2) == 64_000


def test_every_recipe_names_its_source() -> None:
    for name, recipe in RECIPES.items():
        assert recipe.source, name
        assert recipe.departs, f"{name} says nothing of what its paper leaves open"


def test_the_documentation_lists_every_recipe() -> None:
    page = (Path(__file__).parents[1] / "docs" / "training.md").read_text()
    assert [name for name in RECIPES if f"`{name}`" not in page] == []


def test_a_misspelt_recipe_gets_the_nearest_name() -> None:
    with pytest.raises(BadArgument, match="no recipe is called 'resnet_cifr'; nearest: resnet_ci"):
        choose_recipe("resnet_cifr", find("resnet20_cifar"), 32)
    with pytest.raises(BadArgument, match=r"'qwertz'; there are: paper, default, .*vgg_jit"):
        choose_recipe("qwertz", find("resnet20_cifar"), 32)


def test_a_network_of_no_paper_has_no_recipe_of_a_paper() -> None:
    message = "has no recipe of a paper for vgg_cifar; use --recipe default, or another by name"
    with pytest.raises(BadArgument, match=message):
        choose_recipe("paper", find("vgg_cifar"), 32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 3.0}, "lasts epochs or steps"),
        ({"drop_at": (0.5,)}, "drop_at has 1 point, drop_to 0"),
        ({"batch_size": 0}, "batch_size is 0; expected at least 1"),
        ({"auxiliary": -0.3}, "auxiliary is -0.3; expected at least 0"),
        ({"drop_parts": 0}, "drop_parts is 0; expected at least 1"),
        ({"flip": 1.5}, "flip is 1.5; expected 0 to 1"),
        ({"rms_decay": 1.5}, "rms_decay is 1.5; expected 0 to 1"),
        ({"lookahead": -1}, "lookahead is -1; expected at least 0"),
        ({"head_lr": 0.0}, "bias_lr is 1.0 and head_lr 0.0; expected multiples above 0"),
    ],
)
def test_impossible_numbers_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        replace(Recipe(source="", steps=10), **change)  # type: ignore[arg-type]
