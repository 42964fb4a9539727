"""The frame counters of a node."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class FrameCounters:
    """Frame counters since the node was configured. Each is written by one thread and read by any.

    Every access unit that the client passes on is counted once as `passed_through`, `held`, `unit_unwatched`,
    `unit_dropped` or `unit_failed`, and every decoded picture once as `published`, `unwatched`, `dropped` or
    `failed`. Frames on their way are not counted yet.

    Attributes:
        passed_through: Access units published on an encoded topic.
        held: Access units that no topic with a subscriber could carry: a topic begins with a key frame, also
            after a gap, and a CompressedVideo cannot carry VP8.
        unit_unwatched: Access units for which no encoded topic had a subscriber, or the node was not active.
        unit_dropped: Access units that waited for the worker when there were too many of them.
        unit_failed: Access units that could not be published.
        decoded: Decoded pictures.
        published: Pictures published as image or JPEG.
        unwatched: Pictures for which neither topic had a subscriber, or the node was not active.
        dropped: Pictures replaced by a newer one before the worker was free.
        failed: Pictures that could not be converted or published.
        width: Width of the last frame in pixels; 0 before the first frame.
        height: Height of the last frame in pixels; 0 before the first frame.
        last_arrival_ns: Arrival of the last access unit that the client passed on, on the monotonic clock.
        convert_cpu_s: CPU time of the conversion of pictures in seconds.
        publish_cpu_s: CPU time of publishing pictures in seconds.
        pass_cpu_s: CPU time of publishing access units, camera infos and labels in seconds.
    """

    passed_through: int = 0
    held: int = 0
    unit_unwatched: int = 0
    unit_dropped: int = 0
    unit_failed: int = 0
    decoded: int = 0
    published: int = 0
    unwatched: int = 0
    dropped: int = 0
    failed: int = 0
    width: int = 0
    height: int = 0
    last_arrival_ns: int = 0
    convert_cpu_s: float = 0.0
    publish_cpu_s: float = 0.0
    pass_cpu_s: float = 0.0
