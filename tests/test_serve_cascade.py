"""A cascade behind one name: the answers of `predict --cascade`, whoever asks at the same time."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("starlette")

from asgi import Client, client
from cladenet.adaptive.costs import Costs
from cladenet.adaptive.policy import Policy
from cladenet.adaptive.thresholds import Thresholds
from cladenet.analysis.cost import macs_to_exits
from cladenet.checkpoints import load
from cladenet.cli import main
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument, CheckpointError
from cladenet.registry import create_model
from cladenet.runs.adaptive.kept import Kept, keep
from cladenet.runs.adaptive.predictors import predictor_for
from cladenet.runs.predict.prediction import Prediction
from cladenet.runs.predict.predictor import Predictor
from cladenet.serve.models.cascade import ServedCascade
from cladenet.serve.models.opening import (
    ServeOptions,
    Where,
    fingerprint,
    named,
    one_cascade,
    read_cascade,
)
from cladenet.serve.web.app import Plan, application
from saved_run import write_checkpoint
from test_serve import BY, computed, form, picture, ready

NEVER = float("inf")
CLASSES = ("ant", "bee", "wasp")
FILES = [picture(number) for number in range(9)]


def write(folder: Path, depth: int, side: int, classes: tuple[str, ...]) -> Path:
    """A run of which no two images have the same confidence."""
    torch.manual_seed(depth)
    arguments: dict[str, Any] = {"depth": depth, "num_classes": 3}
    model = create_model("resnet20_cifar", **arguments).eval()
    with torch.no_grad():
        model.head[-1].weight.mul_(3)
    preprocess = Preprocess(side, side, 3, "stretch", (0.4,) * 3, (0.3,) * 3)
    return write_checkpoint(folder, "resnet20_cifar", model, classes, preprocess, arguments)


def set_threshold(runs: list[Path], early: float) -> None:
    loaded = [load(run) for run in runs]
    macs = np.cumsum([macs_to_exits(each.model, (3, 32, 32))[-1] for each in loaded])
    costs = Costs(tuple(map(int, macs)), (1.0, 2.0), 1, 1)
    policy = Policy(Thresholds((early, -NEVER)), starts=(0, 0))
    keep(loaded, Kept("max-drop 1", policy, costs, 50, "photos"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The second sees larger images, and has its classes in another order."""
    root = tmp_path_factory.mktemp("runs")
    both = [write(root / "small", 8, 32, CLASSES), write(root / "large", 14, 40, CLASSES[::-1])]
    set_threshold(both, NEVER)
    sure = sorted(max(g.probability for g in each.top) for each in predicted([both[0]]))
    set_threshold(both, (sure[3] + sure[4]) / 2)  # 5 of 9 leave
    return both


def predicted(runs: list[Path]) -> list[Prediction]:
    predictor = predictor_for(runs, None, True) if len(runs) > 1 else Predictor(runs[0])
    return list(predictor(FILES))


def serving(runs: list[Path], by: str = "threads", **options: Any) -> Any:
    choices = ServeOptions(**options)
    paths = one_cascade(named(runs))

    def make(name: str, where: Where) -> ServedCascade:
        assert isinstance(where, tuple)
        return ServedCascade(name, read_cascade(where, choices.precision), choices)

    return client(application(computed(by, Plan(paths, make))))


@pytest.fixture(scope="module", params=BY)
def asker(runs: list[Path], request: pytest.FixtureRequest) -> Iterator[Client]:
    with serving(runs, request.param) as asker:
        yield ready(asker)


def chances(prediction: dict[str, Any]) -> list[float]:
    return [g["probability"] for g in sorted(prediction["top"], key=lambda g: str(g["class"]))]


def expected(prediction: Prediction) -> list[float]:
    return [g.probability for g in sorted(prediction.top, key=lambda g: g.name)]


