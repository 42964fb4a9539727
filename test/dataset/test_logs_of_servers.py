"""Events logs as servers send them, through the whole command: labels, losses, strict runs, and merges."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rosbags.highlevel import AnyReader

from odyssey_ros.dataset.json_lines import split_lines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

ROOT = Path(__file__).parents[2]
BREAKS = "\u2028 \u2029 \x85 \x0b \x0c \x1c \x1d \x1e \r"
CLEANED = "\u2028 \u2029" + " " * 7  # what remains of `BREAKS` after cleaning


def log_of(first: str = "a", second: str = "b") -> bytes:
    """Return a log as a service may write it: only what JSON requires is escaped."""
    entries = (
        {"timestamp_ms": 0, "type": "start", "prompt": first},
        {"timestamp_ms": 300, "type": "interact", "prompt": second},
        {"timestamp_ms": 600, "type": "end"},
    )
    return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries).encode()


@dataclass
class Log:
    """A log of the server: its bytes, the headers beside the length, and whether there is a length."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    has_length: bool = True


LOG = log_of()
LOGS: dict[str, Log | None] = {
    "plain": Log(LOG),
    "gzip": Log(
        gzip.compress(LOG, mtime=0), {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    ),
    "gz-object": Log(gzip.compress(LOG, mtime=0), {"Content-Type": "application/x-gzip"}),
    "deflate": Log(zlib.compress(LOG), {"Content-Encoding": "deflate"}),
    "utf-16": Log(LOG.decode().encode("utf-16"), {"Content-Type": "text/plain; charset=utf-16"}),
    "closed": Log(LOG, has_length=False),
    "breaks": Log(log_of(BREAKS, "x\u2028y")),
    "cut": Log(LOG[:-60], has_length=False),
    "cut-between": Log(LOG[: LOG.rindex(b"\n", 0, -1) + 1], has_length=False),
    "cut-gzip": Log(gzip.compress(LOG * 40, mtime=0)[:-8], {"Content-Encoding": "gzip"}),
    "html": Log(b"<html><body>Not found</body></html>\n", {"Content-Type": "text/html"}),
    "empty": Log(b""),
    "latin-1": Log(
        log_of("größe").decode().encode("latin-1"), {"Content-Type": "text/plain; charset=latin-1"}
    ),
    "none": None,
    "br": Log(LOG, {"Content-Encoding": "br"}),
    "zstd-object": Log(b"\x28\xb5\x2f\xfd" + LOG),
    "bomb": Log(gzip.compress(bytes(1 << 25), mtime=0), {"Content-Encoding": "gzip"}),
}
LOSSES = {
    "breaks": {"cleaned_prompts": 1},
    "cut": {"cut_off_log": 1},
    "cut-between": {"cut_off_log": 1},
    "cut-gzip": {"cut_off_log": 1, "duplicate_log_entries": 117},
    "html": {"unreadable_log": 1, "missing_prompts": 1},
    "empty": {"unreadable_log": 1, "missing_prompts": 1},
    "latin-1": {"replaced_characters": 2},
    "none": {"missing_prompts": 1},
}
REFUSED = {"br": "INVALID_RESPONSE", "zstd-object": "INVALID_RESPONSE", "bomb": "WRONG_SIZE"}
READ = [name for name in LOGS if name not in REFUSED]


class RecordingService:
    """A service on a real socket whose recordings have one video and the logs in `LOGS`."""

    def __init__(self, video: bytes) -> None:
        self.url = ""
        self.video_headers: dict[str, str] = {}
        self._video = video

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"content-length: (\d+)", head.lower())
        await reader.readexactly(int(length[1]) if length else 0)
        assert "accept-encoding: identity" in head.lower()
        body, headers, has_length = self._answer(head.split()[1].partition("?")[0])
        lines = [f"{name}: {value}" for name, value in headers.items()]
        if has_length:
            lines.append(f"Content-Length: {len(body)}")
        text = "\r\n".join(["HTTP/1.1 200 OK", "Connection: close", *lines, "", ""])
        writer.write(text.encode() + body)
        await writer.drain()
        writer.close()

    def _answer(self, path: str) -> tuple[bytes, Mapping[str, str], bool]:
        name = path.rpartition("/")[2]
        if path == "/auth/token":
            return json.dumps({"access_token": "token", "expires_in": 3600}).encode(), {}, True
        if path == "/stream-recordings":
            rows = [
                {"stream_id": each, "started_at": "2027-01-15T08:00:00Z", "ended_at": "2027-01-15T08:00:01Z"}
                for each in LOGS
            ]
            return json.dumps({"recordings": rows, "total": len(rows)}).encode(), {}, True
        if path.startswith("/recordings/"):
            recording: dict[str, Any] = {"stream_id": name, "video_url": f"{self.url}/videos/{name}"}
            if LOGS[name] is not None:
                recording["events_url"] = f"{self.url}/logs/{name}"
            return json.dumps({**recording, "frame_count": 12}).encode(), {}, True
        log = LOGS[name]
        if path.startswith("/videos/"):
            return self._video, self.video_headers, True
        assert log is not None
        return log.body, log.headers, log.has_length


@pytest.fixture
async def service(make_video: Callable[..., Path]) -> AsyncIterator[RecordingService]:
    recordings = RecordingService(make_video().read_bytes())
    server = await asyncio.start_server(recordings.serve, "127.0.0.1", 0)
    recordings.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield recordings


