"""The output of the progress displays, on a terminal and in a log."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

from rich.console import Console

from odyssey_ros.dataset.progress import BarProgress, LogProgress

if TYPE_CHECKING:
    import pytest

    from odyssey_ros.dataset.progress import ProgressDisplay


def _show(progress: ProgressDisplay) -> None:
    progress.start(5, 2)
    progress.phase("walk-1", "processing")
    progress.phase("walk-1", "downloading", 10, 100, "kB")
    progress.phase("walk-1", "downloading", 90, None, "kB")
    progress.phase("walk-2", "pending")
    progress.note("walk-1", "job [7] is submitted again")
    progress.finished("walk-1", "9 frames")
    progress.failed("walk-2", "JOB_FAILED: out of [red]dreams")


def test_bars() -> None:
    screen = io.StringIO()
    with BarProgress(Console(file=screen, force_terminal=True, width=120, no_color=True)) as progress:
        _show(progress)
    text = screen.getvalue()
    for part in (
        *("episodes", "2/5", "3/5", "90/? kB"),
        *("walk-1: job [7] is submitted again", "walk-1: 9 frames", "out of [red]dreams"),
    ):
        assert part in text


def test_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    _show(LogProgress())
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "5 episodes, 2 of them exist already"),
        ("INFO", "walk-1: processing"),
        ("INFO", "walk-1: downloading"),
        ("INFO", "walk-2: pending"),
        ("WARNING", "walk-1: job [7] is submitted again"),
        ("INFO", "walk-1: 9 frames (3 of 5)"),
        ("ERROR", "walk-2: JOB_FAILED: out of [red]dreams"),
    ]


def test_names_from_a_manifest_of_others(caplog: pytest.LogCaptureFixture) -> None:
    """A name can neither add a line nor control the terminal."""
    name = "a\nb\x1b[2J\u202ec"
    caplog.set_level(logging.INFO)
    screen = io.StringIO()
    with BarProgress(Console(file=screen, width=120, no_color=True)) as bars:
        for progress in (LogProgress(), bars):
            progress.phase(name, "processing")
            progress.note(name, "one")
            progress.finished(name, "two")
            progress.failed(name, "three")
    lines = [record.getMessage() for record in caplog.records]
    assert lines == ["a b c: processing", "a b c: one", "a b c: two (1 of 0)", "a b c: three"]
    assert {f"a b c: {text}" for text in ("one", "two", "three")} <= set(screen.getvalue().splitlines())
    assert "\x1b[2J" not in screen.getvalue()
