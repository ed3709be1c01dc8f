"""One page a family: from the ledger, the recipes, the fidelity sheets and the code."""

import re
import tomllib
from functools import cache

from cladenet.cli.text.fidelity import line
from cladenet.experiments.claims import CLAIMS
from cladenet.ledger import families, load, takers
from cladenet.ledger.entry import Entry
from cladenet.ledger.family import Family, Taken
from cladenet.ledger.fidelity.compared import comparisons
from cladenet.ledger.fidelity.on_purpose import differing
from cladenet.recipes import RECIPES, Recipe
from cladenet.translations.text import in_language
from cladenet.weights.known import known_weights
from website.docstring_texts import texts_in
from website.docstrings import markdown
from website.measured import phrase
from website.page import ROOT, Page, fenced, plain, table
from website.python_reference import SOURCE, module_docstring
from website.translations import DOCS
from website.words import WORDS, Language

SECTION = "families"
TEXTS = ROOT / "website" / "families.toml"


@cache
def texts() -> dict[str, dict[str, str]]:
    """Of each family: `learner` and `learner_zh`, a paragraph."""
    return tomllib.loads(TEXTS.read_text(encoding="utf-8"))


def family_pages(language: Language) -> list[Page]:
    """A list of all families, and a page for each."""
    return [
        Page("families/index.md", _index(language), SECTION),
        *(Page(f"families/{name}.md", family_page(name, language), SECTION) for name in families()),
    ]


def idea(family: Family, language: Language) -> str:
    """The ledger's sentence, or its translation."""
    return fact(family.idea, language)


def fact(text: str, language: Language) -> str:
    """A text of the ledger or of a recipe, or its translation, which `cladenet info` prints too."""
    return text if language == "en" else in_language(language, text)


def entries_of(family: str) -> list[Entry]:
    """The family's networks, in the ledger's order."""
    return [entry for entry in load().values() if entry.family == family]


def _index(language: Language) -> str:
    words = WORDS[language]
    rows = [
        (
            f"[{family.title}]({name}.md)",
            str(family.year),
            str(len(entries_of(name))),
            plain(idea(family, language)),
        )
        for name, family in sorted(families().items(), key=lambda item: item[1].year)
    ]
    headings = tuple(words[key] for key in ("family", "year", "networks", "idea"))
    intro = words["families_intro"].format(count=len(families()), variants=len(load()))
    return "\n".join([f"# {words['families']}", "", intro, "", table(headings, rows, "lrr")])


def family_page(name: str, language: Language) -> str:
    """The Markdown of one family."""
    family, words, entries = families()[name], WORDS[language], entries_of(name)
    learner = texts()[name]["learner" if language == "en" else "learner_zh"]
    lines = [
        f"# {family.title}",
        "",
        f"{family.authors}. *{family.paper}*. {family.venue}.",
        "",
        words["explorer_link"].format(family=name),
    ]
    sections = {
        "learner": learner,
        "expert": plain(idea(family, language)),
        "where": _relatives(family, language),
        "unit": _unit(entries[0], language),
        "table": _paper_table(name, language),
        "variants": _variants(entries, language),
        "measured": _measured(entries, language),
        "recipe": _recipes(entries, language),
        "train": _train(entries, language),
        "experiments": _experiments(name, language),
        "fidelity": _fidelity(entries, language),
        "notes": _notes(entries, language),
    }
    for key, text in sections.items():
        if text:
            lines += ["", f"## {words[key]} {{ #{key} }}", "", text]
    return "\n".join(lines)


def _relatives(family: Family, language: Language) -> str:
    words = WORDS[language]
    tree = families()

    def link(name: str) -> str:
        return f"[{tree[name].title} ({tree[name].year})]({name}.md)"

    parent = link(family.parent) if family.parent else words["root"]
    children = [link(name) for name, other in tree.items() if other.parent == family.name]
    rows = [(words["parent"], parent)]
    for taken in family.takes:
        label = words["took"].format(family=link(taken.family))
        rows.append((label, _taken(taken, language)))
    rows.append((words["children"], ", ".join(children) or words["nothing"]))
    for other in takers(family.name):
        what = [taken for taken in other.takes if taken.family == family.name]
        label = words["gave"].format(family=link(other.name))
        rows += [(label, _taken(taken, language)) for taken in what]
    return "\n".join(f"- {label}{words['colon']}{text}" for label, text in rows)


def _taken(taken: Taken, language: Language) -> str:
    return plain(what_was_taken(taken, language) + in_brackets(taken.source, language))


def what_was_taken(taken: Taken, language: Language) -> str:
    """The ledger's words for what a family has from another, or their translation."""
    return taken.what if language == "en" else phrase(taken.what) or taken.what


def in_brackets(source: str, language: Language) -> str:
    """Where it was read; that it was not looked up again is in the reader's language."""
    if language == "en":
        return f" ({source})"
    doubt = in_language(language, "from memory")
    return "（" + re.sub(r"\bmemory\b", doubt, source) + "）"


def _unit(entry: Entry, language: Language) -> str:
    """The drawing, which the build writes for every network, and the ledger's list of layers."""
    words = WORDS[language]
    root = "../" if language == "en" else "../../"
    caption = words["unit_text"].format(name=entry.name)
    alt = caption.replace("`", "")
    drawing = f'<img src="{root}assets/units/{entry.name}.svg" alt="{alt}" loading="lazy">'
    layers = words["unit_layers"].format(name=entry.name)
    listed = fenced("\n".join(entry.layers), "text")
    return f'<p class="drawing">{drawing}</p>\n\n{caption}\n\n{layers}\n\n{listed}'


