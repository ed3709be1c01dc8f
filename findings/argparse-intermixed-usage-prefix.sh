#!/usr/bin/env bash
# argparse's parse_intermixed_args takes seven characters off the usage text, whatever they are.
#
# What it says of an argument without its value is made from `format_usage()[7:]`, seven being the
# length of "usage: ". That word goes through gettext: a program whose catalogue translates it shows
# the rest of a longer word in its usage, behind a second prefix, or loses the beginning of its own
# name to a shorter one. `parse_args` of the same parser is right. Later releases of 3.12 and all of
# 3.13 parse otherwise (python/cpython#125355), so the script wants python3.11.
#
# Versions: Python 3.11.7 (the standard library alone), polib 1.2.0 (which wrote the catalogue). Seen:
#   parse_args French: utilisation : prog [-h] [-a A] words [words ...]
#   parse_intermixed_args French: utilisation : tion : prog [-h] [-a A] words [words ...]
#   parse_args Chinese: 用法：prog [-h] [-a A] words [words ...]
#   parse_intermixed_args Chinese: 用法： [-h] [-a A] words [words ...]
# Exits with 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet polib==1.2.0
cat > "$work/look.py" << 'PY'
import argparse
import contextlib
import gettext
import io
import sys

import polib

folder = sys.argv[1]
parser = argparse.ArgumentParser(prog="prog")
parser.add_argument("-a")
parser.add_argument("words", nargs="+")
found = ""
for name, prefix in (("French", "utilisation : "), ("Chinese", "用法：")):
    catalogue = polib.POFile()
    catalogue.metadata = {"Content-Type": "text/plain; charset=UTF-8"}
    catalogue.append(polib.POEntry(msgid="usage: ", msgstr=prefix))
    translations = gettext.GNUTranslations(io.BytesIO(catalogue.to_binary()))
    argparse._ = translations.gettext  # what gettext.gettext is with this catalogue installed
    for parse in (parser.parse_args, parser.parse_intermixed_args):
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
            parse(["word", "-a"])
        found += f"{parse.__name__} {name}: {said.getvalue().splitlines()[0]}\n"
print(found, end="")
expected = """parse_args French: utilisation : prog [-h] [-a A] words [words ...]
parse_intermixed_args French: utilisation : tion : prog [-h] [-a A] words [words ...]
parse_args Chinese: 用法：prog [-h] [-a A] words [words ...]
parse_intermixed_args Chinese: 用法： [-h] [-a A] words [words ...]
"""
raise SystemExit(found != expected)
PY
"$work/venv/bin/python" "$work/look.py" "$work"
