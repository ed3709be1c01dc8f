"""The field's words, not a vocabulary of our own: those that were replaced do not come back."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Word, what to write, and files that may have it for a reason.
ODD: dict[str, tuple[str, dict[str, str]]] = {
    r"by[ _]heart": ("overfit, memorise", {}),
    r"side-?cars?": ("metadata", {}),
    r"mend(s|ed|ing)?": ("fix", {}),
    r"heard": ("active, outputs", {}),
    r"(?<!standard )deviations?": ("standard deviation, std", {}),
    r"(fusion|with_fusion)": (
        "ensemble",
        {
            "src/cladenet/evaluation/ensemble.py": "VGG's word, named once",
            "docs/evaluation.md": "VGG's word, named once",
            "docs/glossary.md": "VGG's word, named once",
        },
    ),
    r"(?-i:Look(?! )|Wish|StopWish|Member)": ("ViewSpec, Request, StopRequest, EnsembleMember", {}),
    r"(said|told)": ("printed, logged, declared, set", {}),
    r"says so": ("with a note", {}),
    r"without a word": ("silently", {}),
    r"in silence": ("silently", {}),
    r"taken for whom": ("most frequent confusions", {}),
    r"all else": ("everything else", {}),
    r"as (it|they) came": ("frozen, unchanged", {}),
    r"to go on with": ("to resume", {}),
    r"test time": (
        "inference, evaluation mode",
        {
            "src/cladenet/ledger/stochastic_depth.toml": "the paper's words",
        },
    ),
    r"lets? go of": ("prune, release", {}),
    r"scales? and shifts?": ("weight and bias", {}),
    r"two thirds of the time": ("1.5 times faster", {}),
    r"[\"'](usual|exact)[\"']": ("auto, fp32", {}),
    r"usual_\w+": ("default", {}),
}


def files() -> list[Path]:
    source = [p for p in (ROOT / "src").rglob("*") if p.suffix in (".py", ".toml")]
    return [*source, *(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


@pytest.mark.parametrize("word", ODD)
def test_a_word_that_was_replaced_does_not_come_back(word: str) -> None:
    plain, allowed = ODD[word]
    pattern = re.compile(rf"(?<![\w])(?:{word})(?![\w])", re.IGNORECASE)
    found = [
        f"{name}:{number}: {line.strip()[:80]}"
        for path in files()
        if (name := path.relative_to(ROOT).as_posix()) not in allowed
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, f"write {plain}:\n" + "\n".join(found)


def test_each_exception_is_needed() -> None:
    for word, (_, allowed) in ODD.items():
        for name in allowed:
            assert re.search(word, (ROOT / name).read_text(), re.IGNORECASE), (word, name)


def test_the_glossary_has_each_term_once_in_english_and_chinese() -> None:
    lines = (ROOT / "docs" / "glossary.md").read_text().splitlines()
    rows = [line.strip("|").split(" | ") for line in lines if line.startswith("| ")][1:]
    terms = [row[0].strip() for row in rows]
    assert all(len(row) == 3 for row in rows)
    assert len(set(terms)) == len(terms) >= 50
    assert terms == sorted(terms, key=str.lower)
    assert all(re.search(r"[\u4e00-\u9fff]", row[1]) or row[1].isascii() for row in rows)
