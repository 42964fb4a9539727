"""A hostile streamer in another process, against the real peer of the client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from odyssey_ros.client import ErrorCode, OdysseyConnectionError
from odyssey_ros.client.access_units import MAX_WAIT_S
from odyssey_ros.client.callbacks import CallbackObserver
from odyssey_ros.client.channel_limits import MAX_CHANNELS
from odyssey_ros.client.frames import FramePipeline
from odyssey_ros.client.message_allowance import MAX_AT_ONCE, MAX_PER_S
from odyssey_ros.client.peer import Peer
from odyssey_ros.client.session_description import MAX_MEDIA_SECTIONS
from odyssey_ros.client.stream import UpdateAcknowledged, parse_streamer_message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from odyssey_ros.client import DecodedFrame

STREAMER = Path(__file__).parents[1] / "support" / "hostile_streamer.py"


class Attack:
    """A hostile streamer, and the client's peer that answers its offer."""

    def __init__(self, process: asyncio.subprocess.Process, offer: str) -> None:
        self.offer = offer
        self.frames: list[DecodedFrame] = []
        self.lost: list[OdysseyConnectionError] = []
        self.messages = 0
        self.taken_ns: list[int] = []  # when each decoded frame was passed on
        self.pipeline = FramePipeline(CallbackObserver({}, self._take))
        self.peer = Peer(
            (),
            loopback_only=True,
            frames=self.pipeline,
            on_message=self._message,
            on_ready=lambda: None,
            on_lost=self.lost.append,
        )
        self._process = process

    async def answer(self) -> str:
        answer = await self.peer.answer(self.offer)
        assert self._process.stdin is not None
        self._process.stdin.write((json.dumps({"sdp": answer}) + "\n").encode())
        return answer

    def _take(self, frame: DecodedFrame) -> None:
        self.frames.append(frame)
        self.taken_ns.append(time.monotonic_ns())

    def _message(self, text: str) -> None:
        self.messages += 1
        message = parse_streamer_message(text)
        if isinstance(message, UpdateAcknowledged):
            self.pipeline.labels.set_prompt(message.prompt)


@contextlib.asynccontextmanager
async def attack(*options: str) -> AsyncIterator[Attack]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(STREAMER), *options, stdin=-1, stdout=-1, limit=1 << 24
    )
    assert process.stdout is not None
    attacked = Attack(process, json.loads(await process.stdout.readline())["sdp"])
    try:
        yield attacked
    finally:
        await attacked.peer.close()
        process.kill()
        await process.wait()


def decoder_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "decoder" in thread.name]


@pytest.mark.parametrize(
    ("tracks", "reason"), [("20", "has 21 media sections; at most 8"), ("101", "more than 65536 bytes")]
)
async def test_many_tracks_are_refused_before_a_thread_starts(nothing_left_behind, tracks, reason):
    async with attack("--video-tracks", tracks) as attacked:
        with pytest.raises(OdysseyConnectionError, match=reason) as caught:
            await attacked.answer()
        assert caught.value.code is ErrorCode.INVALID_RESPONSE
        assert decoder_threads() == []


async def test_tracks_behind_unusual_ends_of_lines_are_counted(nothing_left_behind):
    async with attack() as attacked:
        section = attacked.offer[attacked.offer.index("m=video") : attacked.offer.index("m=application")]
        hidden = "\x0b".join(section.splitlines())
        attacked.offer += "a=x\x0b" + f"{hidden}\x0b" * 10
        with pytest.raises(OdysseyConnectionError, match="has 12 media sections; at most 8"):
            await attacked.answer()


async def test_impossible_candidates_of_an_offer_are_left_out(nothing_left_behind, eventually, caplog):
    """A packet to a port that does not exist would end the socket of all candidates."""
    async with attack() as attacked:
        bad = [
            f"a=candidate:1 1 udp 2130706431 {place} typ host" for place in ("127.0.0.1 99999", "h.example 9")
        ]
        attacked.offer = attacked.offer.replace("a=candidate:", "\r\n".join([*bad, "a=candidate:"]), 1)
        await attacked.answer()
        await eventually(lambda: len(attacked.frames) > 5)
        assert attacked.lost == []
    assert "Ignoring 2 malformed ICE candidates" in caplog.text
    assert "OverflowError" not in caplog.text


