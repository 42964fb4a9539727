"""Runs an executable of this package with a slow video decoder: slow_decoder.py {late,stalls} EXECUTABLE ...

With `late`, each picture leaves the decoder two seconds after it has entered it. With `stalls`, the decoder
thread sleeps for two seconds at every tenth picture, so that the client has to skip pictures.
"""

from __future__ import annotations

import runpy
import sys
import time
from collections import deque
from typing import TYPE_CHECKING

from odyssey_ros.client.video_decoder import VideoDecoder

if TYPE_CHECKING:
    import av

    from odyssey_ros.client.access_units import AccessUnit

LAG_S = 2.0

_decode = VideoDecoder.decode
_decoded: deque[tuple[float, list[av.VideoFrame]]] = deque()
_count = 0


def _late(decoder: VideoDecoder, unit: AccessUnit) -> list[av.VideoFrame]:
    now = time.monotonic()
    _decoded.append((now, _decode(decoder, unit)))
    frames: list[av.VideoFrame] = []
    while _decoded and _decoded[0][0] <= now - LAG_S:
        frames += _decoded.popleft()[1]
    return frames


def _stalling(decoder: VideoDecoder, unit: AccessUnit) -> list[av.VideoFrame]:
    global _count  # noqa: PLW0603
    _count += 1
    if _count % 10 == 0:
        time.sleep(LAG_S)
    return _decode(decoder, unit)


if __name__ == "__main__":
    VideoDecoder.decode = {"late": _late, "stalls": _stalling}[sys.argv[1]]  # type: ignore[method-assign]
    del sys.argv[:2]
    runpy.run_path(sys.argv[0], run_name="__main__")
