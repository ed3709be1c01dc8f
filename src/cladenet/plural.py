"""Numbers with what they count: "1 class", "2,000 images"."""


def counted(number: float, what: str) -> str:
    """The number and `what`, a singular, in the plural where it is not one."""
    written = f"{number:,}" if isinstance(number, int) else f"{number:g}"
    ending = "es" if what.endswith("s") else "s"
    return f"{written} {what}" if number == 1 else f"{written} {what}{ending}"
