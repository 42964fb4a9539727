"""A bad answer, file or defect concerns one episode: the real command makes all the others."""

from __future__ import annotations

import errno
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest

from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset import episode_task
from odyssey_ros.dataset.bags import write_bag
from odyssey_ros.dataset.cli import main
from odyssey_ros.dataset.episode_failures import contained
from odyssey_ros.dataset.errors import EpisodeError, StateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lost_submissions import LossyAccount

    MakeVideo = Callable[..., Path]


def _failures() -> dict[str, str]:
    lines = Path("out/failures.jsonl").read_text().split("\n")[:-1]
    return {entry["episode"]: entry["code"] for entry in map(json.loads, lines)}


def _entries() -> dict[str, dict[str, Any]]:
    lines = Path("out/manifest.jsonl").read_text().split("\n")[:-1]
    return {entry["stream_id"]: entry for entry in map(json.loads, lines)}


def _empty_video(path: Path) -> bytes:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = 320, 192, "yuv420p"
        container.start_encoding()
    return path.read_bytes()


def test_odd_answers_concern_one_episode_each(
    account: LossyAccount, make_video: MakeVideo, tmp_path: Path
) -> None:
    video = make_video().read_bytes()
    late = b'{"time_ms": 0, "type": "start", "prompt": "a cat"}\n{"time_ms": 9e9, "type": "end"}\n'
    account.add_recording("good", video)
    account.add_recording("negative-count", video, frame_count=-5, duration_seconds=-1)
    account.add_recording("enormous-count", video, frame_count=10**30, duration_seconds=1e300)
    account.add_recording("no-number", video, frame_count="many", duration_seconds=math.nan)
    account.add_recording("infinite", video, frame_count=math.inf, duration_seconds=math.inf)
    account.add_recording("year-9999", video, started_at="9999-12-31T23:59:59Z")
    account.add_recording("year-1969", video, started_at="1969-07-20T20:17:40Z")
    account.add_recording("a/b ..\\x: €", video)
    account.add_recording("n" * 200, video)
    for name, header in (
        ("etag-euro", 'ETag: "€"'.encode()),
        ("etag-latin", 'ETag: "\xe9"'.encode("latin-1")),
        ("etag-long", b'ETag: "' + b"x" * 8000 + b'"'),
        ("modified-euro", 'ETag: "1"\r\nLast-Modified: €'.encode()),
    ):
        account.add_recording(name, video)
        account.details[name]["video_url"] = account.add_file(f"{name}.mp4", video, header)
    good = set(account.details)
    account.add_recording("after-2038", video, late, started_at="2037-12-31T23:00:00Z")
    account.add_recording("no-frames", _empty_video(tmp_path / "empty.mp4"))
    account.add_recording("no-bytes", b"")
    account.add_recording("no-url", video, video_url="not a URL")
    account.add_recording("no-port", video, video_url="http://localhost:99999/video")
    account.add_recording("no-object", video)
    account.details["no-object"] = ["a list"]

    status = main(["recordings", *account.details, "-o", "out", "--images", "h264"])

    assert _failures() == {
        "after-2038": "VIDEO_UNSUPPORTED",
        "no-frames": "VIDEO_BROKEN",
        "no-bytes": "VIDEO_BROKEN",
        "no-url": "DOWNLOAD_FAILED",
        "no-port": "DOWNLOAD_FAILED",
        "no-object": "INVALID_RESPONSE",
    }
    assert set(_entries()) == good
    assert status == 1
    assert list(Path("out/episodes").glob(".*")) == []
    assert _entries()["enormous-count"]["video"]["frame_count"] is None
    assert [_entries()[name]["start_time_ns"] for name in ("year-9999", "year-1969")] == [0, 0]
    assert main(["verify", "out"]) == 0


def test_bad_entries_of_the_list_of_recordings(account: LossyAccount, make_video: MakeVideo) -> None:
    video = make_video().read_bytes()
    account.add_recording("good", video)
    for bad in (None, "x", {"stream_id": 5}, {"stream_id": "a\u2028b"}):
        account.recordings.insert(0, bad)
    account.add_recording("no-start", video, started_at="yesterday")
    account.add_recording("nan", video)
    account.recordings[-1]["duration_seconds"] = math.nan
    account.add_recording("too-old", video, started_at="2020-01-01T00:00:00Z")

    status = main(["recordings", "--since", "2026-01-01", "-o", "out", "--images", "h264"])

    assert set(_entries()) == {"good", "nan"}
    assert _failures() == {"unreadable-recordings": "INVALID_RESPONSE", "no-start": "INVALID_RESPONSE"}
    assert "4 entries of the service's list" in Path("out/failures.jsonl").read_text()
    assert status == 1


