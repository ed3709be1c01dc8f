"""Recipes by name, and which one `paper` and `default` mean for a network and its images."""

from difflib import get_close_matches

from cladenet.errors import BadArgument
from cladenet.recipes import papers
from cladenet.recipes.recipe import Recipe

RECIPES = {
    "default": papers.DEFAULT,
    "default_small": papers.DEFAULT_SMALL,
    "fine_tune": papers.FINE_TUNE,
    "lenet": papers.LENET,
    "alexnet": papers.ALEXNET,
    "vgg": papers.VGG,
    "resnet_imagenet": papers.RESNET_IMAGENET,
    "resnet_cifar": papers.RESNET_CIFAR,
    "resnet110_cifar": papers.RESNET110_CIFAR,
}

SMALL_IMAGE = 48  # pixels; at most this, `default` shifts instead of cropping


def choose_recipe(
    name: str, network: str, family: str, image_size: int, *, fine_tune: bool = False
) -> tuple[str, Recipe]:
    """The recipe meant by `name`, which may be `default` or `paper`, with its own name.

    `image_size` is the side of the network's input in pixels.

    Raises:
        BadArgument: no recipe has that name, or the network's paper prints none for such images.
    """
    if name == "paper":
        name = _of_the_paper(network, family, image_size)
    elif name == "default":
        if fine_tune and image_size > SMALL_IMAGE:
            name = "fine_tune"
        elif image_size <= SMALL_IMAGE:
            name = "default_small"
    if name not in RECIPES:
        near = get_close_matches(name, RECIPES, n=2)
        hint = f"; nearest: {', '.join(near)}" if near else ""
        raise BadArgument(
            f"no recipe is called {name!r}{hint}. There are: paper, {', '.join(RECIPES)}"
        )
    return name, RECIPES[name]


def _of_the_paper(network: str, family: str, image_size: int) -> str:
    if family == "resnet":
        if image_size > SMALL_IMAGE:
            return "resnet_imagenet"
        return "resnet110_cifar" if network.startswith("resnet110") else "resnet_cifar"
    if family in ("alexnet", "vgg") and image_size <= SMALL_IMAGE:
        raise BadArgument(
            f"the paper of {network} trains on ImageNet and prints no recipe for "
            f"{image_size}-pixel images; use --recipe default, or another by name"
        )
    return family
