"""Strings that are prose and that no person reads in a language of theirs, each with the reason."""

import re

# File, what uses the string (`Literal.call`), the reason. Both are patterns for the beginning.
NOT_SHOWN = (
    ("ledger/", "LedgerError", "a fault of the tables: who edits them reads English"),
    ("recipes/", r"(replace|Recipe|_transformer)\((source|departs)=", "a citation, as the ledger"),
    ("recipes/light", "_INCEPTION_STYLE", "a citation, as the ledger"),
    (".*", "(OWN_)?STYLE$|CSS", "a style sheet"),
    (".*", r"(AttributeError|NotImplementedError|AssertionError|RuntimeError)\(", "for Python"),
    ("cli/text/completion", "", "a script for a shell"),
    ("serve/web/openapi", "", "the API in the words of OpenAPI: read by programs"),
    ("serve/web/metrics", "", "texts of Prometheus: read by programs"),
    (".*", r"import_module\(|re\.compile\(|.*\.strftime\(", "no text"),
    ("runs/train/mishaps", "_OF_THE_MEMORY", "torch's words, which are looked for"),
    ("export/example", "", "a program"),
    ("experiments/claims/", r"Claim\(source=|Comparison\(printed=", "a citation, as the ledger"),
)
_RULES = [(re.compile(file), re.compile(call)) for file, call, _ in NOT_SHOWN]


def is_not_shown(file: str, call: str) -> bool:
    """Whether a string of `file`, a path in the package, is left out."""
    return any(of.match(file) and by.match(call) for of, by in _RULES)
