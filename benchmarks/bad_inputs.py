"""What users get for bad inputs: each command is run, its message and exit status are noted down.

    python benchmarks/bad_inputs.py [docs/bad-inputs.md]

The files are made in a temporary folder, in which the command line runs as a user would run it.
What is written: a Markdown page of tables. A traceback or another exit status fails the script.
"""

import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bad_data import DATA_CASES, make_more_data
from bad_files import make_data, spoil_runs
from bad_studies import STUDY_CASES

PAGE = Path(__file__).parents[1] / "docs" / "bad-inputs.md"
QUICK = "--quiet batch_size=8 epochs=1 threads=1 device=cpu"


class Case(NamedTuple):
    """A bad input: what is wrong, the words after `cladenet`, the exit status expected."""

    what: str
    words: str
    status: int


class Answer(NamedTuple):
    """What a command printed, on standard error if there was anything, and its exit status."""

    text: str
    status: int


Runner = Callable[[list[str]], Answer]


def new(data: str, more: str = "", network: str = "lenet5_relu", out: str = "new") -> str:
    """The words of a new run."""
    return f"train {network} --data {data} --out {out} {QUICK} {more}".strip()


CASES = {
    "Names and numbers": [
        Case("unknown command", "trian lenet5", 2),
        Case("unknown option", "train lenet5 --dta good", 2),
        Case("unknown network", new("good", network="resnt18"), 2),
        Case("unknown data", new("digts"), 3),
        Case("unknown recipe", new("good", "--recipe lenets"), 2),
        Case("unknown number", new("good", "epoch=1"), 2),
        Case("a word for a number", new("good", "lr=fast"), 2),
        Case("settings of another library", new("good", "--config settings.yaml"), 2),
        Case("a size that the head does not allow", new("good", "size=8", "lenet5"), 2),
    ],
    "Looking and comparing": [
        Case("layers of a family", "info resnet --layers", 2),
        Case("a part that there is not", "info resnet20_cifar --unit stages.1.9", 2),
        Case("images that are too small", "info vgg11 --size 16", 2),
        Case("a word that no name has", "models vgq", 2),
        Case("unknown block", "blocks bottlneck", 2),
        Case("a drawing of all blocks", "blocks --svg blocks.svg", 2),
        Case("one run to compare", "compare run", 2),
        Case("a folder that is not a run", "compare run nowhere", 4),
    ],
    "The run's folder": [
        Case("it holds a run already", new("good", out="run"), 7),
        Case("it holds something else", new("good", out="taken"), 7),
        Case("a run is going on in it", new("good", out="busy"), 7),
        Case("it cannot be made", new("good", out="/proc/new"), 2),
        Case("there is nothing to resume", "train --resume nowhere", 4),
    ],
    "Training": [
        Case("one image under a batch norm", new("good", "accumulate=8", "plain20_cifar"), 2),
        Case("a learning rate without measure", new("good", "lr=1e30", out="far"), 5),
        Case("resumed with another number", "train --resume run lr=0.5", 2),
        Case("resumed with edited settings", "train --resume edited-run", 4),
        Case("resumed with other data", "train --resume other-data-run", 4),
    ],
    "Images": [
        Case("cut off", new("cut"), 3),
        Case("an empty file", new("empty"), 3),
        Case("a web page called .jpg", new("page"), 3),
        Case("random bytes called .jpg", new("noise"), 3),
        Case("900 megapixels in 2 kB", new("bomb"), 3),
        Case("samples that are no colours", new("floats"), 3),
        Case("a link to nowhere", new("dangling"), 3),
        Case("one of two is empty", "predict run good/ant/00.jpg empty/ant/03.jpg", 3),
        Case("a folder without any", "predict run nothing", 3),
    ],
    "Classes and splits": [
        Case("a folder without --data", "train good", 2),
        Case("a class without images", new("hollow"), 3),
        Case("a class with one image", new("single"), 3),
        Case("validation has another class", new("renamed"), 3),
        Case("no class folders at all", new("nothing"), 3),
        Case("a table without its columns", new("columns.csv"), 3),
        Case("a table with a missing file", new("gone.csv"), 3),
        Case("a CIFAR file with code in it", new("cifar10:cifar"), 3),
    ],
    **{group: [Case(*row) for row in rows] for group, rows in (DATA_CASES | STUDY_CASES).items()},
    "Evaluation protocols": [
        Case("unknown protocol", "evaluate run --protocol crops", 2),
        Case("a scale below the crop", "evaluate run --protocol multi-crop --scales 24", 2),
        Case("three scales for one", "evaluate run --protocol dense --scales 32,36,40", 2),
        Case("training scales backwards", "evaluate run --protocol dense --train-scale 64,32", 2),
        Case("mistakes of many", "evaluate run --protocol all --worst 5", 2),
        Case(
            "a strip as one map",
            "evaluate run --data strip --split train --protocol dense --scales 256",
            3,
        ),
    ],
    "Budgets": [
        Case("no place for an exit", new("good", "model.exits_after=stages.9"), 2),
        Case("one exit alone", "evaluate run --budget 20M", 2),
        Case("no budget", "evaluate run --budget soon", 2),
        Case("a budget and a promise", "evaluate run --budget 20M --max-drop 1", 2),
        Case("several runs, no --cascade", "evaluate run run --budget 20M", 2),
        Case("a cascade of one", "evaluate run --cascade", 2),
        Case("thresholds that nobody set", "predict run run good/ant/00.jpg --cascade", 2),
        Case("an answer within a budget", "predict run good/ant/00.jpg --budget 20M", 2),
    ],
    "8 bits": [
        Case(
            "a network that names no data",
            "predict nameless-run good/ant/00.jpg --precision int8",
            2,
        ),
        Case(
            "calibration images that are not there",
            "evaluate run --precision int8 --calibration gone",
            3,
        ),
        Case("calibration of float32", "predict run good/ant/00.jpg --calibration good", 2),
    ],
    "Checkpoints": [
        Case("a pickle with code in it", "predict hostile.pth good/ant/00.jpg", 4),
        Case("the same in the place of weights", "predict pickle-run good/ant/00.jpg", 4),
        Case("one flipped bit", "predict flipped-run good/ant/00.jpg", 4),
        Case("cut off", "evaluate cut-run", 4),
        Case("none to resume from is whole", "train --resume lost-run", 4),
        Case("a header of 200 MB", "evaluate header-run", 4),
        Case("of another network", new("good", "--weights run", "lenet5"), 4),
        Case("of other classes", "evaluate run --data digits", 4),
        Case("a weight that is not a number", "evaluate nan-run", 4),
        Case("half precision", "evaluate half-run", 4),
        Case("a tensor is missing", "evaluate lacking-run", 4),
        Case("a changed mean", "evaluate means-run", 4),
    ],
    "Weights of others": [
        Case("a pickle with code in it", "import hostile.pth", 4),
        Case("cut off", "import cut.safetensors", 4),
        Case("no file", "import gone.pth", 4),
        Case("no file of weights", "import settings.yaml", 4),
        Case("Caffe's weights, cut off", "import cut.caffemodel", 4),
        Case("Caffe's description of a network", "import lenet.caffemodel", 4),
        Case("a model of fastai with its own head", "import fastai.pth", 4),
        Case("a Hugging Face copy with another filter", "import lanczos-copy", 4),
        Case("a Hugging Face copy in parts", "import parts-copy", 4),
        Case("a Hugging Face copy without weights", "import empty-copy", 4),
        Case("half of a network", "import half.safetensors", 4),
        Case("of another network", "import net.safetensors --as vgg11", 4),
        Case("of a network with another stride", "import net50.safetensors --as resnet50", 4),
        Case("two networks with the same tensors", "import b0.safetensors", 4),
        Case("unknown network", "import net.safetensors --as resnt18", 2),
        Case("other names of classes", "import net.safetensors --classes settings.yaml", 2),
        Case("unknown library", "export run --format keras", 2),
        Case("a network that a library lacks", "export run --format timm", 2),
        Case("unknown weights", new("good", "--weights torchvision/resnet50:V3"), 2),
        Case("a probe of nothing", new("good", "probe=true"), 2),
    ],
}
HEAD = """# What you get for bad inputs

Each row is a command that was run, the message that it printed, and its exit status:
2 usage, 3 data, 4 checkpoint, 5 diverged, 6 disk or memory, 7 folder in use. No message has more
than five lines or a traceback (`--debug` shows one). `python benchmarks/bad_inputs.py` makes the
files and writes this page; `tests/test_bad_inputs.py` holds it to what the commands say.
"""


