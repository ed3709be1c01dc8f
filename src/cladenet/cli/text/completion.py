"""Completion of the command line in bash and zsh: scripts that hold all words themselves.

A script is made once, so that completing a word starts no Python. Both compute the candidates for
the word under the cursor alike:

    the first word                     commands
    --option                           those of the command
    the word after an option           its choices; networks, recipes; else files
    any other word of the command      networks and key= where it takes them, and files
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Words(NamedTuple):
    """What one command takes.

    Args:
        options: `--data`, `-h`, ...
        values: option -> its choices; empty for files.
        others: words that stand by themselves, such as networks; files do besides.
        files_too: options whose value may be a file as well as one of the choices.
    """

    options: tuple[str, ...]
    values: dict[str, tuple[str, ...]]
    others: tuple[str, ...]
    files_too: tuple[str, ...] = ()


BASH = """\
# bash completion of cladenet, made by `cladenet completion bash`.
_cladenet() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words=""
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "{commands}" -- "$word"))
        return
    fi
    case "${{COMP_WORDS[1]}}:$before" in
{values}
    esac
    case "${{COMP_WORDS[1]}}:$word" in
{options}
    esac
    case "${{COMP_WORDS[1]}}" in
{others}
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word") $(compgen -f -- "$word"))
    case "${{COMPREPLY[0]}}" in *=) compopt -o nospace 2>/dev/null ;; esac
}}
complete -o filenames -F _cladenet cladenet
"""

ZSH = """\
#compdef cladenet
# zsh completion of cladenet, made by `cladenet completion zsh`.
_cladenet() {{
    local word=${{words[CURRENT]}} before=${{words[CURRENT-1]}}
    if (( CURRENT == 2 )); then
        compadd -- {commands}
        return
    fi
    case "${{words[2]}}:$before" in
{values}
    esac
    case "${{words[2]}}:$word" in
{options}
    esac
    case "${{words[2]}}" in
{others}
    esac
    _files
}}
if [ "$funcstack[1]" = _cladenet ]; then _cladenet "$@"; else compdef _cladenet cladenet; fi
"""

BASH_WORDS = 'COMPREPLY=($(compgen -W "{words}" -- "$word")); return ;;'
BASH_BOTH = 'COMPREPLY=($(compgen -W "{words}" -- "$word") $(compgen -f -- "$word")); return ;;'
BASH_FILES = 'COMPREPLY=($(compgen -f -- "$word")); return ;;'
ZSH_WORDS = "compadd -- {words}; return ;;"
ZSH_BOTH = "compadd -- {words}; _files; return ;;"
ZSH_FILES = "_files; return ;;"


def bash(commands: Mapping[str, Words]) -> str:
    """The script for bash."""
    others = [f'        {name}) words="{_of(words.others)}" ;;' for name, words in commands.items()]
    return BASH.format(
        commands=" ".join(commands),
        values=_values(commands, BASH_WORDS, BASH_BOTH, BASH_FILES),
        options=_options(commands, BASH_WORDS),
        others="\n".join(others),
    )


def zsh(commands: Mapping[str, Words]) -> str:
    """The script for zsh, for a file `_cladenet` in a folder of `fpath` or for `source`."""
    others = []
    for name, words in commands.items():
        plain = [word for word in words.others if not word.endswith("=")]
        keys = [word for word in words.others if word.endswith("=")]
        adds = [f"compadd -- {_of(plain)}"] if plain else []
        adds += [f"compadd -S '' -- {_of(keys)}"] if keys else []
        others += [f"        {name}) {'; '.join(adds)} ;;"] if adds else []
    return ZSH.format(
        commands=" ".join(commands),
        values=_values(commands, ZSH_WORDS, ZSH_BOTH, ZSH_FILES),
        options=_options(commands, ZSH_WORDS),
        others="\n".join(others),
    )


def _values(commands: Mapping[str, Words], with_words: str, with_both: str, with_files: str) -> str:
    lines = []
    for name, words in commands.items():
        for option, choices in words.values.items():
            known = with_both if option in words.files_too else with_words
            action = known.format(words=_of(choices)) if choices else with_files
            lines.append(f"        {name}:{option}) {action}")
    return "\n".join(lines)


def _options(commands: Mapping[str, Words], with_words: str) -> str:
    return "\n".join(
        f"        {name}:-*) {with_words.format(words=_of(words.options))}"
        for name, words in commands.items()
    )


def _of(words: Sequence[str]) -> str:
    return " ".join(words)
