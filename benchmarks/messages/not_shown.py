"""Strings that are prose and that no person reads in a language of theirs, each with the reason."""

import re

# File, what uses the string (`Literal.call`), the reason. Both are patterns for the beginning.
NOT_SHOWN = (
    ("ledger/", "LedgerError", "a fault of the tables: who edits them reads English"),
    ("recipes/", r"(replace|Recipe|_transformer)\((source|departs)=", "a citation, as the ledger"),
    ("recipes/light", "_INCEPTION_STYLE", "a citation, as the ledger"),
    (
        r"recipes/(classic|dense|inception|light|residual|searched|transformer)",
        "(?!BadArgument)",
        "a citation, as the ledger",
    ),
    ("models/", r"variants\(|COLUMNS", "names of arguments"),
    (".*", "(OWN_)?STYLE$|CSS|OWN$", "a style sheet"),
    (".*", r"log\.", "the log of a server, for who runs it"),
    ("report/compare_page|search/comparison/curves", r"'.n'\.join\(", "a style sheet"),
    ("report/(charts|results)|runs/explain/page/answers", "_label|styles|kind$", "names of styles"),
    ("report/comparable", r"Benchmark\(|ONE_CROP", "patterns"),
    (".*", "TRIAL$|SERVE$|SCHEMA$", "a program"),
    ("runs/train/mishaps|search/(trials/pool|journal)", "_OF_THE_MEMORY|OSError", "others' words"),
    ("search/trials/pool", "OUT_OF_MEMORY", "others' words"),
    ("serve/(web|watching)/", "HEADERS|REPORT_POLICY|TYPES", "headers of HTTP"),
    ("serve/watching/events", "$", "a stream of HTTP"),
    ("data/sources/idx", "FASHION", "names of classes"),
    (".*", r"(AttributeError|NotImplementedError|AssertionError|RuntimeError)\(", "for Python"),
    ("cli/text/completion", "", "a script for a shell"),
    ("serve/web/(openapi|metrics)", "", "the API and its counters: read by programs"),
    (".*", r"import_module\(|re\.compile\(|.*\.strftime\(", "no text"),
    ("export/example", "", "a program"),
    ("inference/graph/script", "", "a program"),
)
_RULES = [(re.compile(file), re.compile(call)) for file, call, _ in NOT_SHOWN]


def is_not_shown(file: str, call: str) -> bool:
    """Whether a string of `file`, a path in the package, is left out."""
    return any(of.match(file) and by.match(call) for of, by in _RULES)
