"""Plots as inline SVG: histograms and lines, with axes and labels.

Colours come from the style sheet of the page, which has a light and a dark version. No element has a `style`
attribute, which the page's policy would not allow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.report.markup import Html, element, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WIDTH: Final = 420
_MAX_BARS: Final = 20
_MIN_BARS: Final = 10
_LEFT: Final = 52
_RIGHT: Final = 26
_TOP: Final = 10
_BOTTOM: Final = 42
_STEPS: Final = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Bin:
    """A bar of a histogram.

    Attributes:
        low: Smallest value.
        high: The values are below this.
        members: Positions of the values in the given sequence.
    """

    low: float
    high: float
    members: tuple[int, ...]


def step_of(width: float, count: int) -> float:
    """Return the smallest round step with which `count` steps cover a width above 0."""
    exact = width / count
    power = 10.0 ** math.floor(math.log10(exact))
    return next(factor * power for factor in _STEPS if factor * power >= exact * (1 - 1e-9))


def bins_of(values: Sequence[float]) -> list[Bin]:
    """Return the bins of a histogram, with round limits, without a gap; from 10 to 22.

    Values that hardly differ share a bin in the middle of empty ones.
    """
    if not values:
        return []
    low, high = min(values), max(values)
    step = step_of(max(high - low, abs(high) / 10, 1e-3), _MAX_BARS)
    members: dict[int, list[int]] = {}
    for position, value in enumerate(values):
        members.setdefault(math.floor(value / step + 1e-9), []).append(position)
    first, last = min(members), max(members)
    lacking = max(0, _MIN_BARS - (last - first + 1))
    before = lacking // 2 if low < 0 else min(lacking // 2, first)
    return [
        Bin(at * step, (at + 1) * step, tuple(members.get(at, ())))
        for at in range(first - before, last + lacking - before + 1)
    ]


def number(value: float) -> str:
    """Return a number with at most 3 decimals, without zeros at the end."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def histogram(bins: Sequence[Bin], *, title: str, x_label: str, y_label: str, height: int = 200) -> Html:
    """Return a histogram.

    Args:
        bins: The bins.
        title: What the plot shows, for people who cannot see it.
        x_label: Quantity and unit of the values.
        y_label: What is counted.
        height: Height in CSS pixels.
    """
    if not bins:
        return Html()
    plot = _Plot(bins[0].low, bins[-1].high, float(max(len(each.members) for each in bins)), height)
    bars = []
    for each in bins:
        if not each.members:
            continue
        left, right, top = plot.x(each.low), plot.x(each.high), plot.y(len(each.members))
        text = f"{number(each.low)} to {number(each.high)}: {len(each.members)}"
        bars.append(
            element(
                "rect",
                element("title", text),
                class_="bar",
                x=_px(left + 0.5),
                y=_px(top),
                width=_px(max(1.0, right - left - 1)),
                height=_px(plot.bottom - top),
            )
        )
    return plot.svg(bars, title, x_label, y_label, whole=True)


def line(
    points: Sequence[tuple[float, float]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    marks: Iterable[float] = (),
    height: int = 150,
) -> Html:
    """Return a line through points, which begins at 0 on the vertical axis.

    Args:
        points: The points, in the order of their first values.
        title: What the plot shows, for people who cannot see it.
        x_label: Quantity and unit of the first values.
        y_label: Quantity and unit of the second values.
        marks: Places on the horizontal axis with a vertical line.
        height: Height in CSS pixels.
    """
    if not points:
        return Html()
    low, high = min(0.0, points[0][0]), points[-1][0]
    plot = _Plot(low, max(high, low + 1e-3), max(*(y for _, y in points), 1e-3), height)
    path = " ".join(f"{_px(plot.x(x))},{_px(plot.y(y))}" for x, y in points)
    lines = [
        element("line", class_="mark", x1=_px(plot.x(at)), x2=_px(plot.x(at)), y1=_TOP, y2=_px(plot.bottom))
        for at in marks
        if plot.low <= at <= plot.high
    ]
    kind = {"class_": "line", "points": path}
    drawn = element("polyline", **kind)
    if len(points) == 1:
        drawn = element(
            "circle", class_="bar", cx=_px(plot.x(points[0][0])), cy=_px(plot.y(points[0][1])), r=3
        )
    return plot.svg([*lines, drawn], title, x_label, y_label, whole=False)


class _Plot:
    """The axes of a plot, and the places of values in it."""

    def __init__(self, low: float, high: float, top: float, height: int) -> None:
        self.low = low
        self.high = high
        self.height = height
        self.bottom = float(height - _BOTTOM)
        self._step = step_of(top, 4)
        self._top = math.ceil(top / self._step - 1e-9) * self._step

    def x(self, value: float) -> float:
        return _LEFT + (value - self.low) / (self.high - self.low) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return self.bottom - value / self._top * (self.bottom - _TOP)

    def svg(self, drawn: Sequence[Html], title: str, x_label: str, y_label: str, *, whole: bool) -> Html:
        middle = (_TOP + self.bottom) / 2
        return element(
            "svg",
            element("title", plain(title)),
            self._grid(whole=whole),
            drawn,
            element("text", x_label, class_="label", x=(_LEFT + _WIDTH - _RIGHT) / 2, y=self.height - 6),
            element(
                "text",
                y_label,
                class_="label",
                x=12,
                y=_px(middle),
                transform=f"rotate(-90 12 {_px(middle)})",
            ),
            class_="plot",
            role="img",
            aria_label=title,
            viewBox=f"0 0 {_WIDTH} {self.height}",
        )

    def _grid(self, *, whole: bool) -> list[Html]:
        parts = []
        for at in range(round(self._top / self._step) + 1):
            value = at * self._step
            if whole and value != round(value):
                continue
            y = _px(self.y(value))
            parts.append(element("line", class_="grid", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y))
            text = number(value)
            parts.append(element("text", text, class_="tick right", x=_LEFT - 6, y=_px(self.y(value) + 4)))
        step = step_of(self.high - self.low, 6)
        for at in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1):
            x = _px(self.x(at * step))
            parts.append(
                element("line", class_="axis", x1=x, x2=x, y1=_px(self.bottom), y2=_px(self.bottom + 4))
            )
            parts.append(element("text", number(at * step), class_="tick", x=x, y=_px(self.bottom + 18)))
        bottom = _px(self.bottom)
        parts.append(element("line", class_="axis", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=bottom, y2=bottom))
        return parts


def _px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
