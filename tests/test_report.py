import base64
import io
import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cladenet.analysis.form import Counted, cost_of
from cladenet.checkpoints import Card
from cladenet.cli import main
from cladenet.data.preprocess import Preprocess
from cladenet.evaluation.result import Evaluation, Mistake
from cladenet.registry import accepts, find
from cladenet.report import ReportFacts, render, write_report
from cladenet.report.comparable import Measured, printed_alike, reasons_against
from cladenet.report.links import Related
from cladenet.report.text import amount, duration
from html_page import Page
from saved_run import noise

HOSTILE = "<script>alert('x')</script>\"&\udcff\x07"


def evaluation(confusion: Any, top5_hits: int = 0) -> Evaluation:
    return Evaluation(np.array(confusion, dtype=np.int64), top5_hits, 0.0625)


def facts(**changes: Any) -> ReportFacts:
    """A run on 357 images of three classes, seven of them wrong."""
    values: dict[str, Any] = {
        "title": "lenet5 on digits",
        "network": "lenet5",
        "entry": {
            "paper": "Gradient-Based Learning Applied to Document Recognition",
            "first_author": "LeCun",
            "year": 1998,
            "arxiv": "doi:10.1109/5.726791",
            "params": 60000,
            "macs": 325680,
            "input": (1, 32, 32),
            "classes": 10,
            "top1_err": 0.95,
            "protocol": "MNIST test, no distortions",
            "notes": "S2 is trainable",
        },
        "config": {"recipe_name": "paper", "recipe": {"batch_size": 64, "lr": 0.1, "source": "C"}},
        "environment": {"torch": "2.13.0", "device": "cpu"},
        "history": [
            {"step": 10 * n, "epoch": n, "lr": 0.1 / n, "train_loss": 2 / n, "val_loss": 1 / n,
             "train_top1_error": 50 / n, "val_top1_error": 40.0 / n + (n == 3)}
            for n in (1, 2, 3, 4)
        ],
        "evaluation": evaluation([[100, 3, 1], [2, 120, 0], [0, 1, 130]]),
        "evaluated_split": "test",
        "mistakes": [Mistake(4, 0, 1, 0.9, 2.5, "digits[4]", noise(1, 8, 8, 1))],
        "notes": ["20 of 50 images are here"],
        "seconds": 125.0,
        "classes": ("ant", "bee", "wasp"),
        "data": "digits",
        "splits": {"train": 1000, "test": 357},
    }  # fmt: skip
    return ReportFacts(**{**values, **changes})


def page(**changes: Any) -> Page:
    return Page(render(facts(**changes)))


def test_the_headline_is_the_error_with_its_count_and_interval() -> None:
    """7 / 357 = 1.9608 %; Wilson's interval by scipy: 0.9524 % to 3.9940 %."""
    text = page().text
    assert "1.96 %test error: 7 of 357 images wrong.95 % interval 0.95 to 3.99 %" in text


def test_the_page_needs_nothing_from_elsewhere() -> None:
    found = page()
    assert not found.of("script")
    assert not found.of("link")
    assert all(
        (image["src"] or "").startswith("data:image/png;base64,") for image in found.of("img")
    )
    links = [link["href"] or "" for link in found.of("a")]
    assert [link for link in links if not link.startswith("#")] == [
        "https://doi.org/10.1109/5.726791"
    ]
    assert "url(" not in render(facts())
    assert "@import" not in render(facts())


def test_a_page_in_chinese_leaves_no_english_but_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLADENET_LANG", "zh")
    text = render(facts(classes=("ant", "step", "salt and pepper"), notes=[]))
    assert '<html lang="zh-Hans">' in text
    shown = re.sub(
        '<style>.*?</style>|<div translate="no">.*?</div>|<p class=lead>.*?</p>',
        "",
        text,
        flags=re.DOTALL,
    )
    texts = [piece.strip() for piece in re.split("<[^>]*>", shown)]
    left = [piece for piece in texts if re.search(r"(?:\b[a-z]{2,} ){2}[a-z]{2,}\b", piece)]
    assert {piece for piece in left if "salt and pepper" not in piece} == set()
    assert texts.count("step") > texts.count("步"), "a class called as a label of ours stays"


