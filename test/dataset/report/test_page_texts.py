"""Texts of any length, and times."""

from __future__ import annotations

import pytest

from odyssey_ros.dataset.report.page_texts import MAX_SHOWN, long_text, seconds_text, time_text


def test_a_short_text_is_shown_whole() -> None:
    text = "x" * MAX_SHOWN
    assert long_text(text) == f'<div class="prompt" dir="auto">{text}</div>'


def test_a_long_text_can_be_opened() -> None:
    text = "<" * 10_000
    made = long_text(text)
    assert made.startswith("<details")
    assert made.count("&lt;") == 10_000 + MAX_SHOWN


@pytest.mark.parametrize(
    ("time_ns", "expected"),
    [
        (0, "unknown"),
        (10**30, "unknown"),
        (-(10**30), "unknown"),
        (
            1_790_000_000_500_000_000,
            '<time datetime="2026-09-21T14:13:20.500000+00:00">2026-09-21 14:13:20 UTC</time>',
        ),
    ],
)
def test_times(time_ns: int, expected: str) -> None:
    assert time_text(time_ns) == expected


def test_seconds() -> None:
    assert seconds_text(1234.567) == "1,234.57 s"
