"""Checks the messages of a bag frame by frame, in the order of the file.

A frame is what has one stamp: one picture, one `camera_info` and one `frame_info`. An event stands before the
first frame whose stamp is not earlier. Memory does not grow with the number of frames.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from odyssey_ros.dataset.checks.entry_check import sizes_of
from odyssey_ros.dataset.checks.findings import quoted
from odyssey_ros.dataset.checks.picture_check import picture_decoder
from odyssey_ros.dataset.checks.recorded_gaps import RecordedGaps
from odyssey_ros.dataset.reading import message_reader
from odyssey_ros.dataset.reading.message_reader import MessageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.dataset.checks.findings import Findings
    from odyssey_ros.dataset.checks.mcap_check import BagMessage
    from odyssey_ros.dataset.checks.picture_check import Decoded
    from odyssey_ros.dataset.checks.prompt_check import PromptCheck
    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.reading.message_reader import (
        CameraInfoMessage,
        FrameInfoMessage,
        ImageMessage,
        StampedMessage,
    )

_PARTS: Final = ("image", "camera_info", "frame_info")


class BagTopics(NamedTuple):
    """The names of the topics of a bag, with their namespace."""

    image: str
    camera_info: str
    frame_info: str
    events: str


class WholeFrame(NamedTuple):
    """A frame with all its messages.

    Attributes:
        number: Number of the frame in the bag, from 0.
        stamp_ns: The stamp.
        image: The picture.
        labels: The labels.
    """

    number: int
    stamp_ns: int
    image: ImageMessage
    labels: FrameInfoMessage


@dataclass(slots=True)
class _Group:
    """The messages of one stamp; the last one of each kind."""

    stamp_ns: int
    counts: Counter[str] = field(default_factory=Counter)
    image: ImageMessage | None = None
    camera_info: CameraInfoMessage | None = None
    frame_info: FrameInfoMessage | None = None


class FrameCheck:
    """Receives the messages of a bag. For one thread.

    Args:
        entry: The entry of the manifest.
        topics: The topics.
        frame_id: The frame of reference of all headers; None if any is right that is the same everywhere.
        prompts: Checks the prompts.
        findings: Receives the faults.
        on_frame: Called with each frame that has all its messages.

    Attributes:
        frames: Number of frames so far.
    """

    def __init__(
        self,
        entry: ManifestEntry,
        topics: BagTopics,
        frame_id: str | None,
        prompts: PromptCheck,
        findings: Findings,
        on_frame: Callable[[WholeFrame], None] = lambda _: None,
    ) -> None:
        self.frames = 0
        self._entry = entry
        # The stamps of a live stream follow the clock of the node, and its first frames may be missing.
        self._is_live = entry.provenance.get("source") == "bag"
        self._topics = topics
        self._names = dict(zip(topics, BagTopics._fields, strict=True))
        self._frame_id = frame_id
        self._prompts = prompts
        self._findings = findings
        self._allowed = RecordedGaps(entry.losses)
        self._size_counts: Counter[tuple[int, int]] = Counter()
        self._said_sizes = sizes_of(entry)
        self._on_frame = on_frame
        self._image_type = message_reader.IMAGE_TYPES[entry.images][1]
        self._decoder = picture_decoder(entry.images, self._allowed.lost_references)
        self._sizes: dict[int, tuple[int, int]] = {}  # in camera_info, of the pictures that are being decoded
        self._group: _Group | None = None
        self._last_stamp_ns: int | None = None
        self._last_log_ns: int | None = None
        self._first: tuple[int, int] | None = None  # stamp and media time of the first labels
        self._last_labels: FrameInfoMessage | None = None

    def message(self, message: BagMessage) -> None:
        """Check a message of one of the topics."""
        name = self._names.get(message.topic)
        if name is None:
            self._findings.fault("the topics", "a channel that follows messages", topic=message.topic)
            return
        is_event = name == "events"
        group = self._group
        same_stamp = group is not None and group.stamp_ns == message.log_time_ns
        if group is not None and same_stamp and group.counts[name] and self._allowed.duplicate():
            same_stamp = False
        if not same_stamp:
            self.end_frame()
            if not is_event:
                self._group = _Group(message.log_time_ns)
        self._check_order(message, is_event=is_event)
        if self._group is not None and not is_event:
            self._group.counts[name] += 1
        try:
            parsed = self._parse(name, message)
        except MessageError as error:
            self._message_fault("readable messages", str(error), message)
        else:
            self._check_stamps(message, parsed)

    def finish(self) -> None:
        """Check the last frame, and the number of frames."""
        self.end_frame()
        for outcome in self._decoder.finish():
            self._decoded(outcome)
        self._prompts.finish()
        if self.frames != self._entry.frames:
            self._findings.fault(
                "the number of frames", f"{self.frames} frames, but the manifest has {self._entry.frames}"
            )
        found, said = self._size_counts, self._said_sizes
        if found != said and found.keys() <= said.keys() and sum(found.values()) == sum(said.values()):
            self._findings.fault(
                "the sizes",
                f"camera_info has the sizes {_counts_text(found)}, but the manifest has {_counts_text(said)}",
            )

    def end_frame(self) -> None:
        """Check the messages of the current frame together; there may be none."""
        group, self._group = self._group, None
        if group is None:
            return
        number = self.frames
        self.frames += 1
        for name, topic in zip(_PARTS, self._topics, strict=False):
            if group.counts[name] != 1:
                self._fault(
                    "one message of each topic for a frame",
                    f"{group.counts[name]} messages with the stamp {group.stamp_ns} instead of 1",
                    topic,
                    number,
                )
        repeats = group.stamp_ns == self._last_stamp_ns and self._allowed.duplicates
        if self._last_stamp_ns is not None and group.stamp_ns <= self._last_stamp_ns and not repeats:
            self._fault(
                "rising stamps",
                f"the stamp {group.stamp_ns} does not come after {self._last_stamp_ns}",
                self._topics.frame_info,
                number,
            )
        self._last_stamp_ns = group.stamp_ns
        if group.camera_info is not None:
            self._check_size(number, group.camera_info, group.image)
        if group.frame_info is not None:
            self._check_labels(number, group.stamp_ns, group.frame_info)
        if group.image is not None:
            for outcome in self._decoder.decode(number, group.image):
                self._decoded(outcome)
            if group.frame_info is not None:
                self._on_frame(WholeFrame(number, group.stamp_ns, group.image, group.frame_info))

    def _parse(self, name: str, message: BagMessage) -> StampedMessage:
        group = self._group
        if name == "events":
            event = message_reader.event_message(message.data)
            self._prompts.event(message.number, event)
            return event
        if group is None:
            raise MessageError("no frame")
        parsed: StampedMessage
        if name == "image":
            parsed = group.image = message_reader.image_message(self._image_type, message.data)
        elif name == "camera_info":
            parsed = group.camera_info = message_reader.camera_info_message(message.data)
        else:
            parsed = group.frame_info = message_reader.frame_info_message(message.data)
        return parsed

    def _check_order(self, message: BagMessage, *, is_event: bool) -> None:
        """Check that log times rise, and that an event at the stamp of a frame stands before the frame."""
        last, frame_ns = self._last_log_ns, self._last_stamp_ns
        if is_event and self._group is not None:
            frame_ns = self._group.stamp_ns
        late = last is not None and message.log_time_ns < last
        if late or (is_event and frame_ns is not None and message.log_time_ns <= frame_ns):
            self._message_fault(
                "the order of the messages",
                f"the message with the log time {message.log_time_ns} comes after one with {last}",
                message,
            )
        self._last_log_ns = message.log_time_ns

    def _check_stamps(self, message: BagMessage, parsed: StampedMessage) -> None:
        for what, time_ns in (("log", message.log_time_ns), ("publish", message.publish_time_ns)):
            if time_ns != parsed.stamp_ns:
                self._message_fault(
                    "the stamps", f"the stamp is {parsed.stamp_ns}, but the {what} time is {time_ns}", message
                )
        if self._frame_id is None:
            self._frame_id = parsed.frame_id
        if parsed.frame_id != self._frame_id:
            self._message_fault(
                "the frame_id",
                f"the frame_id is {quoted(parsed.frame_id)} instead of {quoted(self._frame_id)}",
                message,
            )

    def _check_size(self, number: int, info: CameraInfoMessage, image: ImageMessage | None) -> None:
        entry = self._entry
        self._size_counts[info.size] += 1
        first = entry.width, entry.height
        if info.size not in self._said_sizes or (not number and info.size != first):
            self._fault(
                "the sizes",
                f"camera_info has {_text(info.size)}, but the manifest has "
                f"{_text(first) if not number else ' or '.join(map(_text, self._said_sizes))}",
                self._topics.camera_info,
                number,
            )
        if image is not None:
            self._sizes[number] = info.size
            if image.size is not None and image.size != info.size:
                self._fault(
                    "the sizes",
                    f"the message has {_text(image.size)}, but camera_info has {_text(info.size)}",
                    self._topics.image,
                    number,
                )

    def _check_labels(self, number: int, stamp_ns: int, labels: FrameInfoMessage) -> None:
        def fault(rule: str, text: str) -> None:
            self._fault(rule, text, self._topics.frame_info, number)

        if labels.stream_id != self._entry.stream_id:
            fault(
                "the stream of the frames",
                f"stream {quoted(labels.stream_id)} instead of {quoted(self._entry.stream_id)}",
            )
        last, self._last_labels = self._last_labels, labels
        expected = self._allowed.left_out_first if last is None else last.frame_index + 1
        gap = labels.frame_index - expected
        known = self._allowed.unrecorded(gap) if last is None else self._allowed.missing(gap)
        if gap and not known:
            fault("consecutive frame_index", f"the frame_index is {labels.frame_index} instead of {expected}")
        if last is None and labels.media_time_ns and not (self._allowed.left_out_first or known):
            fault("the media times", f"the first media time is {labels.media_time_ns} ns instead of 0")
        repeats = self._allowed.duplicates and last is not None and labels.media_time_ns == last.media_time_ns
        if last is not None and labels.media_time_ns <= last.media_time_ns and not repeats:
            fault(
                "the media times",
                f"the media time {labels.media_time_ns} ns does not come after {last.media_time_ns} ns",
            )
        if self._first is None:
            self._first = stamp_ns, labels.media_time_ns
        since_first_ns = stamp_ns - self._first[0]
        # Both are rounded down to nanoseconds, from different origins.
        rounding_ns = (-1, 0, 1) if self._first[1] else (0, 1)
        differs = since_first_ns - (labels.media_time_ns - self._first[1]) not in rounding_ns
        if differs and not self._is_live:
            fault(
                "the media times",
                f"the stamp is {since_first_ns} ns after the first frame, "
                f"but the media time is {labels.media_time_ns} ns",
            )
        self._prompts.frame(number, labels)

    def _decoded(self, outcome: Decoded) -> None:
        said = self._sizes.get(outcome.frame)
        if outcome.fault:
            self._fault("pictures that can be decoded", outcome.fault, self._topics.image, outcome.frame)
        if outcome.size is not None and said is not None and outcome.size != said:
            self._fault(
                "the sizes",
                f"the picture is {_text(outcome.size)}, but camera_info has {_text(said)}",
                self._topics.image,
                outcome.frame,
            )
        # A damaged picture may have a second outcome.
        done = outcome.frame + (outcome.size is not None)
        for number in [number for number in self._sizes if number < done]:
            del self._sizes[number]

    def _message_fault(self, rule: str, text: str, message: BagMessage) -> None:
        if message.topic == self._topics.events:
            self._findings.fault(rule, f"event {message.number}: {text}", topic=message.topic)
        else:
            self._fault(rule, text, message.topic, self.frames)

    def _fault(self, rule: str, text: str, topic: str, frame: int) -> None:
        self._findings.fault(rule, text, topic=topic, frame=frame)


def _counts_text(counts: Counter[tuple[int, int]]) -> str:
    return ", ".join(f"{_text(size)} ({count} frames)" for size, count in counts.items())


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
