"""The frames of a stream of recorded bags, as the source of a dataset's bag.

Pictures are joined with labels by their stamps, whatever order their messages have. Several files are merged
in the order of stamps. A file is opened when its first picture comes, so memory does not grow with the files.
"""

from __future__ import annotations

import heapq
from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, cast

import av
from av.codec.context import Flags
from av.error import FFmpegError

from odyssey_ros.client.video_decoder import limit_picture_size
from odyssey_ros.dataset import messages
from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.bags import BagEvent, BagFrame, PictureMessages
from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.messages import Header
from odyssey_ros.dataset.reading.message_reader import MessageError
from odyssey_ros.dataset.recorded.encoded_order import EncodedOrder
from odyssey_ros.dataset.recorded.prompt_times import prompt_times
from odyssey_ros.dataset.recorded.recorded_messages import recorded_messages
from odyssey_ros.dataset.recorded.recorded_pictures import PictureKind, recorded_picture
from odyssey_ros.dataset.recorded.still_pictures import PictureError, StillPictures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

    from odyssey_ros.dataset.recorded.label_table import Label
    from odyssey_ros.dataset.recorded.recorded_pictures import RecordedPicture
    from odyssey_ros.dataset.recorded.recorded_streams import RecordedStream, StreamFile

_POSITIONS: Final = Fraction(1, 1000)
"""Time base of packets, whose stamps are positions. Any will do."""

_BEFORE_LABELS_NS: Final = 10_000_000_000
"""How long before the first label encoded pictures are read: the recorder may subscribe to them first."""


class RecordedFrames:
    """The frames of a stream; see `FrameSource`.

    Args:
        stream: The stream.

    Attributes:
        stream_id: Its id.
        prompts: Its prompts and events.
    """

    def __init__(self, stream: RecordedStream) -> None:
        self.stream_id = stream.stream_id
        self.prompts = prompt_times(stream.labels.runs(), stream.events)
        self._stream = stream

    def bag_events(self) -> Sequence[BagEvent]:
        """Return the events, as recorded, or as the labels show them."""
        return self.prompts.events

    def bag_frames(self, layout: BagLayout, losses: Counter[Loss]) -> Iterator[BagFrame]:
        """Yield the frames that have labels and a picture that can be decoded; see `FrameSource`."""
        kind = self._stream.kind
        if not kind.is_video:
            yield from self._still(layout, losses)
        elif layout.images is ImageEncoding.H264:
            yield from self._passed_through(layout, losses)
        else:
            yield from _Decoding(kind, layout, losses).frames(self._pictures(losses))

    def _pictures(self, losses: Counter[Loss]) -> Iterator[tuple[RecordedPicture, Label | None]]:
        """Yield the pictures in the order of their stamps, each stamp once, with their labels."""
        last_ns = -1
        for picture in _merged(self._stream):
            stamp_ns = picture.image.stamp_ns
            label = self._stream.labels.of(stamp_ns)
            if stamp_ns > last_ns:
                last_ns = stamp_ns
                yield picture, label
            elif label is not None:
                losses[Loss.DUPLICATE_PICTURES] += 1

    def _still(self, layout: BagLayout, losses: Counter[Loss]) -> Iterator[BagFrame]:
        pictures = StillPictures(layout)
        for picture, label in self._pictures(losses):
            if label is None:
                continue
            try:
                size, message = pictures.message(label.stamp_ns, picture)
            except PictureError:
                losses[Loss.UNREADABLE_PICTURES] += 1
                continue
            yield BagFrame(
                label.frame_index, label.media_time_ns, label.stamp_ns, label.prompt, size, message
            )

    def _passed_through(self, layout: BagLayout, losses: Counter[Loss]) -> Iterator[BagFrame]:
        order = EncodedOrder(self._stream.kind, losses)
        for picture, label in self._pictures(losses):
            checked = order.check(picture, label)
            if label is None:
                order.wait()  # later pictures are based on this one
            elif checked is not None:
                content, size = checked
                message = messages.h264_frame(Header(label.stamp_ns, layout.frame_id), content.data)
                yield BagFrame(
                    label.frame_index, label.media_time_ns, label.stamp_ns, label.prompt, size, message
                )


