"""The state of simulation jobs: polling until a job is terminal, and the streams that it made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import (
    OdysseyAuthError,
    OdysseyConfigurationError,
    OdysseyError,
    OdysseyNotFoundError,
)
from odyssey_ros.client.job_polling import poll_until_terminal
from odyssey_ros.client.types import SimulationJobStatus
from odyssey_ros.dataset.errors import DatasetError, EpisodeError
from odyssey_ros.dataset.iso_time import since_epoch_ns
from odyssey_ros.dataset.retry_policy import STANDARD
from odyssey_ros.dataset.service import JobFacts, RemoteStream

if TYPE_CHECKING:
    from odyssey_ros.client.types import SimulationJobDetail
    from odyssey_ros.dataset.retry_policy import RetryPolicy
    from odyssey_ros.dataset.service import Service


class ServiceRefusalError(DatasetError):
    """The service refuses this account. Nothing can be submitted until the user has fixed the account."""


class JobReport(Protocol):
    """Receives the progress of an episode's job."""

    def phase(self, text: str) -> None:
        """Report what the episode waits for, in a word or two."""

    def note(self, text: str) -> None:
        """Report an event, such as a job that failed and is submitted again."""


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Limits of jobs.

    Attributes:
        retries: New jobs for a script whose job failed, in one run.
        poll_s: Seconds between two polls of a job.
        settle_s: Seconds after which a submission whose outcome is unknown has reached the service.
        retry_policy: Retries of requests that fail.
    """

    retries: int = 2
    poll_s: float = 5.0
    settle_s: float = 10.0
    retry_policy: RetryPolicy = STANDARD

    def jittered(self, seconds: float) -> float:
        """Return a time that differs by up to a fifth, so that many jobs are not polled at once."""
        return seconds * self.retry_policy.uniform(0.8, 1.2)


@dataclass(frozen=True, slots=True)
class FinalState:
    """The state of a job that changes no more.

    Attributes:
        detail: The job; None when the service does not return it.
        reason: Why the job has no video, for a job without one.
        is_foreign: Whether the job belongs to another account.
    """

    detail: SimulationJobDetail | None
    reason: str
    is_foreign: bool = False

    @property
    def stream(self) -> RemoteStream | None:
        """The stream of the first script of a completed job; None when there is no video."""
        return None if self.detail is None else finished_stream(self.detail)


class JobWatch:
    """Polls jobs. Use it on one event loop; any number of calls may run at once.

    Args:
        service: The service.
        limits: The limits.
    """

    def __init__(self, service: Service, limits: JobLimits) -> None:
        self._service = service
        self._limits = limits

    async def final_state(self, job_id: str, report: JobReport) -> FinalState:
        """Poll a job until it is terminal.

        Raises:
            EpisodeError: The job cannot be polled.
            ServiceRefusalError: The account is refused.
        """
        retry_policy = self._limits.retry_policy
        try:
            detail = await poll_until_terminal(
                lambda: retry_policy.call(lambda: self._service.get_simulate_status(job_id)),
                lambda job: report.phase(str(job.status)),
                period_s=lambda: self._limits.jittered(self._limits.poll_s),
                sleep=retry_policy.sleep,
            )
        except OdysseyNotFoundError:
            return FinalState(None, "the service no longer has it")
        except OdysseyAuthError as error:
            if error.status_code == 403:
                return FinalState(None, "it belongs to another account", is_foreign=True)
            raise ServiceRefusalError(str(error)) from error
        except OdysseyError as error:
            raise service_failed(error) from error
        return FinalState(detail, detail.error_message or "it completed without a video")


def stream_of(detail: SimulationJobDetail, script_index: int) -> RemoteStream | None:
    """Return the stream that a completed job made from one of its scripts; None when it has no video."""
    for stream in detail.streams:
        if stream.script_index == script_index and stream.video_url is not None:
            return RemoteStream(
                stream_id=stream.stream_id,
                video_url=stream.video_url,
                events_url=stream.events_url,
                start_time_ns=since_epoch_ns(detail.started_at or detail.created_at),
                frame_count=stream.frame_count,
                duration_s=stream.duration_seconds,
                job=JobFacts(
                    job_id=detail.job_id,
                    script_index=script_index,
                    created_at=detail.created_at,
                    started_at=detail.started_at,
                    completed_at=detail.completed_at,
                    retry_count=detail.retry_count,
                ),
            )
    return None


def finished_stream(detail: SimulationJobDetail, script_index: int = 0) -> RemoteStream | None:
    """Return the same as `stream_of`; None also when the job is not completed."""
    completed = detail.status is SimulationJobStatus.COMPLETED
    return stream_of(detail, script_index) if completed else None


def service_failed(error: OdysseyError) -> EpisodeError:
    """Return the error of an episode whose request failed."""
    code = error.code if isinstance(error, OdysseyConfigurationError) else ErrorCode.SERVICE_FAILED
    return EpisodeError(code, str(error))
