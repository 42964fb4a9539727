"""Sources of episodes: scripts to simulate, recordings, and completed jobs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import (
    OdysseyAuthError,
    OdysseyConfigurationError,
    OdysseyError,
    OdysseyNotFoundError,
)
from odyssey_ros.client.types import SimulationJobStatus
from odyssey_ros.dataset.errors import EpisodeError, PlanError
from odyssey_ros.dataset.file_names import safe_name
from odyssey_ros.dataset.iso_time import since_epoch_ns
from odyssey_ros.dataset.logs.events import NO_EVENTS, script_events
from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.scripts.script_images import image_note
from odyssey_ros.dataset.service import RemoteStream
from odyssey_ros.dataset.submissions.job_watch import stream_of
from odyssey_ros.dataset.unusable_episodes import UnusableEpisode, unreadable_recordings, without_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from odyssey_ros.client.types import SimulationJobDetail, StreamRecordingsList
    from odyssey_ros.dataset.logs.events import EventLog
    from odyssey_ros.dataset.retry_policy import RetryPolicy
    from odyssey_ros.dataset.scripts.plans import EpisodePlan
    from odyssey_ros.dataset.service import Service
    from odyssey_ros.dataset.submissions.job_watch import JobReport
    from odyssey_ros.dataset.submissions.simulation_jobs import SimulationJobs

_PAGE: Final = 100
_MAX_PAGES: Final = 1000
_MAX_SCRIPTS: Final = 1000  # of a job; a larger index is a mistake of the service

END_OF_TIME_NS: Final = 2**63 - 1
"""The end of a time range without an end."""


class EpisodeSource(Protocol):
    """The source of one episode."""

    @property
    def name(self) -> str:
        """Name of the bag; the same in every run and on every machine."""

    @property
    def expected_events(self) -> EventLog:
        """Events of the stream, as far as they are known without the events log of the service."""

    def losses(self) -> Mapping[Loss, int]:
        """Return what was lost before the stream was made, as far as it is known. Blocks."""

    async def locate(self, report: JobReport) -> RemoteStream:
        """Return the finished stream, which a job makes first if necessary.

        Raises:
            EpisodeError: There is no such stream.
        """

    async def renew(self, stream: RemoteStream) -> RemoteStream:
        """Return the same stream with new URLs.

        Raises:
            EpisodeError: The service does not return new URLs.
        """

    def provenance(self) -> dict[str, Any]:
        """Return the origin of the episode for the manifest."""


@dataclass(frozen=True, slots=True)
class SimulatedEpisode:
    """A script that is simulated for this dataset."""

    plan: EpisodePlan
    jobs: SimulationJobs

    @property
    def name(self) -> str:
        """The name in the plan."""
        return self.plan.name

    @property
    def expected_events(self) -> EventLog:
        """The events of the script."""
        return script_events(self.plan.script)

    def losses(self) -> Mapping[Loss, int]:
        """Return the loss of the colours of the script's image."""
        return {Loss.UNCONVERTED_IMAGE: 1} if image_note(self.plan) else {}

    async def locate(self, report: JobReport) -> RemoteStream:
        """Submit the script, or find the job that an earlier run submitted."""
        return await self.jobs.obtain(self.plan, report)

    async def renew(self, stream: RemoteStream) -> RemoteStream:
        """Ask for the job again."""
        return await self.jobs.renewed(stream)

    def provenance(self) -> dict[str, Any]:
        """Return the script, without the bytes of its image."""
        script = [dict(entry) for entry in self.plan.script]
        start = dict(script[0]["start"])  # type: ignore[call-overload]
        image = start.get("image")
        if isinstance(image, str):
            start["image"] = "data URL" if image.startswith("data:") else image.rpartition("/")[2]
        script[0]["start"] = start
        return {
            "source": self.plan.source,
            "variables": dict(self.plan.variables),
            "portrait": self.plan.portrait,
            "bypass_prompt_expansion": self.plan.bypass_prompt_expansion,
            "script": script,
        }


