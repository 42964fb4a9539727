"""Records of episodes for the page, without bags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from odyssey_ros.dataset.report.episode_record import EpisodeRecord
from odyssey_ros.dataset.report.finding import Finding, FindingKind
from odyssey_ros.dataset.report.report_file import EpisodeReport, PromptSpan

MakeRecord = Callable[..., EpisodeRecord]

PICTURE = "data:image/jpeg;base64,/9j/4AAQ"


@pytest.fixture
def record() -> MakeRecord:
    """Makes records of episodes with 10 frames a prompt at 20 Hz: `record("walk", ["a fox", "it rains"])`."""

    def make(
        name: str = "walk",
        prompts: Sequence[str] = ("a fox",),
        *,
        findings: Sequence[tuple[int, int, str, str]] = (),
        picture: str = PICTURE,
        **fields: Any,
    ) -> EpisodeRecord:
        values: dict[str, Any] = {
            "crc32": "0123abcd",
            "frames": 10 * len(prompts),
            "stream_id": "stream",
            "images": "h264",
            "sizes": ((1280, 704),),
            "start_time_ns": 1_790_000_000_000_000_000,
            "duration_s": 0.5 * len(prompts),
            "rate_hz": 20.0,
            "prompts": tuple(
                PromptSpan(prompt, 10 * at, 10 * at + 9, 0.5 * at, 0.5) for at, prompt in enumerate(prompts)
            ),
            "findings": tuple(
                Finding(first, last, FindingKind(kind), text) for first, last, kind, text in findings
            ),
            **fields,
        }
        report = EpisodeReport(**values)
        strip = tuple(position for at in range(len(prompts)) for position in (10 * at, 10 * at + 9))
        return EpisodeRecord(
            name,
            report,
            strip,
            dict.fromkeys(range(report.frames), picture),
            tuple((0.05 * at, 50.0) for at in range(1, report.frames)),
        )

    return make
