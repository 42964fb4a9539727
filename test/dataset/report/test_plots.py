"""Plots: bins, axes, and SVG that is valid and needs no inline styles."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.report.plots import bins_of, histogram, line, number, step_of

if TYPE_CHECKING:
    from odyssey_ros.dataset.report.markup import Html


def texts_of(svg: Html, kind: str) -> list[str]:
    """Return the texts of an SVG picture of one class."""
    tree = ET.fromstring(svg)
    return [each.text or "" for each in tree.iter("text") if kind in each.attrib["class"].split()]


@pytest.mark.parametrize(
    "values",
    [
        [20.0],
        [20.0, 20.0, 20.0001],
        [0.0],
        [2.4, 3.0],
        [1e-9, 1e9],
        [float(at) for at in range(1000)],
        [0.1 * at for at in range(7)],
    ],
)
def test_each_value_is_in_one_bin(values: list[float]) -> None:
    bins = bins_of(values)
    assert sorted(at for each in bins for at in each.members) == list(range(len(values)))
    assert 10 <= len(bins) <= 22
    for each in bins:
        slack = (each.high - each.low) * 1e-6
        assert all(each.low - slack <= values[at] <= each.high + slack for at in each.members)
    assert [each.high for each in bins[:-1]] == pytest.approx([each.low for each in bins[1:]])


def test_no_values() -> None:
    assert bins_of([]) == []
    assert histogram([], title="t", x_label="x", y_label="y") == ""
    assert line([], title="t", x_label="x", y_label="y") == ""


@pytest.mark.parametrize("width", [1e-3, 0.07, 1.0, 3.0, 999.0, 1e9])
def test_steps_are_round(width: float) -> None:
    step = step_of(width, 5)
    assert width / 5 <= step * (1 + 1e-9) < width
    assert step / 10 ** math.floor(math.log10(step) + 1e-9) == pytest.approx(
        round(step / 10 ** math.floor(math.log10(step) + 1e-9))
    )


def test_a_histogram_has_a_bar_for_each_bin_with_values() -> None:
    svg = histogram(bins_of([1.0, 1.0, 5.0]), title="a <title>", x_label="duration (s)", y_label="episodes")
    tree = ET.fromstring(svg)
    bars = list(tree.iter("rect"))
    heights = [float(bar.attrib["height"]) for bar in bars]
    assert heights == [pytest.approx(2 * heights[1], abs=0.2), heights[1]]
    assert tree.attrib["aria-label"] == "a <title>"
    assert tree.attrib["role"] == "img"
    assert texts_of(svg, "label") == ["duration (s)", "episodes"]
    assert {"0", "1", "2"} <= set(texts_of(svg, "right"))
    assert "style" not in svg


def test_a_line_goes_through_the_points_and_marks_places() -> None:
    svg = line(
        [(0.0, 50.0), (1.0, 200.0), (2.0, 50.0)], title="t", x_label="x", y_label="y", marks=[1.5, 9.0]
    )
    tree = ET.fromstring(svg)
    (drawn,) = tree.iter("polyline")
    points = [tuple(map(float, point.split(","))) for point in drawn.attrib["points"].split()]
    assert points[0][1] == points[2][1] > points[1][1]
    assert [each.attrib["class"] for each in tree.iter("line")].count("mark") == 1
    width, height = map(float, tree.attrib["viewBox"].split()[2:])
    assert all(0 <= x <= width and 0 <= y <= height for x, y in points)
    assert texts_of(svg, "tick")[-1] == "2"


@pytest.mark.parametrize(
    "points", [[(0.0, 0.0)], [(5.0, 40.0)], [(0.0, 0.0), (0.0, 0.0)], [(-1.0, -5.0), (1e9, 1e9)]]
)
def test_unusual_points_are_drawn(points: list[tuple[float, float]]) -> None:
    ET.fromstring(line(points, title="t", x_label="x", y_label="y"))


def test_numbers_are_short() -> None:
    values = (0.0, 0.25, 29.97, 1234.5, 123456.0, 20.0000001)
    assert [number(value) for value in values] == ["0", "0.25", "29.97", "1234.5", "123456", "20"]


def test_equal_values_share_a_bar_in_the_middle() -> None:
    bins = bins_of([20.0] * 5)
    assert [len(each.members) for each in bins] == [0, 0, 0, 0, 5, 0, 0, 0, 0, 0]
    assert (bins[4].low, bins[4].high) == (pytest.approx(20.0), pytest.approx(20.1))
    assert bins_of([0.0])[0].low == 0
