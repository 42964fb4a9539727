"""One interactive stream: a scene is rendered, encoded and published at a constant frame rate."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import av

from odyssey_ros.emulator.media.encoding import RTP_CLOCK, EncodedFrame, VideoEncoder
from odyssey_ros.emulator.media.key_frame_schedule import MAX_RECORDED_SECONDS, KeyFrameSchedule
from odyssey_ros.emulator.media.recording import StreamEvent
from odyssey_ros.emulator.media.video_track import VideoFanout

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from odyssey_ros.emulator.media.recorder import Recorder
    from odyssey_ros.emulator.scene.scenes import Scene, World


@dataclass(frozen=True, slots=True)
class _Interaction:
    """A prompt whose world is prepared; `shown` is posted with its stream time in milliseconds."""

    prompt: str
    applied_prompt: str
    world: World
    shown: Callable[[int], None]


@dataclass(frozen=True, slots=True)
class _End:
    """The end of the stream; the fields are for the recording."""

    reason: str
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Disturbance:
    """The faults of the video at one moment.

    Attributes:
        frozen: the last frame is repeated.
        black: frames are black.
        stalled: no frames are sent.
        size: width and height of the frames; None for the stream's own size.
        jump_seconds: seconds added to the media timestamps.
    """

    frozen: bool = False
    black: bool = False
    stalled: bool = False
    size: tuple[int, int] | None = None
    jump_seconds: float = 0.0


UNDISTURBED = Disturbance()


class StreamEndedError(Exception):
    """The stream has ended."""


class Stream:
    """Runs a scene on a separate thread, from `start` to `end`.

    The event loop does not render, encode or block: it posts commands to the thread, and the thread posts
    encoded frames back. The world of a prompt is prepared on a third thread, so that prompts delay no frame.
    It is shown from the frame on at whose time the prompt is recorded, and acknowledged before that frame.
    Frames are due at absolute deadlines, so the frame rate does not drift. A frame whose time has passed
    before its rendering could start is skipped and counted. The frame counter in the picture counts rendered
    frames, so it does not jump over skipped frames.

    Args:
        make_scene: makes the scene; called on the stream's thread.
        encoder: an encoder that only this stream uses.
        fps: frames per second.
        media_time: seconds on the session's media clock, which continues through all streams of a session;
            called on the stream's thread.
        key_frame_interval: longest time between two key frames, in seconds; 0: only on request. At most
            `MAX_RECORDED_SECONDS` if the recording consists of the encoded frames.
        recorder: records the frames, or None; the stream's thread finishes it.
        disturbance: returns the present faults of the video; called on the stream's thread for every frame.
        monotonic: the clock that paces the frames, in seconds.
    """

    def __init__(
        self,
        make_scene: Callable[[], Scene],
        encoder: VideoEncoder,
        fps: float,
        media_time: Callable[[], float],
        *,
        key_frame_interval: float = MAX_RECORDED_SECONDS,
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
        self._commands: queue.SimpleQueue[_Interaction | _End] = queue.SimpleQueue()
        if recorder is not None and encoder.codec == "h264":
            key_frame_interval = min(key_frame_interval or MAX_RECORDED_SECONDS, MAX_RECORDED_SECONDS)
        self._key_frames = KeyFrameSchedule(fps, key_frame_interval)
        self._first_frame: asyncio.Future[None] = self._loop.create_future()
        self._on_first_frame: Callable[[], None] = lambda: None
        self._finished: asyncio.Future[None] = self._loop.create_future()
        self._scene: Scene | None = None
        self._last_frame: av.VideoFrame | None = None
        self._thread = threading.Thread(target=self._run, name="odyssey-stream", daemon=True)
        self.video = VideoFanout(self._key_frames.request)
        self.frames_made = 0
        self.frames_skipped = 0

    async def start(self, on_first_frame: Callable[[], None] = lambda: None) -> None:
        """Start the stream; return after the first frame was published.

        Args:
            on_first_frame: called on the event loop before the first frame is published.

        Raises:
            StreamEndedError: the stream was ended before its first frame.
            Exception: the exception that stopped the stream's thread before its first frame.
        """
        self._on_first_frame = on_first_frame
        self._thread.start()
        await asyncio.wait({self._first_frame, self._finished}, return_when=asyncio.FIRST_COMPLETED)
        if not self._first_frame.done():
            self._finished.result()
            raise StreamEndedError

    async def interact(
        self, prompt: str, applied_prompt: str, on_shown: Callable[[], None] = lambda: None
    ) -> int:
        """Apply a further prompt. Prompts are applied one after the other: await each call before the next.

        Args:
            prompt: the prompt as the client sent it; applied to the scene.
            applied_prompt: the expanded prompt, for the recording.
            on_shown: called on the event loop before the first frame that shows the prompt is published.

        Returns:
            The stream time in milliseconds from which all frames show the prompt.

        Raises:
            StreamEndedError: the stream ended before the prompt was applied.
        """
        if self._scene is None or self._finished.done():
            raise StreamEndedError
        world = await asyncio.to_thread(self._scene.prepare, prompt)
        shown_at: asyncio.Future[int] = self._loop.create_future()

        def shown(stream_time_ms: int) -> None:
            on_shown()
            _resolve(shown_at, stream_time_ms)

        self._commands.put(_Interaction(prompt, applied_prompt, world, shown))
        waiting: set[asyncio.Future[int] | asyncio.Future[None]] = {shown_at, self._finished}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not shown_at.done():
            raise StreamEndedError
        return shown_at.result()

    async def end(self, reason: str, ended_at: datetime) -> None:
        """End the stream and wait until its thread has stopped and its recording is complete.

        Calling this method again has no effect.

        Args:
            reason: the reason in the recording.
            ended_at: wall-clock time, with time zone.

        Raises:
            Exception: the exception that stopped the stream's thread.
        """
        self._commands.put(_End(reason, ended_at))
        await self.finished()

    async def finished(self) -> None:
        """Wait until the stream's thread has stopped.

        Raises:
            Exception: the exception that stopped the stream's thread.
        """
        await asyncio.shield(self._finished)

    def watch(self, on_stopped: Callable[[], None]) -> None:
        """Call `on_stopped` on the event loop when the stream's thread has stopped, also after an error."""
        self._finished.add_done_callback(lambda _: on_stopped())

    # Below: on the stream's thread.

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._render_all()
        except BaseException as caught:  # noqa: BLE001 - raised in the callers that await the stream
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
        started_at = self._monotonic()
        media_start = self._media_time()
        slot = 0
        first_tick = round(media_start * RTP_CLOCK)
        while self._run_commands(scene, started_at + slot / self._fps, slot):
            self._make_frame(scene, slot, first_tick)
            slot += 1
            behind = int((self._monotonic() - started_at) * self._fps)
            if behind > slot:
                self.frames_skipped += behind - slot
                slot = behind

    def _stream_time(self, slot: int) -> int:
        """Return the stream time of a frame in milliseconds, rounded down.

        An event has the time of the first frame that shows it. Rounded up, its time would be later than that
        of the frame in the video, and the frame would be labelled with the prompt before.
        """
        return self._stream_ticks(slot) * 1000 // RTP_CLOCK

    def _stream_ticks(self, slot: int) -> int:
        return round(slot * RTP_CLOCK / self._fps)

    def _run_commands(self, scene: Scene, deadline: float, slot: int) -> bool:
        """Run commands until the deadline of the next frame; return False when the stream must end."""
        while True:
            wait = deadline - self._monotonic()
            try:
                command = self._commands.get(timeout=wait) if wait > 0 else self._commands.get_nowait()
            except queue.Empty:
                return True
            if isinstance(command, _End):
                self._finish_recording(command, slot)
                return False
            scene.show(command.world)
            self._record(
                StreamEvent(
                    self._stream_time(slot),
                    "interact",
                    prompt=command.prompt,
                    applied_prompt=command.applied_prompt,
                )
            )
            self._post(command.shown, self._stream_time(slot))

    def _make_frame(self, scene: Scene, slot: int, first_tick: int) -> None:
        faults = self._disturbance()
        if faults.stalled:
            return
        frame = self._last_frame
        if frame is None or not faults.frozen:
            frame = self._last_frame = scene.render(self._stream_time(slot), self.frames_made)
            self.frames_made += 1
        elif self._recorder is not None and self._encoder.codec != "h264":
            # The recorder's encoder may still use the frame, and each encoder sets the time of its frame.
            frame = av.VideoFrame.from_ndarray(frame.to_ndarray(), format="yuv420p")
        if faults.black:
            frame = _black(frame.width, frame.height)
        if faults.size is not None:
            frame = frame.reformat(width=faults.size[0], height=faults.size[1])
        self._publish(frame, self._stream_ticks(slot), first_tick, faults.jump_seconds)

    def _publish(self, frame: av.VideoFrame, stream_ticks: int, first_tick: int, jump_seconds: float) -> None:
        keyframe = self._key_frames.is_due(stream_ticks)
        encoded = self._encoder.encode(frame, first_tick + stream_ticks, keyframe=keyframe)
        if encoded is None:
            return
        if encoded.keyframe:
            self._key_frames.key_frame_made(stream_ticks)
        if self._recorder is not None:
            stream_time_ms = stream_ticks * 1000 / RTP_CLOCK
            if self._encoder.codec == "h264":
                self._recorder.add_packet(encoded.data, stream_time_ms, keyframe=encoded.keyframe)
            else:
                self._recorder.add_frame(frame, stream_time_ms)
        if jump_seconds:
            encoded = replace(encoded, timestamp=encoded.timestamp + round(jump_seconds * RTP_CLOCK))
        self._post(self._deliver, encoded)

    def _record(self, event: StreamEvent) -> None:
        if self._recorder is not None:
            self._recorder.add_event(event)

    def _finish_recording(self, end: _End, slot: int) -> None:
        if self._recorder is not None:
            self._recorder.add_event(StreamEvent(self._stream_time(slot), "end", reason=end.reason))
            self._recorder.finish(end.ended_at)

    def _post(self, function: Callable[..., None], *args: object) -> None:
        # When the loop was stopped without `end`, it is closed and nothing awaits the result.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *args)

    # Below: on the event loop.

    def _deliver(self, frame: EncodedFrame) -> None:
        if not self._first_frame.done():
            self._on_first_frame()
            self._first_frame.set_result(None)
        self.video.push(frame)


def _black(width: int, height: int) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, value in zip(frame.planes, (16, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return frame


def _resolve(future: asyncio.Future[int] | asyncio.Future[None], value: int | None) -> None:
    if not future.done():
        future.set_result(value)  # type: ignore[arg-type]
