"""The page of `cladenet explain`: whole, without anything from elsewhere, figures as evaluated."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cladenet
from cladenet.checkpoints import folder as folders
from cladenet.cli import main
from cladenet.data.dataset import DataSet, from_array
from cladenet.data.sources.open import open_dataset
from cladenet.errors import BadArgument, DataError
from cladenet.runs.explain.answers import Answers
from cladenet.runs.explain.explain_run import Explained
from saved_run import save_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_run(tmp_path_factory.mktemp("explained") / "run", open_dataset("digits"))


@pytest.fixture(scope="module")
def found(run: Path) -> Explained:
    return cladenet.explain_run(run, limit=80)


class Seen(HTMLParser):
    """Open tags that are closed again, sections, links, and what is loaded."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sections: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.open: list[str] = []
        self.names: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.names.append(tag)
        if tag == "section" and values.get("id"):
            self.sections.append(str(values["id"]))
        if tag == "a":
            self.links.append(str(values["href"]))
        self.loaded += [str(values[key]) for key in ("src", "srcset", "data") if values.get(key)]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_from_elsewhere(found: Explained) -> None:
    page = found.page.read_text()
    seen = Seen(page)
    assert seen.open == []
    assert "script" not in seen.names
    assert "link" not in seen.names
    assert all(source.startswith("data:image/") for source in seen.loaded)
    assert "url(" not in page
    assert 'name="viewport"' in page
    assert "@media print" in page
    assert seen.sections == [
        *("mistakes", "uncertain", "confusion", "confusions", "calibration", "classes"),
        *("labels", "map", "features", "inside"),
    ]
    assert seen.links == [f"#{name}" for name in seen.sections]


def test_the_figures_are_those_of_an_evaluation(run: Path) -> None:
    found = cladenet.explain_run(run, out=str(run / "whole.html"))
    evaluated = cladenet.evaluate(run)
    assert (found.answers.evaluation.confusion == evaluated.evaluation.confusion).all()
    assert found.answers.evaluation.top5_hits == evaluated.evaluation.top5_hits
    assert found.answers.evaluation.loss == pytest.approx(evaluated.evaluation.loss, rel=1e-5)
    assert f"{evaluated.evaluation.top1_error:.2f}<small>" in (run / "whole.html").read_text()


def test_features_are_what_the_last_layer_reads(run: Path, found: Explained) -> None:
    last = cladenet.load(run).model.head[-1]
    logits = last(found.answers.features).detach().numpy()
    np.testing.assert_allclose(logits, found.answers.logits, rtol=1e-4, atol=1e-5)


def test_mistakes_are_ordered_by_loss_and_by_margin() -> None:
    logits = np.log([[0.6, 0.4], [0.9, 0.1], [0.3, 0.7], [0.55, 0.45]]).astype(np.float32)
    answers = Answers(logits, np.array([1, 1, 1, 1]), None)  # type: ignore[arg-type]
    assert answers.mistakes(2) == [1, 0]
    assert answers.least_certain(5) == [3, 0, 1]
    assert answers.least_certain(5, but=[3]) == [0, 1]
    np.testing.assert_allclose(answers.losses, -np.log([0.4, 0.1, 0.7, 0.45]), rtol=1e-6)


def test_named_images_come_first(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "a & <b>.png"
    Image.fromarray(np.full((40, 30), 200, np.uint8)).save(image)
    out = tmp_path / "page.html"
    assert main(["explain", str(run), str(image), "--limit", "20", "--out", str(out)]) == 0
    page = out.read_text()
    assert Seen(page).sections[0] == "images"
    assert "a &amp; &lt;b&gt;.png" in page
    assert "labels in doubt" in capsys.readouterr().out


def test_the_command_prints_json(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(run), "--limit", "20", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 20
    assert found["page"] == str(run / "explain.html")
    assert {"ece", "temperature", "labels_in_doubt"} <= found.keys()


def test_what_cannot_be_explained_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="limit is 0"):
        cladenet.explain_run(run, limit=0)
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"broken\.jpg"):
        cladenet.explain_run(run, images=[str(tmp_path / "broken.jpg")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no images were found there"):
        cladenet.explain_run(run, images=[str(tmp_path / "empty")])


@pytest.mark.slow
def test_networks_with_exits_and_with_clipped_relus_have_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (9, 32, 32, 3), np.uint8)
    split = from_array("test", images, np.arange(9, dtype=np.int64) % 3)
    data = DataSet("three", "three", ("a", "b<i>", "c"), 3, split, test=split)
    monkeypatch.setattr("cladenet.runs.explain.explain_run.opened", lambda *_: data)
    for network, there in (("msdnet_budget_4_cifar", "exits"), ("igcv3_d_x1_0_cifar", "map")):
        run = save_run(tmp_path / network, data, network=network)
        page = cladenet.explain_run(run, batch_size=4).page.read_text()
        sections = Seen(page).sections
        assert there in sections
        assert ("features" in sections) == (there == "exits")
        assert "b<i>" not in page
        assert re.search(r"b&lt;i&gt;", page)


def test_feature_maps_are_shown_at_each_whole_checkpoint(tmp_path: Path) -> None:
    run = save_run(tmp_path / "run", open_dataset("digits"))
    loaded = cladenet.load(run)
    place = run / "checkpoints"
    for step in (5, 7):
        card = replace(loaded.card, step=step)
        folders.save(folders.step_folder(place, "step", step), loaded.model.state_dict(), card)
    weights = folders.step_folder(place, "step", 7) / folders.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])  # damaged
    page = cladenet.explain_run(run, limit=20).page.read_text()
    assert "at the checkpoints of steps 3, 5." in page