def test_every_link_of_the_page_leads_to_a_section() -> None:
    found = page()
    inside = [link["href"] for link in found.of("a") if (link["href"] or "").startswith("#")]
    assert inside == [f"#{part['id']}" for part in found.of("section")]
    assert len(inside) == 8


def test_nothing_from_outside_becomes_markup(tmp_path: Path) -> None:
    """Class names, ids, notes, paths, configuration, environment, ledger."""
    mistake = Mistake(1, 0, 1, 0.9, 2.0, HOSTILE, noise(1, 8, 8, 3))
    hostile = facts(
        title=HOSTILE,
        classes=(HOSTILE, "bee", "wasp"),
        mistakes=[mistake],
        notes=[HOSTILE],
        data=HOSTILE,
        written=HOSTILE,
        config={HOSTILE: HOSTILE, "recipe": {"departs": HOSTILE, "optimizer": HOSTILE}},
        environment={HOSTILE: HOSTILE},
        splits={HOSTILE: 3},
        entry={"paper": HOSTILE, "arxiv": HOSTILE, "notes": HOSTILE, "protocol": HOSTILE,
               "top1_err": 1.0, "figures": HOSTILE, "first_author": HOSTILE},
    )  # fmt: skip
    write_report(tmp_path / "report.html", hostile)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "\x07" not in text
    found = Page(text)
    assert not found.of("script")
    shown = "<script>alert('x')</script>\"&\\xff\\x07"
    assert found.text.count(shown) > 15
    assert any(image["alt"] == f"a {shown}" for image in found.of("img"))


def test_the_matrix_shows_each_count() -> None:
    rows = [row for row in page().cells if len(row) == 4 and row[0] in ("ant", "bee", "wasp")]
    assert [row[1:] for row in rows[:3]] == [
        ["100", "3", "1"],
        ["2", "120", "\N{MIDDLE DOT}"],
        ["\N{MIDDLE DOT}", "1", "130"],
    ]


def test_many_classes_get_a_list_of_confusions_and_the_worst_classes_first() -> None:
    counts = np.diag(np.full(40, 10))
    counts[7, 9], counts[7, 7] = 6, 4
    names = tuple(f"c{number}" for number in range(40))
    found = page(evaluation=evaluation(counts, 400), classes=names, mistakes=[])
    assert not any(attributes.get("class") == "matrix" for attributes in found.of("table"))
    assert ["c7", "c9", "6", "60.0\N{NO-BREAK SPACE}%"] in found.cells
    first = next(row for row in found.cells if len(row) == 7 and row[0].startswith("c7"))
    assert found.cells.index(first) == min(
        number for number, row in enumerate(found.cells) if len(row) == 7 and row[0] != "class"
    )
    assert first[2] == "40.0\N{NO-BREAK SPACE}%"
    assert "top-5 error" in found.text


MNIST = {
    "data_name": "mnist",
    "splits": {"train": 55_000, "val": 5_000, "test": 10_000},
    "classes": tuple("0123456789"),
    "evaluation": evaluation(np.diag([990] * 10) + np.eye(10, dtype=int)[::-1] * 10, 10_000),
}


def test_the_printed_error_stands_beside_the_measured_one_on_the_papers_images() -> None:
    found = page(**MNIST)
    measured = next(row for row in found.cells if row[0] == "measured here")
    printed = next(row for row in found.cells if row[0] == "printed")
    assert measured[2].replace("\N{NO-BREAK SPACE}", " ").startswith("1.00 %")
    assert printed[1:3] == ["MNIST test, no distortions", "0.95\N{NO-BREAK SPACE}%"]
    assert "Against the paper" in found.text
    assert "S2 is trainable" in found.text


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data_name": "digits"}, "is for MNIST test, no distortions; this run is on digits"),
        ({"evaluated_split": "val"}, "the 10,000 images of MNIST test; here 10,000 of val"),
        ({"splits": {"train": 1_000, "test": 10_000}}, "trains on 60,000 images; here there were"),
        ({"config": {"weights": "/runs/a"}}, "This run began with weights that were trained"),
        ({"classes": ("ant", "bee")}, "MNIST has 10 classes; this network has 2"),
        ({"entry": {"paper": "P"}}, "The ledger has no printed error for this variant."),
    ],
)
def test_no_printed_error_is_shown_where_images_or_training_are_others(
    changes: dict[str, Any], reason: str
) -> None:
    if "classes" in changes:
        changes = {**changes, "mistakes": [], "evaluation": evaluation([[5000, 0], [0, 5000]])}
    found = page(**{**MNIST, **changes})
    assert reason in found.text
    assert "0.95" not in found.text
    assert "printed figures were read" not in found.text
    assert "Against the paper" not in found.text


