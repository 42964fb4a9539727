"""An episode: a downloaded recording of a stream, whose pictures are labelled with the prompt in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from odyssey_ros.dataset.logs.events import NO_EVENTS
from odyssey_ros.dataset.logs.frame_numbers import FrameNumbers
from odyssey_ros.dataset.videos.video import EncodedPicture, Picture, Video, VideoIndex

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator
    from pathlib import Path

    from odyssey_ros.dataset.logs.events import EventLog
    from odyssey_ros.dataset.losses import Loss


@dataclass(frozen=True, slots=True)
class EpisodeFrame:
    """A picture and its labels.

    Attributes:
        picture: The decoded picture.
        stamp_ns: Time at which the picture was generated, in nanoseconds since the epoch.
        prompt: The prompt in force, as the service applied it.
    """

    picture: Picture
    stamp_ns: int
    prompt: str


@dataclass(frozen=True, slots=True)
class EncodedEpisodeFrame:
    """A picture as the service encoded it, and its labels; see `EpisodeFrame`."""

    picture: EncodedPicture
    stamp_ns: int
    prompt: str


@dataclass(frozen=True, slots=True)
class Episode:
    """A recorded stream.

    Attributes:
        stream_id: The id of the recording.
        video_path: The video file.
        events: The events of the stream, from the events log or the script.
        start_time_ns: Start of the stream, in nanoseconds since the epoch; 0 when it is unknown.
    """

    stream_id: str
    video_path: Path
    events: EventLog = NO_EVENTS
    start_time_ns: int = 0

    def frames(
        self,
        first: int = 0,
        *,
        threads: int = 1,
        losses: Counter[Loss] | None = None,
        index: VideoIndex | None = None,
    ) -> Iterator[EpisodeFrame]:
        """Decode the pictures from number `first` on. Blocks. Use one thread for the whole iteration.

        Args:
            first: The number of the first picture.
            threads: Number of decoder threads.
            losses: Where losses are added.
            index: The index of the video; None to read it.

        Raises:
            EpisodeError: The video is broken.
        """
        numbers = FrameNumbers(self.events)
        with Video(self.video_path, threads=threads, losses=losses, index=index) as video:
            for picture in video.pictures(first):
                numbers.add(picture.index, picture.stream_time_ns)
                yield EpisodeFrame(
                    picture, self.start_time_ns + picture.stream_time_ns, self._prompt_of(picture)
                )
        if losses is not None and not first:
            losses.update(numbers.losses())

    def encoded_frames(self, *, losses: Counter[Loss] | None = None) -> Iterator[EncodedEpisodeFrame]:
        """Yield the pictures as H.264, without decoding. Blocks. Use one thread for the whole iteration.

        Args:
            losses: Where losses are added.

        Raises:
            EpisodeError: The video is broken, or its format cannot be passed through.
        """
        numbers = FrameNumbers(self.events)
        with Video(self.video_path, losses=losses) as video:
            for picture in video.h264_packets():
                numbers.add(picture.index, picture.stream_time_ns)
                yield EncodedEpisodeFrame(
                    picture, self.start_time_ns + picture.stream_time_ns, self._prompt_of(picture)
                )
        if losses is not None:
            losses.update(numbers.losses())

    def packets(self, first: int = 0, *, index: VideoIndex | None = None) -> Iterator[EncodedEpisodeFrame]:
        """Yield the pictures from number `first` on as the file has them, H.264 or VP8, without decoding.

        Blocks. Use one thread for the whole iteration. Number `first` need not be a key frame.

        Args:
            first: The number of the first picture.
            index: The index of the video; None to read it.

        Raises:
            PassThroughError: The packets cannot be passed through.
            EpisodeError: The video is broken.
        """
        with Video(self.video_path, index=index) as video:
            for picture in video.packets(first):
                yield EncodedEpisodeFrame(
                    picture, self.start_time_ns + picture.stream_time_ns, self._prompt_of(picture)
                )

    def _prompt_of(self, picture: Picture | EncodedPicture) -> str:
        return self.events.prompt_at(picture.index, picture.stream_time_ns)
