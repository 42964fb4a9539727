"""One interactive stream: a scene rendered, encoded and published at a true frame rate."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import av

from odyssey_ros.emulator.media.encoding import RTP_CLOCK, EncodedFrame, VideoEncoder
from odyssey_ros.emulator.media.recording import StreamEvent
from odyssey_ros.emulator.media.video_track import VideoFanout

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from odyssey_ros.emulator.media.recorder import Recorder
    from odyssey_ros.emulator.scene.scenes import Scene


@dataclass(frozen=True, slots=True)
class _Interacted:
    prompt: str
    applied_prompt: str
    shown_at: asyncio.Future[int]


@dataclass(frozen=True, slots=True)
class _End:
    reason: str
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What is wrong with the pictures now.

    Attributes:
        frozen: the last picture again.
        black: no picture but black.
        stalled: nothing is sent.
        size: width and height instead of the stream's own.
        jump_seconds: added to the media timestamps.
    """

    frozen: bool = False
    black: bool = False
    stalled: bool = False
    size: tuple[int, int] | None = None
    jump_seconds: float = 0.0


UNDISTURBED = Disturbance()


class StreamEndedError(Exception):
    """The stream has already ended."""


class Stream:
    """Runs a scene on a thread of its own, from `start` to `end`.

    The event loop never renders, encodes or waits: it posts commands to the thread, and the thread posts
    coded pictures back. A prompt is worked out on a further thread, so that no frame is late for it. Frames
    are due at absolute deadlines, so the rate is true in the long run; a frame whose time has passed before
    it could be begun is skipped and counted, and the frame counter in the picture, which counts pictures that
    were made, does not jump over it.

    Args:
        make_scene: makes the scene; called on the stream's thread.
        encoder: used by this stream alone.
        fps: frames per second.
        media_time: seconds on the session's media clock, which goes on through all streams of a session;
            called on the stream's thread.
        recorder: keeps what is sent, or None; finished by the stream's thread.
        disturbance: what is wrong with the pictures now; called on the stream's thread for every frame.
        monotonic: seconds on the clock that paces the frames.
    """

    def __init__(
        self,
        make_scene: Callable[[], Scene],
        encoder: VideoEncoder,
        fps: float,
        media_time: Callable[[], float],
        *,
        recorder: Recorder | None = None,
        disturbance: Callable[[], Disturbance] = lambda: UNDISTURBED,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make_scene = make_scene
        self._encoder = encoder
        self._fps = fps
        self._media_time = media_time
        self._recorder = recorder
        self._disturbance = disturbance
        self._monotonic = monotonic
        self._loop = asyncio.get_running_loop()
        self._commands: queue.SimpleQueue[_Interacted | _End] = queue.SimpleQueue()
        self._keyframe_wanted = threading.Event()
        self._first_frame: asyncio.Future[None] = self._loop.create_future()
        self._finished: asyncio.Future[None] = self._loop.create_future()
        self._scene: Scene | None = None
        self._last_frame: av.VideoFrame | None = None
        self._thread = threading.Thread(target=self._run, name="odyssey-stream", daemon=True)
        self.video = VideoFanout(self._keyframe_wanted.set)
        self.frames_made = 0
        self.frames_skipped = 0

    async def start(self) -> None:
        """Begin; returns when the first picture was published.

        Raises:
            Exception: whatever stopped the stream's thread.
        """
        self._thread.start()
        await asyncio.wait({self._first_frame, self._finished}, return_when=asyncio.FIRST_COMPLETED)
        if self._finished.done():
            self._finished.result()
            raise StreamEndedError

    async def interact(self, prompt: str, applied_prompt: str) -> int:
        """Put a further prompt into force.

        Args:
            prompt: as the client gave it; the scene obeys this one.
            applied_prompt: for the recording.

        Returns:
            The stream time in milliseconds from which all pictures show it.

        Raises:
            StreamEndedError: the stream ended before that.
        """
        if self._scene is None or self._finished.done():
            raise StreamEndedError
        await asyncio.to_thread(self._scene.interact, prompt)
        shown_at: asyncio.Future[int] = self._loop.create_future()
        self._commands.put(_Interacted(prompt, applied_prompt, shown_at))
        waiting: set[asyncio.Future[int] | asyncio.Future[None]] = {shown_at, self._finished}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not shown_at.done():
            raise StreamEndedError
        return shown_at.result()

    async def end(self, reason: str, ended_at: datetime) -> None:
        """End the stream and wait until its thread is done and its recording complete.

        Harmless when it has ended before.

        Args:
            reason: for the recording.
            ended_at: wall-clock time, with time zone.

        Raises:
            Exception: whatever stopped the thread.
        """
        self._commands.put(_End(reason, ended_at))
        await self.finished()

    async def finished(self) -> None:
        """Wait until the stream's thread is done.

        Raises:
            Exception: whatever stopped the thread.
        """
        await asyncio.shield(self._finished)

    def watch(self, on_stopped: Callable[[], None]) -> None:
        """Call `on_stopped` when the thread is done, for whatever reason."""
        self._finished.add_done_callback(lambda _: on_stopped())

    # Below: on the stream's thread.

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._render_all()
        except BaseException as caught:  # noqa: BLE001 - handed to whoever waits for the stream
            error = caught
            if self._recorder is not None:
                self._recorder.abandon()
        self._post(self._settle, error)

    def _settle(self, error: BaseException | None) -> None:
        if error is None:
            self._finished.set_result(None)
        else:
            self._finished.set_exception(error)

    def _render_all(self) -> None:
        scene = self._scene = self._make_scene()
        began = self._monotonic()
        began_media = self._media_time()
        slot = 0
        while self._obey_until(began + slot / self._fps, slot):
            self._make_frame(scene, slot, began_media + slot / self._fps)
            slot += 1
            behind = int((self._monotonic() - began) * self._fps)
            if behind > slot:
                self.frames_skipped += behind - slot
                slot = behind

    def _stream_time(self, slot: int) -> int:
        return round(slot * 1000 / self._fps)

    def _obey_until(self, deadline: float, slot: int) -> bool:
        """Carry out commands until the next frame is due; False when the stream is to end."""
        while True:
            wait = deadline - self._monotonic()
            try:
                command = self._commands.get(timeout=wait) if wait > 0 else self._commands.get_nowait()
            except queue.Empty:
                return True
            if isinstance(command, _End):
                self._finish_recording(command, slot)
                return False
            self._record(
                StreamEvent(
                    self._stream_time(slot),
                    "interact",
                    prompt=command.prompt,
                    applied_prompt=command.applied_prompt,
                )
            )
            self._post(_resolve, command.shown_at, self._stream_time(slot))

    def _make_frame(self, scene: Scene, slot: int, media_time: float) -> None:
        wrong = self._disturbance()
        if wrong.stalled:
            return
        frame = self._last_frame
        if frame is None or not wrong.frozen:
            frame = self._last_frame = scene.render(self._stream_time(slot), self.frames_made)
            self.frames_made += 1
        if wrong.black:
            frame = _black(frame.width, frame.height)
        if wrong.size is not None:
            frame = frame.reformat(width=wrong.size[0], height=wrong.size[1])
        self._publish(frame, self._stream_time(slot), media_time, wrong)

    def _publish(
        self, frame: av.VideoFrame, stream_time_ms: int, media_time: float, wrong: Disturbance
    ) -> None:
        keyframe = self._keyframe_wanted.is_set()
        self._keyframe_wanted.clear()
        encoded = self._encoder.encode(frame, round(media_time * RTP_CLOCK), keyframe=keyframe)
        if encoded is None:
            return
        # A recording has one size; pictures of another are left out of it.
        if self._recorder is not None and wrong.size is None:
            if self._encoder.codec == "h264":
                self._recorder.add_packet(encoded.data, stream_time_ms, keyframe=encoded.keyframe)
            else:
                self._recorder.add_frame(frame, stream_time_ms)
        if wrong.jump_seconds:
            encoded = replace(encoded, timestamp=round((media_time + wrong.jump_seconds) * RTP_CLOCK))
        self._post(self._deliver, encoded)

    def _record(self, event: StreamEvent) -> None:
        if self._recorder is not None:
            self._recorder.add_event(event)

    def _finish_recording(self, end: _End, slot: int) -> None:
        if self._recorder is not None:
            self._recorder.add_event(StreamEvent(self._stream_time(slot), "end", reason=end.reason))
            self._recorder.finish(end.ended_at)

    def _post(self, function: Callable[..., None], *args: object) -> None:
        # A service that was stopped hard has no loop any more, and nobody who waits.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *args)

    # Below: on the event loop.

    def _deliver(self, frame: EncodedFrame) -> None:
        self.video.push(frame)
        _resolve(self._first_frame, None)


def _black(width: int, height: int) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, value in zip(frame.planes, (16, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return frame


def _resolve(future: asyncio.Future[int] | asyncio.Future[None], value: int | None) -> None:
    if not future.done():
        future.set_result(value)  # type: ignore[arg-type]