def prepare(root: Path, run: Runner) -> None:
    """Make the files, train the run that the cases need, and damage copies of it."""
    make_data(root)
    make_more_data(root)
    answer = run(shlex.split(f"train lenet5_relu --data good --out run save_steps=2 {QUICK}"))
    if answer.status:
        raise SystemExit(f"the run that the cases need has failed: {answer.text}")
    spoil_runs(root)


@contextmanager
def busy(root: Path) -> Iterator[int]:
    """A process that owns the folder `busy`; its number."""
    code = "import sys; from pathlib import Path\n"
    code += "from cladenet.runs.folder.ownership import owned\n"
    code += "with owned(Path('busy').absolute()): print('mine', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as owner:
        if owner.stdout is None or owner.stdout.readline() != b"mine\n":
            raise SystemExit("the process that should own a folder does not")
        yield owner.pid
        owner.communicate(b"")


def command_line(root: Path) -> Runner:
    """Runs the real command in a process of its own, in `root`."""
    environment = {**os.environ, "CLADENET_CACHE": str(root / "cache"), "OMP_NUM_THREADS": "1"}

    def run(words: list[str]) -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", "cladenet", *words],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return Answer(done.stderr or done.stdout, done.returncode)

    return run


def answers(root: Path, run: Runner, cases: list[Case]) -> Iterator[tuple[Case, Answer]]:
    """Run cases in a prepared folder; names of this machine are replaced."""
    with busy(root) as owner:
        for case in cases:
            text, status = run(shlex.split(case.words))
            for name, public in (
                (f"{root}/", ""),
                (str(root), "."),
                (str(owner), "4711"),
                (socket.gethostname(), "venus"),
            ):
                text = text.replace(name, public)
            text = re.sub(r"since [-\d]+ [:\d]+ \w+", "since 2026-01-01 12:00:00 UTC", text)
            yield case, Answer(text.strip(), status)


