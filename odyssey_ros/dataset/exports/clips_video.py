"""Writes the video files of an episode's clips, in one pass over its pictures for each way of writing."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.unit_content import H264Reader
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.exports.video_writer import CopiedVideo, EncodedVideo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from odyssey_ros.dataset.exports.clips_cuts import Cut
    from odyssey_ros.dataset.reading.stored_episode import FrameLabels, StoredEpisode

H264: Final = "h264"


def labels_and_key_frames(episode: StoredEpisode) -> Iterator[tuple[FrameLabels, bool]]:
    """Yield the labels of each frame, and whether a decoder can start with it. Nothing is decoded.

    Raises:
        EpisodeError: The bag is broken.
    """
    if episode.entry.images != H264:
        for labels in episode.labels():
            yield labels, True
        return
    reader = H264Reader()
    for stored in episode.frames():
        content = reader.content(bytes(stored.image.data))
        yield stored.labels, content.is_key_frame and content.is_usable


def write_copies(episode: StoredEpisode, cuts: Mapping[Path, Cut]) -> None:
    """Write clips of the bag's H.264 as it is. Each one begins with a key frame. Blocks.

    Args:
        episode: The episode, with pictures of H.264.
        cuts: The files, which must not exist, with their frames; in order, none overlaps another.

    Raises:
        EpisodeError: The bag is broken, or a file cannot be written.
        OSError: A file cannot be written.
    """
    waiting = iter(cuts.items())
    path, cut = next(waiting)
    reader = H264Reader()
    with ExitStack() as stack:
        output: CopiedVideo | None = None
        for stored in episode.frames():
            position = stored.labels.position
            content = reader.content(bytes(stored.image.data))
            if position < cut.first:
                continue
            if output is None:
                output = stack.enter_context(CopiedVideo(path, cut.rate))
            output.add(content.data, is_key_frame=content.is_key_frame)
            if position == cut.last:
                stack.close()
                output = None
                following = next(waiting, None)
                if following is None:
                    return
                path, cut = following
    raise _no_picture(cut.last)


def write_encoded(episode: StoredEpisode, cuts: Mapping[Path, Cut], gop: int) -> None:
    """Write clips of decoded pictures. Blocks; see `write_copies`.

    Args:
        episode: The episode.
        cuts: The files with their frames. Two of them may show the same frame.
        gop: Distance between two key frames, in frames.

    Raises:
        EpisodeError: The bag or a picture is broken, a picture has another size, or a file cannot be written.
        OSError: A file cannot be written.
    """
    size = (episode.entry.width, episode.entry.height)
    if size[0] % 2 or size[1] % 2:
        raise EpisodeError(
            ErrorCode.NOT_EXPORTABLE,
            f"its pictures have {size[0]}x{size[1]} pixels, but H.264 needs an even width and height",
        )
    pictures = episode.pictures()
    picture = next(pictures, None)
    for path, cut in cuts.items():
        with EncodedVideo(path, size, cut.rate, gop) as output:
            for position in cut.shown:
                while picture is not None and picture.labels.position < position:
                    picture = next(pictures, None)
                if picture is None or picture.labels.position != position:
                    raise _no_picture(position)
                if (picture.frame.width, picture.frame.height) != size:
                    raise EpisodeError(
                        ErrorCode.NOT_EXPORTABLE,
                        f"picture {position} has {picture.frame.width}x{picture.frame.height} pixels instead "
                        f"of {size[0]}x{size[1]}",
                    )
                output.add(picture.frame)


def _no_picture(position: int) -> EpisodeError:
    return EpisodeError(ErrorCode.VIDEO_BROKEN, f"picture {position} of the bag cannot be decoded")
