"""Hostile video files and events logs, read by a process of its own, whose memory is measured."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    MakeVideo = Callable[..., Path]

# Prints the outcome, and by how many MiB the memory has grown.
READ = """
import json, resource, sys
from pathlib import Path
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.logs.events import read_events
from odyssey_ros.dataset.videos.video import Video

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

before, path = peak(), Path(sys.argv[2])
try:
    if sys.argv[1] == "video":
        with Video(path) as video:
            outcome = [len(video.frame_times_ns()), sum(1 for _ in video.pictures())]
    else:
        log = read_events(path)
        outcome = [len(log.events), sum(log.losses.values())]
except EpisodeError as error:
    outcome = str(error)
print(json.dumps([outcome, peak() - before]))
"""


def read(what: str, path: Path) -> tuple[Any, int]:
    done = subprocess.run(
        [sys.executable, "-c", READ, what, str(path)], capture_output=True, text=True, timeout=300, check=True
    )
    outcome, grown_mb = json.loads(done.stdout)
    return outcome, grown_mb


def box(kind: bytes, *contents: bytes) -> bytes:
    data = b"".join(contents)
    return struct.pack(">I", 8 + len(data)) + kind + data


def full_box(kind: bytes, *numbers: int, flags: int = 0) -> bytes:
    return box(kind, struct.pack(f">{len(numbers) + 1}I", flags, *numbers))


def track(number: int, samples: int, extra: bytes = b"") -> bytes:
    entry = bytes(6) + struct.pack(">H16xHHIIIH32xHh", 1, 64, 48, 0x480000, 0x480000, 0, 1, 24, -1)
    avc1 = box(b"avc1", entry, box(b"avcC", bytes([1, 66, 192, 30, 255, 224, 0])))
    table = box(
        b"stbl",
        box(b"stsd", struct.pack(">II", 0, 1), avc1),
        full_box(b"stts", 1, samples, 1),
        full_box(b"stsc", 1, 1, samples, 1),
        full_box(b"stsz", 1, samples),
        full_box(b"stco", 1, 40),
        extra,
    )
    reference = box(b"dinf", box(b"dref", struct.pack(">II", 0, 1), full_box(b"url ", flags=1)))
    handler = box(b"hdlr", bytes(8), b"vide", bytes(13))
    media = box(
        b"mdia",
        full_box(b"mdhd", 0, 0, 1000, 1000, 0),
        handler,
        box(b"minf", full_box(b"vmhd", 0, 0), reference, table),
    )
    header = box(b"tkhd", struct.pack(">6I60x2I", 7, 0, 0, number, 0, 1000, 64 << 16, 48 << 16))
    return box(b"trak", header, media)


def mp4(*contents: bytes, after: bytes = b"") -> bytes:
    header = box(b"mvhd", struct.pack(">5I80x", 0, 0, 0, 1000, 1000))
    start = box(b"ftyp", b"isom", bytes(4), b"isom") + box(b"mdat", bytes(64))
    return start + box(b"moov", header, *contents) + after


FRAGMENT = box(
    b"moof",
    full_box(b"mfhd", 1),
    box(b"traf", full_box(b"tfhd", 1, flags=0x020000), full_box(b"trun", 400_000_000)),
)
EXTENDS = box(b"mvex", full_box(b"trex", 1, 1, 1, 1, 0))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (mp4(track(1, 400_000_000)), "400000000 frames and samples; at most 2000000"),
        (mp4(track(1, 0, box(b"free", full_box(b"stz2", 4, 400_000_000)))), "400000000 frames and samples"),
        (mp4(track(1, 1), EXTENDS, after=FRAGMENT), "400000001 frames and samples"),
        (mp4(*(track(number, 1) for number in range(1, 200))), "more than 16 tracks"),
        (mp4(box(b"cmov", bytes(100))), "a compressed header"),
        (box(b"ftyp") + box(b"free") * 600_000, "more than 500000 boxes"),
    ],
    ids=["stsz", "stz2", "trun", "tracks", "cmov", "boxes"],
)
def test_what_a_small_file_announces_is_bounded(data: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(data)
    outcome, grown_mb = read("video", path)
    assert outcome.startswith("VIDEO_UNSUPPORTED: the video has ")
    assert reason in outcome
    assert grown_mb < 60


def test_the_largest_allowed_table_uses_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(mp4(track(1, 2_000_000)))
    outcome, grown_mb = read("video", path)
    assert outcome.startswith("VIDEO_BROKEN")
    assert grown_mb < 250


@pytest.mark.parametrize("size", [(4112, 2160), (8192, 4320)])
def test_large_pictures_are_not_decoded(size: tuple[int, int], make_video: MakeVideo) -> None:
    outcome, grown_mb = read("video", make_video(1, size=size, preset="ultrafast"))
    assert outcome == (
        f"VIDEO_UNSUPPORTED: the pictures are {size[0]}x{size[1]}; "
        "at most 8847360 pixels (4096x2160) are read"
    )
    assert grown_mb < 60


@pytest.fixture
def visits() -> Iterator[list[str]]:
    """The requests that a server on this machine has received; the last entry at first is its address."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_error(404)

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seen.append(f"http://127.0.0.1:{server.server_port}")
    yield seen
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile secret.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nURL/x.ts\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nt=0 0\nm=video 5555 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>URL/</BaseURL></MPD>',
    ],
    ids=["concat", "hls file", "hls url", "sdp", "dash"],
)
def test_no_other_file_or_address_is_read(
    text: str, visits: list[str], make_video: MakeVideo, tmp_path: Path
) -> None:
    (tmp_path / "secret.mp4").write_bytes(make_video().read_bytes())
    path = tmp_path / "video.mp4"
    path.write_text(text.replace("URL", visits.pop()))
    outcome, _ = read("video", path)
    assert outcome.startswith("VIDEO_BROKEN: the file is damaged, or not an MP4, QuickTime, Matroska, WebM")
    assert visits == []


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"[" * 900 + b"]" * 900, [0, 1]),
        (b"[" * 4_000_000, [0, 1]),
        (b'{"events":' * 900 + b"[]" + b"}" * 900, [0, 2]),
        (b'{"t": ' + b"9" * 4_000_000 + b', "prompt": "x"}', [0, 1]),
        (b"{}\n" * 2_700_000, [0, 2_700_000]),
        (b"[" + b"{}," * 2_700_000 + b"{}]", [0, 2_700_001]),
        (b"".join(b'{"t":%d,"type":"prompt","prompt":"x"}\n' % at for at in range(30_000)), [10_000, 20_001]),
        (b'{"t":1,"prompt":"' + b"x" * 65_537 + b'"}', [0, 2]),
        (bytes(8 * 1024 * 1024 + 1), "WRONG_SIZE: the events log cannot be read: it is larger than 8 MiB"),
    ],
    ids=["lists", "unclosed lists", "objects", "number", "lines", "list", "events", "prompt", "size"],
)
def test_events_logs_use_bounded_memory(data: bytes, outcome: object, tmp_path: Path) -> None:
    path = tmp_path / "log.events.jsonl"
    path.write_bytes(data)
    found, grown_mb = read("events", path)
    assert found == outcome
    assert grown_mb < 400
