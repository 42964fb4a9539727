"""Where episodes come from: scripts to be simulated, recordings, and jobs that somebody submitted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import OdysseyAuthError, OdysseyError, OdysseyNotFoundError
from odyssey_ros.client.types import SimulationJobStatus
from odyssey_ros.dataset.errors import EpisodeError, PlanError
from odyssey_ros.dataset.events import NO_EVENTS, script_events
from odyssey_ros.dataset.file_names import safe_name
from odyssey_ros.dataset.iso_time import since_epoch_ns
from odyssey_ros.dataset.service import RemoteStream
from odyssey_ros.dataset.simulation_jobs import stream_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odyssey_ros.client.types import SimulationJobDetail, StreamRecordingInfo
    from odyssey_ros.dataset.events import EventLog
    from odyssey_ros.dataset.patience import Patience
    from odyssey_ros.dataset.plans import EpisodePlan
    from odyssey_ros.dataset.service import Service
    from odyssey_ros.dataset.simulation_jobs import JobReport, SimulationJobs

_PAGE: Final = 100
_MAX_PAGES: Final = 1000


class EpisodeSource(Protocol):
    """One episode that can be had."""

    @property
    def name(self) -> str:
        """Names the bag; the same in every run and on every machine."""

    @property
    def expected_events(self) -> EventLog:
        """What happens in the stream as far as it is known without the service's log."""

    async def locate(self, report: JobReport) -> RemoteStream:
        """Find the finished stream, or have it made.

        Raises:
            EpisodeError: There is none.
        """

    async def renew(self, stream: RemoteStream) -> RemoteStream:
        """The same stream with fresh URLs.

        Raises:
            EpisodeError: The service does not give them.
        """

    def provenance(self) -> dict[str, Any]:
        """What the manifest says about how the episode came about."""


