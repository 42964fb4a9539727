"""Recorded bags become episodes: every storage and picture, several streams and bags, and what is missing."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from mcap.writer import CompressionType

from live_bags import START_NS, LiveMessage, LiveStream, write_mcap, write_rosbag
from odyssey_ros.dataset.manifest import write_manifest
from odyssey_ros.dataset.reading.message_reader import STREAM_EVENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    MakeVideo = Callable[..., Path]

SECOND = 1_000_000_000
FRAMES = [(index, "a fox" if index < 6 else "it rains") for index in range(12)]


def _without(found: Iterable[LiveMessage], topic: str, *numbers: int) -> list[LiveMessage]:
    """Return messages without those with a number on a topic, or without the whole topic."""
    counts = 0
    kept = []
    for message in found:
        if message.name == topic:
            counts += 1
            if not numbers or counts - 1 in numbers:
                continue
        kept.append(message)
    return kept


@pytest.mark.parametrize(
    ("storage", "compression"),
    [
        *(("mcap", each) for each in ("none", "storage", "message", "file")),
        *(("sqlite3", each) for each in ("none", "message", "file")),
    ],
)
def test_each_storage_and_compression(
    storage: str, compression: str, make_video: MakeVideo, tmp_path: Path, conversion: Any
) -> None:
    write_rosbag(tmp_path / "bag", LiveStream(make_video()).messages(), storage, compression)
    assert conversion.run(tmp_path / "bag") == 0
    episode, frames = conversion.only()
    assert episode.name == "stream-1"
    assert episode.entry.images == "h264"
    assert frames == FRAMES
    assert episode.entry.losses == {}
    assert episode.entry.provenance["source"] == "bag"
    (file,) = episode.entry.provenance["files"]
    (path,) = (path for path in (tmp_path / "bag").iterdir() if path.name != "metadata.yaml")
    assert file["name"] == f"bag/{path.name}"
    assert file["size"] == path.stat().st_size


@pytest.mark.parametrize("compression", [CompressionType.LZ4, CompressionType.ZSTD])
def test_a_single_file_without_metadata(
    compression: CompressionType, make_video: MakeVideo, tmp_path: Path, conversion: Any
) -> None:
    write_mcap(tmp_path / "run.mcap", LiveStream(make_video()).messages(), compression)
    assert conversion.run(tmp_path / "run.mcap") == 0
    assert conversion.only()[1] == FRAMES


def test_a_single_database(make_video: MakeVideo, tmp_path: Path, conversion: Any) -> None:
    write_rosbag(tmp_path / "bag", LiveStream(make_video()).messages(), "sqlite3")
    (tmp_path / "a 100%?#").mkdir()
    (tmp_path / "bag" / "bag.db3").rename(tmp_path / "a 100%?#" / "bag.db3")
    assert conversion.run(tmp_path / "a 100%?#" / "bag.db3") == 0
    assert conversion.only()[1] == FRAMES


@pytest.mark.parametrize("images", ["raw", "jpeg", None])
@pytest.mark.parametrize(
    ("pictures", "encoding"),
    [("raw", "rgb8"), ("raw", "bgr8"), ("raw", "mono8"), ("jpeg", ""), ("foxglove", ""), ("ffmpeg", "")],
)
def test_each_picture_in_each_encoding(
    pictures: str,
    encoding: str,
    images: str | None,
    make_video: MakeVideo,
    tmp_path: Path,
    conversion: Any,
) -> None:
    stream = LiveStream(make_video(), pictures=(pictures,), encoding=encoding, namespace="/a/b")
    write_rosbag(tmp_path / "bag", stream.messages())
    assert conversion.run(tmp_path / "bag", *(() if images is None else ("--images", images))) == 0
    episode, frames = conversion.only()
    as_recorded = {"raw": "raw", "jpeg": "jpeg"}.get(pictures, "h264")
    assert episode.entry.images == (images or as_recorded)
    assert frames == FRAMES
    assert episode.entry.losses == {}


def test_vp8_is_decoded(make_video: MakeVideo, tmp_path: Path, conversion: Any) -> None:
    video = make_video(codec="libvpx", suffix="webm")
    write_rosbag(tmp_path / "bag", LiveStream(video, codec="vp8").messages())
    assert conversion.run(tmp_path / "bag") == 0
    episode, frames = conversion.only()
    assert episode.entry.images == "jpeg"
    assert frames == FRAMES


def test_an_encoded_topic_is_preferred(make_video: MakeVideo, tmp_path: Path, conversion: Any) -> None:
    stream = LiveStream(make_video(), pictures=("raw", "jpeg", "foxglove", "ffmpeg"))
    write_rosbag(tmp_path / "bag", stream.messages())
    assert conversion.run(tmp_path / "bag") == 0
    episode, frames = conversion.only()
    assert episode.entry.provenance["pictures"] == ["/odyssey/image_raw/ffmpeg"]
    assert frames == FRAMES


def test_streams_in_sequence_and_several_bridges(
    make_video: MakeVideo, tmp_path: Path, conversion: Any
) -> None:
    """Two streams of one bridge after another, and one of another bridge at the same time."""
    video = make_video()
    streams = [
        LiveStream(video, "one", start_ns=START_NS),
        LiveStream(video, "two", start_ns=START_NS + 5 * SECOND, prompts=((0, "snow"),)),
        LiveStream(video, "other", start_ns=START_NS + 7, namespace="/b", pictures=("foxglove",)),
    ]
    found = sorted((m for stream in streams for m in stream.messages()), key=lambda m: m.time_ns)
    write_rosbag(tmp_path / "bag", found)
    assert conversion.run(tmp_path / "bag") == 0
    episodes = conversion.episodes()
    assert sorted(episodes) == ["one", "other", "two"]
    assert conversion.frames(episodes["one"]) == FRAMES
    assert conversion.frames(episodes["other"]) == FRAMES
    assert conversion.frames(episodes["two"]) == [(index, "snow") for index in range(12)]
    assert all(episode.entry.losses == {} for episode in episodes.values())
    assert conversion.verify() == 0


def test_one_bridge_can_be_selected(make_video: MakeVideo, tmp_path: Path, conversion: Any) -> None:
    for name in ("a", "b"):
        write_rosbag(
            tmp_path / "bags" / name, LiveStream(make_video(), name, namespace=f"/{name}").messages()
        )
    assert conversion.run(tmp_path / "bags", "--bridge", "/b") == 0
    assert sorted(conversion.episodes()) == ["b"]
    assert (conversion.folder / "failures.jsonl").read_text() == ""


def test_a_folder_of_bags_in_simulated_time(make_video: MakeVideo, tmp_path: Path, conversion: Any) -> None:
    """The stamps of two bags are the same, and each picture is in the episode of its own bag."""
    one, two = make_video(), make_video(12, fps=20, g="3")
    write_rosbag(tmp_path / "bags" / "one", LiveStream(one, "one", start_ns=SECOND).messages())
    write_rosbag(tmp_path / "bags" / "two", LiveStream(two, "two", start_ns=SECOND).messages(), "sqlite3")
    assert conversion.run(tmp_path / "bags") == 0
    assert all(episode.entry.losses == {} for episode in conversion.episodes().values())
    assert [len(conversion.frames(episode)) for episode in conversion.episodes().values()] == [12, 12]


def test_split_files_in_any_order(make_video: MakeVideo, tmp_path: Path, conversion: Any) -> None:
    found = LiveStream(make_video(30)).messages()
    (tmp_path / "bag").mkdir()
    for number, name in enumerate(("bag_9.mcap", "bag_10.mcap", "bag_2.mcap")):
        part = found[number * len(found) // 3 : (number + 1) * len(found) // 3]
        write_mcap(tmp_path / "bag" / name, part)
    assert conversion.run(tmp_path / "bag") == 0
    episode, frames = conversion.only()
    assert [index for index, _ in frames] == list(range(30))
    assert len(episode.entry.provenance["files"]) == 3
    assert episode.entry.losses == {}


def test_a_stream_in_two_bags_is_merged(make_video: MakeVideo, tmp_path: Path, conversion: Any) -> None:
    """The second recorder starts while the first one runs. A copy of a bag changes nothing."""
    found = LiveStream(make_video(20), pictures=("ffmpeg", "raw")).messages()
    write_rosbag(tmp_path / "bags" / "a", [m for m in found if m.time_ns < START_NS + SECOND * 3 // 5])
    write_rosbag(
        tmp_path / "bags" / "b", [m for m in found if m.time_ns > START_NS + SECOND * 2 // 5], "sqlite3"
    )
    shutil.copytree(tmp_path / "bags" / "a", tmp_path / "bags" / "copy")
    assert conversion.run(tmp_path / "bags") == 0
    episode, frames = conversion.only()
    assert [index for index, _ in frames] == list(range(20))
    assert set(episode.entry.losses) == {"duplicate_pictures"}
    assert conversion.run(tmp_path / "bags") == 0


def test_a_second_bag_of_a_finished_stream_is_reported(
    make_video: MakeVideo, tmp_path: Path, conversion: Any
) -> None:
    found = LiveStream(make_video(20)).messages()
    write_rosbag(tmp_path / "a", [m for m in found if m.time_ns < START_NS + SECOND // 2])
    write_rosbag(tmp_path / "b", [m for m in found if m.time_ns > START_NS + SECOND // 2])
    assert conversion.run(tmp_path / "a") == 0
    assert conversion.run(tmp_path / "b") == 1
    failures = (conversion.folder / "failures.jsonl").read_text()
    assert "INCOMPLETE_DATA" in failures
    assert "without b/b.mcap" in failures
    shutil.rmtree(conversion.folder / "episodes" / "stream-1")
    assert conversion.run(tmp_path / "a", tmp_path / "b") == 0
    assert len(conversion.only()[1]) == 20
    assert conversion.run(tmp_path / "b") == 0


def test_a_killed_recorder(make_video: MakeVideo, tmp_path: Path, conversion: Any) -> None:
    """The file has no summary, and ends in the middle of a chunk. What was written is an episode."""
    path = write_mcap(tmp_path / "run.mcap", LiveStream(make_video(20)).messages(), chunk_size=2000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert conversion.run(path) == 0
    episode, frames = conversion.only()
    assert 5 < len(frames) < 20
    assert episode.entry.losses["cut_off_bags"] == 1


def test_a_recording_that_begins_in_mid_stream(
    make_video: MakeVideo, tmp_path: Path, conversion: Any
) -> None:
    """The key frames of the video are 0, 5, 10 and 15."""
    found = LiveStream(make_video(20), first=7, pictures=("foxglove",)).messages()
    write_rosbag(tmp_path / "bag", [m for m in found if m.type_name != STREAM_EVENT])
    assert conversion.run(tmp_path / "bag") == 0
    episode, frames = conversion.only()
    assert frames == [(index, "it rains") for index in range(10, 20)]
    assert episode.entry.losses == {
        "pictures_before_key_frame": 3,
        "unrecorded_events": 1,
        "unrecorded_start": 7,
    }


@pytest.mark.parametrize(
    ("losses", "fault"),
    [
        ({"pictures_before_key_frame": 3}, "the frame_index is 10 instead of 0"),
        ({"unrecorded_start": 7, "pictures_before_key_frame": 3, "source": 0}, "the stamp is"),
    ],
)
def test_the_deep_check_accepts_only_what_is_counted(
    losses: dict[str, int],
    fault: str,
    make_video: MakeVideo,
    tmp_path: Path,
    conversion: Any,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Neither a gap without a loss, nor the stamps of a live stream in an episode of the service."""
    write_rosbag(tmp_path / "bag", LiveStream(make_video(20), first=7).messages())
    assert conversion.run(tmp_path / "bag") == 0
    entry = conversion.only()[0].entry
    provenance = {} if losses.pop("source", 1) == 0 else entry.provenance
    altered = replace(entry, losses=losses, provenance=provenance)
    write_manifest(conversion.folder / "manifest.jsonl", [altered])
    (conversion.folder / entry.bag / "episode.json").write_text(altered.to_line())
    capfd.readouterr()
    assert conversion.verify() == 1
    assert fault in capfd.readouterr().err