@pytest.mark.parametrize(
    ("name", "data", "changes", "figures"),
    [
        # of CIFAR the column that was trained as the run was: with augmentation, or without
        ("densenet_40_12_cifar", "cifar10", {}, [5.24]),
        ("densenet_40_12_cifar", "cifar10", {"augmented": False}, [7.0]),
        ("resnet20_cifar", "cifar100", {}, []),
        ("resnet20_cifar", "cifar10", {"images": 2_000}, []),
        # of ImageNet one crop of the network's own size: ResNet's tables have ten crops, its
        # authors' README one
        ("resnet50", "imagenet", {}, [24.7]),
        ("resnet18_a", "imagenet", {}, []),
        ("resnet50", "imagenet", {"side": 160}, []),
        ("mobilenet_v2_x1_0", "imagenet", {}, [28.0]),
        ("vgg16", "imagenet", {}, []),  # dense
        ("vit_b_16_384", "imagenet", {"side": 384}, []),  # of more data
    ],
)
def test_printed_errors_are_those_of_the_runs_own_protocol(
    name: str, data: str, changes: dict[str, Any], figures: list[float]
) -> None:
    like = {
        "cifar10": Measured("cifar10", "test", 10_000, 10, 50_000, 32, True, False),
        "cifar100": Measured("cifar100", "test", 10_000, 100, 50_000, 32, True, False),
        "imagenet": Measured("imagenet", "val", 50_000, 1_000, 1_281_167, 224, True, False),
    }
    measured = replace(like[data], **changes)
    found = [printed.top1_error for printed in printed_alike(asdict(find(name)), measured)]
    assert found == figures
    assert bool(reasons_against(asdict(find(name)), measured)) == (not figures)


@pytest.mark.parametrize(
    ("where", "link"),
    [("1512.03385", "https://arxiv.org/abs/1512.03385"), ("NeurIPS 2012", None), ("", None)],
)
def test_a_paper_is_linked_where_its_number_is_known(where: str, link: str | None) -> None:
    found = page(entry={"paper": "Deep Residual Learning", "arxiv": where})
    outside = [a["href"] for a in found.of("a") if not (a["href"] or "").startswith("#")]
    assert outside == ([link] if link else [])
    assert where in found.text


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ("val", "The weights were chosen on these images"),
        ("train", "These are the training images"),
    ],
)
def test_a_figure_that_flatters_says_so(split: str, words: str) -> None:
    assert words in page(evaluated_split=split).text
    assert words not in page().text


def test_a_tiny_picture_keeps_its_pixels_and_a_large_one_becomes_small() -> None:
    tiny, large = noise(1, 8, 9, 1), noise(2, 900, 600, 3)
    mistakes = [Mistake(0, 0, 1, 0.9, 2.0, "a", tiny), Mistake(1, 0, 1, 0.9, 2.0, "b", large)]
    images = page(mistakes=mistakes).of("img")
    decoded = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode((image["src"] or "").split(",")[1]))))
        for image in images
    ]
    assert (decoded[0] == tiny[:, :, 0]).all()
    assert decoded[1].shape == (256, 171, 3)
    assert [image.get("class") for image in images] == ["tiny", None]


@pytest.mark.parametrize("history", [[], [{"step": 5, "lr": 0.1}]])
def test_a_run_without_curves_or_mistakes_has_a_report_too(history: list[dict[str, Any]]) -> None:
    found = page(history=history, mistakes=[], notes=[], entry={}, config={}, environment={})
    assert "1.96 %" in found.text
    assert not found.of("img")


