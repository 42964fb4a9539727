"""Parts of tests of exported clips: videos with gaps, an engine in this process, and what files contain."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

import av

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")
R = TypeVar("R")


def without_frames(source: Path, target: Path, missing: Container[int]) -> Path:
    """Copy a video whose frames are all key frames, without some of them; the others keep their times."""
    with av.open(str(source)) as container, av.open(str(target), "w") as output:
        stream = container.streams.video[0]
        copy = output.add_stream_from_template(stream)
        packets = [packet for packet in container.demux(stream) if packet.size]
        for number, packet in enumerate(packets):
            if number not in missing:
                packet.stream = copy
                output.mux(packet)
    return target


class ImmediateEngine:
    """An engine that runs each task in this process, before `submit` returns."""

    width = 1

    def submit(self, function: Callable[[T], R], argument: T) -> Future[R]:
        """Run a task."""
        future: Future[R] = Future()
        try:
            future.set_result(function(argument))
        except Exception as error:  # noqa: BLE001 -- as other engines do
            future.set_exception(error)
        return future

    def close(self) -> None:
        """Do nothing."""


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the contents of all files below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def pictures_in(path: Path) -> list[NDArray[np.uint8]]:
    """Decode a video file."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
