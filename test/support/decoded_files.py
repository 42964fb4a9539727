"""The pictures of video files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


def pictures_in(path: Path) -> list[NDArray[np.uint8]]:
    """Decode a video file; each picture has the shape height, width, 3."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