def test_the_cost_is_what_the_numbers_say() -> None:
    """40 steps of 64 images in 125 s; three times 325,680 MACs for each."""
    text = page().text
    assert "images seen2,560" in text
    assert "images per second20" in text
    assert "about 2.5 G" in text
    assert "2 min 05 s" in text
    assert "60,000 at 10 classes" in text


def test_own_costs_stand_without_a_remark() -> None:
    """40 steps of 64 images, three times 5,678 MACs for each: 43,607,040."""
    text = page(counted=Counted((1, 20, 20), 3, 1234, 5678)).text
    assert "1,234" in text
    assert "5,678 at 1x20x20" in text
    assert "about 43.6 M" in text
    assert "at 10 classes" not in text
    assert "325,680" not in text


@pytest.mark.parametrize(
    ("name", "side", "classes", "channels"),
    [
        ("lenet5_relu", 36, 3, 1),
        ("resnet20_cifar", 45, 7, 3),
        ("alexnet_owt", 161, 5, 3),
        ("vgg11", 97, 2, 3),
        ("squeezenet1_1", 101, 13, 3),
        ("googlenet", 131, 11, 3),
        ("mobilenet_v2_x0_35", 77, 6, 1),
        ("shufflenet_v2_x0_5", 93, 17, 3),
        ("wrn_16_4_cifar", 29, 1, 3),
        ("vit_ti_16", 80, 9, 3),
    ],
)
def test_the_reports_costs_are_those_of_info(
    name: str, side: int, classes: int, channels: int, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["info", name, "--size", side, "--classes", classes, "--channels", channels, "--json"]
    assert main([str(word) for word in words]) == 0
    counted = json.loads(capsys.readouterr().out)["counted"]
    arguments = {"num_classes": classes, "in_channels": channels}
    if accepts(name, "input_size"):
        arguments["input_size"] = side
    card = Card(
        network=name,
        arguments=arguments,
        classes=tuple(f"c{number}" for number in range(classes)),
        preprocess=Preprocess(
            side, side, channels, "stretch", (0.5,) * channels, (0.2,) * channels
        ),
        data={},
        step=1,
    )
    text = page(counted=cost_of(card)).text
    assert f"parameters{counted['params']:,}multiply-accumulates" in text
    assert f"{counted['macs']:,} at {channels}x{side}x{side}" in text


def test_accuracy_stands_beside_error() -> None:
    """350 of 357; the interval is the error's, seen from 100."""
    assert "accuracy 98.04 %, interval 96.01 to 99.05 %" in page().text


def test_what_spoke_for_an_answer_stands_beside_its_picture() -> None:
    mistake = Mistake(0, 0, 1, 0.9, 2.0, "a", noise(1, 8, 8, 1), evidence=noise(2, 32, 32, 3))
    found = page(mistakes=[mistake], saliency="Grad-CAM at stages.1")
    assert [image["alt"] for image in found.of("img")] == ["a ant", "what spoke for bee"]
    assert "(Grad-CAM at stages.1)" in found.text


def test_other_runs_are_linked() -> None:
    others = [Related("a & b", "../a%20%26%20b/report.html", "on the same data", "test error 1 %")]
    found = page(related=others)
    assert "../a%20%26%20b/report.html" in [link["href"] for link in found.of("a")]
    assert ["a & b", "on the same data", "test error 1 %"] in found.cells


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (amount(325680), "325,680"),
        (amount(60_965_224), "61 M"),
        (amount(4.1e9), "4.1 G"),
        (duration(8.21), "8.2 s"),
        (duration(59.96), "1 min 00 s"),
        (duration(125), "2 min 05 s"),
        (duration(7500), "2 h 05 min"),
    ],
)
def test_numbers_are_written_for_people(found: str, expected: str) -> None:
    assert found.replace("\N{NO-BREAK SPACE}", " ") == expected


def test_the_ring_marks_the_weights_that_were_kept() -> None:
    """Of two validations with the lowest error, the one with the lower loss: step 30, not 20."""
    history = [
        {"step": 10, "val_top1_error": 5.0, "val_loss": 0.1},
        {"step": 20, "val_top1_error": 2.0, "val_loss": 0.3},
        {"step": 30, "val_top1_error": 2.0, "val_loss": 0.2},
    ]
    assert facts(history=history).best_validation() == (30.0, 2.0)
