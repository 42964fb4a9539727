"""A client and a spectator request key frames of the running service with RTCP packets."""

from __future__ import annotations

import itertools
import struct

import pytest
from aiortc.rtp import RTCP_PSFB_FIR, RTCP_PSFB_PLI, RtcpPsfbPacket

from odyssey_ros.emulator import EmulatorConfig

FPS = 20
TICKS = 90_000 // FPS


class Viewer:
    """The frames of one receiver, and the feedback that it sends."""

    def __init__(self, peer, frames):
        [self._receiver] = [t.receiver for t in peer.getTransceivers() if t.kind == "video"]
        self.frames = frames

    def ssrc(self):
        [source] = self._receiver.getSynchronizationSources()
        return source.source

    def key_frames(self):
        """Return the times of the received key frames, in ticks of the RTP clock."""
        return [frame.pts for frame in self.frames if frame.key_frame]

    async def send_pli(self):
        await self._send(RTCP_PSFB_PLI, self.ssrc(), b"")

    async def send_fir(self, number, ssrc=None):
        # RFC 5104, 4.3.1.2: the media source of the header is 0; the entries name it.
        await self._send(RTCP_PSFB_FIR, 0, struct.pack("!LBxxx", ssrc or self.ssrc(), number))

    async def _send(self, kind, media_ssrc, fci):
        packet = RtcpPsfbPacket(fmt=kind, ssrc=7, media_ssrc=media_ssrc, fci=fci)
        await self._receiver.transport._send_rtp(bytes(packet))


@pytest.fixture(params=["client", "spectator"])
async def viewer(request, running, until):
    """A client, or a spectator, of a stream that sends key frames on request only."""
    config = EmulatorConfig(fps=FPS, key_frame_interval=0, record=False, broadcast_seconds=0.01)
    async with running(config) as (_, caller):
        connection = await caller.connect()
        await connection.start(broadcast=request.param == "spectator")
        viewer = Viewer(connection.peer, connection.frames)
        if request.param == "spectator":
            spectator = caller.new_spectator()
            await spectator.join(await connection.reply("broadcast_ready"))
            viewer = Viewer(spectator.peer, spectator.frames)
        await until(lambda: len(viewer.frames) > 5)
        yield viewer


async def more_frames(viewer, until, count=8):
    seen = len(viewer.frames)
    await until(lambda: len(viewer.frames) >= seen + count)


async def test_a_pli_and_each_new_fir_bring_one_key_frame(viewer, until):
    assert len(viewer.key_frames()) == 1
    await viewer.send_pli()
    await until(lambda: len(viewer.key_frames()) == 2)
    await viewer.send_fir(200)
    await until(lambda: len(viewer.key_frames()) == 3)
    await viewer.send_fir(200)  # repeated
    await viewer.send_fir(9, ssrc=viewer.ssrc() ^ 1)  # for another source
    await viewer._send(RTCP_PSFB_FIR, viewer.ssrc(), b"\x00\x00\x00\x00")  # cut
    await more_frames(viewer, until)
    assert len(viewer.key_frames()) == 3
    await viewer.send_fir(201)
    await until(lambda: len(viewer.key_frames()) == 4)
    await more_frames(viewer, until)
    assert len(viewer.key_frames()) == 4


async def test_an_eager_viewer_gets_five_key_frames_a_second(viewer, until):
    before = len(viewer.frames)
    for number in range(20):
        await viewer.send_pli()
        await viewer.send_fir(number)
        await more_frames(viewer, until, 1)
    await until(lambda: len(viewer.key_frames()) >= 4)
    steps = [later - earlier for earlier, later in itertools.pairwise(viewer.key_frames())]
    assert min(steps) >= 0.2 * 90_000
    # The request of each moment is kept until it may be answered, with the first frame after the 0.2 s.
    spaced = [frame.pts for frame in viewer.frames[before:]]
    assert max(steps[1:-1]) <= 0.2 * 90_000 + max(b - a for a, b in itertools.pairwise(spaced))
