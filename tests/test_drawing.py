"""Drawings of units: what the papers draw, and what a drawing must not do."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from cladenet.analysis.drawing.boxes import Box
from cladenet.analysis.drawing.layout import GAP, Place, arrange
from cladenet.analysis.drawing.rails import as_text
from cladenet.analysis.drawing.svg import as_svg
from cladenet.analysis.drawing.units import draw_module, recorded, units_of
from cladenet.analysis.gallery import BLOCKS, show
from cladenet.cli import main
from cladenet.errors import BadArgument
from cladenet.registry import create_model, find
from html_page import parsed_svg

SVG = "{http://www.w3.org/2000/svg}"


def units(name: str, size: int | None = None) -> list[tuple[str, int]]:
    channels, height, width = find(name).input
    with torch.device("meta"):
        model = create_model(name)
    found = units_of(recorded(model, (channels, size or height, size or width)))
    return [(unit.name, unit.count) for unit in found]


def test_the_bottleneck_that_projects_is_fig_5_of_resnet() -> None:
    with torch.device("meta"):
        model = create_model("resnet50")
    drawn = draw_module(recorded(model, (3, 224, 224)), "stages.1.0")
    assert as_text(drawn.boxes) == (
        "●    x                                   256x56x56\n"
        "├─╮\n"
        "│ ●  1x1 conv 128 / 2, batch norm, ReLU  128x28x28\n"
        "│ ●  3x3 conv 128, batch norm, ReLU\n"
        "│ ●  1x1 conv 512, batch norm            512x28x28\n"
        "● │  1x1 conv 512 / 2, batch norm        512x28x28\n"
        "├─╯\n"
        "●    +\n"
        "●    ReLU"
    )
    assert model.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_rails_pass_below_lines_that_do_not_touch_them() -> None:
    """x goes to all; c reads b and x while a is on its way; d reads a and c."""
    graph = {"x": (), "a": (0,), "b": (0,), "c": (2, 0), "d": (1, 3)}
    boxes = [Box((name,), "other", reads, (1,)) for name, reads in graph.items()]
    assert as_text(boxes).splitlines() == [
        "●      x  1",
        "├─╮",
        "│ ●    a",
        "├─│─╮",
        "│ │ ●  b",
        "├─│─╯",
        "● │    c",
        "├─╯",
        "●      d",
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Table 1 of ResNet: 3 + 4 + 6 + 3 units, 4 of which project, the first without a stride
        ("resnet50", [("stages.0.1", 12), ("stages.1.0", 3), ("stages.0.0", 1)]),
        # 9 Inception modules, 8 fire modules, 13 separable convolutions, 4 of them strided
        ("googlenet", [("stages.0.0", 9)]),
        ("squeezenet1_0", [("stages.0.0", 8)]),
        ("mobilenet_v1_x1_0", [("stages.0.0", 9), ("stages.1.0", 4)]),
        # 6 + 12 + 24 + 16 dense layers, however many maps they read, and 3 transitions
        ("densenet121", [("stages.0.1", 58), ("stages.1.0", 3)]),
        ("vit_ti_16", [("stages.0", 12)]),
    ],
)
def test_units_are_found_and_counted(name: str, expected: list[tuple[str, int]]) -> None:
    found = units(name, 64 if name != "vit_ti_16" else None)
    assert sorted(found) == sorted(expected)
    assert [count for _, count in found] == sorted((n for _, n in expected), reverse=True)


def test_a_part_that_is_not_there_is_refused_with_those_that_look_like_it() -> None:
    recorder = recorded(create_model("resnet20_cifar").to("meta"), (3, 32, 32))
    with pytest.raises(BadArgument, match=r"called 'stages\.1\.9'; nearest: .*stages\.1\.\d"):
        draw_module(recorder, "stages.1.9")


@pytest.mark.parametrize("name", BLOCKS)
def test_nothing_overlaps_and_every_line_goes_one_row_down(name: str) -> None:
    boxes = show(name).boxes
    widths = [100.0 + 7 * (number % 5) for number in range(len(boxes))]
    rows = arrange([box.reads for box in boxes], widths)
    assert sorted(p.box for row in rows for p in row if not p.passes) == list(range(len(boxes)))
    for number, row in enumerate(rows):
        for left, right in pairwise(row):
            assert right.x - left.x >= (left.width + right.width) / 2 + GAP - 1e-6
        assert {other.row for place in row for other in place.below} <= {number + 1}
    assert all(place.x >= place.width / 2 - 1e-6 for row in rows for place in row)
    for number, box in enumerate(boxes):  # each line arrives where it came from
        (place,) = (p for row in rows for p in row if p.box == number and not p.passes)
        assert sorted({above.box for above in place.above}) == sorted(box.reads)


def test_units_that_can_be_drawn_without_crossings_are() -> None:
    for name in ("bottleneck", "inception", "se_bottleneck", "highway", "transformer", "shuffle"):
        boxes = show(name).boxes
        rows = arrange([box.reads for box in boxes], [100.0] * len(boxes))
        for row in rows:
            lines = [(place.x, other.x) for place in row for other in place.below]
            crossed = [(a, b) for a in lines for b in lines if a[0] < b[0] and a[1] > b[1]]
            assert not crossed, name


def test_a_chain_stands_straight() -> None:
    rows = arrange([(), (0,), (1,), (2,)], [40.0, 120.0, 80.0, 40.0])
    chain: list[Place] = [row[0] for row in rows]
    assert max(place.x for place in chain) - min(place.x for place in chain) < 0.5


def test_the_svg_has_every_box_with_its_words_and_every_line_with_a_tip() -> None:
    boxes = show("se_bottleneck").boxes
    drawn = parsed_svg(as_svg([("SE & co", boxes)]))
    shapes = [*drawn.iter(f"{SVG}rect"), *drawn.iter(f"{SVG}circle")]
    assert len(shapes) == len(boxes) + 1  # and the background
    words = [text.text for text in drawn.iter(f"{SVG}text")]
    assert [line for box in boxes for line in box.lines if line not in words] == []
    assert "SE & co" in words
    assert len(list(drawn.iter(f"{SVG}polygon"))) == sum(len(box.reads) for box in boxes)
    width = float(drawn.attrib["width"])
    for rect in list(drawn.iter(f"{SVG}rect"))[1:]:
        assert 0 <= float(rect.attrib["x"]) <= width - float(rect.attrib["width"])


def test_info_draws_the_units_and_writes_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["info", "resnet20_cifar", "--svg", str(tmp_path / "units.svg")]
    assert main([*words, "--unit", "stages.1.0", "--json"]) == 0
    (unit,) = json.loads(capsys.readouterr().out)["units"]
    assert unit["name"] == "stages.1.0"
    assert unit["boxes"][0]["role"] == "input"
    assert "pad with zeros" in unit["drawing"]
    assert parsed_svg((tmp_path / "units.svg").read_text()).tag == f"{SVG}svg"
    assert main([*words, "--layers"]) == 0
    text = capsys.readouterr().out
    assert text.index("total") < text.index("stages.0.0, and 6 more like it")
    assert main([*words[:3], str(tmp_path / "none" / "units.svg")]) == 6
