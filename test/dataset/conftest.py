"""Video files made here, small and quick to make."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

if TYPE_CHECKING:
    from numpy.typing import NDArray

MakeVideo = Callable[..., Path]


def _picture(index: int, width: int, height: int) -> NDArray[np.uint8]:
    """A gradient that moves, with the index in binary as blocks of 16 pixels along the upper edge."""
    rows, columns = np.mgrid[0:height, 0:width]
    picture = np.empty((height, width, 3), np.uint8)
    picture[..., 0] = (columns + 5 * index) % 256
    picture[..., 1] = (rows + 3 * index) % 256
    picture[..., 2] = 128
    for bit in range(10):
        picture[:16, bit * 16 : bit * 16 + 16] = 255 if index >> bit & 1 else 0
    return picture


@pytest.fixture
def counter_of() -> Callable[[NDArray[np.uint8]], int]:
    """Reads the number back from a picture of `make_video`."""

    def read(picture: NDArray[np.uint8]) -> int:
        return sum(int(picture[4:12, bit * 16 + 4 : bit * 16 + 12].mean() > 127) << bit for bit in range(10))

    return read


@pytest.fixture(scope="session")
def make_video(tmp_path_factory: pytest.TempPathFactory) -> MakeVideo:
    """Makes a video of numbered pictures; the same one only once in a test run."""
    made: dict[Any, Path] = {}

    def make(
        frames: int = 12,
        *,
        size: tuple[int, int] = (320, 192),
        fps: int = 20,
        codec: str = "libx264",
        suffix: str = "mp4",
        first_ms: int = 0,
        **options: str,
    ) -> Path:
        key = (frames, size, fps, codec, suffix, first_ms, *sorted(options.items()))
        if key not in made:
            made[key] = tmp_path_factory.mktemp("video") / f"video.{suffix}"
            with av.open(str(made[key]), "w") as container:
                stream = container.add_stream(codec, rate=fps)
                stream.width, stream.height = size
                stream.pix_fmt = "yuv420p"
                stream.options = {"g": "5", "bf": "0", **options} if codec == "libx264" else dict(options)
                for index in range(frames):
                    frame = av.VideoFrame.from_ndarray(_picture(index, *size), format="rgb24")
                    frame.time_base = Fraction(1, 1000)
                    frame.pts = first_ms + index * 1000 // fps
                    container.mux(stream.encode(frame))
                container.mux(stream.encode(None))
        return made[key]

    return make
