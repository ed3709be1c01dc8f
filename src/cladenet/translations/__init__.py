"""What a person reads, in the person's language; the source and the Python API stay English.

Text is translated where it reaches a person, never before: `show` prints lines, `translated` gives
the text of a heading or of a drawn line, `page_translated` a page, `in_language` what a server
answers to a request that says which language it `accepted`. A line is recognised by the
f-string that made it: `zh/*.po` has each template of the source, with its placeholders, and the
template in Chinese. JSON, CSV, files of a run and exceptions in Python are for programs and for
searching: they stay as they are.
"""

from cladenet.translations.language import accepted, check_language, language
from cladenet.translations.page import page_translated
from cladenet.translations.show import show, writable
from cladenet.translations.text import heading, in_language, translated

__all__ = [
    "accepted",
    "check_language",
    "heading",
    "in_language",
    "language",
    "page_translated",
    "show",
    "translated",
    "writable",
]