def test_a_key_frame_before_the_first_label_is_decoded(
    make_video: MakeVideo, tmp_path: Path, conversion: Any
) -> None:
    """The recorder subscribed to the pictures first."""
    write_rosbag(tmp_path / "bag", _without(LiveStream(make_video()).messages(), "frame_info", 0, 1))
    assert conversion.run(tmp_path / "bag", "--images", "jpeg") == 0
    episode, frames = conversion.only()
    assert frames == FRAMES[2:]
    assert episode.entry.losses == {"pictures_without_label": 2, "unrecorded_start": 2}


@pytest.mark.parametrize("pictures", ["ffmpeg", "foxglove"])
@pytest.mark.parametrize("images", ["h264", "jpeg"])
def test_a_lost_picture(
    pictures: str, images: str, make_video: MakeVideo, tmp_path: Path, conversion: Any
) -> None:
    """Pictures that are based on it are left out, up to the key frame 10."""
    found = LiveStream(make_video(), pictures=(pictures,)).messages()
    write_rosbag(tmp_path / "bag", _without(found, pictures, 7))
    assert conversion.run(tmp_path / "bag", "--images", images) == 0
    episode, frames = conversion.only()
    assert [index for index, _ in frames] == [*range(7), 10, 11]
    assert episode.entry.losses == {"labels_without_picture": 1, "pictures_after_gap": 2}