def check(case: Case, answer: Answer) -> None:
    """Raise AssertionError if the answer is not fit for a user."""
    if answer.status != case.status or "Traceback" in answer.text:
        raise AssertionError(f"{case.words}: exit {answer.status}, {answer.text}")
    if not 1 <= len(answer.text.splitlines()) <= 5:
        raise AssertionError(f"{case.words}: not 1 to 5 lines: {answer.text}")


def row(case: Case, answer: Answer) -> str:
    """One line of the table."""
    words = case.words.replace(f" {QUICK}", "")
    message = answer.text.replace("|", "\\|").replace("<", "&lt;").replace("\n", "<br>")
    message = message.removeprefix("cladenet: ").replace("<br>cladenet: ", "<br>")
    return f"| {case.what} | `cladenet {words}` | {message} | {answer.status} |"


def main() -> None:
    """Write the page."""
    page = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    lines = [HEAD]
    with tempfile.TemporaryDirectory(prefix="bad-inputs-") as folder:
        root = Path(folder)
        run = command_line(root)
        prepare(root, run)
        for group, cases in CASES.items():
            lines += [
                f"## {group}",
                "",
                "| input | command | message | exit |",
                "|---|---|---|---|",
            ]
            for case, answer in answers(root, run, cases):
                check(case, answer)
                lines.append(row(case, answer))
            lines.append("")
    page.write_text("\n".join(lines))
    print(f"{page}: {sum(map(len, CASES.values()))} bad inputs")


if __name__ == "__main__":
    main()
