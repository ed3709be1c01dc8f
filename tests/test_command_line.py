"""The words, exit statuses and manners of the command `cladenet`."""

import argparse
import errno
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import cladenet.cli
from cladenet.cli import COMMANDS, main
from cladenet.cli.runs import predict_command
from cladenet.errors import CladeNetError, MissingExtra


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    """What is on standard error, if it is short and no traceback."""
    text = capsys.readouterr().err
    assert 1 <= len(text.splitlines()) <= 5
    assert text.startswith("cladenet: ")
    assert "Traceback" not in text
    return text


NEW = ["train", "lenet5", "--data", "digits", "--out", "x"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["trian"], 2, "no command is called 'trian'; did you mean `cladenet train`? `cladenet "),
        (["xyzzy"], 2, "no command is called 'xyzzy'; `cladenet --help` lists them all"),
        (["info", "resnt50"], 2, "no network or family is called 'resnt50'; nearest: resnet50"),
        (["models", "resnt*"], 2, "no model's name matches 'resnt*'; `cladenet models` prints all"),
        (["models", "--jsn"], 2, "`cladenet models` has no option '--jsn'; nearest: --json"),
        (["check"], 2, "the following arguments are required: DATA. `cladenet check --help`"),
        (["export", "runs/a", "onnx"], 2, "onnx is not understood; write --format onnx"),
        (["export", "onnx", "runs/a"], 2, "onnx is not understood; write --format onnx"),
        (["export", "onnx"], 2, "onnx is not understood; write RUN --format onnx"),
        (["export", "a", "timm/resnet50"], 2, "write --format timm/resnet50"),
        (["export", "a", "b"], 2, "`cladenet export` has no place for 'b'"),
        (["check", "a", "skip"], 2, "skip is not understood; write --on-unreadable skip"),
        (["check", "a", "b"], 2, "`cladenet check` has no place for 'b'"),
        (["check", "digts"], 3, "no data set, folder or CSV file is called 'digts'; nearest: dig"),
        (["train"], 2, "a new run needs data: cladenet train --data FOLDER, or cladenet train"),
        (["train", "lenet5", "vgg16"], 2, "one network at a time: lenet5 vgg16"),
        (["train", "lenet5", "--data"], 2, "argument --data: expected one argument"),
        ([*NEW[:1], "lenet55", *NEW[2:]], 2, "no model is called 'lenet55'; nearest: lenet5"),
        ([*NEW[:3], "cifar100:gone", *NEW[4:]], 3, "gone"),
        ([*NEW, "--recipe", "papr"], 2, "no recipe is called 'papr'; nearest: paper"),
        ([*NEW, "--recipe", "lenets"], 2, "no recipe is called 'lenets'; nearest: lenet"),
        ([*NEW, "lrr=1"], 2, "'lrr' is not an option; nearest: lr"),
        ([*NEW, "lr=fast"], 2, "lr is 'fast'; expected a number"),
        ([*NEW, "lr=1", "lr=2"], 2, "lr is given twice: '1' and '2'"),
        ([*NEW, "lr=inf"], 2, "lr is 'inf'; expected a number that is not infinite"),
        ([*NEW, "epochs=inf"], 2, "epochs is 'inf'; expected a number that is not infinite"),
        ([*NEW, "save_minutes=nan"], 2, "save_minutes is 'nan'"),
        ([*NEW, "scale=0.1"], 2, "scale is '0.1'; expected 2 numbers separated by a comma"),
        ([*NEW, "short_side=5"], 2, "short_side is '5'; expected 2 numbers"),
        ([*NEW, "threads=100000"], 2, "threads is 100000; expected at most 1024"),
        ([*NEW, "batch_size=0"], 2, "batch_size is 0; expected at least 1"),
        ([*NEW, "model.depth=9"], 2, "lenet5 takes no depth; it takes"),
        (["train", "resnet20_cifar", *NEW[2:], "model.depth=deep"], 2,
         "resnet20_cifar cannot be built with model.depth=deep: "),
        ([*NEW, "model.num_classes=7"], 2, "model.num_classes is 7, digits has 10 classes"),
        ([*NEW, "model.in_channels=2"], 2, "model.in_channels is 2; expected 1 (grey) or 3"),
        ([*NEW, "device=gpu"], 2, "device is 'gpu'; expected auto, cpu, cuda, cuda:N or mps"),
        ([*NEW, "--config", "none.yaml"], 2, "--config none.yaml cannot be read: No such file"),
        (["train", "--resume", "nowhere"], 4, "nowhere does not exist; give a run folder"),
        (["evaluate", "nowhere"], 4, "nowhere does not exist; give a run folder, runs/NETW"),
        (["evaluate", "x" * 300], 4, "does not exist; give a run folder"),
        (["predict", "nowhere", "a.png"], 4, "nowhere does not exist"),
        (["predict", "nowhere", "--top", "many"], 2, "--top is 'many'; expected a whole number"),
        (["evaluate", "nowhere", "--max-drop", "x"], 2, "--max-drop is 'x'; expected a number"),
        (["bench", "speed"], 2, "argument what: invalid choice: 'speed'"),
        (["bench", "input"], 2, "--data DATA belongs to `cladenet bench input`, which needs it"),
        (["bench", "limits", "lenet5"], 2, "`cladenet bench limits` takes no network"),
        (["predict", "x", "y", "--json", "--csv"], 2, "not allowed with argument"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else None,
)  # fmt: skip
def test_a_mistake_is_answered_with_what_was_meant(
    words: list[str], status: int, message: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(words) == status
    assert message in printed(capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "holds no table; expected lines such as `lr: 0.05`"),
        ("lr: [", "is not YAML: while parsing"),
        ("learning_rate: 1", "'learning_rate' is not an option"),
        ("!!python/object/apply:os.system ['touch canary']", "could not determine a constructor"),
        ("[" * 5000, "is not YAML"),
        ("\ufffe\0", "is not YAML"),
    ],
)
def test_a_settings_file_without_sense_is_refused(
    text: str, message: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("settings.yaml").write_text(text)
    assert main([*NEW, "--config", "settings.yaml"]) == 2
    assert message in printed(capsys)
    assert os.listdir() == ["settings.yaml"]


def test_debug_shows_the_traceback() -> None:
    with pytest.raises(CladeNetError, match="no network or family is called 'resnt50'"):
        main(["--debug", "info", "resnt50"])


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_help_names_every_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    text = capsys.readouterr().out
    lines = dict(re.findall(r"^  (\w+) +(\S.*)$", text, re.M))
    assert lines.items() >= COMMANDS.items()


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: cladenet {command}")


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"cladenet {cladenet.__version__}\n"


def python(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], text=True, check=False, **more)


