"""Small video files for tests that only need some frames."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path


def write_video(path: Path, frames: int = 6, fps: int = 10, size: tuple[int, int] = (64, 48)) -> Path:
    """Write an H.264 video of plain frames, which differ in brightness, and return its path."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"g": "3", "bf": "0"}
        for index in range(frames):
            pixels = np.full((size[1], size[0], 3), 10 * index % 256, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.time_base = Fraction(1, 1000)
            frame.pts = index * 1000 // fps
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
