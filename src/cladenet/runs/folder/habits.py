"""Options of training as other programs take them: `--epochs 5`, `--lr=0.1`, `-b 32`."""

from collections.abc import Collection, Mapping, Sequence

from cladenet.errors import BadArgument
from cladenet.runs.folder.option_names import CALLED_HERE, SHORT, unknown_option
from cladenet.suggest import nearest

TRUTHS = ("true", "false", "yes", "no", "1", "0")


def as_pairs(words: Sequence[str], own: Collection[str], options: Mapping[str, bool]) -> list[str]:
    """The words of a command with its options as `key=value`.

    Args:
        words: as they were typed.
        own: options that the command's parser knows, such as `--data`; they stay as they are.
        options: names of what can be set, and whether it is a yes or a no.

    Raises:
        BadArgument: an option has no value, or is one that goes by another name here.
    """
    pairs: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        if not _is_option(name) or _is_own(name, own):
            pairs.append(word)
            continue
        key = _key(name)
        denied = key.removeprefix("no_") if not equals else key
        if key not in options and denied in options and options[denied]:
            pairs.append(f"{denied}=false")
        elif key not in options:
            if key in CALLED_HERE or (not nearest(name, own, most=1) and nearest(key, options)):
                raise unknown_option(name.lstrip("-"), options)
            pairs.append(word)  # the parser says what it takes
        elif equals:
            pairs.append(f"{key}={value}")
        elif options[key] and not (left and left[0].lower() in TRUTHS):
            pairs.append(f"{key}=true")
        elif left and not _is_option(left[0]):
            pairs.append(f"{key}={left.pop(0)}")
        else:
            raise BadArgument(f"{name} has no value; write {name} VALUE or {key}=VALUE")
    return pairs


def _key(name: str) -> str:
    """`--batch-size` and `-b` are `batch_size`."""
    plain = name.lstrip("-").replace("-", "_")
    return SHORT.get(plain, plain) if not name.startswith("--") else plain


def _is_option(word: str) -> bool:
    """It begins with a dash and is no number, and no `-` alone."""
    return word.startswith("-") and word.strip("-") != "" and not word[1:2].isdigit()


def _is_own(name: str, own: Collection[str]) -> bool:
    """An option of the command, or the beginning of one alone, which argparse takes for it."""
    fits = [option for option in own if option.startswith(name)]
    return name in own or (name.startswith("--") and len(fits) == 1)
