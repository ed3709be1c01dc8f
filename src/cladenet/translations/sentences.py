"""Where a long text, such as a note of the ledger, is cut: each sentence is translated once.

Notes repeat sentences, so that a sentence and not a note is an entry of the translations. What
collects the entries and what looks them up cut by this function alone.
"""

import re

_BETWEEN = re.compile(r"(?<=\.) +(?=[A-Z])")


def sentences(text: str) -> list[str]:
    """The sentences of a text, with their full stops; a sentence begins with a capital."""
    return _BETWEEN.split(text.strip())