def test_a_job_that_cannot_be_read_does_not_end_the_others(
    account: LossyAccount, make_video: MakeVideo
) -> None:
    url = account.add_file("1.mp4", make_video().read_bytes())
    account.add_job("good", "2026-11-01T10:00:00Z", {"stream_id": "s1", "video_url": url, "script_index": 0})
    account.add_job("bad", "2026-11-01T10:00:00Z", {"stream_id": 5})
    assert main(["jobs", "bad", "good", "-o", "out", "--images", "h264"]) == 1
    assert set(_entries()) == {"s1"}
    assert _failures() == {"bad": "INVALID_RESPONSE"}
    # Shards would disagree about the positions of the streams.
    assert main(["jobs", "bad", "good", "-o", "parts", "--shard", "1/2"]) == 2


def test_a_defect_is_reported_once_with_its_traceback(
    account: LossyAccount,
    make_video: MakeVideo,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The partial bag is removed, and the thread and the slots are free for the episodes that follow."""

    def defective(folder: Path, name: str, *args: Any, **options: Any) -> Any:
        if name == "defect":
            folder.mkdir()
            raise ZeroDivisionError("at https://files/video?signature=secret")
        if name == "full":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bag(folder, name, *args, **options)

    monkeypatch.setattr(episode_task, "write_bag", defective)
    for name in ("defect", "full", "good-1", "good-2"):
        account.add_recording(name, make_video().read_bytes())
    limits = ["--jobs", "1", "--downloads", "1", "--decoders", "1"]
    assert main(["recordings", *account.details, "-o", "out", "--images", "h264", *limits]) == 1
    assert set(_entries()) == {"good-1", "good-2"}
    assert _failures() == {"defect": "INTERNAL", "full": "DISK_FULL"}
    assert list(Path("out/episodes").glob(".*")) == []
    traced = [record for record in caplog.records if record.exc_info or record.exc_text]
    assert [record.getMessage() for record in traced] == ["defect: an internal error; please report it"]
    text = Path("out/failures.jsonl").read_text()
    assert "internal error: ZeroDivisionError" in text
    assert "secret" not in text + caplog.text


def test_a_finished_bag_that_cannot_be_read(account: LossyAccount, make_video: MakeVideo) -> None:
    account.add_recording("good", make_video().read_bytes())
    account.add_recording("bad", make_video().read_bytes())
    command = ["recordings", "good", "bad", "-o", "out", "--images", "h264"]
    assert main(command) == 0
    before = Path("out/manifest.jsonl").read_bytes()
    Path("out/episodes/bad/episode.json").write_bytes(b"\xff")
    assert main(command) == 1
    assert _failures() == {"bad": "DISK_FAILED"}
    assert Path("out/manifest.jsonl").read_bytes() == before


def test_a_bad_line_and_a_bad_bag_do_not_hide_the_others(
    account: LossyAccount, make_video: MakeVideo, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b", "c"):
        account.add_recording(name, make_video().read_bytes())
    assert main(["recordings", "a", "b", "c", "-o", "out", "--images", "h264"]) == 0
    manifest = Path("out/manifest.jsonl")
    first, *others = manifest.read_text().split("\n")
    odd = [{**json.loads(first), **change} for change in ({"bag": "\0"}, {"episode": 5}, {"frames": "many"})]
    manifest.write_text("\n".join([first, "no entry", *map(json.dumps, odd), *others]))
    Path("out/episodes/b/b_0.mcap").unlink()
    Path("out/episodes/c/metadata.yaml").write_text("changed")
    capsys.readouterr()
    assert main(["verify", "out"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        *(f"out/manifest.jsonl, line {number}" for number in (2, 3, 4, 5)),
        "episodes/b/b_0.mcap",
        "episodes/c/metadata.yaml",
        "3 episodes checked, 6 faults",
    ]


async def test_errors_of_this_package_keep_their_kind() -> None:
    async def failing(error: Exception) -> None:
        raise error

    for error in (EpisodeError(ErrorCode.NO_VIDEO, "none"), StateError("locked")):
        with pytest.raises(type(error)) as caught:
            await contained("a", failing(error))
        assert caught.value is error