@pytest.mark.parametrize(
    ("images", "left"), [("h264", [*range(7), 10, 11]), ("raw", [*range(7), *range(8, 12)])]
)
def test_a_lost_label(
    images: str, left: list[int], make_video: MakeVideo, tmp_path: Path, conversion: Any
) -> None:
    """A picture without a label is decoded, but not written. H.264 cannot continue without it."""
    write_rosbag(tmp_path / "bag", _without(LiveStream(make_video()).messages(), "frame_info", 7))
    assert conversion.run(tmp_path / "bag", "--images", images) == 0
    episode, frames = conversion.only()
    assert [index for index, _ in frames] == left
    lost = {"pictures_after_gap": 2} if images == "h264" else {}
    assert episode.entry.losses == {**lost, "pictures_without_label": 1, "unrecorded_frames": 1}


def test_a_damaged_picture_and_a_damaged_label(
    make_video: MakeVideo, tmp_path: Path, conversion: Any
) -> None:
    found = LiveStream(make_video(), pictures=("jpeg",)).messages()
    jpegs = [m for m in found if m.name == "compressed"]
    jpegs[3].data = jpegs[3].data[:-40] + bytes(40)
    jpegs[4].data = jpegs[4].data[:9]
    labels = [m for m in found if m.name == "frame_info"]
    labels[8].data = labels[8].data[:-30]
    write_rosbag(tmp_path / "bag", found)
    assert conversion.run(tmp_path / "bag") == 0
    episode, frames = conversion.only()
    assert [index for index, _ in frames] == [0, 1, 2, 5, 6, 7, 9, 10, 11]
    assert episode.entry.losses == {
        "labels_without_picture": 1,
        "pictures_without_label": 1,
        "unreadable_messages": 2,
        "unreadable_pictures": 1,
        "unrecorded_frames": 1,
    }


