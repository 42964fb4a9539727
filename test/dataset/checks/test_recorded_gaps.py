"""Recorded losses explain as many gaps as they count. Whole bags are in test_frame_check.py."""

from __future__ import annotations

from odyssey_ros.dataset.checks.recorded_gaps import RecordedGaps
from odyssey_ros.dataset.losses import Loss


def test_without_losses_nothing_is_allowed() -> None:
    gaps = RecordedGaps({Loss.IGNORED_LOG_ENTRIES.value: 9})
    assert (gaps.left_out_first, gaps.duplicates) == (0, False)
    assert not gaps.missing(1)
    assert not gaps.duplicate()


def test_each_loss_explains_one_gap() -> None:
    gaps = RecordedGaps({"undecodable_start": 4, "missing_pictures": 3, "duplicate_stamps": 1})
    assert gaps.left_out_first == 4
    assert not gaps.missing(0)
    assert not gaps.missing(-1)
    assert not gaps.missing(4)
    assert gaps.missing(2)
    assert not gaps.missing(2)
    assert gaps.missing(1)
    assert gaps.duplicates
    assert gaps.duplicate()
    assert not gaps.duplicate()
    assert gaps.duplicates


def test_gaps_of_a_live_recording() -> None:
    """Each lost frame explains a gap once, before the first frame or between frames."""
    gaps = RecordedGaps({"unrecorded_start": 3, "labels_without_picture": 2, "missing_pictures": 1})
    assert not gaps.unrecorded(0)
    assert not gaps.unrecorded(6)
    assert gaps.unrecorded(3)
    assert gaps.missing(2)
    assert not gaps.missing(2)
    assert gaps.missing(1)
    assert not gaps.unrecorded(1)
