import re
from itertools import pairwise

import pytest

from cladenet.report import charts
from cladenet.report.charts import Line, line_chart, spread, thin, ticks


def points_of(chart: str) -> list[list[tuple[float, float]]]:
    lines = re.findall(r'<polyline class="[^"]*" points="([^"]*)"', chart)
    return [
        [(float(x), float(y)) for x, y in (p.split(",") for p in line.split())] for line in lines
    ]


def test_a_chart_puts_values_where_its_scale_says() -> None:
    """Ticks of 0..40 end at 40, the chart's top; 0 is at its base; x runs over its whole width."""
    (points,) = points_of(
        line_chart("t", [Line("a", [(0, 40), (50, 20), (100, 0)], "val")], x_label="step")
    )
    left, right = charts.LEFT, charts.WIDTH - charts.RIGHT
    top, base = charts.TOP, charts.HEIGHT - charts.BOTTOM
    assert points == [(left, top), ((left + right) / 2, (top + base) / 2), (right, base)]


def test_a_chart_leaves_out_what_is_not_finite() -> None:
    line = Line("a", [(1, 2.0), (2, float("nan")), (3, float("inf")), (4, 1.0)], "val")
    (points,) = points_of(line_chart("t", [line], x_label="step"))
    assert len(points) == 2


def test_a_chart_of_nothing_is_empty() -> None:
    assert line_chart("t", [Line("a", [], "val")], x_label="step") == ""


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0, 64000, [0, 20000, 40000, 60000, 80000]),
        (0, 0.93, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, 0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
    ],
)
def test_ticks_are_round_numbers_around_the_values(
    low: float, high: float, expected: list[float]
) -> None:
    assert ticks(low, high, 5) == pytest.approx(expected)


def test_a_long_history_is_thinned_to_means_and_its_last_value() -> None:
    points = [(float(x), float(x % 2)) for x in range(10_001)]
    found = thin(points, 101)
    assert len(found) == 101
    assert found[-1] == points[-1]
    assert [y for _, y in found[:-1]] == [0.5] * 100
    assert thin(points[:5], 101) == points[:5]


@pytest.mark.parametrize("wanted", [[100.0, 101.0], [0.0, 5.0, 300.0], [255.0, 256.0, 257.0]])
def test_labels_at_the_ends_of_lines_do_not_overlap_nor_leave_the_chart(
    wanted: list[float],
) -> None:
    places = spread(wanted)
    gaps = [after - before for before, after in pairwise(places)]
    assert all(gap >= charts.LABEL_HEIGHT - 1e-9 for gap in gaps)
    assert min(places) >= charts.TOP
    assert max(places) <= charts.HEIGHT - charts.BOTTOM
