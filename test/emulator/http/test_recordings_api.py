"""A client finds recordings of its streams and downloads their files from presigned URLs."""

from __future__ import annotations

import asyncio
import io
import json
import time
from urllib.parse import unquote

import av
import httpx
import pytest
from PIL import Image

from odyssey_ros.emulator import Account, EmulatorConfig, Limits
from odyssey_ros.emulator.scene.marker import prompt_digest, read_marker
from odyssey_ros.emulator.tokens import TokenAuthority

FIELDS = {
    "stream_id",
    "video_url",
    "events_url",
    "thumbnail_url",
    "preview_url",
    "frame_count",
    "duration_seconds",
}


async def record(caller, until, frames=15):
    connection = await caller.connect()
    stream_id = (await connection.start("a lake at dawn"))["stream_id"]
    await until(lambda: len(connection.frames) >= frames)
    await connection.interact("storm clouds gather")
    seen = len(connection.arrivals)
    await until(lambda: len(connection.arrivals) >= seen + frames)
    await connection.end()
    return connection, stream_id


def markers_of(video):
    with av.open(io.BytesIO(video.content)) as container:
        return [read_marker(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


async def test_a_recording_has_the_frames_and_events_of_the_stream(service, until):
    _, caller = service
    _, stream_id = await record(caller, until)
    recording = (await caller.request("GET", f"/recordings/{stream_id}")).json()
    assert set(recording) == FIELDS

    video = await caller.http.get(recording["video_url"])
    assert video.headers["content-type"] == "video/mp4"
    markers = markers_of(video)
    assert len(markers) == recording["frame_count"] >= 30
    assert [marker.counter for marker in markers] == list(range(len(markers)))
    assert markers[0].prompt_id == prompt_digest("a lake at dawn")
    assert markers[-1].prompt_id == prompt_digest("storm clouds gather")

    log = (await caller.http.get(recording["events_url"])).text
    events = [json.loads(line) for line in log.split("\n")[:-1]]
    assert [event["type"] for event in events] == ["start", "interact", "end"]
    assert events[1]["prompt"] == "storm clouds gather"

    thumbnail = await caller.http.get(recording["thumbnail_url"])
    assert Image.open(io.BytesIO(thumbnail.content)).format == "JPEG"
    assert (await caller.http.get(recording["preview_url"])).status_code == 200


async def test_files_answer_range_requests(service, until):
    _, caller = service
    _, stream_id = await record(caller, until, frames=3)
    url = (await caller.request("GET", f"/recordings/{stream_id}")).json()["video_url"]
    whole = (await caller.http.get(url)).content
    part = await caller.http.get(url, headers={"Range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.content == whole[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"


async def test_many_ranges_are_refused(service, until):
    _, caller = service
    _, stream_id = await record(caller, until, frames=3)
    url = (await caller.request("GET", f"/recordings/{stream_id}")).json()["video_url"]
    size = int((await caller.http.get(url)).headers["content-length"])
    for ranges in (
        "bytes=" + ",".join(["0-"] * 1000),
        "bytes=0-,5-9",
        "bytes=9-2",
        "bytes=-",
        f"bytes={'9' * 5000}-",
    ):
        answer = await caller.http.get(url, headers={"Range": ranges})
        assert (answer.status_code, len(answer.content) <= size) == (416, True), ranges[:20]


async def test_paths_lead_out_of_no_folder(running, tmp_path, monkeypatch):
    """Even with a valid signature of the path, which no client gets."""
    tokens = TokenAuthority(time.time, b"k" * 32)
    monkeypatch.setattr("odyssey_ros.emulator.service.TokenAuthority", lambda _: tokens)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "video.mp4").write_text("secret")
    async with running(EmulatorConfig(data_dir=tmp_path / "data")) as (emulator, _):
        url = httpx.URL(emulator.url)
        for path in (
            "/files/../secret",
            "/files/%2e%2e/video.mp4",
            "/files/..%2f..%2fsecret/video.mp4",
            "/files/%2e%2e%2f%2e%2e/secret",
            "/files/incoming/video.mp4",
            "/files//etc/passwd",
            "/files/x/..%2f..%2fsecret",
            "/files/x%00/video.mp4",
        ):
            signed = tokens.sign_path(unquote(path), 60)
            # By hand, because a client library would normalize the path.
            reader, writer = await asyncio.open_connection(url.host, url.port)
            request = f"GET {path}?{signed} HTTP/1.1\r\nHost: {url.host}\r\nConnection: close\r\n\r\n"
            writer.write(request.encode())
            answer = await reader.read()
            assert answer.split()[1] in {b"403", b"404"}, path
            assert b"secret" not in answer
            writer.close()
            await writer.wait_closed()


@pytest.mark.parametrize(
    "query", ["", f"expires={'9' * 5000}&signature=x", "expires=\u0663&signature=\u0663"]
)
async def test_an_odd_signature_is_refused(service, query, caplog):
    _, caller = service
    assert (await caller.http.get(f"/files/x/video.mp4?{query}")).status_code == 403
    assert "failed" not in caplog.text


async def test_a_url_is_valid_only_for_its_file_and_lifetime(running, until):
    clock = [1_800_000_000.0]
    config = EmulatorConfig(limits=Limits(url_seconds=60, access_token_seconds=1e6))
    async with running(config, now=lambda: clock[0]) as (_, caller):
        _, stream_id = await record(caller, until, frames=3)
        recording = (await caller.request("GET", f"/recordings/{stream_id}")).json()
        url = recording["video_url"]
        query = url.partition("?")[2]
        assert (await caller.http.get(f"/files/{stream_id}/events.jsonl?{query}")).status_code == 403
        assert (await caller.http.get(f"/files/{stream_id}/video.mp4")).status_code == 403
        clock[0] += 59
        assert (await caller.http.get(url)).status_code == 200
        clock[0] += 2
        expired = await caller.http.get(url)
        assert (expired.status_code, expired.json()) == (403, {"detail": "The URL has expired"})


async def test_a_running_stream_is_listed_without_files(service, until):
    _, caller = service
    connection = await caller.connect()
    stream_id = (await connection.start())["stream_id"]
    recording = (await caller.request("GET", f"/recordings/{stream_id}")).json()
    assert recording["video_url"] is None
    assert recording["frame_count"] is None
    [row] = (await caller.request("GET", "/stream-recordings")).json()["recordings"]
    assert row["stream_id"] == stream_id
    assert row["ended_at"] is None


async def test_an_account_lists_its_own_recordings_newest_first(running, until, new_caller):
    accounts = (Account(api_key="ody_local"), Account(api_key="ody_other", name="other"))
    async with running(EmulatorConfig(accounts=accounts)) as (emulator, caller):
        connection = await caller.connect()
        ids = []
        for _ in range(3):
            ids.append((await connection.start())["stream_id"])
            await connection.end()
        page = (await caller.request("GET", "/stream-recordings?limit=2&offset=0")).json()
        assert [row["stream_id"] for row in page["recordings"]] == [ids[2], ids[1]]
        assert (page["total"], page["limit"], page["offset"]) == (3, 2, 0)
        assert (page["recordings"][0]["width"], page["recordings"][0]["height"]) == (1280, 704)
        rest = (await caller.request("GET", "/stream-recordings?limit=2&offset=2")).json()
        assert [row["stream_id"] for row in rest["recordings"]] == [ids[0]]

        other = new_caller(emulator.url, "ody_other")
        assert (await other.request("GET", "/stream-recordings")).json()["total"] == 0
        assert (await other.request("GET", f"/recordings/{ids[0]}")).status_code == 404
        await other.close()


async def test_recordings_are_kept_over_a_restart(running, until, tmp_path):
    config = EmulatorConfig(data_dir=tmp_path)
    async with running(config) as (_, caller):
        _, stream_id = await record(caller, until, frames=3)
    async with running(config) as (_, caller):
        recording = (await caller.request("GET", f"/recordings/{stream_id}")).json()
        assert (await caller.http.get(recording["video_url"])).status_code == 200


async def test_nothing_is_recorded_when_recording_is_off(running, until):
    async with running(EmulatorConfig(record=False)) as (_, caller):
        _, stream_id = await record(caller, until, frames=3)
        assert (await caller.request("GET", f"/recordings/{stream_id}")).status_code == 404
        assert (await caller.request("GET", "/stream-recordings")).json()["total"] == 0


async def test_a_vp8_stream_is_recorded_too(running, until):
    async with running(EmulatorConfig(codec="vp8")) as (_, caller):
        _, stream_id = await record(caller, until, frames=5)
        recording = (await caller.request("GET", f"/recordings/{stream_id}")).json()
        counters = [marker.counter for marker in markers_of(await caller.http.get(recording["video_url"]))]
        # The second encoder runs at low priority and drops frames when it is too slow.
        assert len(counters) == recording["frame_count"] > 0
        assert counters == sorted(set(counters))


async def test_invalid_queries_and_missing_tokens_are_refused(service):
    _, caller = service
    for query in ("limit=0", "limit=1000", "limit=x", "offset=-1"):
        assert (await caller.request("GET", f"/stream-recordings?{query}")).status_code == 422
    assert (await caller.http.get("/stream-recordings")).status_code == 401
    assert (await caller.http.get("/recordings/unknown")).status_code == 401
    assert (await caller.request("GET", "/recordings/unknown")).json() == {"detail": "Recording not found"}
