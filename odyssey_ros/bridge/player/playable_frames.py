"""Reads the frames of an episode as packets, as decoded pictures, or as both. Needs no ROS."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from odyssey_ros.bridge.player.group_encoder import GroupEncoder, can_encode
from odyssey_ros.dataset.videos.pass_through import PassThroughError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.video.frame import VideoFrame

    from odyssey_ros.bridge.player.frame_demand import FrameDemand, FrameStart
    from odyssey_ros.dataset.episodes import Episode, EpisodeFrame
    from odyssey_ros.dataset.videos.video import EncodedPicture, VideoIndex

_CATCH_UP_THREADS: Final = min(4, os.cpu_count() or 1)
"""Number of decoder threads from the middle of a group on: all topics wait for its pictures before that."""


@dataclass(frozen=True, slots=True)
class PlayableFrame:
    """A frame with its labels, as far as it was read.

    Attributes:
        index: Number of the frame in presentation order, from 0.
        media_time_ns: Presentation time since the first frame.
        stream_time_ns: Presentation time in the file.
        prompt: The prompt in force.
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
        picture: The decoded picture, upright; None if it was not decoded, or the file lacks it.
        packet: The encoded picture: that of the file, or encoded again. None if there is none to publish.
        is_decoded: Whether frames were being decoded here.
        refusal: Why the file has no packets to publish, as in `PassThrough`; None if it has.
    """

    index: int
    media_time_ns: int
    stream_time_ns: int
    prompt: str
    width: int
    height: int
    picture: VideoFrame | None = None
    packet: EncodedPicture | None = None
    is_decoded: bool = False
    refusal: str | None = None

    @property
    def packet_missing(self) -> bool:
        """Whether packets are withheld here, until the next key frame of the file."""
        return self.packet is None and self.refusal is None


def playable_frames(
    episode: Episode, index: VideoIndex, start: FrameStart, demand: Callable[[], FrameDemand]
) -> Iterator[PlayableFrame]:
    """Yield the frames of an episode, in order. Blocks. Use one thread for the whole iteration.

    A file whose packets cannot be passed through is decoded. Any other file is decoded only from a `start`
    with pictures on, and as long as somebody demands pictures; and for pictures that are encoded again.

    Args:
        episode: The episode.
        index: The index of its video.
        start: Where and how to start.
        demand: Returns what the subscribers need at the moment.

    Raises:
        EpisodeError: The video is broken.
    """
    first, refusal = start.first, index.pass_through.refusal
    if refusal is None:
        try:
            for frame in _frames_with_packets(episode, index, start, demand):
                yield frame
                first = frame.index + 1
        except PassThroughError as error:
            refusal = error.subject
        else:
            return
    for decoded in episode.frames(first, index=index):
        picture = decoded.picture
        yield PlayableFrame(
            picture.index,
            picture.media_time_ns,
            picture.stream_time_ns,
            decoded.prompt,
            picture.frame.width,
            picture.frame.height,
            picture.frame,
            is_decoded=True,
            refusal=refusal,
        )


def _frames_with_packets(
    episode: Episode, index: VideoIndex, start: FrameStart, demand: Callable[[], FrameDemand]
) -> Iterator[PlayableFrame]:
    pictures = _Pictures(episode, index, start.first) if start.pictures else None
    packets = _PlayablePackets(start)
    for encoded in episode.packets(start.first, index=index):
        unit, current = encoded.picture, demand()
        encodes = packets.will_encode(unit, current)
        if pictures is None and encodes:
            pictures = _Pictures(episode, index, unit.index)
        elif pictures is not None and not encodes and not current.pictures:
            pictures.close()
            pictures = None
        picture = None if pictures is None else pictures.at(unit.index)
        yield PlayableFrame(
            unit.index,
            unit.media_time_ns,
            unit.stream_time_ns,
            encoded.prompt,
            unit.width,
            unit.height,
            picture,
            packets.packet(unit, picture),
            is_decoded=pictures is not None,
        )


class _PlayablePackets:
    """Chooses between the packets of the file and pictures that are encoded again.

    Args:
        start: How reading starts.
    """

    def __init__(self, start: FrameStart) -> None:
        self._needs_key_frame = start.key_frame
        self._encoder: GroupEncoder | None = None

    def will_encode(self, unit: EncodedPicture, demand: FrameDemand) -> bool:
        """Return whether `packet` will encode this picture; call it first, for every picture."""
        if unit.is_key_frame or not demand.packets:
            self._needs_key_frame, self._encoder = False, None
        elif self._needs_key_frame and can_encode(unit):
            self._needs_key_frame, self._encoder = False, GroupEncoder(unit.codec)
        return self._encoder is not None

    def packet(self, unit: EncodedPicture, picture: VideoFrame | None) -> EncodedPicture | None:
        """Return what is published of a packet of the file; None while a key frame is awaited."""
        if self._encoder is not None:
            return None if picture is None else self._encoder.encode(unit, picture)
        return None if self._needs_key_frame else unit


class _Pictures:
    """The decoded pictures of an episode from a number on, which are taken in order.

    Args:
        episode: The episode.
        index: The index of its video.
        first: Number of the first picture.
    """

    def __init__(self, episode: Episode, index: VideoIndex, first: int) -> None:
        threads = 1 if first in index.pass_through.key_frames else _CATCH_UP_THREADS
        self._frames: Iterator[EpisodeFrame] = episode.frames(first, threads=threads, index=index)
        self._next: EpisodeFrame | None = None

    def at(self, index: int) -> VideoFrame | None:
        """Return picture number `index`, or None if the file has none that can be decoded."""
        while self._next is None or self._next.picture.index < index:
            self._next = next(self._frames, None)
            if self._next is None:
                return None
        return self._next.picture.frame if self._next.picture.index == index else None

    def close(self) -> None:
        """Close the file."""
        self._frames.close()  # type: ignore[attr-defined]