@pytest.fixture
def run(service: RecordingService, tmp_path: Path) -> Callable[..., Any]:
    """Runs the command: `run(*arguments)` returns the exit status, the output and the log."""

    async def command(*arguments: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "odyssey_ros.dataset", *arguments),
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "ODYSSEY_API_URL": service.url,
                "ODYSSEY_API_KEY": "ody_local",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, log = await asyncio.wait_for(process.communicate(), 300)
        assert process.returncode is not None
        return process.returncode, out.decode(), log.decode()

    return command


def _lines(path: Path) -> dict[str, Any]:
    return {line["episode"]: line for line in map(json.loads, split_lines(path.read_text(encoding="utf-8")))}


def _labels(bag: Path) -> list[str]:
    with AnyReader([bag]) as reader:
        wanted = [one for one in reader.connections if one.topic.endswith("/frame_info")]
        return [reader.deserialize(data, one.msgtype).prompt for one, _, data in reader.messages(wanted)]


async def test_logs_are_read_as_servers_send_them(run: Callable[..., Any], tmp_path: Path) -> None:
    options = ["-o", "out", "--images", "h264"]
    status, out, log = await run("recordings", *LOGS, *options)
    assert status == 1, log
    failures = _lines(tmp_path / "out" / "failures.jsonl")
    assert {name: failure["code"] for name, failure in failures.items()} == REFUSED
    assert "'br'" in failures["br"]["message"]
    assert "'zstd'" in failures["zstd-object"]["message"]
    entries = _lines(tmp_path / "out" / "manifest.jsonl")
    assert {name: entry["losses"] for name, entry in entries.items() if entry["losses"]} == LOSSES
    assert set(entries) == set(READ)
    for name in ("plain", "gzip", "gz-object", "deflate", "closed"):  # the figures are those of the text
        assert entries[name]["events"] == {**entries["plain"]["events"], "ignored": 0, "size": len(LOG)}
        assert _labels(tmp_path / "out" / "episodes" / name) == ["a"] * 6 + ["b"] * 6
    assert _labels(tmp_path / "out" / "episodes" / "utf-16") == ["a"] * 6 + ["b"] * 6
    assert _labels(tmp_path / "out" / "episodes" / "breaks") == [CLEANED] * 6 + ["x\u2028y"] * 6
    for name in LOSSES:  # one warning for each episode
        assert log.count(f"WARNING {name}: ") == 1, log
    assert out.splitlines()[0] == f"{len(READ)} episodes in out, {len(REFUSED)} failed"
    (summary,) = out.splitlines()[1:]
    assert summary.startswith(f"data was lost or guessed in {len(LOSSES)} of {len(READ)} episodes: ")
    assert "cut_off_log 3 (episodes: 3)" in summary

    before = (tmp_path / "out" / "manifest.jsonl").read_bytes()
    status, out, log = await run("recordings", *READ, *options)
    assert (status, out.splitlines()[1]) == (0, summary), log
    assert (tmp_path / "out" / "manifest.jsonl").read_bytes() == before
    assert (await run("verify", "out"))[0] == 0
    for part in ("1", "2"):
        parted = await run(
            "recordings", *READ, "-o", f"part{part}", "--images", "h264", "--shard", f"{part}/2"
        )
        assert parted[0] == 0
    assert (await run("merge", "merged", "part1", "part2"))[0] == 0
    assert (tmp_path / "merged" / "manifest.jsonl").read_bytes() == before


async def test_a_strict_run_refuses_every_loss_also_of_an_earlier_run(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    names = ["plain", "gzip", "cut", "none"]
    options = ["recordings", *names, "--images", "h264", "-o"]
    status, out, _ = await run(*options, "new", "--strict")
    assert (status, out.splitlines()[0]) == (1, "2 episodes in new, 2 failed")
    assert "cut_off_log 1 (episodes: 1), missing_prompts 1 (episodes: 1)" in out.splitlines()[1]
    assert sorted(path.name for path in (tmp_path / "new" / "episodes").iterdir()) == ["gzip", "plain"]
    assert (await run(*options, "old"))[0] == 0
    kept = (tmp_path / "old" / "manifest.jsonl").read_bytes()
    status, out, log = await run(*options, "old", "--strict")
    assert (status, out.splitlines()[0]) == (1, "2 episodes in old, 2 failed")
    for folder in ("new", "old"):
        failures = _lines(tmp_path / folder / "failures.jsonl")
        assert {name: one["code"] for name, one in failures.items()} == dict.fromkeys(
            ("cut", "none"), "INCOMPLETE_DATA"
        )
    assert (tmp_path / "old" / "manifest.jsonl").read_bytes() == kept
    assert (await run(*options, "new"))[:2] == (
        0,
        out.replace("2 episodes in old, 2 failed", "4 episodes in new, 0 failed"),
    ), log


async def test_a_compressed_video_is_refused(
    service: RecordingService, run: Callable[..., Any], tmp_path: Path
) -> None:
    """Its bytes are what the service stored: nothing says what a compressed video would be."""
    service.video_headers = {"Content-Encoding": "gzip"}
    status, _, log = await run("recordings", "plain", "-o", "out")
    assert status == 1
    assert "INVALID_RESPONSE: the server sends the file compressed ('gzip')" in log