class _Decoding:
    """Decodes the pictures of a video."""

    def __init__(self, kind: PictureKind, layout: BagLayout, losses: Counter[Loss]) -> None:
        self._codec = "h264" if kind is PictureKind.H264 else "vp8"
        self._losses = losses
        self._order = EncodedOrder(kind, losses)
        self._to_message = PictureMessages(layout)
        self._decoder = self._new_decoder()
        self._waiting: dict[int, Label | None] = {}
        self._position = 0

    def frames(self, pictures: Iterator[tuple[RecordedPicture, Label | None]]) -> Iterator[BagFrame]:
        for picture, label in pictures:
            checked = self._order.check(picture, label)
            if checked is not None:
                packet = av.Packet(checked[0].data)
                packet.pts = packet.dts = self._position
                packet.time_base = _POSITIONS
                self._waiting[self._position] = label
                self._position += 1
                yield from self._decoded(packet)
        yield from self._decoded(None)
        self._lose_waiting()

    def _decoded(self, packet: Packet[Any] | None) -> Iterator[BagFrame]:
        try:
            frames = self._decoder.decode(packet)
        except FFmpegError:
            label = self._waiting.pop(self._position - 1, None)
            self._losses[Loss.UNREADABLE_PICTURES] += label is not None
            self._order.wait()
            self._lose_waiting()
            self._decoder = self._new_decoder()
            return
        for frame in frames:
            label = self._waiting.pop(-1 if frame.pts is None else frame.pts, None)
            if label is not None:
                yield self._frame(frame, label)

    def _frame(self, frame: VideoFrame, label: Label) -> BagFrame:
        message = self._to_message(label.stamp_ns, frame)
        size = frame.width, frame.height
        return BagFrame(label.frame_index, label.media_time_ns, label.stamp_ns, label.prompt, size, message)

    def _lose_waiting(self) -> None:
        self._losses[Loss.MISSING_PICTURES] += sum(label is not None for label in self._waiting.values())
        self._waiting.clear()

    def _new_decoder(self) -> VideoCodecContext:
        context = cast("VideoCodecContext", av.CodecContext.create(self._codec, "r"))
        limit_picture_size(context)
        context.thread_count = 1
        context.flags |= Flags.low_delay  # the pictures are in decoding order
        return context


def _merged(stream: RecordedStream) -> Iterator[RecordedPicture]:
    """Yield the pictures of all files in the order of their stamps."""
    later = list(reversed(stream.files))
    current: list[tuple[int, int, RecordedPicture, Iterator[RecordedPicture]]] = []
    opened = 0
    while later or current:
        if later and (not current or later[-1].first_ns <= current[0][0]):
            pictures = _pictures_of(later.pop(), stream)
            opened += 1
            number = opened
        else:
            _, number, picture, pictures = heapq.heappop(current)
            yield picture
        following = next(pictures, None)
        if following is not None:
            heapq.heappush(current, (following.image.stamp_ns, number, following, pictures))


def _pictures_of(file: StreamFile, stream: RecordedStream) -> Iterator[RecordedPicture]:
    # What cannot be read was counted when the file was scanned.
    first_ns, last_ns = int(stream.labels.stamps_ns[0]), int(stream.labels.stamps_ns[-1])
    if stream.kind.is_video:
        first_ns -= _BEFORE_LABELS_NS
    found = recorded_messages(
        file.path, stream.scratch, Counter(), types=(file.type_name,), topics=(file.topic,)
    )
    for message in found:
        try:
            picture = recorded_picture(file.type_name, message.data)
        except MessageError:
            continue
        if picture.kind is stream.kind and first_ns <= picture.image.stamp_ns <= last_ns:
            yield picture
