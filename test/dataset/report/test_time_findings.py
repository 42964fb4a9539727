"""Missing frames and jumps of the media time, from the labels and the manifest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from odyssey_ros.dataset.report.thresholds import THRESHOLDS
from odyssey_ros.dataset.report.time_findings import missing_frames
from synthetic_pictures import PERIOD_NS, entry, findings, measured, pictures, scene

if TYPE_CHECKING:
    from odyssey_ros.dataset.reading.stored_episode import LabelledPicture

SHOWN = pictures([scene(number) for number in range(12)])


def relabelled(first: int, **shift: int) -> list[LabelledPicture]:
    """Return the pictures, with numbers added to the labels from picture `first` on."""
    return [
        replace(
            each,
            labels=replace(
                each.labels, **{name: getattr(each.labels, name) + value for name, value in shift.items()}
            ),
        )
        if number >= first
        else each
        for number, each in enumerate(SHOWN)
    ]


def texts(shown: list[LabelledPicture], **changed: Any) -> list[str]:
    found = missing_frames(entry(len(shown), **changed), measured(shown), PERIOD_NS, THRESHOLDS)
    return [each.text for each in found]


@pytest.mark.parametrize(
    ("shift", "kind", "text"),
    [
        (
            {"index": 2, "media_time_ns": 2 * PERIOD_NS, "stamp_ns": 2 * PERIOD_NS},
            "missing",
            "2 frames are missing, by the numbers",
        ),
        (
            {"media_time_ns": PERIOD_NS, "stamp_ns": PERIOD_NS},
            "missing",
            "about 1 frames are missing, by the media",
        ),
        ({"media_time_ns": 10**10}, "time_jump", "the media time jumps by 10.050 s, the stamps by 0.050 s"),
        ({"media_time_ns": -PERIOD_NS}, "time_jump", "the media time stops"),
        ({"media_time_ns": -3 * PERIOD_NS}, "time_jump", "the media time goes back by 0.100 s"),
    ],
)
def test_a_gap_is_between_two_frames(shift: dict[str, int], kind: str, text: str) -> None:
    shown = relabelled(5, **shift)
    assert (kind, 4, 5) in findings(shown)
    (found,) = texts(shown)
    assert found.startswith(text)


def test_jitter_is_no_gap() -> None:
    assert texts(relabelled(5, media_time_ns=PERIOD_NS // 3, stamp_ns=PERIOD_NS // 3)) == []


def test_pictures_that_the_decoder_did_not_return() -> None:
    assert texts(relabelled(0)[:5] + SHOWN[7:]) == ["2 pictures in the bag could not be decoded"]
    found = missing_frames(entry(12), measured([]), 0.0, THRESHOLDS)
    assert [(each.first, each.last, each.text) for each in found] == [(0, 11, "no picture could be decoded")]


def test_a_time_that_stops_for_several_frames_is_one_finding() -> None:
    shown = [
        replace(
            each, labels=replace(each.labels, media_time_ns=min(each.labels.media_time_ns, 4 * PERIOD_NS))
        )
        for each in SHOWN
    ]
    found = missing_frames(entry(12), measured(shown), PERIOD_NS, THRESHOLDS)
    assert [(each.kind.value, each.first, each.last) for each in found] == [("time_jump", 4, 11)]


def test_losses_of_the_manifest() -> None:
    assert texts(SHOWN, losses={"missing_pictures": 2}) == ["2 encoded pictures of the video gave no picture"]
    assert texts(SHOWN, losses={"undecodable_start": 1})[0].startswith("1 pictures at the start")
    gap = relabelled(5, index=2, media_time_ns=2 * PERIOD_NS, stamp_ns=2 * PERIOD_NS)
    assert len(texts(gap, losses={"missing_pictures": 2})) == 1  # the gap is that loss
