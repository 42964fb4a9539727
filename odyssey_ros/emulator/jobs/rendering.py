"""Rendering a simulation: a script in, a recording out, faster than real time.

It runs in a process of its own (`render_worker`): it then shares no interpreter lock with the live streams,
can be given a lower priority, and can be killed at any moment.
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
from odyssey_ros.emulator.media.recording import Origin, Recording, RecordingWriter, StreamEvent
from odyssey_ros.emulator.prompts import applied_prompt
from odyssey_ros.emulator.scene.scenes import Scene, make_scene

if TYPE_CHECKING:
    from odyssey_ros.emulator.jobs.scripts import ScriptEntry

__all__ = ["RenderTask", "render"]


@dataclass(frozen=True, slots=True)
class RenderTask:
    """What to render, and to where.

    Attributes:
        directory: folder of the recording, to be made.
        stream_id: names the recording.
        owner: name of the account.
        portrait: 704 x 1280 rather than 1280 x 704.
        fps: frames per second.
        bitrate: bits per second.
        bypass_expansion: prompts are applied as they are.
        max_image_bytes: largest decoded input picture.
        started_at: beginning of the simulated stream, with time zone.
        script: what happens.
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
        """Read what `to_line` returned.

        Raises:
            ValueError: it is something else.
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
    """Render a whole simulation; an entry of the script shows from the first frame at or after its time.

    Raises:
        ValueError: the input picture cannot be used.
        OSError: the recording cannot be written.
    """
    width, height = (704, 1280) if task.portrait else (1280, 704)
    recording = Recording(
        task.stream_id, task.owner, width, height, task.started_at, origin=Origin.SIMULATION
    )
    script = task.script
    picture = None if script.image is None else decode_data_url(script.image, task.max_image_bytes)
    scene = make_scene(script.entries[0].prompt, width, height, seed_image=picture)
    writer = RecordingWriter(task.directory, recording, task.fps)
    try:
        _write_frames(task, scene, writer)
        return writer.finish(task.started_at + timedelta(milliseconds=script.duration_ms))
    finally:
        writer.abandon()


def _write_frames(task: RenderTask, scene: Scene, writer: RecordingWriter) -> None:
    encoder = VideoEncoder("h264", task.fps, task.bitrate)
    entries = task.script.entries
    writer.add_event(_event(entries[0], task))
    following = 1
    for counter in range(max(round(task.script.duration_ms * task.fps / 1000), 1)):
        time_ms = round(counter * 1000 / task.fps)
        while entries[following].action == "interact" and entries[following].timestamp_ms <= time_ms:
            scene.interact(entries[following].prompt)
            writer.add_event(_event(entries[following], task))
            following += 1
        frame = scene.render(time_ms, counter)
        packet = encoder.encode(frame, time_ms * RTP_CLOCK // 1000, keyframe=counter == 0)
        if packet is not None:
            writer.add_packet(packet.data, time_ms, keyframe=packet.keyframe)
    for entry in entries[following:]:
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
