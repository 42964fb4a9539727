"""Targets of the dataset tool: files of the service, and files that a user is given."""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from fuzz_target import FuzzTarget
from malformed import as_text, damaged_bytes, damaged_json, damaged_text
from odyssey_ros.client.key_file import KeyFileError, read_key_file
from odyssey_ros.dataset.checks.bag_metadata import check_metadata
from odyssey_ros.dataset.checks.deep_check import BagSettings, check_episode
from odyssey_ros.dataset.checks.findings import Findings
from odyssey_ros.dataset.checks.mcap_check import McapCheck
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.errors import EpisodeError, PlanError, StateError
from odyssey_ros.dataset.exports.clips_record import parsed_record
from odyssey_ros.dataset.exports.clips_record import read_record as read_clips_record
from odyssey_ros.dataset.file_names import safe_name
from odyssey_ros.dataset.iso_time import parse_time_ns, since_epoch_ns
from odyssey_ros.dataset.logs.events import Event, EventKind, EventLog, parse_events
from odyssey_ros.dataset.logs.log_content import decompressed
from odyssey_ros.dataset.manifest import FileEntry, ManifestEntry, ManifestError, read_manifest
from odyssey_ros.dataset.plan_notes import dry_run_line, prompts_of
from odyssey_ros.dataset.report.episode_record import RecordError, read_record
from odyssey_ros.dataset.report.page_episode import episode_section
from odyssey_ros.dataset.report.report_file import ReportFile, ReportFileError
from odyssey_ros.dataset.scripts.plans import read_plans
from odyssey_ros.dataset.submissions.journal import Journal
from odyssey_ros.dataset.videos.video import Video
from oracle import check, check_number, check_text, check_value

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS: tuple[object, ...] = (
    {"timestamp_ms": 0, "type": "start", "prompt": "a fox", "applied_prompt": "a red fox", "frame_index": 0},
    {"timestamp_ms": 5200, "type": "interact", "prompt": "it rains"},
    {"timestamp": "2026-01-01T00:00:09.5Z", "event": "end"},
    {"t": 1.5, "start": {"prompt": "a fox"}},
    {"events": [{"timestamp_ms": 0, "data": {"prompt": "snow"}}]},
)
SCRIPT = [
    {"timestamp_ms": 0, "start": {"prompt": "{animal} in {weather}", "image": "start.png"}},
    {"timestamp_ms": 5000, "interact": {"prompt": "the {weather} stops"}},
    {"timestamp_ms": 9000, "end": {}},
]
SWEPT_SCRIPT = [{"timestamp_ms": 0, "start": {"prompt": "a fox"}}, {"timestamp_ms": "{n}", "end": {}}]
SHORT_SCRIPT = [
    {"timestamp_ms": 0, "start": {"prompt": "a fox"}},
    {"timestamp_ms": 5000, "end": {}},
]
SCRIPT_FILES: tuple[object, ...] = (
    {
        "portrait": False,
        "bypass_prompt_expansion": True,
        "repeats": 2,
        "variables": {"animal": ["a fox", "a heron"], "weather": ["rain", 3]},
        "sweep": "product",
        "script": SCRIPT,
    },
    {"scripts": [SCRIPT, SHORT_SCRIPT]},
    {"variables": {"n": [1000, 2000]}, "sweep": "zip", "script": SWEPT_SCRIPT},
    SHORT_SCRIPT,
)
_TAGS = (
    "&a [*a, *a]",
    "*a",
    "!!python/object/apply:os.system [id]",
    "!!binary aGk=",
    "!!float .inf",
    "2026-01-01",
    "2026-99-99 99:99:99",
    "1:2:3:4",
    "<<: {a: 1}",
    "? [a, b] : c",
    "0o777",
    "~",
    "NO",
    "007",
    "1_000",
    "!!str 7",
    "<<: *a",
    "\u2028",
    "|\n  text",
    "%YAML 9.9",
    "---",
    "&x [&y [&z [1,1,1,1],*z,*z,*z],*y,*y,*y]",
    "[" * 200,
    "a: &a [x, x]\n"
    + "".join(f"{b}: &{b} [{f'*{a}, ' * 10}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
)
MANIFEST = {
    "episode": "walk-1",
    "bag": "walk-1",
    "files": [{"path": "walk-1/walk-1_0.mcap", "size": 10, "crc32": "00000000"}],
    "stream_id": "s",
    "images": "h264",
    "frames": 10,
    "width": 1280,
    "height": 704,
    "start_time_ns": 1,
    "duration_ns": 1,
    "prompts": [{"time_ns": 0, "prompt": "a fox"}],
    "video": {"size": 1, "sha256": "0", "frame_count": 10},
    "events": None,
    "provenance": {},
}
CLIPS: tuple[object, ...] = (
    {
        "format": 1,
        "episode": "walk-1",
        "crc32": "00000000",
        "dataset": "1280x704/train",
        "clips": [
            {
                "file_name": "walk-1-000.mp4",
                "text": "a fox",
                "episode": "walk-1",
                "stream_id": "s",
                "prompt_number": 0,
                "first_frame": 0,
                "last_frame": 9,
                "frames": 10,
                "fps": 30,
                "width": 1280,
                "height": 704,
                "stamp_ns": 1,
                "copied": True,
                "repeated_frames": 0,
                "dropped_frames": 0,
            }
        ],
        "left_out": [
            {"prompt_number": 1, "first_frame": 10, "last_frame": 11, "reason": "too_short", "text": ""}
        ],
    },
)
REPORT = {
    "format": 1,
    "totals": {"episodes": 1},
    "thresholds": {"cut_change": 1.5},
    "episodes": {
        "walk-1": {
            "crc32": "0123abcd",
            "frames": 10,
            "stream_id": "s",
            "images": "h264",
            "sizes": [[1280, 704]],
            "start_time_ns": 1,
            "duration_s": 0.5,
            "rate_hz": 20.0,
            "prompts": [{"prompt": "a fox", "first": 0, "last": 9, "start_s": 0.0, "duration_s": 0.5}],
            "findings": [{"kind": "frozen", "first": 3, "last": 9, "text": "still"}],
            "losses": {"clamped_times": 1},
            "error": "",
        }
    },
}
RECORDS: tuple[object, ...] = (
    {"event": "intends", "episode": "walk-1", "newest": "2026-01-01T00:00:00Z", "seen": ["job-1"]},
    {"event": "submitted", "episode": "walk-1", "job_id": "job-2"},
    {"event": "job_failed", "episode": "walk-1", "job_id": "job-2"},
    {"event": "not_sent", "episode": "walk-1"},
)
_TIMES = (
    "2026-01-01T00:00:00Z",
    "2026-01-01",
    "20260101T000000.123456789+0200",
    "1960-01-01 10:00:00,5-12:30",
)

REPORT_RECORD = {
    "version": 1,
    "report": {
        "format": 1,
        "thresholds": {"frozen_s": 0.3},
        "episodes": {
            "walk": {
                "crc32": "0123abcd",
                "frames": 20,
                "stream_id": "stream",
                "images": "h264",
                "sizes": [[1280, 704]],
                "start_time_ns": 1_790_000_000_000_000_000,
                "duration_s": 1.0,
                "rate_hz": 20.0,
                "prompts": [
                    {"prompt": "<script>", "first": 0, "last": 19, "start_s": 0.0, "duration_s": 1.0}
                ],
                "findings": [{"first": 2, "last": 4, "kind": "frozen", "text": "for 0.1 s"}],
                "losses": {"missing_pictures": 2},
                "error": "",
            }
        },
    },
    "strip": [0, 19],
    "thumbnails": {"0": "data:image/jpeg;base64,/9j/", "19": "data:image/jpeg;base64,/9j/"},
    "distances": [[0.05, 50.0], [0.1, 50.0]],
}


def _file(name: str, data: bytes) -> Path:
    """Write a file of this process, in memory where the system has such a folder."""
    memory = Path("/dev/shm")  # noqa: S108 - the name holds the process
    folder = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    path = folder / f"odyssey_fuzz_{os.getpid()}_{name}"
    path.write_bytes(data)
    return path


def _with_file(name: str, use: Callable[[Path], object]) -> Callable[[bytes], object]:
    """Return a parser of the contents of a file."""

    def parse(data: bytes) -> object:
        path = _file(name, data)
        try:
            return use(path)
        finally:
            path.unlink()

    return parse


def _events(data: bytes) -> None:
    try:
        content = decompressed(data)
    except EpisodeError:
        return
    log = parse_events(content.data, is_whole=not content.cut_off)
    check(all(count > 0 for count in log.losses.values()), "a loss that did not occur")
    previous = 0
    for event in log.events:
        check_number(event.stream_time_ns, "stream_time_ns", least=0, most=10**16)
        check(event.stream_time_ns >= previous, "the events are not in order of time")
        previous = event.stream_time_ns
        check(event.kind is not EventKind.ENDED or not event.prompt, "an end has a prompt")
        check_value(event.prompt, "a prompt", newlines=True)
        check_value(event.sent_prompt, "a prompt", newlines=True)
        check_number(event.frame_index or 0, "frame_index", least=0, most=1e13)
    check(log.prompt_at(0, 0) in {"", *log.prompts()}, "a prompt that no event has")


def _plans(path: Path) -> None:
    for plan in read_plans([path]):
        check(plan.name == Path(plan.name).name and plan.name not in {".", ".."}, "a name that is a path")
        check_text(plan.name, "the name of an episode")
        check(plan.script[-1]["timestamp_ms"] > 0, "a script without a length")
        for prompt in prompts_of(plan.script):
            prompt.encode()
            controls = {character for character in prompt if unicodedata.category(character) == "Cc"}
            check(controls <= {"\t", "\n"}, "a prompt with a control character")
        check(json.loads(dry_run_line(plan, "ascii"))["script"] == list(plan.script), "another dry run")


def _manifest(path: Path) -> None:
    for entry in read_manifest(path):
        entry.to_line()


def _report_record(data: bytes) -> None:
    """Read a record of a report, and make the part of the page."""
    record = read_record(data, "walk", "0123abcd", {"frozen_s": 0.3})
    if record is not None:
        section = episode_section(record)
        section.encode()
        check("<script" not in section, "a text became markup")


def _clips_record(path: Path) -> None:
    record = read_clips_record(path)
    for clip in record.clips:
        check("/" not in clip.file_name, "a file in another folder")
        check_number(clip.frames, "the number of frames")
    check(".." not in record.dataset and not record.dataset.startswith("/"), "a folder elsewhere")
    check(parsed_record(record.to_bytes()) == record, "another record")


def _report(data: bytes) -> None:
    report = ReportFile.from_json(data)
    check(ReportFile.from_json(report.to_json()) == report, "a report changes when it is written and read")
    for episode in report.episodes.values():
        for each in (*episode.findings, *episode.prompts):
            check(0 <= each.first <= each.last < max(episode.frames, 1), "frames that the bag does not have")


def _journal(path: Path) -> None:
    with Journal(path) as journal:
        check(all(isinstance(job, str) for job in journal.job_ids()), "the id of a job is no text")


def _key_file(path: Path) -> None:
    key = read_key_file(path, private=False)
    check(key and key == key.strip(), "a key with white space around it")


def _iso_time(data: bytes) -> None:
    text = as_text(data)
    for date_only in (True, False):
        time_ns = parse_time_ns(text, date_only=date_only)
        if time_ns is not None:
            check_number(time_ns, "the time", least=-(10**20), most=10**21)
    check_number(since_epoch_ns(text), "the stamp", least=0, most=2_145_916_800 * 10**9)


def _safe_name(data: bytes) -> None:
    name = safe_name(as_text(data))
    check_text(name, "the name")
    check(name == Path(name).name and name not in {"", ".", ".."} and len(name) <= 100, "no file name")


def _video(path: Path) -> None:
    with Video(path) as video:
        times = video.frame_times_ns()
        check(len(times) <= 10_000, "more frames than the file can hold")
        keys = video.index().pass_through.key_frames
        for packet in video.packets(len(times) // 2) if keys else ():
            check(len(times) // 2 <= packet.index < len(times), "a packet that was not wanted")
            check(packet.is_key_frame <= (packet.index in keys), "a key frame that the index does not have")
        for number, picture in enumerate(video.pictures()):
            check(number <= 1000, "more pictures than the file can hold")
            check_number(picture.stream_time_ns, "the time of a picture")
            check(picture.index < len(times), "a picture that the table of times does not have")
        for picture in video.pictures(len(times) // 2):
            check(picture.index >= len(times) // 2, "a picture before the wanted one")


def _small_episode(images: str) -> tuple[ManifestEntry, bytes, bytes]:
    """Return the entry, the MCAP file and the metadata file of an episode."""
    from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding  # noqa: PLC0415
    from odyssey_ros.dataset.bags import write_bag  # noqa: PLC0415

    events = EventLog((Event(EventKind.STARTED, 0, "a fox"), Event(EventKind.PROMPTED, 150_000_000, "rain")))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "video.mp4").write_bytes(_small_video(bf="0"))
        episode = Episode("s", folder / "video.mp4", events, 10**18)
        summary = write_bag(folder / "e", "e", episode, BagLayout(ImageEncoding(images), jpeg_quality=50))
        mcap = (folder / "e" / summary.file).read_bytes()
        metadata = (folder / "e" / "metadata.yaml").read_bytes()
    entry = ManifestEntry(
        episode="e",
        bag="episodes/e",
        files=(FileEntry("episodes/e/e_0.mcap", summary.size, summary.crc32),),
        stream_id="s",
        images=images,
        frames=summary.frames,
        width=64,
        height=48,
        start_time_ns=summary.start_time_ns,
        duration_ns=summary.duration_ns,
        prompts=tuple({"time_ns": event.stream_time_ns, "prompt": event.prompt} for event in events.events),
        video={},
        events=None,
        provenance={},
    )
    return entry, mcap, metadata


def _check_lines(findings: Findings) -> None:
    for line in [*findings.fault_lines(), *findings.notes]:
        check_text(line, "a line")
    check(len(findings.fault_lines()) < 1000, "too many lines")


def _bag_target(images: str) -> FuzzTarget:
    entry, mcap, metadata = _small_episode(images)

    def parse(data: bytes) -> None:
        folder = _file("dataset", b"")
        folder.unlink()
        bag = folder / entry.bag
        bag.mkdir(parents=True)
        try:
            (bag / "e_0.mcap").write_bytes(data)
            (bag / "metadata.yaml").write_bytes(metadata)
            findings = check_episode(folder, entry, BagSettings())
        finally:
            shutil.rmtree(folder)
        check(data == mcap or findings.faults > 0, "no fault in a damaged file")
        _check_lines(findings)

    return FuzzTarget(f"bag_{images}", damaged_bytes(mcap), parse, memory_mib=512, share=0.3)


def _recorded_target(storage: str) -> FuzzTarget:
    """Return a target for a file that a user recorded: scanned, and made into an episode."""
    from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding  # noqa: PLC0415
    from odyssey_ros.dataset.episode_folders import EpisodeFolders  # noqa: PLC0415
    from odyssey_ros.dataset.losses import Loss  # noqa: PLC0415
    from odyssey_ros.dataset.recorded.episode_task import EpisodeTask, make_episode  # noqa: PLC0415
    from odyssey_ros.dataset.recorded.file_scan import ScanTask, scan_file  # noqa: PLC0415
    from odyssey_ros.dataset.recorded.recorded_pictures import PictureKind  # noqa: PLC0415
    from odyssey_ros.dataset.recorded.recorded_streams import streams_of  # noqa: PLC0415

    _, whole, _ = _small_episode("h264")
    if storage == "db3":
        whole = _as_database(whole)

    def parse(data: bytes) -> None:
        folder = _file("recorded", b"")
        folder.unlink()
        (folder / "episodes").mkdir(parents=True)
        try:
            (folder / f"bag.{storage}").write_bytes(data)
            scan = scan_file(ScanTask(folder / f"bag.{storage}", 0, "bag", folder))
            check(all(count >= 0 for count in scan.losses.values()), "a negative loss")
            for stream_id, found in streams_of([scan], scan.labels).items():
                check_value(stream_id, "a stream id")
                if not found[0].counts.get(PictureKind.H264):
                    continue
                stream = found[0].stream(PictureKind.H264)
                for images in (ImageEncoding.H264, ImageEncoding.JPEG):
                    folders = EpisodeFolders(folder, folder)
                    entry = make_episode(EpisodeTask("e", folders, stream, BagLayout(images), strict=False))
                    shutil.rmtree(folder / "episodes" / "e")
                    check(0 < entry.frames <= 4, "more frames than the recording")
                    check(data == whole or entry.losses.keys() <= set(Loss), "an unknown loss")
                    for prompt in entry.prompts:
                        check_value(prompt["prompt"], "a prompt", newlines=True)
        finally:
            shutil.rmtree(folder)

    return FuzzTarget(
        f"recorded_{storage}", damaged_bytes(whole), parse, (EpisodeError,), memory_mib=768, share=0.3
    )


def _as_database(mcap: bytes) -> bytes:
    from mcap.reader import make_reader  # noqa: PLC0415
    from rosbags.rosbag2 import StoragePlugin, Writer  # noqa: PLC0415

    from odyssey_ros.dataset.messages import typestore  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "bag"
        with Writer(folder, version=8, storage_plugin=StoragePlugin.SQLITE3) as writer:
            topics = {}
            for schema, channel, message in make_reader(io.BytesIO(mcap)).iter_messages():
                if channel.topic not in topics and schema is not None:
                    topics[channel.topic] = writer.add_connection(
                        channel.topic, schema.name, typestore=typestore()
                    )
                writer.write(topics[channel.topic], message.log_time, message.data)
        return (folder / "bag.db3").read_bytes()


def _metadata_target() -> FuzzTarget:
    entry, mcap, metadata = _small_episode("jpeg")
    reading = McapCheck(io.BytesIO(mcap), len(mcap), Findings("e"))
    for _ in reading.messages():
        pass

    def parse(path: Path) -> None:
        findings = Findings("e")
        check_metadata(path, "e_0.mcap", reading.contents, entry, findings)
        _check_lines(findings)

    inputs = damaged_text(metadata.decode(), tokens=_TAGS)
    return FuzzTarget("bag_metadata", inputs, _with_file("metadata.yaml", parse), memory_mib=256, share=0.3)


def _small_video(container_format: str = "mp4", **options: str) -> bytes:
    # Imported here: the emulator's and the other groups need no encoder.
    import av  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    file = io.BytesIO()
    with av.open(file, "w", format=container_format) as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = options
        for index in range(4):
            pixels = np.full((48, 64, 3), 50 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


TARGETS = [
    FuzzTarget("events_log", damaged_json(*EVENTS, lines=True), _events, memory_mib=256),
    FuzzTarget(
        "script_yaml",
        # Not `damaged_json`: PyYAML takes seconds to refuse its deepest documents.
        damaged_text(
            *(yaml.safe_dump(document, sort_keys=False) for document in SCRIPT_FILES),
            *map(json.dumps, SCRIPT_FILES),
            tokens=_TAGS,
        ),
        _with_file("script.yaml", _plans),
        (PlanError,),
        memory_mib=512,
        share=0.5,
    ),
    FuzzTarget(
        "script_json",
        damaged_json(*SCRIPT_FILES),
        _with_file("script.json", _plans),
        (PlanError,),
        memory_mib=512,
    ),
    FuzzTarget(
        "manifest",
        damaged_json(MANIFEST, lines=True),
        _with_file("manifest.jsonl", _manifest),
        (ManifestError,),
    ),
    FuzzTarget("report_record", damaged_json(REPORT_RECORD), _report_record, (RecordError,), memory_mib=256),
    FuzzTarget("clips_record", damaged_json(*CLIPS), _with_file("record.json", _clips_record), (StateError,)),
    FuzzTarget("report", damaged_json(REPORT), _report, (ReportFileError,)),
    FuzzTarget(
        "journal", damaged_json(*RECORDS, lines=True), _with_file("journal.jsonl", _journal), (StateError,)
    ),
    FuzzTarget(
        "key_file", damaged_text("ody_key\n", " a b \r\n"), _with_file("key", _key_file), (KeyFileError,)
    ),
    FuzzTarget("iso_time", damaged_text(*_TIMES), _iso_time),
    FuzzTarget("file_name", damaged_text("stream-1", "a/../b", ".hidden"), _safe_name),
    FuzzTarget(
        "video_file",
        damaged_bytes(_small_video("mp4"), _small_video("mpegts"), _small_video("mp4", bf="0")),
        _with_file("video.mp4", _video),
        (EpisodeError,),
        memory_mib=512,
        share=0.5,
    ),
    _bag_target("jpeg"),
    _bag_target("h264"),
    _metadata_target(),
    _recorded_target("mcap"),
    _recorded_target("db3"),
]