def test_strict_refuses_losses_also_of_an_earlier_run(
    make_video: MakeVideo, tmp_path: Path, conversion: Any
) -> None:
    found = LiveStream(make_video(), events=False).messages()
    write_rosbag(tmp_path / "bag", found)
    assert conversion.run(tmp_path / "bag", "--strict") == 1
    assert not list((conversion.folder / "episodes").iterdir())
    assert conversion.run(tmp_path / "bag") == 0
    assert conversion.only()[0].entry.losses == {"unrecorded_events": 2}
    assert conversion.run(tmp_path / "bag", "--strict") == 1


def test_jpeg_does_not_become_h264(make_video: MakeVideo, tmp_path: Path, conversion: Any) -> None:
    write_rosbag(tmp_path / "bag", LiveStream(make_video(), pictures=("jpeg",)).messages())
    assert conversion.run(tmp_path / "bag", "--images", "h264") == 1
    failures = (conversion.folder / "failures.jsonl").read_text()
    assert "VIDEO_UNSUPPORTED" in failures
    assert "--images jpeg" in failures


@pytest.mark.parametrize("missing", ["frame_info", "ffmpeg"])
def test_a_bag_without_labels_or_pictures_names_the_topics_to_record(
    missing: str, make_video: MakeVideo, tmp_path: Path, conversion: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is written, so the settings of the folder are still free."""
    write_rosbag(tmp_path / "bag", _without(LiveStream(make_video()).messages(), missing))
    status = conversion.run(tmp_path / "bag")
    assert "bag: BAG_BROKEN" in caplog.text
    assert "ros2 bag record /odyssey/image_raw/ffmpeg /odyssey/frame_info" in caplog.text
    assert status == 2
    assert not conversion.folder.exists()


def test_a_bag_that_cannot_be_read_does_not_stop_the_others(
    make_video: MakeVideo, tmp_path: Path, conversion: Any
) -> None:
    write_rosbag(tmp_path / "bags" / "good", LiveStream(make_video()).messages())
    for name, data in (("empty", b""), ("noise", b"noise" * 1000), ("magic", b"\x89MCAP0\r\n" + bytes(3))):
        (tmp_path / "bags" / f"{name}.mcap").write_bytes(data)
    assert conversion.run(tmp_path / "bags") == 1
    assert conversion.only()[1] == FRAMES
    assert (conversion.folder / "failures.jsonl").read_text().count("BAG_BROKEN") == 3


def test_an_episode_of_the_service_is_kept(
    make_video: MakeVideo, tmp_path: Path, conversion: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    write_rosbag(tmp_path / "bag", LiveStream(make_video()).messages())
    assert conversion.run(tmp_path / "bag") == 0
    path = conversion.folder / "episodes" / "stream-1" / "episode.json"
    path.write_text(path.read_text().replace('"source": "bag"', '"source": "other"'))
    before = path.read_bytes()
    assert conversion.run(tmp_path / "bag") == 0
    assert path.read_bytes() == before
