"""No code of the package can run what it reads: nothing unpickles, evaluates or unpacks blindly."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import cladenet

SOURCE = Path(cladenet.__file__).parent
REVIEWED = {
    "pickle": {"data/sources/unpickle.py"},  # which knows the names it is given, no others
    "torch.load": {"weights/files/unpack.py"},  # with weights_only, in a process of its own
}

MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
CALLS = {
    "torch.load": "weights come from safetensors",
    "torch.hub.load": "runs code from the web",
    "yaml.load": "yaml.safe_load makes plain values alone",
    "yaml.unsafe_load": "runs code",
    "yaml.full_load": "has run code in the past",
    "os.system": "a shell takes file names for commands",
    "os.popen": "a shell takes file names for commands",
    "tempfile.mktemp": "somebody else may make the file first",
}
METHODS = {"extractall": "writes where the archive says", "read_pickle": "runs code"}
KEYWORDS = {"allow_pickle": True, "shell": True, "weights_only": False}


def dangers(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """What a reviewer has to look at, and in which line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((a.name, node.lineno) for a in node.names if root(a.name) in MODULES)
        elif isinstance(node, ast.ImportFrom) and root(node.module or "") in MODULES:
            yield node.module or "", node.lineno
        elif isinstance(node, ast.Call):
            yield from ((name, node.lineno) for name in of_call(node))


def of_call(call: ast.Call) -> Iterator[str]:
    name = ast.unparse(call.func)
    if name in BUILTINS or name in CALLS:
        yield name
    if name.rpartition(".")[2] in METHODS:
        yield name.rpartition(".")[2]
    for keyword in call.keywords:
        value = keyword.value
        if isinstance(value, ast.Constant) and value.value is KEYWORDS.get(keyword.arg or "", ...):
            yield f"{keyword.arg}={value.value}"


def root(module: str) -> str:
    return module.partition(".")[0]


@pytest.mark.parametrize("file", sorted(SOURCE.rglob("*.py")), ids=lambda file: str(file.name))
def test_the_source_runs_nothing_that_it_reads(file: Path) -> None:
    place = str(file.relative_to(SOURCE))
    found = [
        f"{place}:{line} {name}"
        for name, line in dangers(ast.parse(file.read_text()))
        if place not in REVIEWED.get(name, ())
    ]
    assert not found


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import pickle", "pickle"),
        ("from marshal import loads", "marshal"),
        ("import torch\ntorch.load(p)", "torch.load"),
        ("torch.load(p, weights_only=False)", "weights_only=False"),
        ("eval(text)", "eval"),
        ("yaml.load(text)", "yaml.load"),
        ("np.load(p, allow_pickle=True)", "allow_pickle=True"),
        ("tarfile.open(p).extractall(q)", "extractall"),
        ("run(words, shell=True)", "shell=True"),
    ],
)
def test_the_check_finds_what_it_looks_for(code: str, name: str) -> None:
    assert name in [found for found, _ in dangers(ast.parse(code))]


def test_the_check_lets_the_harmless_pass() -> None:
    code = "model.eval()\nre.compile(p)\nyaml.safe_load(t)\nnp.load(p)\nrun(words, shell=False)"
    assert list(dangers(ast.parse(code))) == []