@dataclass(frozen=True, slots=True)
class SimulatedEpisode:
    """A script that is simulated for this dataset."""

    plan: EpisodePlan
    jobs: SimulationJobs

    @property
    def name(self) -> str:
        """As the plan says."""
        return self.plan.name

    @property
    def expected_events(self) -> EventLog:
        """The script's own."""
        return script_events(self.plan.script)

    async def locate(self, report: JobReport) -> RemoteStream:
        """Have it made, or find the job that an earlier run submitted."""
        return await self.jobs.obtain(self.plan, report)

    async def renew(self, stream: RemoteStream) -> RemoteStream:
        """Ask for the job again."""
        return await self.jobs.refreshed(stream)

    def provenance(self) -> dict[str, Any]:
        """The script, without the bytes of its image."""
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
    """A stream that was recorded.

    Attributes:
        stream_id: The recording.
        started_at: When it began, as the service words it; None when nobody knows.
        service: The service.
        patience: For requests that fail.
    """

    stream_id: str
    started_at: str | None
    service: Service
    patience: Patience

    @property
    def name(self) -> str:
        """The stream id, as a file can be called."""
        return safe_name(self.stream_id)

    @property
    def expected_events(self) -> EventLog:
        """Nothing is known without the log."""
        return NO_EVENTS

    async def locate(self, report: JobReport) -> RemoteStream:
        """Ask for the recording."""
        report.phase("looking up")
        try:
            recording = await self.patience.call(lambda: self.service.get_recording(self.stream_id))
        except OdysseyError as error:
            raise _lookup_failed(error) from error
        if recording.video_url is None:
            raise EpisodeError(
                ErrorCode.NO_VIDEO, "the recording has no video; perhaps the stream still runs"
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
        """Ask for the recording again."""
        return await self.locate(_Silent())

    def provenance(self) -> dict[str, Any]:
        """A live stream: nothing but the recording itself."""
        return {"source": "recording"}


@dataclass(frozen=True, slots=True)
class JobEpisode:
    """One stream of a job that somebody submitted and that has completed."""

    job_id: str
    script_index: int
    service: Service
    patience: Patience

    @property
    def name(self) -> str:
        """The job and the number of its script."""
        return f"{safe_name(self.job_id)}-{self.script_index}"

    @property
    def expected_events(self) -> EventLog:
        """The service does not give scripts back."""
        return NO_EVENTS

    async def locate(self, report: JobReport) -> RemoteStream:
        """Ask for the job."""
        report.phase("looking up")
        detail = await _job(self.service, self.job_id, self.patience)
        stream = stream_of(detail, self.script_index)
        if stream is None:
            raise EpisodeError(
                ErrorCode.NO_VIDEO, f"job {self.job_id} ({detail.status}) has no video of this script"
            )
        return stream

    async def renew(self, stream: RemoteStream) -> RemoteStream:  # noqa: ARG002 - the same request serves
        """Ask for the job again."""
        return await self.locate(_Silent())

    def provenance(self) -> dict[str, Any]:
        """A job of unknown script."""
        return {"source": "job"}


async def recordings_by_id(
    stream_ids: Sequence[str], service: Service, patience: Patience
) -> list[RecordedEpisode]:
    """Recordings that are named.

    When they began is looked up in the account's list, once; of one that is not in it, it stays unknown.

    Raises:
        PlanError: The account is refused.
    """
    wanted = dict.fromkeys(stream_ids)
    started: dict[str, str] = {}
    for page in range(_MAX_PAGES):
        rows, last = await _recordings_page(service, patience, page)
        started |= {row.stream_id: row.started_at for row in rows if row.stream_id in wanted}
        if last or len(started) == len(wanted):
            break
    return [RecordedEpisode(stream_id, started.get(stream_id), service, patience) for stream_id in wanted]


async def recordings_between(
    since_ns: int, until_ns: int, service: Service, patience: Patience
) -> list[RecordedEpisode]:
    """The account's finished recordings that began at or after one time and before another, oldest first.

    Raises:
        PlanError: The account is refused.
    """
    found: dict[str, RecordedEpisode] = {}
    for page in range(_MAX_PAGES):
        rows, last = await _recordings_page(service, patience, page)
        for row in rows:
            if since_ns <= since_epoch_ns(row.started_at) < until_ns and row.ended_at is not None:
                found[row.stream_id] = RecordedEpisode(row.stream_id, row.started_at, service, patience)
        # The list is newest first, but new rows push old ones onto the next page: those come twice.
        if last or all(since_epoch_ns(row.started_at) < since_ns for row in rows):
            break
    return sorted(found.values(), key=lambda episode: (episode.started_at or "", episode.stream_id))


async def streams_of_jobs(job_ids: Sequence[str], service: Service, patience: Patience) -> list[JobEpisode]:
    """All streams of jobs that have completed.

    Raises:
        PlanError: A job is not there, or has not completed.
    """
    episodes: list[JobEpisode] = []
    for job_id in dict.fromkeys(job_ids):
        try:
            detail = await _job(service, job_id, patience)
        except EpisodeError as error:
            raise PlanError(f"job {job_id}: {error.message}") from error
        if detail.status is not SimulationJobStatus.COMPLETED:
            raise PlanError(f"job {job_id} is {detail.status}, not completed")
        indexes = sorted({stream.script_index for stream in detail.streams})
        episodes += (JobEpisode(job_id, index, service, patience) for index in indexes)
    return episodes


def job_provenance(stream: RemoteStream) -> dict[str, Any]:
    """What the manifest says of the job that made a stream."""
    return {} if stream.job is None else {"job": asdict(stream.job)}


class _Silent:
    def phase(self, text: str) -> None:
        """Nobody listens."""

    def note(self, text: str) -> None:
        """Nobody listens."""


async def _recordings_page(
    service: Service, patience: Patience, page: int
) -> tuple[list[StreamRecordingInfo], bool]:
    try:
        answer = await patience.call(lambda: service.list_stream_recordings(limit=_PAGE, offset=page * _PAGE))
    except OdysseyError as error:
        raise PlanError(f"the recordings cannot be listed: {error}") from error
    return answer.recordings, not answer.recordings or (page + 1) * _PAGE >= answer.total


async def _job(service: Service, job_id: str, patience: Patience) -> SimulationJobDetail:
    try:
        return await patience.call(lambda: service.get_simulate_status(job_id))
    except OdysseyError as error:
        raise _lookup_failed(error) from error


def _lookup_failed(error: OdysseyError) -> EpisodeError:
    if isinstance(error, (OdysseyNotFoundError, OdysseyAuthError)):
        return EpisodeError(ErrorCode.NO_VIDEO, str(error))
    return EpisodeError(ErrorCode.SERVICE_FAILED, str(error))
