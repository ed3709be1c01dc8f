"""Drawings of units, made by the library from the traced network; the site only places them."""


def drawing_of(network: str) -> str | None:
    """The SVG of a network's unit, or None where the library draws none."""
    return None


def drawing_of_block(name: str) -> str | None:
    """The SVG of a block of the gallery, or None where the library draws none."""
    return None