@dataclass(frozen=True, slots=True)
class RecordedEpisode:
    """A recorded stream.

    Attributes:
        stream_id: Id of the recording.
        started_at: Start of the stream, as the service writes it; None when it is unknown.
        service: The service.
        retry_policy: Retries of requests that fail.
    """

    stream_id: str
    started_at: str | None
    service: Service
    retry_policy: RetryPolicy

    @property
    def name(self) -> str:
        """The stream id as a file name."""
        return safe_name(self.stream_id)

    @property
    def expected_events(self) -> EventLog:
        """Always empty: nothing is known without the log."""
        return NO_EVENTS

    def losses(self) -> Mapping[Loss, int]:
        """Return nothing: what was submitted is unknown."""
        return {}

    async def locate(self, report: JobReport) -> RemoteStream:
        """Request the recording."""
        report.phase("looking up")
        try:
            recording = await self.retry_policy.call(lambda: self.service.get_recording(self.stream_id))
        except OdysseyError as error:
            raise _lookup_failed(error) from error
        if recording.video_url is None:
            raise EpisodeError(
                ErrorCode.NO_VIDEO, "the recording has no video: if the stream is still running, end it first"
            )
        return RemoteStream(
            stream_id=recording.stream_id,
            video_url=recording.video_url,
            events_url=recording.events_url,
            start_time_ns=since_epoch_ns(self.started_at),
            frame_count=recording.frame_count,
            duration_s=recording.duration_seconds,
        )

    async def renew(self, stream: RemoteStream) -> RemoteStream:  # noqa: ARG002 - the same request serves
        """Request the recording again."""
        return await self.locate(_NoReport())

    def provenance(self) -> dict[str, Any]:
        """Return the kind of the source: nothing else is known of a live stream."""
        return {"source": "recording"}


@dataclass(frozen=True, slots=True)
class JobEpisode:
    """One stream of a completed job."""

    job_id: str
    script_index: int
    service: Service
    retry_policy: RetryPolicy

    @property
    def name(self) -> str:
        """The job id and the number of the script."""
        return f"{safe_name(self.job_id)}-{self.script_index}"

    @property
    def expected_events(self) -> EventLog:
        """Always empty: the service does not return scripts."""
        return NO_EVENTS

    def losses(self) -> Mapping[Loss, int]:
        """Return nothing: what was submitted is unknown."""
        return {}

    async def locate(self, report: JobReport) -> RemoteStream:
        """Request the job."""
        report.phase("looking up")
        detail = await _job(self.service, self.job_id, self.retry_policy)
        stream = stream_of(detail, self.script_index)
        if stream is None:
            raise EpisodeError(
                ErrorCode.NO_VIDEO, f"job {self.job_id} ({detail.status}) has no video of this script"
            )
        return stream

    async def renew(self, stream: RemoteStream) -> RemoteStream:  # noqa: ARG002 - the same request serves
        """Ask for the job again."""
        return await self.locate(_NoReport())

    def provenance(self) -> dict[str, Any]:
        """Return the kind of the source: the script of the job is unknown."""
        return {"source": "job"}


async def recordings_by_id(
    stream_ids: Sequence[str], service: Service, retry_policy: RetryPolicy
) -> list[RecordedEpisode]:
    """Return the sources of the given recordings.

    Their start times come from the account's list of recordings, which is requested once. The start time of a
    recording that is not in the list is unknown.

    Raises:
        PlanError: The account is refused.
    """
    wanted = dict.fromkeys(stream_ids)
    started: dict[str, str] = {}
    offset = 0
    for _ in range(_MAX_PAGES):
        answer, offset, last = await _recordings_page(service, retry_policy, offset)
        started |= {row.stream_id: row.started_at for row in answer.recordings if row.stream_id in wanted}
        if last or len(started) == len(wanted):
            break
    return [RecordedEpisode(stream_id, started.get(stream_id), service, retry_policy) for stream_id in wanted]


