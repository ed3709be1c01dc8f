"""Budgets of a server: each image up to the exit that its request can afford, in shared batches."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

pytest.importorskip("starlette")

import cladenet
from asgi import Client, client
from cladenet.adaptive.costs import Costs
from cladenet.adaptive.policy import Policy
from cladenet.adaptive.thresholds import Thresholds
from cladenet.analysis.cost import macs_to_exits
from cladenet.checkpoints import Loaded, load
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument
from cladenet.registry import create_model
from cladenet.runs.adaptive.kept import Kept, keep
from cladenet.serve.models.about import Stop
from cladenet.serve.models.exits import Asked, ServedExits
from cladenet.serve.models.lanes import Answer
from cladenet.serve.models.opening import ServeOptions, opened
from cladenet.serve.web.app import Plan, application
from saved_run import save_run, write_checkpoint
from test_serve import BY, computed, form, picture, ready

SIZE = (3, 32, 32)
CLASSES = ("ant", "bee", "wasp")
PLACES: dict[str, Any] = {"depth": 8, "exits_after": "stages.0,stages.1", "num_classes": 3}
NEVER = float("inf")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three exits, of which none is sure of everything."""
    torch.manual_seed(2)
    model = create_model("resnet20_cifar", **PLACES).eval()
    with torch.no_grad():
        for head in model.heads().values():
            head[-1].weight.mul_(20)
    preprocess = Preprocess(*SIZE[1:], SIZE[0], "stretch", (0.4,) * 3, (0.3,) * 3)
    folder = tmp_path_factory.mktemp("runs") / "bugs"
    return write_checkpoint(folder, "resnet20_cifar", model, CLASSES, preprocess, PLACES)


@pytest.fixture(scope="module")
def loaded(run: Path) -> Loaded:
    return load(run)


@pytest.fixture(scope="module")
def macs(loaded: Loaded) -> tuple[int, ...]:
    return macs_to_exits(loaded.model, SIZE)


def shares(loaded: Loaded, images: list[bytes]) -> NDArray[np.float64]:
    """Posteriors (exits, images, classes) by the plain network."""
    served = opened("plain", loaded.folder, ServeOptions())
    pixels = torch.from_numpy(np.stack([served.prepare(image) for image in images]))
    inputs = loaded.card.preprocess.to_input(pixels, torch.device("cpu"))
    with torch.inference_mode():
        logits = torch.stack(list(loaded.model.exits(inputs)))
    return logits.double().softmax(-1).numpy()


def serving(run: Path, budget: str | None = None, by: str = "threads") -> Any:
    options = ServeOptions(budget=budget)
    plan = Plan({"bugs": run}, lambda name, at: opened(name, at, options))
    return client(application(computed(by, plan)))


@pytest.fixture(scope="module", params=BY)
def asker(run: Path, request: pytest.FixtureRequest) -> Iterator[Client]:
    with serving(run, by=request.param) as asker:
        yield ready(asker)


def probabilities(prediction: dict[str, Any]) -> list[float]:
    by_label = sorted(prediction["top"], key=lambda guess: int(guess["label"]))
    return [guess["probability"] for guess in by_label]


def test_a_budget_is_answered_by_the_last_exit_within_it(
    asker: Client, loaded: Loaded, macs: tuple[int, ...]
) -> None:
    expected = shares(loaded, [picture(3)])[:, 0]
    for budget, number in (
        (f"{macs[0]}", 0), (f"{macs[1] - 1}", 0), (f"{macs[1]}", 1), (f"{macs[2] / 1e6:.6f}M", 2),
        ("1000000ms", 2),
    ):  # fmt: skip
        answer = asker.ask("POST", f"/predict?budget={budget}", picture(3))
        assert answer.status == 200, answer.body
        (found,) = answer.json()["predictions"]
        assert found["answered_by"] == f"exit {number + 1}"
        np.testing.assert_allclose(probabilities(found), expected[number], atol=1e-5)


def test_without_a_budget_the_whole_network_answers(asker: Client, run: Path) -> None:
    expected = cladenet.predict(run, [picture(3)])[0]
    for query in ("", "?budget=whole"):
        (found,) = asker.ask("POST", f"/predict{query}", picture(3)).json()["predictions"]
        assert "answered_by" not in found
        assert found["top"][0]["class"] == expected.best.name
        assert found["top"][0]["probability"] == pytest.approx(expected.best.probability, abs=1e-6)


def test_requests_with_budgets_of_their_own_share_a_batch(loaded: Loaded) -> None:
    """Each image has the answer that it would have alone, whoever leaves the batch before it."""
    served = opened("bugs", loaded.folder, ServeOptions())
    exits = served._exits
    assert isinstance(exits, ServedExits)
    files = [picture(number) for number in range(9)]
    expected = shares(loaded, files)
    ends = [2, 0, 1, 1, 2, 0, 0, 2, 1]
    asked = [
        Asked(served.prepare(file), Stop(end, early=False))
        for file, end in zip(files, ends, strict=True)
    ]
    found = exits.answer(asked)
    assert [answer.answered_by for answer in found] == [f"exit {end + 1}" for end in ends]
    for number, (answer, end) in enumerate(zip(found, ends, strict=True)):
        chances = np.array([g.probability for g in sorted(answer.top, key=lambda g: g.label)])
        np.testing.assert_allclose(chances, expected[end, number], atol=1e-5)


