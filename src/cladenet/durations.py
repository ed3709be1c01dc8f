"""Lengths of time as people write them: `90s`, `10m`, `1h30m`."""

import re

from cladenet.errors import BadArgument

SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_PART = r"(\d+(?:\.\d+)?)\s*(h|m|s)[a-z]*"  # `10min` and `10 minutes` are 10m


def seconds(text: str, name: str) -> float:
    """The seconds that `text` says; a bare number is seconds. `name` is for the message.

    Raises:
        BadArgument: it is no length of time, or none at all.
    """
    plain = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", plain):
        plain += "s"
    if not re.fullmatch(rf"(?:{_PART}\s*)+", plain):
        raise BadArgument(f"{name} is {text!r}; expected a length of time such as 90s, 10m, 1h30m")
    length = sum(float(number) * SECONDS[unit] for number, unit in re.findall(_PART, plain))
    if not length > 0:
        raise BadArgument(f"{name} is {text!r}; expected more than 0 seconds")
    return length


def clock(seconds: float) -> str:
    """`1:02:03` or `2:03`."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
