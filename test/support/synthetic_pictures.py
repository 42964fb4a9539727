"""Small pictures of a moving scene with labels, for tests of the measures and the findings."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from odyssey_ros.dataset.manifest import ManifestEntry
from odyssey_ros.dataset.reading.stored_episode import FrameLabels, LabelledPicture
from odyssey_ros.dataset.report.findings import findings_of
from odyssey_ros.dataset.report.frame_measures import FrameMeasures, MeasuredFrames
from odyssey_ros.dataset.report.thresholds import THRESHOLDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from odyssey_ros.dataset.report.finding import Finding

FPS = 20
PERIOD_NS = 1_000_000_000 // FPS
START_NS = 1_700_000_000_000_000_000
SIZE = (320, 192)


def scene(number: int, *, seed: int = 0, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """Return picture `number` of a texture that moves by 5 pixels a picture; `seed` sets its colour."""
    width, height = size
    texture, mean = _texture(size), (60, 180, 120)[seed % 3]
    shift = 5 * number % width
    return np.concatenate((texture[:, -shift:], texture[:, :-shift]), axis=1)[:height] + np.uint8(mean)


@cache
def _texture(size: tuple[int, int]) -> NDArray[np.uint8]:
    width, height = size
    blocks = np.random.default_rng(7).integers(0, 60, (height // 4 + 1, width // 4 + 1, 3), np.uint8)
    return blocks.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]


def labels(position: int, **changed: Any) -> FrameLabels:
    """Return the labels of a frame at 20 Hz with the prompt "a fox"."""
    values: dict[str, Any] = {
        "position": position,
        "index": position,
        "media_time_ns": position * PERIOD_NS,
        "stamp_ns": START_NS + position * PERIOD_NS,
        "prompt": "a fox",
    }
    return FrameLabels(**{**values, **changed})


def pictures(
    arrays: Iterable[NDArray[np.uint8]], prompts: Sequence[str] | None = None
) -> list[LabelledPicture]:
    """Return pictures with labels at 20 Hz, from H x W x 3 RGB arrays."""
    return [
        LabelledPicture(
            labels(position, **({} if prompts is None else {"prompt": prompts[position]})),
            av.VideoFrame.from_ndarray(np.ascontiguousarray(array), format="rgb24"),
        )
        for position, array in enumerate(arrays)
    ]


def measured(shown: Iterable[LabelledPicture]) -> MeasuredFrames:
    """Return the measures of pictures."""
    measures = FrameMeasures(THRESHOLDS)
    for picture in shown:
        measures.add(picture)
    return measures.result()


def entry(frames: int, **changed: Any) -> ManifestEntry:
    """Return the entry of an episode with one prompt."""
    values: dict[str, Any] = {
        "episode": "walk",
        "bag": "walk",
        "files": (),
        "stream_id": "stream",
        "images": "raw",
        "frames": frames,
        "width": SIZE[0],
        "height": SIZE[1],
        "start_time_ns": START_NS,
        "duration_ns": frames * PERIOD_NS,
        "prompts": ({"time_ns": 0, "prompt": "a fox"},),
        "video": {},
        "events": None,
        "provenance": {},
    }
    return ManifestEntry(**{**values, **changed})


def findings(shown: Sequence[LabelledPicture], **changed: Any) -> list[tuple[str, int, int]]:
    """Return the kind and the frames of each finding of an episode; `changed` are fields of its entry."""
    found: Sequence[Finding] = findings_of(entry(len(shown), **changed), measured(shown), THRESHOLDS)
    return [(each.kind.value, each.first, each.last) for each in found]
