"""The names that a misspelt one may have meant."""

from collections.abc import Iterable


def nearest(word: str, names: Iterable[str], most: int = 3) -> list[str]:
    """Up to `most` of the names that look like `word`, the nearest first; upper case is lower.

    One whose first parts are the word comes before all: `resnet20_cifar` for resnet20.
    """
    from difflib import get_close_matches  # only a misspelt name pays for this import

    by_lower = {name.lower(): name for name in names}
    plain = word.lower()
    longer = [name for name in by_lower if _goes_on(name, plain)] if plain not in by_lower else []
    alike = get_close_matches(plain, by_lower, n=most)
    found = dict.fromkeys([*sorted(longer, key=lambda name: (len(name), name)), *alike])
    return [by_lower[name] for name in found][:most]


def _goes_on(name: str, word: str) -> bool:
    return bool(word) and name.startswith(word) and not name[len(word) : len(word) + 1].isalnum()


def hint(word: str, names: Iterable[str], most: int = 3) -> str:
    """`nearest: a, b. ` to go before what else a message says; empty where nothing is near."""
    found = nearest(word, names, most)
    return f"nearest: {', '.join(found)}. " if found else ""
