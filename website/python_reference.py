"""The reference of the library: every public function and class, from its docstring.

Sources are parsed, not imported: a page needs no extra, and nothing runs.
"""

import ast
import inspect
from collections.abc import Callable
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from typing import get_type_hints

import cladenet
from cladenet.ledger import families
from website.docstring_texts import Collected, texts_in
from website.docstrings import Say, markdown, summary
from website.page import ROOT, Page, fenced, table
from website.words import WORDS, Language

SECTION = "Python"
SOURCE = ROOT / "src" / "cladenet"
Definition = ast.FunctionDef | ast.ClassDef
Speak = Callable[[str, str], Say]  # of a file of translations and a place in the source


def python_pages(language: Language = "en") -> list[Page]:
    """What `import cladenet` gives, then a page for each of its packages."""
    say = texts_in(language)
    return _pages(language, lambda file, place: say)


def wanted() -> dict[str, dict[str, str]]:
    """All texts of docstrings that pages show: file of translations -> text -> place."""
    collected = Collected()
    _pages("en", collected.keeping)
    for name in families():
        say = collected.keeping("families", f"models/{name}.py")
        markdown(module_docstring(SOURCE / "models" / f"{name}.py"), say)
    return collected.found


def module_docstring(file: Path) -> str:
    """Of a source."""
    return ast.get_docstring(_parsed(file)) or ""


def _pages(language: Language, speak: Speak) -> list[Page]:
    words = WORDS[language]
    first = Page("python/index.md", _first_names(words, speak), SECTION)
    packages = sorted(file.parent for file in SOURCE.glob("*/__init__.py"))
    pages = [
        Page(f"python/{folder.name}.md", text, SECTION)
        for folder in packages
        if (text := _package(folder, f"cladenet.{folder.name}", speak))
    ]
    alone = [file for file in sorted(SOURCE.glob("*.py")) if not file.stem.startswith("__")]
    lines = [f"# {words['python_modules']} {{ #modules }}", "", words["python_modules_intro"]]
    for file in alone:
        lines += _module(file, f"cladenet.{file.stem}", speak)
    return [first, *pages, Page("python/modules.md", "\n".join(lines), SECTION)]


def _first_names(words: dict[str, str], speak: Speak) -> str:
    lines = ["# Python", "", words["python_intro"], ""]
    values = {name: getattr(cladenet, name) for name in cladenet.__all__}
    docs = {name: inspect.getdoc(value) or "" for name, value in values.items()}
    says = {name: speak("index", name) for name in values}
    rows = [(f"[`{name}`](#{name.lower()})", summary(docs[name], says[name])) for name in values]
    lines.append(table((words["python_name"], words["what_it_does"]), rows))
    for name, value in values.items():
        parameters, _, returns = str(inspect.signature(value)).rpartition(")")
        signature = _wrapped(f"cladenet.{name}", parameters[1:], returns)
        lines += ["", f"## {name}", "", fenced(signature, "python"), ""]
        lines.append(markdown(docs[name], says[name]))
        for kind in _options(value):
            lines += ["", markdown(kind.__doc__ or "", says[name])]
    return "\n".join(lines)


def _options(function: Callable[..., object]) -> list[type]:
    """The dataclasses that list the keywords of a function which is made `by_keyword`."""
    within = inspect.unwrap(function)
    if within is function:
        return []
    hints = get_type_hints(within)
    hints.pop("return", None)
    return [kind for kind in hints.values() if is_dataclass(kind) and isinstance(kind, type)]


def _package(folder: Path, name: str, speak: Speak) -> str:
    say = speak(folder.name, f"{folder.name}/__init__.py")
    lines = [f"# `{name}`", "", markdown(module_docstring(folder / "__init__.py"), say)]
    files = [file for file in sorted(folder.rglob("*.py")) if file.stem != "__main__"]
    for file in files:
        within = ".".join(file.relative_to(folder).with_suffix("").parts)
        module = f"{name}.{within}".removesuffix(".__init__")
        lines += _module(file, module, speak)
    return "\n".join(lines)


def _module(file: Path, name: str, speak: Speak) -> list[str]:
    public = _public(file)
    if not public:
        return []
    place = file.relative_to(SOURCE)
    say = speak("-".join(place.parts[:-1][:2]) or "modules", place.as_posix())
    lines = ["", f"## `{name}`", "", summary(module_docstring(file), say)]
    for node in public:
        lines += ["", f"### {node.name} {{ #{name}.{node.name} }}", ""]
        lines += _definition(node, f"{name}.{node.name}", say)
    return lines


@cache
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _public(file: Path) -> list[Definition]:
    return [
        node
        for node in _parsed(file).body
        if isinstance(node, Definition) and not node.name.startswith("_")
    ]


def _definition(node: Definition, name: str, say: Say) -> list[str]:
    """Signature and docstring; of a class its methods' too."""
    doc = ast.get_docstring(node)
    lines = [fenced(_signature(node, name), "python"), ""]
    if doc:
        lines.append(markdown(doc, say))
    if isinstance(node, ast.ClassDef):
        for method in node.body:
            has_doc = isinstance(method, ast.FunctionDef) and ast.get_docstring(method)
            if isinstance(method, ast.FunctionDef) and has_doc and not method.name.startswith("_"):
                described = f"{say(': ')}{summary(has_doc, say)}"
                lines += ["", f"`{method.name}({_parameters(method)})`{described}"]
    return lines


def _signature(node: Definition, name: str) -> str:
    if isinstance(node, ast.FunctionDef):
        returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        return _wrapped(name, _parameters(node), returns)
    first = [f for f in node.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"]
    if first:
        return _wrapped(name, _parameters(first[0]), "", "class ")
    declared = [ast.unparse(line) for line in node.body if isinstance(line, ast.AnnAssign)]
    return _wrapped(name, ", ".join(declared), "", "class ")


def _wrapped(name: str, parameters: str, returns: str, kind: str = "") -> str:
    """One line, or one parameter a line where that is too long."""
    line = f"{kind}{name}({parameters}){returns}"
    if len(line) <= 88:
        return line
    lines = "".join(f"    {parameter},\n" for parameter in _split(parameters))
    return f"{kind}{name}(\n{lines}){returns}"


def _split(parameters: str) -> list[str]:
    """At the commas that are in no bracket and no text."""
    pieces, depth, quote = [""], 0, ""
    for letter in parameters:
        if letter in "'\"" and quote in ("", letter):
            quote = "" if quote else letter
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth and not quote:
            pieces.append("")
        else:
            pieces[-1] += letter
    return [piece.strip() for piece in pieces]


def _parameters(node: ast.FunctionDef) -> str:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    if positional and positional[0].arg in ("self", "cls"):
        (arguments.posonlyargs or arguments.args).pop(0)
    return ast.unparse(arguments)
