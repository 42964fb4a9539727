"""Each rule of the frames, shown by a bag in which one value is wrong, and its one line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from altered_bags import AlteredDataset, BagRecord, of_topic

if TYPE_CHECKING:
    from collections.abc import Callable

    Altered = Callable[..., AlteredDataset]

JPEG = "image_raw/compressed"


@pytest.mark.parametrize(
    ("topic", "number", "values", "text"),
    [
        ("camera_info", 3, {"header__frame_id": "map"}, "the frame_id is 'map' instead of 'odyssey_.*'"),
        ("camera_info", 3, {"binning_x": 2}, "it has a binning or a region of interest"),
        ("camera_info", 3, {"k": np.ones(9)}, "it has a calibration, but a recording is not calibrated"),
        ("camera_info", 0, {"header__stamp__nanosec": 5}, r"the stamp is \d+, but the log time is \d+"),
        (JPEG, 4, {"header__stamp__sec": 7}, r"the stamp is 7\d{9}, but the log time is \d+"),
        (JPEG, 4, {"format": "png"}, "the format is 'png' instead of 'jpeg'"),
        ("frame_info", 1, {"stream_id": "other"}, "stream 'other' instead of '[-0-9a-f]+'"),
        ("frame_info", 4, {"frame_index": 7}, "the frame_index is 7 instead of 4"),
        (
            "frame_info",
            3,
            {"media_time__nanosec": 150_000_002},
            "the stamp is 150000000 ns after the first frame, but the media time is 150000002 ns",
        ),
        ("frame_info", 3, {"prompt": "a dog"}, "the prompt is 'a dog', but 'it “rains”, .*' is in force"),
        ("events", 1, {"header__frame_id": "map"}, "the frame_id is 'map' instead of 'odyssey_.*'"),
        ("events", 1, {"prompt": "a dog"}, "the prompt is 'a dog', but the manifest has 'it “rains”, .*'"),
        ("events", 2, {"prompt": "a dog"}, "an end has the prompt 'a dog'"),
        ("events", 0, {"stream_id": ""}, "stream '' instead of '[-0-9a-f]+'"),
        ("events", 0, {"type": 7}, "kind 7 or its error fields are not those of a recording"),
    ],
)  # fmt: skip
def test_one_altered_value(
    topic: str, number: int, values: dict[str, Any], text: str, altered: Altered
) -> None:
    dataset = altered()
    dataset.change_message(topic, number, **values)
    place = "event" if topic == "events" else "frame"
    line = f"/odyssey/{topic}: {place} {number}: {text}"
    # The log time and the publish time are equal: a wrong stamp differs from both.
    lines = [line, line.replace("log time", "publish time")] if "log time" in line else [line]
    faults = dataset.faults()
    assert len(faults) == len(lines), faults
    for fault, expected in zip(faults, lines, strict=True):
        assert re.fullmatch(expected, fault), fault


def test_a_wrong_camera_info(altered: Altered) -> None:
    dataset = altered()
    dataset.change_message("camera_info", 2, width=640)
    assert dataset.faults() == [
        "/odyssey/camera_info: frame 2: camera_info has 640x704, but the manifest has 1280x704",
        "/odyssey/image_raw/compressed: frame 2: the picture is 1280x704, but camera_info has 640x704",
    ]


def test_swapped_prompts(altered: Altered) -> None:
    dataset = altered()

    def swap(records: list[BagRecord]) -> None:
        one, other = of_topic(records, "frame_info")[1:3]
        prompts = one.value().prompt, other.value().prompt
        one.change(prompt=prompts[1])
        other.change(prompt=prompts[0])

    dataset.change_messages(swap)
    faults = dataset.faults()
    assert len(faults) == 2
    assert re.fullmatch(
        r"/odyssey/frame_info: frame 1: the prompt is 'it .*', but 'a fox.*' is in force", faults[0]
    )
    assert re.fullmatch(
        r"/odyssey/frame_info: frame 2: the prompt is 'a fox.*', but 'it .*' is in force", faults[1]
    )


@pytest.mark.parametrize(
    ("images", "topic", "name"),
    [("jpeg", JPEG, JPEG), ("jpeg", "camera_info", "camera_info"), ("jpeg", "frame_info", "frame_info")],
)
def test_a_missing_message_of_a_frame(images: str, topic: str, name: str, altered: Altered) -> None:
    dataset = altered(images)
    dataset.change_messages(lambda records: records.remove(of_topic(records, topic)[2]))
    faults = dataset.faults()
    assert re.fullmatch(rf"/odyssey/{name}: frame 2: 0 messages with the stamp \d+ instead of 1", faults[0])
    # Without its labels, the next frame does not follow.
    assert faults[1:] == (
        ["/odyssey/frame_info: frame 3: the frame_index is 3 instead of 2"] if topic == "frame_info" else []
    )


def test_a_message_that_is_there_twice(altered: Altered) -> None:
    dataset = altered()
    dataset.change_messages(
        lambda records: records.insert(records.index(of_topic(records, JPEG)[2]), of_topic(records, JPEG)[2])
    )
    (fault,) = dataset.faults()
    assert re.fullmatch(
        r"/odyssey/image_raw/compressed: frame 2: 2 messages with the stamp \d+ instead of 1", fault
    )


def test_a_missing_frame(altered: Altered) -> None:
    dataset = altered()

    def remove(records: list[BagRecord]) -> None:
        for topic in (JPEG, "camera_info", "frame_info"):
            records.remove(of_topic(records, topic)[1])

    dataset.change_messages(remove)
    assert dataset.faults() == [
        "/odyssey/frame_info: frame 1: the frame_index is 2 instead of 1",
        "4 frames, but the manifest has 5",
    ]


def test_frames_in_the_wrong_order(altered: Altered) -> None:
    dataset = altered()

    def swap(records: list[BagRecord]) -> None:
        first = records.index(of_topic(records, "camera_info")[3])
        records[first : first + 6] = [*records[first + 3 : first + 6], *records[first : first + 3]]

    dataset.change_messages(swap)
    faults = dataset.faults()
    assert any("frame 4: the stamp" in fault and "does not come after" in fault for fault in faults)
    assert "/odyssey/frame_info: frame 3: the frame_index is 4 instead of 3" in faults
    assert any(
        fault.startswith("/odyssey/camera_info: frame 4: the message with the log time") for fault in faults
    )


def test_an_event_after_its_frame(altered: Altered) -> None:
    dataset = altered()

    def move(records: list[BagRecord]) -> None:
        event = of_topic(records, "events")[1]
        records.remove(event)
        records.insert(records.index(of_topic(records, "frame_info")[3]) - 1, event)

    dataset.change_messages(move)
    faults = dataset.faults()
    assert re.fullmatch(
        r"/odyssey/events: event 1: the message with the log time (\d+) comes after one with \1", faults[0]
    )
    assert len(faults) == 1


def test_a_damaged_message(altered: Altered) -> None:
    dataset = altered()

    def cut(records: list[BagRecord]) -> None:
        record = of_topic(records, "camera_info")[2]
        record.data = record.data[:-9]

    dataset.change_messages(cut)
    assert dataset.faults() == ["/odyssey/camera_info: frame 2: the message is damaged"]


def test_bytes_behind_a_message(altered: Altered) -> None:
    dataset = altered()

    def extend(records: list[BagRecord]) -> None:
        of_topic(records, "frame_info")[2].data += b"\0"

    dataset.change_messages(extend)
    assert dataset.faults()[0] == (
        "/odyssey/frame_info: frame 2: the message has bytes that belong to none of its fields"
    )


def test_the_size_of_a_raw_picture(altered: Altered) -> None:
    dataset = altered("raw")
    dataset.change_message("image_raw", 1, height=703)
    assert dataset.faults() == [
        "/odyssey/image_raw: frame 1: the message has 1280x703, but camera_info has 1280x704",
        "/odyssey/image_raw: frame 1: the picture has 2703360 bytes, but 703 rows of 3840 bytes have 2699520",
    ]


def test_a_calibrated_size_that_no_picture_has(altered: Altered) -> None:
    """The manifest and all camera_info agree, but not the pictures."""
    dataset = altered("h264")

    def alter(records: list[BagRecord]) -> None:
        for record in of_topic(records, "camera_info"):
            record.change(width=704, height=1280)

    dataset.change_messages(alter)
    dataset.change_entry(width=704, height=1280, sizes=())
    assert dataset.faults() == [
        f"/odyssey/image_raw/foxglove: frame {frame}: the picture is 1280x704, but camera_info has 704x1280"
        for frame in range(5)
    ]


def test_frames_that_the_video_lacks(altered: Altered) -> None:
    """The labels keep the numbers of the video; the manifest tells how many frames are missing."""
    dataset = altered()

    def remove(records: list[BagRecord]) -> None:
        for topic in (JPEG, "camera_info", "frame_info"):
            for number in (3, 0):
                records.remove(of_topic(records, topic)[number])

    dataset.change_messages(remove)
    dataset.change_entry(frames=3, sizes=())
    assert dataset.faults() == [
        "/odyssey/frame_info: frame 0: the frame_index is 1 instead of 0",
        "/odyssey/frame_info: frame 0: the first media time is 50000000 ns instead of 0",
        "/odyssey/frame_info: frame 2: the frame_index is 4 instead of 3",
    ]
    dataset.change_entry(losses={"undecodable_start": 1, "missing_pictures": 1})
    assert dataset.faults() == []


def test_frames_with_the_stamp_of_the_frame_before(altered: Altered) -> None:
    dataset = altered()

    def repeat(records: list[BagRecord]) -> None:
        for topic in (JPEG, "camera_info", "frame_info"):
            record, before = (of_topic(records, topic)[number] for number in (2, 1))
            stamp = before.value().header.stamp
            record.log_time_ns = before.log_time_ns
            record.change(header__stamp=stamp)
        of_topic(records, "frame_info")[2].change(
            media_time=of_topic(records, "frame_info")[1].value().media_time,
            prompt=of_topic(records, "frame_info")[1].value().prompt,
        )
        event = of_topic(records, "events")[1]
        records.remove(event)
        records.insert(records.index(of_topic(records, "camera_info")[3]), event)

    dataset.change_messages(repeat)
    faults = dataset.faults()
    assert re.fullmatch(rf"/odyssey/{JPEG}: frame 1: 2 messages with the stamp \d+ instead of 1", faults[0])
    dataset.change_entry(losses={"duplicate_stamps": 1})
    assert dataset.faults() == []


def test_the_number_of_frames_of_each_size(altered: Altered) -> None:
    """The sizes of the manifest are those of other frames."""
    dataset = altered()
    size, other = {"width": 1280, "height": 704}, {"width": 640, "height": 352}
    dataset.change_entry(sizes=({**size, "frames": 4}, {**other, "frames": 1}))
    (fault,) = dataset.faults()
    assert fault.startswith("camera_info has the sizes 1280x704 (5 frames), but the manifest has 1280x704 (4")
    dataset.change_entry(sizes=({**other, "frames": 1}, {**size, "frames": 4}))
    assert len(dataset.faults()) == 1
    dataset.change_entry(sizes=({**size, "frames": 4},))
    assert dataset.faults() == ["manifest: sizes has 4 frames, but there are 5"]
