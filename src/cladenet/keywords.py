"""Functions with many keywords: the list of them stands in one dataclass."""

from collections.abc import Callable, Iterable
from functools import wraps
from inspect import Parameter, signature
from typing import Concatenate, ParamSpec, TypeVar

First = TypeVar("First")
Options = TypeVar("Options")
Found = TypeVar("Found")
Keywords = ParamSpec("Keywords")


def refuse_unknown(called: str, given: Iterable[str], taken: Iterable[str]) -> None:
    """Name the function that was called, where what it passes its keywords on to would not.

    Raises:
        TypeError: one of those that were given is not taken.
    """
    for keyword in given:
        if keyword not in taken:
            raise TypeError(f"{called}() takes no {keyword!r}; it takes {', '.join(taken)}")


def by_keyword(
    options: Callable[Keywords, Options],
) -> Callable[[Callable[[First, Options], Found]], Callable[Concatenate[First, Keywords], Found]]:
    """Let a function of (first, options) take the options' fields as arguments of its own.

    So a caller writes `evaluate(run, split="val")`, with names and types that are checked, and the
    list of them stands in one place.
    """

    def decorate(
        function: Callable[[First, Options], Found],
    ) -> Callable[Concatenate[First, Keywords], Found]:
        @wraps(function)
        def call(first: First, /, *args: Keywords.args, **keywords: Keywords.kwargs) -> Found:
            refuse_unknown(function.__name__, keywords, signature(options).parameters)
            return function(first, options(*args, **keywords))

        shown = signature(function)
        place = next(iter(shown.parameters.values())).replace(kind=Parameter.POSITIONAL_ONLY)
        taken = [place, *signature(options).parameters.values()]
        call.__signature__ = shown.replace(parameters=taken)  # type: ignore[attr-defined]
        return call

    return decorate
