"""Every string of a module that a person may read, as a template with named placeholders.

A string counts as read by people if it is prose: two words, or a word beside a placeholder. That
takes in too much rather than too little; `not_shown.py` names what is left out, with the reason.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

PROSE = re.compile(
    r"[A-Za-z][a-z]+[,;:.!?)'’]* +[(\"'`-]*[a-z]{2,}|[A-Za-z]{2,}[,;:)]* +[`'\"(]*\{"
    r"|\}[,;:)]* +[(\"'`]*[a-z]{2,}|\b[a-z] +[a-z]{3,}|\d+ +[a-z]{3,}|[a-z]{3,} +\d"
    r"|\}'s\b|% [a-z]{3,}"
)
_TAG = re.compile(r"<[^<>]*>")
_ATTRIBUTE = re.compile(r' (?:alt|aria-label|data-name|placeholder|title)="([^"]*)"')
_CONSTANTS = {"NBSP": " ", "DASH": "–"}
_WORD = re.compile(r"[ ,;]*[A-Za-z][a-z]+[ ,;]*")
_NAMED = re.compile(r"[A-Za-z_]\w*$")


class Literal(NamedTuple):
    """A text of the source.

    Args:
        line: where it begins.
        template: with placeholders as `cladenet.translations.template` reads them.
        call: the function whose argument it is, or the name that it is assigned to; or empty.
    """

    line: int
    template: str
    call: str


def literals(source: str) -> list[Literal]:
    """Those of one module, docstrings left out."""
    tree = ast.parse(source)
    _give_parents(tree)
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant | ast.JoinedStr) or _is_part(node):
            continue
        whole = _template(node)
        if whole is None or _is_agreement(getattr(node, "parent", node)):
            continue
        user = _user(node)
        if user.endswith("(help="):
            whole = whole.replace("%%", "%")  # argparse formats it
        found += [Literal(node.lineno, text, user) for text in _texts(whole)]
        if _WORD.fullmatch(whole) and _is_chosen(node):
            found.append(Literal(node.lineno, whole.strip(), user))
    return sorted(set(found))


def _texts(whole: str) -> Iterator[str]:
    """The pieces of a page, or the text itself, without spaces around them."""
    pieces = [whole]
    if "<" in whole and _TAG.search(whole):
        pieces = [*_TAG.split(whole), *_ATTRIBUTE.findall(whole)]
    for piece in pieces:
        text = _unescaped(piece).strip()
        if PROSE.search(_without_names(text)):
            yield text


def _unescaped(text: str) -> str:
    return text.replace("&middot;", "·").replace("&amp;", "&").replace("\N{NO-BREAK SPACE}", " ")


def _without_names(text: str) -> str:
    return re.sub(r"\{[^{}]+\}", "{}", text)


def _give_parents(tree: ast.AST) -> None:
    """Each node gets its `parent`."""
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            child.parent = node  # type: ignore[attr-defined]


def _parent(node: ast.AST) -> ast.AST | None:
    return getattr(node, "parent", None)


def _is_part(node: ast.AST) -> bool:
    """A piece of an f-string or of a format specification, a docstring, an annotation, a key."""
    parent = _parent(node)
    if isinstance(parent, ast.JoinedStr | ast.Expr | ast.FormattedValue) and not (
        isinstance(parent, ast.FormattedValue) and parent.value is node
    ):
        return True
    if isinstance(parent, ast.Compare | ast.MatchValue):
        return True
    if isinstance(parent, ast.Subscript) or (isinstance(parent, ast.Dict) and node in parent.keys):
        return " " not in str(getattr(node, "value", ""))  # with spaces it is a label
    if isinstance(parent, ast.AnnAssign | ast.arg | ast.FunctionDef):
        return getattr(parent, "annotation", None) is node or getattr(parent, "returns", 0) is node
    return isinstance(node, ast.Constant) and not isinstance(node.value, str)


def _user(node: ast.AST) -> str:
    child, parent = node, _parent(node)
    while parent is not None and isinstance(parent, ast.expr | ast.keyword | ast.FormattedValue):
        if isinstance(parent, ast.Call) and child is not parent.func:
            keyword = f"{child.arg}=" if isinstance(child, ast.keyword) and child.arg else ""
            return f"{ast.unparse(parent.func)}({keyword}"
        child, parent = parent, _parent(parent)
    if isinstance(parent, ast.Assign | ast.AnnAssign):
        target = parent.targets[0] if isinstance(parent, ast.Assign) else parent.target
        return ast.unparse(target)
    return ""


def _template(node: ast.Constant | ast.JoinedStr) -> str | None:
    if isinstance(node, ast.Constant):
        return str(node.value).replace("{", "{{").replace("}", "}}")
    taken: dict[str, int] = {}
    parts = []
    for value in node.values:
        if isinstance(value, ast.Constant):
            parts.append(str(value.value).replace("{", "{{").replace("}", "}}"))
        elif isinstance(value, ast.FormattedValue):
            parts.append(_placeholder(value, taken))
    return "".join(parts)


def _placeholder(value: ast.FormattedValue, taken: dict[str, int]) -> str:
    expression = value.value
    if isinstance(expression, ast.Name) and expression.id in _CONSTANTS:
        return _CONSTANTS[expression.id]
    name = _name(expression)
    taken[name] = taken.get(name, 0) + 1
    if taken[name] > 1:
        name = f"{name}_{taken[name]}"
    if value.conversion == ord("r"):
        return f"{{{name}!r}}"
    if value.format_spec is not None:
        spec = _template(value.format_spec) if isinstance(value.format_spec, ast.JoinedStr) else ""
        spec = re.sub(r"\{[^{}]*\}", "2", spec or "")  # a width or number of places that varies
        return f"{{{name}:{spec}}}" if re.search(r"[,defgx%\d]$", spec) else f"{{{name}}}"
    if _is_counted(expression):
        return f"{{{name}:counted}}"
    return f"{{{name}:text}}" if _is_choice(expression, value) else f"{{{name}}}"


def _is_counted(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Call) and getattr(expression.func, "id", "") == "counted"


def _is_agreement(expression: ast.AST) -> bool:
    """A verb in the form that the number takes, as `cladenet.plural.agree` writes it."""
    return isinstance(expression, ast.Call) and getattr(expression.func, "id", "") == "agree"


def _is_choice(expression: ast.expr, place: ast.AST) -> bool:
    """One of texts that are written here or just before: translated even if it is a word."""
    if _is_agreement(expression):
        return True
    if isinstance(expression, ast.IfExp):
        return any(map(_is_text, (expression.body, expression.orelse)))
    if isinstance(expression, ast.BoolOp):
        return any(map(_is_text, expression.values))
    if not isinstance(expression, ast.Name):
        return False
    scope = _scope(place)
    return scope is not None and expression.id in _choices_in(scope)


@cache
def _choices_in(scope: ast.AST) -> set[str]:
    """Names that are given one of texts in a function."""
    return {
        getattr(target, "id", "")
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign)
        and (_is_text(node.value) or _is_choice(node.value, ast.Pass()))
        for target in node.targets
    }


def _is_chosen(node: ast.AST) -> bool:
    """One of several texts that a template takes for a placeholder, in it or by way of a name."""
    child, parent = node, _parent(node)
    if not isinstance(parent, ast.IfExp | ast.BoolOp | ast.Assign):
        return False
    while isinstance(parent, ast.IfExp | ast.BoolOp):
        if isinstance(parent, ast.IfExp) and child is parent.test:
            return False
        child, parent = parent, _parent(parent)
    if isinstance(parent, ast.FormattedValue):
        return _is_prose(_parent(parent))
    if not isinstance(parent, ast.Assign):
        return False
    scope = _scope(parent)
    names = {getattr(target, "id", "") for target in parent.targets}
    return scope is not None and bool(names & _written_in(scope))


def _scope(node: ast.AST) -> ast.AST | None:
    while not isinstance(node, ast.FunctionDef | ast.Module):
        above = _parent(node)
        if above is None:
            return None
        node = above
    return node


@cache
def _written_in(scope: ast.AST) -> set[str]:
    """Names that sentences of a function write as they are."""
    return {
        value.value.id
        for node in ast.walk(scope)
        if isinstance(node, ast.JoinedStr) and _is_prose(node)
        for value in node.values
        if isinstance(value, ast.FormattedValue) and isinstance(value.value, ast.Name)
    }


def _is_prose(node: ast.AST | None) -> bool:
    whole = _template(node) if isinstance(node, ast.JoinedStr) else None
    return whole is not None and any(_texts(whole))


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and bool(re.search("[a-z]", node.value))
    return isinstance(node, ast.JoinedStr)


def _name(node: ast.expr) -> str:
    """One word for an expression: the last name of what it is about."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            found = name.strip("_")
        case ast.Call(func=ast.Name(id="agree")):
            found = "verb"
        case ast.Call(func=ast.Name(id="counted"), args=[_, what]):
            found = str(what.value) if isinstance(what, ast.Constant) else _name(what)
        case ast.Call(args=[first, *_]) if not isinstance(first, ast.Constant):
            found = _name(first)
        case ast.Call(func=function):
            found = _name(function)
        case ast.Subscript(value=inner) | ast.Starred(value=inner) | ast.UnaryOp(operand=inner):
            found = _name(inner)
        case ast.BinOp(left=left, right=right):
            found = _name(right if isinstance(left, ast.Constant) else left)
        case ast.IfExp(body=body, orelse=other, test=test):
            found = next((n for n in map(_name, (body, other, test)) if n != "value"), "value")
        case ast.BoolOp(values=[first, *_]) | ast.Compare(left=first):
            found = _name(first)
        case ast.GeneratorExp(elt=inner) | ast.ListComp(elt=inner) | ast.SetComp(elt=inner):
            found = _name(inner)
        case _:
            found = "value"
    found = re.sub(r"\W+", "_", found)
    return found if _NAMED.match(found) else "value"