def _paper_table(name: str, language: Language) -> str:
    doc = module_docstring(SOURCE / "models" / f"{name}.py")
    source = WORDS[language]["code"].format(module=f"cladenet.models.{name}")
    return f"{markdown(doc, texts_in(language))}\n\n{source}"


def _variants(entries: list[Entry], language: Language) -> str:
    words = WORDS[language]
    keys = ("network", "input", "params", "printed_params", "macs", "printed_error", "protocol")
    rows = [
        (
            f"`{entry.name}`",
            "x".join(map(str, entry.input)),
            f"{entry.params:,}",
            plain(fact(entry.paper_params, language)),
            f"{entry.macs:,}",
            entry.printed,
            plain(fact(entry.printed_for, language)),
        )
        for entry in entries
    ]
    return table([words[key] for key in keys], rows, "llrlrr") + "\n\n" + words["counts"]


def _measured(entries: list[Entry], language: Language) -> str:
    words = WORDS[language]
    names = {entry.name for entry in entries}
    found = [each for each in known_weights().values() if each.network in names and each.measured]
    if not found:
        return words["not_measured"]
    rows = [
        (f"`{each.name}`", f"`{each.network}`", plain(fact(each.measured, language)))
        for each in found
    ]
    headings = (words["weights"], words["network"], words["measured"])
    return words["measured_text"] + "\n\n" + table(headings, rows)


def _recipes(entries: list[Entry], language: Language) -> str:
    words = WORDS[language]
    names = dict.fromkeys(entry.recipe for entry in entries if entry.recipe)
    if not names:
        return words["no_recipe"]
    blocks = []
    for name in names:
        blocks.append(words["recipe_text"].format(name=name))
        rows = _numbers(RECIPES[name], language)
        blocks.append(
            "\n".join(f"- {label}{words['colon']}{plain(text)}" for label, text in rows if text)
        )
    return "\n\n".join(blocks)


def _numbers(recipe: Recipe, language: Language) -> list[tuple[str, str]]:
    words = WORDS[language]
    if recipe.steps:
        length = words["steps"].format(f"{recipe.steps:,}")
    else:
        length = words["epochs"].format(f"{recipe.epochs:g}")
    return [
        (words["source"], recipe.source),
        (words["length"], length),
        (words["batch"], str(recipe.batch_size)),
        (words["optimizer"], words["optimizer_text"].format(
            recipe.optimizer, f"{recipe.lr:.3g}", f"{recipe.momentum:g}",
            f"{recipe.weight_decay:g}")),
        (words["schedule"], recipe.schedule),
        (words["on_purpose"], fact(recipe.departs, language)),
    ]  # fmt: skip


def _train(entries: list[Entry], language: Language) -> str:
    small = min(entries, key=lambda entry: entry.macs)
    recipe = " --recipe paper" if small.recipe else ""
    data = {1: "mnist:DATA", 10: "cifar10:DATA", 100: "cifar100:DATA"}
    where = "mnist:DATA" if small.input[0] == 1 else data.get(small.classes, "my_photos")
    lines = [
        f"cladenet train {small.name} --data {where}{recipe} --dry-run",
        f"cladenet train {small.name} --data {where}{recipe}",
    ]
    names = {entry.name for entry in entries}
    published = [each for each in known_weights().values() if each.network in names]
    if published:
        lines[1] = f"cladenet train --weights {published[0].name} --data my_photos"
    return WORDS[language]["train_text"] + "\n\n" + fenced("\n".join(lines), "bash")


def _fidelity(entries: list[Entry], language: Language) -> str:
    words = WORDS[language]
    names = [entry.name for entry in entries]
    found = [row for row in comparisons() if row.ours in names]
    if not found:
        return words["not_compared"]
    rows = [
        (f"`{row.ours}`", *(plain(_cell(cell, language)) for cell in line(row))) for row in found
    ]
    headings = (words["network"], words["compared_with"], words["built_with"],
                words["images"], words["modes"], words["difference"])  # fmt: skip
    text = words["fidelity_text"] + "\n\n" + table(headings, rows)
    purpose = dict.fromkeys(row for name in names for row in differing(name))
    if purpose:
        text += f"\n\n**{words['on_purpose']}**\n\n"
        text += "\n".join(
            "- " + words["differs"].format(*(plain(fact(text, language)) for text in row))
            for row in purpose
        )
    return text


def _cell(text: str, language: Language) -> str:
    return text if language == "en" else phrase(text) or text


def _experiments(family: str, language: Language) -> str:
    """The claims of papers that train a network of the family, each linked to what came of it."""
    words = WORDS[language]
    rows = []
    for claim in CLAIMS.values():
        arms = {arm.network for arm in claim.arms}
        if family not in {entry.family for name, entry in load().items() if name in arms}:
            continue
        sentence = claim.sentence if language == "en" else in_language(language, claim.sentence)
        rows.append(
            f"- [`{claim.name}`]({_outcome(claim.name)}){words['colon']}{plain(sentence)}"
            f"{in_brackets(claim.source, language)}"
        )
    return "\n\n".join([words["experiments_text"], "\n".join(rows)]) if rows else ""


def _outcome(claim: str) -> str:
    """Where it is written what came of a claim; how to run it, where it has not been run."""
    page = DOCS / "claims.md"
    was_run = page.is_file() and f"\n## {claim}\n" in page.read_text(encoding="utf-8")
    return f"../claims.md#{claim}" if was_run else "../experiments.md"


def _notes(entries: list[Entry], language: Language) -> str:
    colon = WORDS[language]["colon"]
    return "\n".join(
        f"- `{e.name}`{colon}{plain(fact(e.notes.strip(), language))}" for e in entries if e.notes
    )