async def recordings_between(
    since_ns: int, until_ns: int, service: Service, retry_policy: RetryPolicy
) -> list[RecordedEpisode | UnusableEpisode]:
    """Return the account's finished recordings that started in `since_ns <= start < until_ns`, oldest first.

    Entries of the list that cannot be read, or whose start is not a time, come last.

    Raises:
        PlanError: The account is refused.
    """
    found: dict[str, RecordedEpisode] = {}
    unusable: dict[str, UnusableEpisode] = {}
    offset = ignored = 0
    for _ in range(_MAX_PAGES):
        answer, offset, last = await _recordings_page(service, retry_policy, offset)
        rows = answer.recordings
        ignored += answer.ignored
        for row in rows:
            start_ns = since_epoch_ns(row.started_at)
            if row.ended_at is None:
                continue
            if not start_ns and (since_ns > 0 or until_ns < END_OF_TIME_NS):
                unusable[row.stream_id] = without_start(row.stream_id)
            elif since_ns <= start_ns < until_ns:
                found[row.stream_id] = RecordedEpisode(row.stream_id, row.started_at, service, retry_policy)
        # The list is newest first. A new row shifts older rows to the next page, so they may appear twice.
        if last or (rows and all(0 < since_epoch_ns(row.started_at) < since_ns for row in rows)):
            break
    else:
        raise PlanError(
            f"the account has more than {_MAX_PAGES * _PAGE} recordings in this time range: give a later "
            "--since, and the other recordings by their stream ids"
        )
    if ignored:
        unusable[""] = unreadable_recordings(ignored)
    return [
        *sorted(found.values(), key=lambda episode: (episode.started_at or "", episode.stream_id)),
        *unusable.values(),
    ]


async def streams_of_jobs(
    job_ids: Sequence[str], service: Service, retry_policy: RetryPolicy
) -> list[JobEpisode | UnusableEpisode]:
    """Return the sources of all streams of completed jobs. A job that cannot be read is an unusable episode.

    Raises:
        PlanError: A job does not exist, or is not completed.
    """
    episodes: list[JobEpisode | UnusableEpisode] = []
    for job_id in dict.fromkeys(job_ids):
        try:
            detail = await _job(service, job_id, retry_policy)
        except EpisodeError as error:
            if error.code is not ErrorCode.INVALID_RESPONSE:
                raise PlanError(f"job {job_id}: {error.message}") from error
            episodes.append(UnusableEpisode(safe_name(job_id), error))
            continue
        if detail.status is not SimulationJobStatus.COMPLETED:
            raise PlanError(f"job {job_id} is {detail.status}, not completed")
        if not detail.streams:
            empty = EpisodeError(ErrorCode.NO_VIDEO, f"job {job_id} is completed, but it has no streams")
            episodes.append(UnusableEpisode(safe_name(job_id), empty))
            continue
        indexes = sorted(_script_indexes(stream.script_index for stream in detail.streams))
        episodes += (JobEpisode(job_id, index, service, retry_policy) for index in indexes)
    return episodes


def _script_indexes(listed: Iterable[int]) -> set[int]:
    """Return the indexes of a job's scripts: those of its streams, and those that are missing in between."""
    found = set(listed)
    return found | set(range(min(max(found), _MAX_SCRIPTS)))


def job_provenance(stream: RemoteStream) -> dict[str, Any]:
    """Return the properties of the job that made a stream, for the manifest."""
    return {} if stream.job is None else {"job": asdict(stream.job)}


class _NoReport:
    """Discards reports."""

    def phase(self, text: str) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""


async def _recordings_page(
    service: Service, retry_policy: RetryPolicy, offset: int
) -> tuple[StreamRecordingsList, int, bool]:
    """Return a page, the offset of the next one, and whether it is the last one.

    A service may return fewer rows than it was asked for.
    """
    try:
        answer = await retry_policy.call(lambda: service.list_stream_recordings(limit=_PAGE, offset=offset))
    except OdysseyError as error:
        raise PlanError(f"the recordings cannot be listed: {error}") from error
    rows = len(answer.recordings) + answer.ignored
    return answer, offset + rows, not rows or offset + rows >= answer.total


async def _job(service: Service, job_id: str, retry_policy: RetryPolicy) -> SimulationJobDetail:
    try:
        return await retry_policy.call(lambda: service.get_simulate_status(job_id))
    except OdysseyError as error:
        raise _lookup_failed(error) from error


def _lookup_failed(error: OdysseyError) -> EpisodeError:
    if isinstance(error, (OdysseyNotFoundError, OdysseyAuthError)):
        return EpisodeError(ErrorCode.NO_VIDEO, str(error))
    if isinstance(error, OdysseyConfigurationError) or error.code is ErrorCode.INVALID_RESPONSE:
        return EpisodeError(error.code, str(error))
    return EpisodeError(ErrorCode.SERVICE_FAILED, str(error))
