"""Submissions whose answers are lost: an account, a script, and what the service makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hostile_service import json_response
from odyssey_ros.dataset.scripts.plans import read_plans
from scripted_account import ScriptedAccount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SCRIPT = """
portrait: false
repeats: 1
script:
  - {timestamp_ms: 0, start: {prompt: a cat}}
  - {timestamp_ms: 300, interact: {prompt: it rains}}
  - {timestamp_ms: 600, end: {}}
"""
LOG = (
    {"timestamp_ms": 0, "type": "start", "prompt": "a cat", "applied_prompt": "a cat, vivid"},
    {"timestamp_ms": 300, "type": "interact", "prompt": "it rains", "applied_prompt": "it rains, vivid"},
    {"timestamp_ms": 600, "type": "end"},
)
COMMAND = ["simulate", "walk.yaml", "-o", "out", "--images", "h264"]
OTHER_PROMPT = (LOG[0], {**LOG[1], "prompt": "it snows"}, LOG[2])


class LossyAccount(ScriptedAccount):
    """An account with an old job. The first submission makes `appearing` jobs, and its answer is lost."""

    def __init__(self, make_video: Callable[..., Path]) -> None:
        super().__init__()
        self.make_video = make_video
        self.appearing: list[Callable[[], None]] = []
        self.on_submit = self._submitted
        self.add_job("old", "2026-11-01T10:00:00Z")

    def make(
        self, job_id: str, log: Any = LOG, *, portrait: bool = False, streams: int = 1, **fields: Any
    ) -> None:
        """Add a job as the service would make it from the script."""
        size = (192, 320) if portrait else (320, 192)
        lines = None if log is None else "".join(f"{json.dumps(line)}\n" for line in log).encode()
        made = [
            {
                "stream_id": f"stream-{job_id}-{index}",
                "video_url": self.add_file(f"{job_id}.mp4", self.make_video(size=size).read_bytes()),
                "events_url": None if lines is None else self.add_file(f"{job_id}.jsonl", lines),
                "script_index": index,
                **fields.pop("stream", {}),
            }
            for index in range(streams)
        ]
        self.add_job(job_id, "2026-11-01T10:00:05Z", *made, **fields)

    def _submitted(self) -> Iterable[bytes]:
        number = len(self.submissions)
        if number == 1:
            for appear in self.appearing:
                appear()
            return
        self.make(f"again-{number}")
        yield json_response(200, self.job_details[f"again-{number}"])


def jobs_of_bags() -> list[str]:
    """Return the jobs of the finished episodes."""
    lines = Path("out/manifest.jsonl").read_text().split("\n")[:-1]
    return [json.loads(line)["provenance"]["job"]["job_id"] for line in lines]


def failures() -> list[dict[str, str]]:
    """Return the failures of the last run."""
    return [json.loads(line) for line in Path("out/failures.jsonl").read_text().split("\n")[:-1]]


def episode_of(file: str = "walk.yaml") -> str:
    """Return the name of the first episode of a script file."""
    return read_plans([Path(file)])[0].name
