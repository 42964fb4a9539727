"""The unchanged emulator, in a process that also prints when it sent each frame.

When its standard input ends, the process prints a JSON list with a pair for each frame: its media time, and
the time when it was sent, on the monotonic clock, which all processes of a machine share; both in ns.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import TYPE_CHECKING

from odyssey_ros.emulator.command_line import main
from odyssey_ros.emulator.media.video_track import EncodedVideoTrack

if TYPE_CHECKING:
    import av

SENT_NS: list[tuple[int, int]] = []


def note_sent_frames() -> None:
    """Note the time at which a peer takes each frame."""
    receive = EncodedVideoTrack.recv

    async def recv(track: EncodedVideoTrack) -> av.Packet[av.stream.Stream]:
        packet = await receive(track)
        SENT_NS.append((round(packet.pts * packet.time_base * 1_000_000_000), time.monotonic_ns()))
        return packet

    EncodedVideoTrack.recv = recv  # type: ignore[method-assign]


def answer() -> None:
    """Print the times when standard input ends."""
    sys.stdin.read()
    print(json.dumps(SENT_NS), flush=True)


if __name__ == "__main__":
    note_sent_frames()
    threading.Thread(target=answer, name="answer", daemon=True).start()
    sys.exit(main())
