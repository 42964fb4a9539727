"""Encoded frames from a real emulator: the decoded pictures, decoding on demand, losses."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import httpx
import pytest

from odyssey_ros.client import (
    AdvancedConfig,
    Odyssey,
    OdysseyArgumentError,
    connect_to_stream,
)
from odyssey_ros.client.key_frame_requests import MIN_INTERVAL_S
from odyssey_ros.client.video_decoder import VideoDecoder
from odyssey_ros.emulator.scene.marker import Marker, prompt_digest, read_marker
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odyssey_ros.client import DecodedFrame, EncodedFrame
    from odyssey_ros.client.access_units import AccessUnit

QUICK = AdvancedConfig(initial_retry_delay_ms=100, max_retry_delay_ms=300, close_timeout_s=1)


class Received:
    """The frames that a client or a spectator has passed on."""

    def __init__(self) -> None:
        self.encoded: list[EncodedFrame] = []
        self.decoded: list[DecodedFrame] = []

    async def more(self, count: int = 1) -> None:
        """Wait for further encoded frames."""
        target = len(self.encoded) + count
        await eventually(lambda: len(self.encoded) >= target)

    async def more_decoded(self, count: int = 1) -> None:
        """Wait for further decoded frames."""
        target = len(self.decoded) + count
        await eventually(lambda: len(self.decoded) >= target)

    @property
    def callbacks(self) -> dict[str, Any]:
        return {"on_encoded_frame": self.encoded.append, "on_decoded_frame": self.decoded.append}


def marker_of(frame: av.VideoFrame) -> Marker:
    """Return the marker of a picture, which has a checksum."""
    marker = read_marker(frame.to_ndarray(format="gray"))
    assert marker is not None
    return marker


def decode(units: Iterable[EncodedFrame]) -> dict[int, Marker]:
    """Decode access units; return the marker of each by the number of the unit."""
    context, found = None, {}
    for unit in units:
        if context is None:
            context = av.CodecContext.create(unit.codec, "r")
        packet = av.Packet(unit.data)
        packet.pts = unit.number
        found.update({frame.pts: marker_of(frame) for frame in context.decode(packet)})
    found.update({frame.pts: marker_of(frame) for frame in context.decode(None)})
    return found


def labels(frame: EncodedFrame | DecodedFrame) -> tuple[object, ...]:
    return (
        frame.number,
        frame.index,
        frame.arrival_ns,
        frame.media_time_ns,
        frame.stream_time_ns,
        frame.stream_id,
        frame.prompt,
    )


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_every_access_unit_decoded_again_is_the_decoded_frame(start_emulator, codec):
    emulator = await start_emulator("--codec", codec)
    received = Received()
    async with Odyssey("ody_local", api_url=emulator.url, advanced=QUICK) as client:
        await client.connect(**received.callbacks)
        stream_id = await client.start_stream("a harbour", portrait=False)
        await received.more(10)
        applied = await client.interact("a storm")
        await eventually(lambda: received.encoded[-1].prompt == applied)
        client.request_key_frame()
        await eventually(lambda: sum(frame.is_key_frame for frame in received.encoded) > 1)
        await received.more(3)
        await eventually(lambda: len(received.decoded) >= len(received.encoded) - 1)
        encoded, decoded = list(received.encoded), list(received.decoded)
        await client.end_stream()
        assert client.statistics.frames_withheld == client.statistics.frames_skipped == 0
    assert encoded[0].is_key_frame
    assert {frame.codec for frame in encoded} == {codec}
    assert {(frame.width, frame.height) for frame in encoded} == {(1280, 704)}
    assert [frame.number for frame in encoded] == list(range(len(encoded)))
    early = sum(frame.stream_id is None for frame in encoded)  # came before the message of the start
    late = len(encoded) - early
    assert [frame.stream_id for frame in encoded] == [None] * early + [stream_id] * late
    assert [frame.index for frame in encoded] == [*range(early), *range(late)]
    markers = decode(encoded)
    assert list(markers) == [frame.number for frame in encoded]
    assert [marker.counter for marker in markers.values()] == [frame.number for frame in encoded]
    for frame, again in zip(decoded, encoded, strict=False):
        assert labels(frame) == labels(again)
        assert marker_of(frame.frame) == markers[frame.number]
    assert markers[encoded[0].number].prompt_id == prompt_digest("a harbour")
    assert markers[encoded[-1].number].prompt_id == prompt_digest("a storm")
    if codec == "h264":
        kinds = [unit[0] & 0x1F for unit in encoded[0].data.split(b"\0\0\1") if unit.strip(b"\0")]
        assert kinds.index(7) < kinds.index(8) < kinds.index(5)


async def test_decoding_happens_on_demand_and_the_choice_survives_reconnections(start_emulator, monkeypatch):
    units: list[AccessUnit] = []
    decode_unit = VideoDecoder.decode

    def recorded(decoder: VideoDecoder, unit: AccessUnit) -> list[av.VideoFrame]:
        units.append(unit)
        return decode_unit(decoder, unit)

    monkeypatch.setattr(VideoDecoder, "decode", recorded)
    emulator = await start_emulator("--broadcast-seconds", "0.1")
    received, broadcasts = Received(), []
    async with (
        Odyssey("ody_local", api_url=emulator.url, advanced=QUICK) as client,
        httpx.AsyncClient() as control,
    ):
        await client.connect(on_encoded_frame=received.encoded.append, on_broadcast_ready=broadcasts.append)
        await client.start_stream("a cat", portrait=False, broadcast=True)
        await received.more(10)
        # Off: nothing reaches the decoder. A callback for decoded frames would turn it on.
        assert (units, client.statistics.frames_decoded, client.statistics.frames_skipped) == ([], 0, 0)
        client.set_decoding(True)
        await eventually(lambda: client.statistics.frames_decoded > 5)
        numbers = [unit.pts for unit in units]
        key_frames = {frame.number for frame in received.encoded if frame.is_key_frame}
        assert numbers[0] in key_frames
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert client.statistics.key_frames_requested == 1
        assert client.statistics.frames_skipped == 0
        client.set_decoding(False)
        await received.more(2)
        decoded, taken = client.statistics.frames_decoded, len(units)
        await received.more(5)
        assert (client.statistics.frames_decoded, len(units)) == (decoded, taken)

        await eventually(lambda: broadcasts)
        await _watch(broadcasts[0].webrtc_url, broadcasts[0].spectator_token)

        taken, before = len(units), received.encoded[-1]
        await control.post(f"{emulator.url}/control/faults", json={"fault": "socket_drop"})
        await eventually(lambda: client.statistics.reconnects == 1)
        await client.start_stream("a dog", portrait=False)
        await eventually(lambda: received.encoded[-1].stream_id not in (None, before.stream_id))
        await received.more(5)
        assert len(units) == taken
        first = next(frame for frame in received.encoded if frame.number > before.number)
        assert first.number == before.number + 1
        client.set_decoding(True)
        await eventually(lambda: len(units) > taken + 3)

        numbers = [frame.number for frame in received.encoded]
        assert numbers == sorted(set(numbers))
        await client.disconnect()
        client.set_decoding(False)  # for the next connection
        client.request_key_frame()  # nothing to ask
        later = Received()
        await client.connect(**later.callbacks)
        await client.start_stream("a fox", portrait=False)
        await later.more(5)
        assert later.decoded == []
        assert later.encoded[0].number > numbers[-1]


async def _watch(url: str, token: str) -> None:
    """Join a broadcast between two key frames, and turn decoding off and on."""
    received = Received()
    async with await connect_to_stream(url, token, **received.callbacks) as spectator:
        await received.more_decoded(3)
        spectator.set_decoding(False)
        await received.more(3)
        assert received.encoded[0].is_key_frame
        assert {(frame.width, frame.height) for frame in received.encoded} == {(1280, 704)}
        markers = decode(received.encoded)
        assert all(marker_of(frame.frame) == markers[frame.number] for frame in received.decoded)
        count = len(received.decoded)
        spectator.set_decoding(True)
        await received.more_decoded()
        restarted = received.decoded[count].number
        assert next(frame for frame in received.encoded if frame.number == restarted).is_key_frame
        keys = sum(frame.is_key_frame for frame in received.encoded)
        spectator.request_key_frame()
        await eventually(lambda: sum(frame.is_key_frame for frame in received.encoded) > keys)
        statistics = spectator.statistics
        assert statistics.frames_received == statistics.frames_passed + statistics.frames_withheld
        assert statistics.frames_passed == len(received.encoded)
        assert statistics.key_frames_requested >= 3


async def test_after_a_loss_nothing_is_passed_on_until_a_key_frame_which_is_requested(start_emulator):
    """All packets are lost for longer than the sender could repeat them."""
    emulator = await start_emulator()
    received = Received()
    async with (
        Odyssey("ody_local", api_url=emulator.url, advanced=QUICK) as client,
        httpx.AsyncClient() as control,
    ):
        await client.connect(**received.callbacks)
        await client.start_stream("a cat", portrait=False)
        await received.more(5)
        fault = {"fault": "packet_loss", "fraction": 1.0, "duration": 1.5}
        await control.post(f"{emulator.url}/control/faults", json=fault)
        await eventually(lambda: client.statistics.frames_withheld > 0)
        passed = client.statistics.frames_passed
        await received.more(10)
        encoded, statistics = list(received.encoded), client.statistics
        await eventually(lambda: received.decoded[-1].number >= encoded[-1].number)
    assert statistics.key_frames_requested >= 1
    assert statistics.packets_received > 100  # not of the retransmissions
    assert statistics.frames_received == statistics.frames_passed + statistics.frames_withheld
    after = encoded[passed]
    assert after.is_key_frame
    assert after.number > encoded[passed - 1].number + 1
    # Every picture before and after the gap is whole; the checksums of the markers say so.
    markers = decode(encoded)
    assert list(markers) == [frame.number for frame in encoded]
    assert statistics.frames_skipped == 0
    assert {
        frame.number: marker_of(frame.frame) for frame in received.decoded if frame.number in markers
    } == (markers)


async def test_requests_of_a_program_are_limited_and_made_on_the_loop(start_emulator):
    emulator = await start_emulator()
    received = Received()
    client = Odyssey("ody_local", api_url=emulator.url, advanced=QUICK)
    async with client:
        await client.connect(on_encoded_frame=received.encoded.append)
        await client.start_stream("a cat", portrait=False)
        await received.more(3)
        began = time.monotonic()
        for _ in range(20):
            client.request_key_frame()
            await received.more()
        limit = (time.monotonic() - began) / MIN_INTERVAL_S + 1
        keys = sum(frame.is_key_frame for frame in received.encoded) - 1
        assert 2 <= client.statistics.key_frames_requested <= limit
        assert keys >= client.statistics.key_frames_requested - 1
        for call in (client.request_key_frame, lambda: client.set_decoding(True)):
            with pytest.raises(OdysseyArgumentError, match="another event loop"):
                await asyncio.to_thread(call)
        assert client.statistics.frames_decoded == 0


async def test_the_program_in_the_docs_writes_a_file_that_can_be_decoded(start_emulator, tmp_path):
    emulator = await start_emulator("--no-recordings")
    page = (Path(__file__).parents[2] / "docs" / "client.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (program,) = (block for block in blocks if "harbour.h264" in block)
    for documented, here in (('"ody_your_key"', '"ody_local"'), ("sleep(10)", "sleep(1)")):
        assert documented in program
        program = program.replace(documented, here)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program), cwd=tmp_path, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "ODYSSEY_API_URL": emulator.url},
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 100)
    passed, frames_decoded = map(int, output.split())
    assert (process.returncode, frames_decoded) == (0, 0)
    with av.open(str(tmp_path / "harbour.h264")) as video:
        markers = [marker_of(frame) for frame in video.decode(video=0)]
    # Some more frames arrive while the client disconnects.
    assert len(markers) >= passed > 0
    assert [marker.counter for marker in markers] == list(range(len(markers)))
