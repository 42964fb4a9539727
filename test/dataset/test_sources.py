"""Recordings found by id and by date, on several pages of a list that grows meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import Mock

import pytest

from odyssey_ros.client import (
    ErrorCode,
    OdysseyAuthError,
    OdysseyConnectionError,
    OdysseyNotFoundError,
    Recording,
)
from odyssey_ros.client.types import (
    SimulationJobDetail,
    SimulationJobStatus,
    SimulationStream,
    StreamRecordingInfo,
    StreamRecordingsList,
)
from odyssey_ros.dataset import sources
from odyssey_ros.dataset.errors import EpisodeError, PlanError
from odyssey_ros.dataset.iso_time import parse_time_ns
from odyssey_ros.dataset.retry_policy import RetryPolicy
from odyssey_ros.dataset.sources import recordings_between, recordings_by_id, streams_of_jobs


async def _soon(seconds: float) -> None:
    await asyncio.sleep(0)


RETRY_POLICY = RetryPolicy(retries=1, sleep=_soon)


def _row(day: int) -> StreamRecordingInfo:
    ended_at = None if day == 999 else "2026-11-30T00:00:00Z"
    return StreamRecordingInfo(
        f"s{day}", 704, 1280, f"2026-{1 + day // 28:02}-{1 + day % 28:02}T12:00:00Z", ended_at
    )


@dataclass
class Archive:
    """A long list of recordings in pages; recording that many with the emulator would take too long."""

    rows: list[StreamRecordingInfo]
    errors: list[Exception] = field(default_factory=list)
    grows: bool = False
    pages: int = 0
    max_rows: int = 100

    async def list_stream_recordings(self, limit: int, offset: int) -> StreamRecordingsList:
        self.pages += 1
        limit = min(limit, self.max_rows)
        if self.errors:
            raise self.errors.pop(0)
        page = self.rows[offset : offset + limit]
        answer = StreamRecordingsList(page, len(self.rows), limit, offset)
        if self.grows:
            self.rows.insert(0, _row(335))
        return answer

    async def get_recording(self, stream_id: str) -> Recording:
        if self.errors:
            raise self.errors.pop(0)
        return Recording(stream_id, video_url="http://127.0.0.1/x" if stream_id != "s0" else None)


def _archive(**options: Any) -> Any:
    return Archive([_row(day) for day in reversed(range(330))], **options)


def _ns(text: str) -> int:
    time_ns = parse_time_ns(text)
    assert time_ns is not None
    return time_ns


@pytest.mark.parametrize("grows", [False, True])
async def test_by_date(grows: bool) -> None:
    archive = _archive(grows=grows)
    found = await recordings_between(_ns("2026-03-01"), _ns("2026-04-01"), archive, RETRY_POLICY)
    assert [episode.stream_id for episode in found] == [f"s{day}" for day in range(56, 84)]
    assert archive.pages <= 4


async def test_a_service_with_smaller_pages() -> None:
    found = await recordings_between(0, 2**63 - 1, _archive(max_rows=40), RETRY_POLICY)
    assert len(found) == 330


async def test_a_list_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_MAX_PAGES", 2)
    with pytest.raises(PlanError, match="more than 200 recordings in this time range: give a later --since"):
        await recordings_between(0, 2**63 - 1, _archive(), RETRY_POLICY)
    assert len(await recordings_between(_ns("2026-12-01"), 2**63 - 1, _archive(), RETRY_POLICY)) == 22


@pytest.mark.parametrize(
    ("indexes", "episodes", "missing"), [([0, 2], 3, ["j-1"]), ([], 1, ["j"]), ([2**53], 1001, ["j-0"])]
)
async def test_missing_streams_of_a_job_are_failures(
    indexes: list[int], episodes: int, missing: list[str]
) -> None:
    class Jobs:
        async def get_simulate_status(self, job_id: str) -> SimulationJobDetail:
            streams = [SimulationStream(f"s{at}", "http://127.0.0.1/x", script_index=at) for at in indexes]
            return SimulationJobDetail(job_id, SimulationJobStatus.COMPLETED, "low", "", streams=streams)

    service: Any = Jobs()
    found = {episode.name: episode for episode in await streams_of_jobs(["j"], service, RETRY_POLICY)}
    assert len(found) == episodes
    for name in missing:
        with pytest.raises(EpisodeError) as caught:
            await found[name].locate(Mock())
        assert caught.value.code is ErrorCode.NO_VIDEO
    for index in indexes:
        assert (await found[f"j-{index}"].locate(Mock())).stream_id == f"s{index}"


async def test_a_running_stream_is_left_out() -> None:
    archive = _archive()
    archive.rows.insert(0, StreamRecordingInfo("running", 704, 1280, "2026-12-01T00:00:00Z", None))
    found = await recordings_between(_ns("2026-11-01"), 2**63 - 1, archive, RETRY_POLICY)
    assert "running" not in {episode.stream_id for episode in found}


async def test_by_id_with_the_start_times_of_the_list() -> None:
    archive = _archive()
    found = await recordings_by_id(["s329", "unlisted", "s300", "s329"], archive, RETRY_POLICY)
    assert [(episode.stream_id, episode.started_at) for episode in found] == [
        ("s329", _row(329).started_at),
        ("unlisted", None),
        ("s300", _row(300).started_at),
    ]
    assert archive.pages == 4
    archive.pages = 0
    await recordings_by_id(["s329"], archive, RETRY_POLICY)
    assert archive.pages == 1


async def test_errors() -> None:
    archive = _archive(errors=[OdysseyAuthError("Invalid API key")])
    with pytest.raises(PlanError, match="cannot be listed: Invalid API key"):
        await recordings_by_id(["s1"], archive, RETRY_POLICY)
    archive.errors = [OdysseyConnectionError("down")]
    (episode, empty) = await recordings_by_id(["s1", "s0"], archive, RETRY_POLICY)
    report: Any = type("Report", (), {"phase": lambda *_: None})()
    for error, code in (
        (OdysseyNotFoundError("Recording not found"), ErrorCode.NO_VIDEO),
        (OdysseyAuthError("not yours"), ErrorCode.NO_VIDEO),
    ):
        archive.errors = [error]
        with pytest.raises(EpisodeError) as caught:
            await episode.locate(report)
        assert caught.value.code is code
    archive.errors = [OdysseyConnectionError("down")] * 2
    with pytest.raises(EpisodeError) as caught:
        await episode.locate(report)
    assert caught.value.code is ErrorCode.SERVICE_FAILED
    with pytest.raises(EpisodeError, match="has no video"):
        await empty.locate(report)
    assert (await episode.renew(await episode.locate(report))).video_url