@pytest.mark.parametrize("words", [["--help"], ["models"], ["train", "--help"], ["trian"]])
def test_quick_answers_import_no_torch(words: list[str]) -> None:
    """Python's own record of its imports, in a process of its own."""
    done = python("-X", "importtime", "-m", "cladenet", *words, capture_output=True)
    imported = set(re.findall(r"\| +(\S+)$", done.stderr, re.M))
    assert {"cladenet", "cladenet.cli", "argparse"} <= imported
    assert not {"torch", "torchvision", "numpy", "PIL", "yaml", "rich"} & imported
    assert done.returncode == (2 if words == ["trian"] else 0)


def test_a_pipe_that_is_closed_early_is_no_error() -> None:
    command = f"{sys.executable} -m cladenet models --json | head -c 10; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["/bin/bash", "-c", command], text=True, capture_output=True, check=True)
    assert (done.stdout[:1], done.stdout[-2:], done.stderr) == ("[", "0\n", "")


@pytest.mark.parametrize("words", [["--help"], ["models", "--json"]])
def test_output_to_a_full_disk_is_reported(words: list[str]) -> None:
    """Also where all of it fits in the buffer and would be lost at the end silently."""
    with Path("/dev/full").open("w") as full:
        done = python("-m", "cladenet", *words, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 6
    assert done.stderr == "cladenet: the disk that the output goes to is full\n"


def test_no_standard_output_is_no_error() -> None:
    """As under a service manager."""
    command = f"{sys.executable} -m cladenet models >&-"
    done = subprocess.run(["/bin/bash", "-c", command], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (MemoryError(), 6, "memory ran out"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (MissingExtra("scipy", "svhn", "svhn"), 2, "pip install 'cladenet[svhn]'"),
    ],
)
def test_what_a_command_meets_becomes_a_sentence_and_a_status(
    error: BaseException, status: int, message: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def fail(_words: list[str]) -> int:
        raise error

    monkeypatch.setattr(cladenet.cli, "_dispatch", fail)
    assert main(["models"]) == status
    assert message in printed(capsys)


def test_our_own_mistakes_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_words: list[str]) -> int:
        raise KeyError("a bug")

    monkeypatch.setattr(cladenet.cli, "_dispatch", fail)
    with pytest.raises(KeyError):
        main(["models"])


def test_words_after_two_dashes_are_no_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file whose name begins with a dash."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert main(["predict", "--", "-run", "-a.png"]) == 4
    assert "-run does not exist" in printed(capsys)


@pytest.mark.parametrize(
    "words",
    [
        ["--csv", "--", "run", "-a", "--b", "c=d", "top=1"],
        ["run", "--csv", "--", "-a", "--b", "c=d", "top=1"],
    ],
)
def test_two_dashes_may_stand_between_options_and_words(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[argparse.Namespace] = []

    def run(found: argparse.Namespace) -> int:
        seen.append(found)
        return 0

    monkeypatch.setattr(predict_command, "run", run)
    assert main(["predict", *words]) == 0
    assert (seen[0].run, seen[0].csv) == ("run", True)
    assert seen[0].images == ["-a", "--b", "c=d", "top=1"]


def test_a_reader_that_leaves_ends_a_command_quietly() -> None:
    """As `head` does."""
    words = [sys.executable, "-m", "cladenet", "models"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_pipe_to_another_process_that_breaks_is_not_taken_for_a_reader_that_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ended the command with status 0 and without a word."""

    def broken(words: list[str]) -> int:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(cladenet.cli, "_dispatch", broken)
    with pytest.raises(BrokenPipeError):
        main(["models"])


@pytest.mark.parametrize("before", ["default_int_handler", "SIG_IGN"])
def test_ctrl_c_has_no_traceback_before_a_command_begins(before: str) -> None:
    """Until then it ends the process without a word; one that ignores it goes on ignoring it."""
    program = f"""
import signal
signal.signal(signal.SIGINT, signal.{before})
from cladenet import __main__
first = signal.getsignal(signal.SIGINT)
__main__.command()
then = signal.getsignal(signal.SIGINT)
print(first is signal.SIG_DFL, first is signal.SIG_IGN)
print(then is signal.default_int_handler, then is signal.SIG_IGN)
"""
    words = [sys.executable, "-c", program, "recipes", "lenet"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    ignored = before == "SIG_IGN"
    assert done.stdout.split()[-4:] == [str(not ignored), str(ignored)] * 2