async def test_one_video_track_is_received_and_the_others_are_inactive(nothing_left_behind, eventually):
    async with attack("--video-tracks", "4", "--audio-tracks", "2") as attacked:
        answer = await attacked.answer()
        sections = answer.split("m=")[1:]
        assert [section.split()[0] for section in sections].count("application") == 1
        media = [section for section in sections if not section.startswith("application")]
        assert len(media) == 6 < MAX_MEDIA_SECTIONS
        assert ["a=inactive" in section for section in media] == [False, True, True, True, True, True]
        await eventually(lambda: len(attacked.frames) > 5)
        assert decoder_threads() == ["video-decoder"]
        assert attacked.lost == []


async def test_a_sender_faster_than_the_decoder_makes_no_backlog(nothing_left_behind, eventually):
    """Large pictures make the real decoder slow. Without a bound, the delay grows as long as it lasts."""
    async with attack("--size", "4096x2160", "--fps", "500") as attacked:
        await attacked.answer()
        # Long enough for several turns of falling behind and skipping.
        await eventually(
            lambda: (
                attacked.pipeline.skipped > 1500
                and attacked.frames
                and attacked.frames[-1].media_time_ns > 3e9 * MAX_WAIT_S
            )
        )
        assert attacked.lost == []
        frames = list(attacked.frames)
        first = frames[0].arrival_ns
        late_s = [
            (taken_ns - first - frame.media_time_ns) / 1e9
            for taken_ns, frame in zip(attacked.taken_ns, frames, strict=False)
        ]
        # The media time is the time of sending. The decoder takes tens of ms for a frame.
        assert max(late_s) < 2.5 * MAX_WAIT_S
        # A prompt is the media time in ms at which it was sent.
        labelled = [(frame.media_time_ns / 1e6, int(frame.prompt)) for frame in frames if frame.prompt]
        assert labelled
        offsets_ms = [media_ms - prompt_ms for media_ms, prompt_ms in labelled]
        assert -100 < min(offsets_ms) <= max(offsets_ms) < 1000 * MAX_WAIT_S / 2, offsets_ms
        closing = time.monotonic()
        await attacked.peer.close()
        assert time.monotonic() - closing < 5


@pytest.mark.parametrize("codec", ["libx264", "libvpx"])
async def test_a_picture_above_the_maximum_size_ends_the_connection(nothing_left_behind, eventually, codec):
    async with attack("--size", "5120x2880", "--codec", codec) as attacked:
        await attacked.answer()
        await eventually(lambda: attacked.lost)
        assert attacked.frames == []
        (error,) = attacked.lost
        assert error.code is ErrorCode.VIDEO_UNSUPPORTED
        assert str(error) == "The video is 5120x2880; at most 8847360 pixels (4096x2160) are accepted"


async def test_many_data_channels_end_the_connection(nothing_left_behind, eventually):
    async with attack("--channels", "200") as attacked:
        await attacked.answer()
        await eventually(lambda: attacked.lost)
        assert f"more than {MAX_CHANNELS} data channels" in str(attacked.lost[0])
        assert attacked.lost[0].code is ErrorCode.INVALID_RESPONSE


async def test_a_flood_of_messages_ends_the_connection(nothing_left_behind, eventually):
    async with attack("--flood") as attacked:
        await attacked.answer()
        await eventually(lambda: attacked.lost)
        assert str(attacked.lost[0]) == "The streamer sends too many messages"
        assert attacked.lost[0].code is ErrorCode.INVALID_RESPONSE
        assert MAX_AT_ONCE <= attacked.messages < MAX_AT_ONCE + 20 * MAX_PER_S


async def test_a_message_that_does_not_end_uses_little_memory(nothing_left_behind, eventually):
    async with attack("--message-bytes", "100000000") as attacked:
        await attacked.answer()
        await eventually(lambda: attacked.frames)
        before = psutil.Process().memory_info().rss
        await eventually(lambda: attacked.lost)
        assert "messages that do not end" in str(attacked.lost[0])
        assert psutil.Process().memory_info().rss - before < 100e6
