"""The names that a misspelt one may have meant."""

from collections.abc import Iterable


def nearest(word: str, names: Iterable[str], most: int = 3) -> list[str]:
    """Up to `most` of the names that look like `word`, the nearest first; upper case is lower."""
    from difflib import get_close_matches  # only a misspelt name pays for this import

    by_lower = {name.lower(): name for name in names}
    return [by_lower[found] for found in get_close_matches(word.lower(), by_lower, n=most)]


def hint(word: str, names: Iterable[str], most: int = 3) -> str:
    """`nearest: a, b. ` to go before what else a message says; empty where nothing is near."""
    found = nearest(word, names, most)
    return f"nearest: {', '.join(found)}. " if found else ""
