"""The frames of a stream: merged files, and pictures that the decoder refuses."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from live_bags import LiveMessage, LiveStream, write_mcap
from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.recorded.file_scan import ScanTask, scan_file
from odyssey_ros.dataset.recorded.recorded_frames import RecordedFrames
from odyssey_ros.dataset.recorded.recorded_pictures import PictureKind
from odyssey_ros.dataset.recorded.recorded_streams import streams_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    MakeVideo = Callable[..., Path]


def _frames(folder: Path, files: Sequence[Sequence[LiveMessage]]) -> RecordedFrames:
    scans = []
    for number, found in enumerate(files):
        path = write_mcap(folder / f"{number}.mcap", found)
        scans.append(scan_file(ScanTask(path, number, path.name, folder)))
    (found,) = streams_of(scans, ["/odyssey/frame_info"])["stream-1"]
    return RecordedFrames(found.stream(PictureKind.H264))


def test_two_recorders_that_lost_different_messages(make_video: MakeVideo, tmp_path: Path) -> None:
    """Together they have all."""
    found = LiveStream(make_video()).messages()
    pictures = [message for message in found if message.name == "ffmpeg"]
    one = [message for message in found if message not in pictures[2:4]]
    two = [message for message in found if message not in pictures[7:]]
    losses: Counter[Loss] = Counter()
    frames = list(_frames(tmp_path, [one, two]).bag_frames(BagLayout(ImageEncoding.H264), losses))
    assert [frame.index for frame in frames] == list(range(12))
    assert losses == {Loss.DUPLICATE_PICTURES: 5}


def test_a_picture_that_the_decoder_refuses(make_video: MakeVideo, tmp_path: Path) -> None:
    """Pictures up to the next key frame, 10, are left out."""
    found = LiveStream(make_video()).messages()
    damaged = [message for message in found if message.name == "ffmpeg"][5]
    at = damaged.data.index(b"\0\0\1\x65")
    damaged.data = damaged.data[: at + 5] + b"\xff" * (len(damaged.data) - at - 5)
    losses: Counter[Loss] = Counter()
    frames = _frames(tmp_path, [found])
    indexes = [frame.index for frame in frames.bag_frames(BagLayout(ImageEncoding.RAW), losses)]
    assert indexes[:5] == [0, 1, 2, 3, 4]
    assert indexes[-2:] == [10, 11]
    assert len(indexes) + sum(losses.values()) == 12


def test_the_events_are_those_of_the_recording(make_video: MakeVideo, tmp_path: Path) -> None:
    frames = _frames(tmp_path, [LiveStream(make_video()).messages()])
    assert [event.prompt for event in frames.bag_events()] == ["a fox", "it rains", ""]
    assert frames.stream_id == "stream-1"
