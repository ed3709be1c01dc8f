"""What a notebook shows of networks and of results."""

from pathlib import Path

import numpy as np
import pytest

import cladenet
from cladenet.evaluation.result import Evaluation
from cladenet.html_table import html_table
from cladenet.runs.evaluate.evaluated import Evaluated
from cladenet.runs.evaluate.exit_table import ExitTable
from cladenet.runs.evaluate.protocol_table import ProtocolTable
from html_page import Page


def shown(value: object) -> list[list[str]]:
    """The cells of its table; the page fails where a tag is not closed."""
    return Page(value._repr_html_()).cells  # type: ignore[attr-defined]


def evaluated(network: str, right: int) -> Evaluated:
    confusion = np.array([[right, 50 - right], [0, 50]])
    place = Path("runs/a/checkpoints/best")
    of = Evaluation(confusion, 100, 0.1)
    return Evaluated(of, network, place, "digits", "test", "crop", "fp32", ("0", "1"), (), 1.0)


def test_a_network_shows_its_parts_and_the_ledgers_count() -> None:
    model = cladenet.create_model("resnet20_cifar")
    cells = shown(model)
    assert [row[0] for row in cells] == ["part", "stem", "stages.0", "stages.1", "stages.2", "head"]
    assert [row[1] for row in cells[2:5]] == ["3 Unit"] * 3
    counts = [int(row[2].replace(",", "")) for row in cells[1:]]
    assert sum(counts) == cladenet.find("resnet20_cifar").params
    assert "resnet20_cifar: 269,722 params, 3 channels in, 10 classes" in model._repr_html_()


@pytest.mark.parametrize("name", ["lenet5", "vit_ti_16", "msdnet_k4", "googlenet"])
def test_every_kind_of_network_is_shown(name: str) -> None:
    cells = shown(cladenet.create_model(name))
    assert cells[1][0] == "stem"
    assert cells[-1][0] == "head"


def test_results_show_error_interval_and_number_of_images() -> None:
    """20 of 100 wrong: Wilson's interval, by hand, is (21.92 -+ 8.07) / 1.0384 %."""
    row = ["vgg16", "crop", "20.00 %", "13.34 to 28.88 %", "100"]
    assert shown(evaluated("vgg16", 30))[1] == row
    table = ProtocolTable((evaluated("vgg16", 30), evaluated("vgg19", 50)), ())
    assert shown(table)[1] == row
    assert shown(table)[2][:3] == ["vgg19", "crop", "0.00 %"]


def test_exits_show_their_costs() -> None:
    rows = [evaluated("msdnet_k4", right).evaluation for right in (30, 50)]
    place = Path("runs/a/checkpoints/best")
    table = ExitTable(rows, (1_000, 2_000), "msdnet_k4", place, "digits", "test", "fp32", (), 1.0)
    assert shown(table)[1:] == [
        ["1", "1,000", "20.00 %", "100"],
        ["2", "2,000", "0.00 %", "100"],
    ]


def test_markup_in_a_name_is_text() -> None:
    assert "<b>" not in html_table(("<b>",), [("<b>",)], "<b>")
