"""Compares a bag with the files of the service from which it was made, where they were kept.

The video is decoded again by the reader that made the bag: this shows pictures that were exchanged or changed
after that, not errors of the decoder.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import simplejpeg

from odyssey_ros.client.regular_file import RegularFileError, open_regular_file
from odyssey_ros.dataset.checks.findings import quoted
from odyssey_ros.dataset.checks.prompt_check import Prompt
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.file_names import safe_name
from odyssey_ros.dataset.logs.events import EventKind, read_events
from odyssey_ros.dataset.logs.log_content import read_log
from odyssey_ros.dataset.losses import VIDEO_LOSSES, Loss
from odyssey_ros.dataset.videos.pixels import JpegEncoder, Rgb8Converter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from odyssey_ros.dataset.checks.findings import Findings
    from odyssey_ros.dataset.checks.frame_check import WholeFrame
    from odyssey_ros.dataset.episodes import EncodedEpisodeFrame, EpisodeFrame
    from odyssey_ros.dataset.manifest import ManifestEntry

MIN_PSNR_DB: Final = 40.0
"""Minimum similarity of a JPEG picture with the video's picture that is encoded again with the same quality.

The same version of libjpeg gives equal bytes; versions differ by less than one level in 255 on average.
"""

MIN_BLOCK_PSNR_DB: Final = 28.0
"""Minimum similarity of each block of 16x16 pixels, so that a change of a small part is found."""

_BLOCK: Final = 1 << 20
_PART: Final = 16  # width and height of a block of pixels


class KeptFiles(NamedTuple):
    """The files of the service in a work folder.

    Attributes:
        video: The video.
        events: The events log; None if there is none.
    """

    video: Path
    events: Path | None


def kept_files(folder: Path, entry: ManifestEntry) -> KeptFiles | None:
    """Return the downloads of an episode; None if its video was not kept.

    Args:
        folder: The dataset's folder.
        entry: A usable entry of the manifest.
    """
    name = safe_name(entry.stream_id)
    for video in sorted((folder / "work").glob("*/*/*.mp4")):
        if video.parent.name == entry.episode and video.name == f"{name}.mp4":
            events = video.with_name(f"{name}.events.jsonl")
            return KeptFiles(video, events if events.exists() else None)
    return None


def check_digests(
    files: KeptFiles, entry: ManifestEntry, findings: Findings, raise_if_stopped: Callable[[], None]
) -> bool:
    """Compare the files with the digests in the manifest; return whether they are the same. Blocks."""
    same = True
    for path, said in ((files.video, entry.video), (files.events, entry.events)):
        if path is None or said is None:
            continue
        try:
            # The digest of a log is that of its decompressed text.
            is_log = path is files.events
            digest = (
                hashlib.sha256(read_log(path).data).hexdigest() if is_log else _sha256(path, raise_if_stopped)
            )
        except (RegularFileError, EpisodeError, OSError) as error:
            findings.fault("the downloads", f"{path.name}: it cannot be read: {error}")
            same = False
            continue
        if digest != said.get("sha256"):
            findings.fault(
                "the downloads",
                f"{path.name}: its SHA-256 is {digest}, but the manifest has {quoted(said.get('sha256'))}",
            )
            same = False
    return same


def logged_prompts(path: Path, prompts: Sequence[Prompt], findings: Findings) -> list[Prompt] | None:
    """Parse an events log again, and compare its prompts with those of the manifest. Blocks.

    Returns:
        The prompts with the numbers of frames that the log gives; None if the log has no prompts, or others
        than the manifest.
    """
    try:
        events = read_events(path).events
    except EpisodeError as error:
        findings.fault("the downloads", f"{path.name}: {error.message}")
        return None
    found = [
        Prompt(event.stream_time_ns, event.prompt, event.frame_index, event.sent_prompt)
        for event in events
        if event.kind is not EventKind.ENDED
    ]
    if not found:
        return None  # the prompts are those of the script
    if len(found) != len(prompts):
        findings.fault(
            "the prompts of the events log",
            f"the events log has {len(found)} prompts, but the manifest has {len(prompts)}",
        )
        return None
    differing = False
    for number, (one, other) in enumerate(zip(found, prompts, strict=True)):
        if (one.time_ns, one.text) != (other.time_ns, other.text):
            differing = True
            findings.fault(
                "the prompts of the events log",
                f"prompt {number} of the events log is {quoted(one.text)} at {one.time_ns} ns, "
                f"but the manifest has {quoted(other.text)} at {other.time_ns} ns",
            )
    return None if differing else found


class SourceCheck:
    """Compares each frame of a bag with the frame of the video. For one thread.

    Args:
        video: The video.
        entry: A usable entry of the manifest.
        jpeg_quality: Quality of the JPEG pictures; None if it is unknown.
        topic: Topic of the pictures.
        findings: Receives the faults.
    """

    def __init__(
        self, video: Path, entry: ManifestEntry, jpeg_quality: int | None, topic: str, findings: Findings
    ) -> None:
        episode = Episode(entry.stream_id, video)
        self._losses: Counter[Loss] = Counter()
        self._frames: Iterator[EpisodeFrame | EncodedEpisodeFrame] = (
            episode.encoded_frames(losses=self._losses)
            if entry.images == "h264"
            else episode.frames(losses=self._losses)
        )
        self._said_losses = entry.losses
        self._images = entry.images
        self._topic = topic
        self._findings = findings
        self._to_rgb = Rgb8Converter()
        self._to_jpeg = None if jpeg_quality is None else JpegEncoder(jpeg_quality)
        if entry.images == "jpeg" and jpeg_quality is None:
            findings.note("the images were not compared with the video: dataset.json has no jpeg_quality")
        self._next = 0
        self._ended = self._broken = False
        self._start_ns: int | None = None

    def frame(self, frame: WholeFrame) -> None:
        """Compare a frame, which is that with the same number in the video."""
        source: EpisodeFrame | EncodedEpisodeFrame | None = None
        while self._next <= frame.number and not self._ended:
            source = self._advance()
        if source is None:
            self._fault("the frames of the video", "the video has no such frame", frame.number)
            return
        picture = source.picture
        if picture.index != frame.labels.frame_index:
            self._fault(
                "the numbers of the frames in the video",
                f"the frame_index is {frame.labels.frame_index}, but in the video {picture.index}",
                frame.number,
            )
        if picture.media_time_ns != frame.labels.media_time_ns:
            self._fault(
                "the media times of the video",
                f"the media time is {frame.labels.media_time_ns} ns, but in the video "
                f"{picture.media_time_ns} ns",
                frame.number,
            )
        start_ns = frame.stamp_ns - picture.stream_time_ns
        if self._start_ns is None:
            self._start_ns = start_ns
        elif start_ns != self._start_ns:
            self._fault(
                "the times of the video",
                f"the stamp is {frame.stamp_ns - self._start_ns} ns after the start of the stream, "
                f"but the time in the video is {picture.stream_time_ns} ns",
                frame.number,
            )
        difference = self._difference(frame, picture)
        if difference:
            self._fault(
                "the pictures of the video",
                f"the picture is not that of the video: {difference}",
                frame.number,
            )

    def finish(self, start_ns: int | None) -> None:
        """Check that the video has no further frames.

        Args:
            start_ns: Start of the stream, as the events have it; None if it is unknown.
        """
        while not self._ended:
            if self._advance() is not None:
                self._findings.fault(
                    "the number of frames",
                    f"the video has more frames than the bag, which has {self._next - 1}",
                )
                break
        else:
            self._compare_losses()
        if None not in (start_ns, self._start_ns) and start_ns != self._start_ns:
            self._findings.fault(
                "the start of the stream",
                f"the stream starts at {start_ns} by the events, but at {self._start_ns} by the video",
            )

    def _compare_losses(self) -> None:
        if self._broken or Loss.NOT_COUNTED.value in self._said_losses:
            return
        for loss in VIDEO_LOSSES:
            found, said = self._losses[loss], self._said_losses.get(loss.value, 0)
            if found != said:
                self._findings.fault(
                    "the losses of the video",
                    f"the loss {loss} is {found} in the video, but the manifest has {said}",
                )

    def _advance(self) -> EpisodeFrame | EncodedEpisodeFrame | None:
        self._next += 1
        try:
            return next(self._frames)
        except StopIteration:
            self._ended = True
        except EpisodeError as error:
            self._ended = self._broken = True
            self._findings.fault("the downloads", f"the video: {error.message}")
        return None

    def _difference(self, frame: WholeFrame, picture: Any) -> str:
        data = memoryview(frame.image.data)
        if self._images == "h264":
            return "" if data == memoryview(picture.data) else "the H.264 data differs"
        if self._images == "raw":
            pixels, step = self._to_rgb.convert(picture.frame)
            size = picture.frame.width, picture.frame.height
            found = _rows(data, size, frame.image.step)
            expected = _rows(pixels, size, step)
            if frame.image.size != size or found is None or not np.array_equal(found, expected):
                return "the pixels differ"
            return ""
        if self._to_jpeg is None:
            return ""
        encoded = self._to_jpeg.encode(picture.frame)
        if data == memoryview(encoded):
            return ""
        whole_db, block_db = _similarity_db(bytes(data), encoded)
        if whole_db < MIN_PSNR_DB:
            return f"PSNR {whole_db:.1f} dB"
        return "" if block_db >= MIN_BLOCK_PSNR_DB else f"PSNR {block_db:.1f} dB in a part of it"

    def _fault(self, rule: str, text: str, frame: int) -> None:
        self._findings.fault(rule, text, topic=self._topic, frame=frame)


def _rows(pixels: Any, size: tuple[int, int], step: int) -> Any:
    width, height = size
    flat = np.frombuffer(pixels, np.uint8)
    if step < 3 * width or flat.size < step * height:
        return None
    return flat[: step * height].reshape(height, step)[:, : 3 * width]


def _similarity_db(jpeg: bytes, other: bytes) -> tuple[float, float]:
    """Return the PSNR of two JPEG pictures, and that of their most different block; 0 for no comparison."""
    try:
        one, two = (simplejpeg.decode_jpeg(data).astype(np.int32) for data in (jpeg, other))
    except ValueError:
        return 0.0, 0.0
    if one.shape != two.shape:
        return 0.0, 0.0
    squares = np.square(one - two).mean(axis=2)
    height, width = squares.shape
    rows, columns = range(0, height, _PART), range(0, width, _PART)
    sums = np.add.reduceat(np.add.reduceat(squares, rows, axis=0), columns, axis=1)
    sizes = np.outer([min(_PART, height - at) for at in rows], [min(_PART, width - at) for at in columns])
    return _psnr_db(float(squares.mean())), _psnr_db(float((sums / sizes).max()))


def _psnr_db(mean_square: float) -> float:
    return 100.0 if not mean_square else 10 * math.log10(255**2 / mean_square)


def _sha256(path: Path, raise_if_stopped: Callable[[], None]) -> str:
    digest = hashlib.sha256()
    with open_regular_file(path) as file:
        while block := file.read(_BLOCK):
            raise_if_stopped()
            digest.update(block)
    return digest.hexdigest()
