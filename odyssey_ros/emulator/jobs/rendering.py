"""Renders a script into a recording, faster than real time.

Rendering runs in a separate process (`render_worker`): the process shares no interpreter lock with the live
streams, has a lower priority, and can be killed at any moment.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from odyssey_ros.emulator.http.json_fields import Fields
from odyssey_ros.emulator.images import decode_data_url
from odyssey_ros.emulator.jobs.scripts import Script, parse_script
from odyssey_ros.emulator.media.encoding import RTP_CLOCK, VideoEncoder
from odyssey_ros.emulator.media.key_frame_schedule import MAX_RECORDED_SECONDS, KeyFrameSchedule
from odyssey_ros.emulator.media.recording import Origin, Recording, RecordingWriter, StreamEvent
from odyssey_ros.emulator.prompts import applied_prompt
from odyssey_ros.emulator.scene.scenes import Scene, make_scene

if TYPE_CHECKING:
    from odyssey_ros.emulator.jobs.scripts import ScriptEntry

__all__ = ["TASK_FAILED_STATUS", "RenderTask", "render"]

TASK_FAILED_STATUS = 3
"""Exit status of a worker process whose task cannot be rendered."""


@dataclass(frozen=True, slots=True)
class RenderTask:
    """A script to render, and the recording to make of it.

    Attributes:
        directory: folder of the recording; must not exist.
        stream_id: id of the recording.
        owner: name of the account.
        portrait: 704 x 1280 rather than 1280 x 704.
        fps: frames per second.
        bitrate: bits per second.
        bypass_expansion: whether prompts are applied unchanged.
        max_image_bytes: largest decoded input image, bytes.
        started_at: start time of the simulated stream, with time zone.
        script: the script.
    """

    directory: Path
    stream_id: str
    owner: str
    portrait: bool
    fps: float
    bitrate: int
    bypass_expansion: bool
    max_image_bytes: int
    started_at: datetime
    script: Script

    def to_line(self) -> bytes:
        """Return the task as one line of JSON."""
        values = {
            "directory": str(self.directory),
            "stream_id": self.stream_id,
            "owner": self.owner,
            "portrait": self.portrait,
            "fps": self.fps,
            "bitrate": self.bitrate,
            "bypass_expansion": self.bypass_expansion,
            "max_image_bytes": self.max_image_bytes,
            "started_at": self.started_at.isoformat(),
            "script": self.script.to_json(),
        }
        return json.dumps(values).encode("ascii") + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> RenderTask:
        """Parse a line that `to_line` returned.

        Raises:
            ValueError: the line is malformed.
        """
        fields = Fields.parse(line)
        return cls(
            directory=Path(fields.string("directory")),
            stream_id=fields.string("stream_id"),
            owner=fields.string("owner"),
            portrait=fields.boolean("portrait", default=True),
            fps=fields.number("fps"),
            bitrate=fields.integer("bitrate"),
            bypass_expansion=fields.boolean("bypass_expansion", default=False),
            max_image_bytes=fields.integer("max_image_bytes"),
            started_at=datetime.fromisoformat(fields.string("started_at")),
            script=parse_script(fields.raw("script")),
        )


def render(task: RenderTask) -> Recording | None:
    """Render a whole simulation.

    An entry of the script is visible from the first frame at or after its time.

    Returns:
        The recording; None when it has no frame.

    Raises:
        ValueError: the input image is invalid.
        OSError: the recording cannot be written.
    """
    width, height = (704, 1280) if task.portrait else (1280, 704)
    recording = Recording(
        stream_id=task.stream_id,
        owner=task.owner,
        width=width,
        height=height,
        started_at=task.started_at,
        origin=Origin.SIMULATION,
    )
    script = task.script
    image = None if script.image is None else decode_data_url(script.image, task.max_image_bytes)
    scene = make_scene(script.entries[0].prompt, width, height, seed_image=image)
    writer = RecordingWriter(task.directory, recording, task.fps)
    try:
        _write_frames(task, scene, writer)
        return writer.finish(task.started_at + timedelta(milliseconds=script.duration_ms))
    finally:
        writer.abandon()


def _write_frames(task: RenderTask, scene: Scene, writer: RecordingWriter) -> None:
    encoder = VideoEncoder("h264", task.fps, task.bitrate)
    key_frames = KeyFrameSchedule(task.fps, MAX_RECORDED_SECONDS)
    entries = task.script.entries
    writer.add_event(_event(entries[0], task))
    next_index = 1
    frame_count = max(round(task.script.duration_ms * task.fps / 1000), 1)
    for counter in range(frame_count):
        time_ms = round(counter * 1000 / task.fps)
        while entries[next_index].action == "interact" and entries[next_index].timestamp_ms <= time_ms:
            scene.interact(entries[next_index].prompt)
            writer.add_event(_event(entries[next_index], task))
            next_index += 1
        frame = scene.render(time_ms, counter)
        ticks = round(counter * RTP_CLOCK / task.fps)
        packet = encoder.encode(frame, ticks, keyframe=key_frames.is_due(ticks))
        if packet is not None:
            if packet.keyframe:
                key_frames.key_frame_made(ticks)
            writer.add_packet(packet.data, time_ms, keyframe=packet.keyframe)
    for entry in entries[next_index:]:
        writer.add_event(_event(entry, task))


def _event(entry: ScriptEntry, task: RenderTask) -> StreamEvent:
    if entry.action == "end":
        return StreamEvent(entry.timestamp_ms, "end", reason="script")
    return StreamEvent(
        entry.timestamp_ms,
        entry.action,
        prompt=entry.prompt,
        applied_prompt=applied_prompt(entry.prompt, bypass_expansion=task.bypass_expansion),
        image=entry.image is not None if entry.action == "start" else None,
    )