def test_the_answers_are_those_of_predict(asker: Client, runs: list[Path]) -> None:
    wanted = predicted(runs)
    names = [each.answered_by for each in wanted]
    assert sorted(names).count("resnet20_cifar (1)") == 5
    body, headers = form(*((f"{i}.jpg", file) for i, file in enumerate(FILES)))
    together = asker.ask("POST", "/predict", body, headers)
    assert together.status == 200, together.body
    alone = [asker.ask("POST", "/predict?budget=kept", file).json() for file in FILES]
    for found in (together.json()["predictions"], [each["predictions"][0] for each in alone]):
        assert [each["answered_by"] for each in found] == names
        for each, prediction in zip(found, wanted, strict=True):
            np.testing.assert_allclose(chances(each), expected(prediction), atol=1e-5)
    assert together.json()["model"] == "small-large"
    text = asker.ask("GET", "/metrics").body.decode()
    assert 'cladenet_exits_total{exit="resnet20_cifar (2)",model="small-large"} 8.0' in text


def test_whole_is_the_last_run_alone_and_a_budget_ends_where_it_reaches(
    asker: Client, runs: list[Path]
) -> None:
    (model,) = asker.ask("GET", "/models").json()["models"]
    assert (model["kept"], model["budget"]) == ("max-drop 1", "kept")
    first, both = (each["macs"] for each in model["exits"])
    assert first == macs_to_exits(load(runs[0]).model, (3, 32, 32))[-1]
    assert both - first == macs_to_exits(load(runs[1]).model, (3, 40, 40))[-1]
    for query, of, who in (("whole", [runs[1]], "(2)"), (f"{both - 1}", [runs[0]], "(1)")):
        for file, wanted in zip(FILES, predicted(of), strict=True):
            answer = asker.ask("POST", f"/predict?budget={query}", file)
            (found,) = answer.json()["predictions"]
            assert found["answered_by"].endswith(who)
            np.testing.assert_allclose(chances(found), expected(wanted), atol=1e-5)
    refused = asker.ask("POST", "/predict?budget=10", FILES[0])
    assert (refused.status, "the first answer costs" in refused.json()["error"]) == (400, True)


def test_a_bad_image_among_good_ones_and_evidence(asker: Client, runs: list[Path]) -> None:
    body, headers = form(("a.jpg", FILES[0]), ("b.jpg", FILES[1][:200]), ("c.jpg", FILES[2]))
    found = asker.ask("POST", "/predict", body, headers).json()["predictions"]
    wanted = predicted(runs)
    assert "error" in found[1]
    for number in (0, 2):
        np.testing.assert_allclose(chances(found[number]), expected(wanted[number]), atol=1e-5)
    refused = asker.ask("POST", "/explain", FILES[0])
    assert refused.status == 422
    assert refused.json()["error"] == "small-large is a cascade"


def test_new_thresholds_are_taken_up(runs: list[Path], tmp_path: Path) -> None:
    mine = [write(tmp_path / "small", 8, 32, CLASSES), write(tmp_path / "large", 8, 32, CLASSES)]
    with pytest.raises(BadArgument, match="were never set in fp32"):
        read_cascade((mine[0], mine[1]), "fp32")
    set_threshold(mine, 0.0)
    with serving(mine) as asker:
        ready(asker)
        before = fingerprint((mine[0], mine[1]))
        answer = asker.ask("POST", "/predict", FILES[0]).json()["predictions"][0]
        assert answer["answered_by"] == "resnet20_cifar (1)"
        set_threshold(mine, NEVER)
        assert fingerprint((mine[0], mine[1])) != before
        shelf = asker.app.state.service.shelf
        asyncio.run_coroutine_threadsafe(shelf.look(), asker.loop).result(30)
        answer = asker.ask("POST", "/predict", FILES[0]).json()["predictions"][0]
        assert answer["answered_by"] == "resnet20_cifar (2)"


def test_what_is_no_cascade_is_refused(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", str(runs[0]), "--cascade", "--port", "18765"]) == 2
    assert "a cascade needs two runs or more" in capsys.readouterr().err
    file = tmp_path / "a.onnx"
    file.write_bytes(b"")
    with pytest.raises(BadArgument, match="is an exported file; a cascade is of runs"):
        one_cascade({"small": runs[0], "a": file})
    other = write(tmp_path / "others", 8, 32, ("cat", "dog", "fox"))
    set_threshold([runs[0], other], 0.5)
    with pytest.raises(CheckpointError, match="classes"):
        ServedCascade("x", read_cascade((runs[0], other), "fp32"), ServeOptions())
    options = replace(ServeOptions(), budget="10")
    with pytest.raises(BadArgument, match="the first answer costs"):
        ServedCascade("x", read_cascade((runs[0], runs[1]), "fp32"), options)