def keep_thresholds(run: Path, *early: float) -> None:
    loaded = load(run)
    exits = loaded.model.num_exits
    costs = Costs(macs_to_exits(loaded.model, SIZE), (1.0,) * exits, 1, 1)
    keep([loaded], Kept("2M", Policy(Thresholds((*early, -NEVER))), costs, 50, "photos"))


def look(asker: Client) -> None:
    service = asker.app.state.service
    asyncio.run_coroutine_threadsafe(service.shelf.look(), asker.loop).result(30)


def test_thresholds_are_taken_up_when_they_are_set_and_images_leave_by_them(
    run: Path, loaded: Loaded, macs: tuple[int, ...]
) -> None:
    files = [picture(number) for number in range(8)]
    sure = shares(loaded, files).max(-1)
    middles = [float(np.sort(row)[3:5].mean()) for row in sure[:2]]  # half of the images are above
    ends = np.where(sure[0] >= middles[0], 0, np.where(sure[1] >= middles[1], 1, 2))
    assert set(ends) == {0, 1, 2}
    body, headers = form(*((f"{number}.jpg", file) for number, file in enumerate(files)))
    with serving(run) as asker:
        ready(asker)
        refused = asker.ask("POST", "/predict?budget=kept", files[0])
        assert refused.status == 400
        assert "no thresholds are kept for bugs in fp32" in refused.json()["error"]
        keep_thresholds(run, *middles)
        look(asker)
        answer = asker.ask("POST", "/predict?budget=kept", body, headers)
        assert answer.status == 200, answer.body
        found = answer.json()["predictions"]
        assert [each["answered_by"] for each in found] == [f"exit {end + 1}" for end in ends]
        for number, (each, end) in enumerate(zip(found, ends, strict=True)):
            wanted = shares(loaded, files)[end, number]
            np.testing.assert_allclose(probabilities(each), wanted, atol=1e-5)
        (model,) = asker.ask("GET", "/models").json()["models"]
        assert model["kept"] == "2M"
        assert [each["macs"] for each in model["exits"]] == list(macs)
        text = asker.ask("GET", "/metrics").body.decode()
    for end in range(3):
        line = f'cladenet_exits_total{{exit="exit {end + 1}",model="bugs"}} {(ends == end).sum()}.0'
        assert line in text


def test_a_servers_own_budget_is_for_requests_that_name_none(
    run: Path, macs: tuple[int, ...]
) -> None:
    with serving(run, f"{macs[0]}") as asker:
        ready(asker)
        names = [
            asker.ask("POST", f"/predict{query}", picture(1)).json()["predictions"][0]
            for query in ("", f"?budget={macs[1]}", "?budget=whole")
        ]
        assert [each.get("answered_by") for each in names] == ["exit 1", "exit 2", None]
        assert asker.ask("GET", "/models").json()["models"][0]["budget"] == f"{macs[0]}"


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ("10", "the first answer costs"),
        ("fast", "expected multiply-accumulates per image, such as 20M"),
        ("-5M", "expected multiply-accumulates"),
        ("1e9999999M", "expected multiply-accumulates"),
        ("0.000001ms", "the first answer costs"),
    ],
)
def test_budgets_that_cannot_be_kept_are_refused(asker: Client, budget: str, words: str) -> None:
    answer = asker.ask("POST", f"/predict?budget={budget}", picture(0))
    assert answer.status == 400
    assert words in answer.json()["error"]
    assert "budget=whole" in answer.json()["hint"]


def test_a_network_of_one_exit_has_no_budget(tmp_path: Path) -> None:
    class Three:
        spec, name, channels, classes = "photos", "photos", 3, CLASSES

        def fingerprint(self) -> str:
            return "0"

    run = save_run(tmp_path / "one", Three())  # type: ignore[arg-type]
    with pytest.raises(BadArgument, match="budget is '20M' for one; it has one exit"):
        opened("one", run, ServeOptions(budget="20M"))
    served = opened("one", run, ServeOptions())
    with pytest.raises(BadArgument, match="leave it out"):
        served.course("5ms")
    assert "exits" not in served.describe()


def test_budgets_need_the_engine_that_stops_between_exits(run: Path) -> None:
    with pytest.raises(BadArgument, match="exits are run with engine packed on cpu, not eager"):
        opened("bugs", run, ServeOptions(budget="kept", predictor={"engine": "eager"}))


def test_a_budget_on_the_command_line_that_nothing_fits_ends_the_server(run: Path) -> None:
    with pytest.raises(BadArgument, match="the first answer costs"):
        opened("bugs", run, ServeOptions(budget="10"))


def test_paces_are_measured_once_for_networks_of_one_make(run: Path) -> None:
    options = ServeOptions()
    opened("bugs", run, options)
    (make,) = options.paces
    options.paces[make] = (1.0, 2.0, 4.0)
    served = opened("bugs", run, replace(options, budget="3ms"))
    blank = served.prepare(picture(0))
    (stage,) = served.course("").stages
    job = stage.job(blank)
    (answer,) = job.network.answer([job.image])
    assert isinstance(answer, Answer)
    assert answer.answered_by == "exit 2"
