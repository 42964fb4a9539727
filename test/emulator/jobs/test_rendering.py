"""A rendered simulation shows the prompts of its script at their times."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import av
import pytest

from odyssey_ros.emulator.http.json_fields import InvalidFieldError
from odyssey_ros.emulator.jobs.rendering import RenderTask, render
from odyssey_ros.emulator.jobs.scripts import parse_script
from odyssey_ros.emulator.scene.marker import prompt_digest, read_marker
from recorded_streams import group_seconds

if TYPE_CHECKING:
    from pathlib import Path


def task(directory: Path, *entries: dict[str, object], fps: float = 10, portrait: bool = False) -> RenderTask:
    return RenderTask(
        directory=directory,
        stream_id=directory.name,
        owner="local",
        portrait=portrait,
        fps=fps,
        bitrate=1_000_000,
        bypass_expansion=True,
        max_image_bytes=1000,
        started_at=datetime(2026, 11, 23, tzinfo=timezone.utc),
        script=parse_script(list(entries)),
    )


def start(prompt: str) -> dict[str, object]:
    return {"timestamp_ms": 0, "start": {"prompt": prompt}}


def interact(time_ms: int, prompt: str) -> dict[str, object]:
    return {"timestamp_ms": time_ms, "interact": {"prompt": prompt}}


def end(time_ms: int) -> dict[str, object]:
    return {"timestamp_ms": time_ms, "end": {}}


def test_prompts_are_visible_from_their_times_on(tmp_path: Path) -> None:
    recording = render(
        task(
            tmp_path / "r",
            start("sea"),
            interact(150, "rain"),
            interact(500, "replaced in the same frame"),
            interact(500, "snow"),
            interact(999, "after the last frame"),
            end(1000),
            portrait=True,
        )
    )
    assert recording is not None
    assert (recording.width, recording.height, recording.frame_count) == (704, 1280, 10)
    with av.open(tmp_path / "r" / "video.mp4") as video:
        prompts = [read_marker(frame.to_ndarray(format="rgb24")).prompt_id for frame in video.decode(video=0)]
    assert prompts == [prompt_digest(prompt) for prompt in ["sea"] * 2 + ["rain"] * 3 + ["snow"] * 5]
    lines = (tmp_path / "r" / "events.jsonl").read_text().split("\n")[:-1]
    events = [json.loads(line) for line in lines]
    assert [(event["timestamp_ms"], event["type"]) for event in events] == [
        (0, "start"),
        (150, "interact"),
        (500, "interact"),
        (500, "interact"),
        (999, "interact"),
        (1000, "end"),
    ]
    assert events[1]["applied_prompt"] == "rain"


def test_the_shortest_simulation_has_one_frame(tmp_path: Path) -> None:
    recording = render(task(tmp_path / "r", start("sea"), end(1)))
    assert recording is not None
    assert recording.frame_count == 1
    assert (recording.ended_at - recording.started_at).total_seconds() == 0.001


def test_an_invalid_image_is_an_error(tmp_path: Path) -> None:
    entry = {"timestamp_ms": 0, "start": {"prompt": "x", "image": "data:image/png;base64,AAAA"}}
    with pytest.raises(ValueError, match="image"):
        render(task(tmp_path / "r", entry, end(100)))


def test_a_task_is_the_same_after_its_line_is_parsed(tmp_path: Path) -> None:
    given = task(tmp_path / "r", start("嵐 \ud800\n"), interact(10, ""), end(100), fps=12.5)
    line = given.to_line()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert RenderTask.from_line(line) == given
    with pytest.raises(InvalidFieldError):
        RenderTask.from_line(b"{}")


@pytest.mark.parametrize("fps", [10, 29.97, 0.4])
def test_a_simulation_has_a_key_frame_at_least_every_two_seconds(tmp_path: Path, fps: float) -> None:
    render(task(tmp_path / "r", start("sea"), end(6000), fps=fps))
    since_key_frame = group_seconds(tmp_path / "r" / "video.mp4")
    assert len(since_key_frame) == round(6 * fps)
    assert max(since_key_frame) < 2
    assert since_key_frame.count(0) == min(3, round(6 * fps)) + (fps == 29.97)
