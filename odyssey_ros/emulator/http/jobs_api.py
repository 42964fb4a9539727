"""The HTTP endpoints of simulation jobs."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from odyssey_ros.emulator.http.authorization import authorize
from odyssey_ros.emulator.http.http_answers import HttpError, page_of
from odyssey_ros.emulator.http.json_fields import Fields, InvalidQueryError
from odyssey_ros.emulator.http.presigned_urls import presigned_url
from odyssey_ros.emulator.http.request_bodies import LargeBodies, read_body
from odyssey_ros.emulator.jobs.job import Job, JobStatus
from odyssey_ros.emulator.jobs.job_request import JobRequest
from odyssey_ros.emulator.jobs.job_service import JobNotCancellableError, QueueFullError

if TYPE_CHECKING:
    from odyssey_ros.emulator.service_context import ServiceContext

_DEFAULT_PAGE = 20
_MAX_PAGE = 100

_MAX_BODY_BYTES = 64 * 1024 * 1024
_SMALL_BODY_BYTES = 1024 * 1024
_BODY_SECONDS = 60.0


class JobsApi:
    """Handlers of the simulation jobs' endpoints.

    Args:
        context: the parts of the service.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._jobs = context.jobs
        self._large_bodies = LargeBodies(_SMALL_BODY_BYTES, _BODY_SECONDS)

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.post("/simulation-jobs", self._submit, name="jobs_submit"),
            web.get("/simulation-jobs", self._list, name="jobs_list"),
            web.get("/simulation-jobs/{job_id}", self._get, name="jobs_get"),
            web.delete("/simulation-jobs/{job_id}", self._cancel, name="jobs_cancel"),
        ]

    async def _submit(self, request: web.Request) -> web.Response:
        account = authorize(self._context, request)
        async with self._large_bodies.admit(request):
            job_request = await asyncio.to_thread(
                _parse, await read_body(request, _MAX_BODY_BYTES, seconds=_BODY_SECONDS)
            )
            if job_request.bypass_expansion and not account.may_bypass_expansion:
                raise HttpError(403, "This account may not bypass prompt expansion")
            try:
                job = await self._jobs.submit(account.name, job_request)
            except QueueFullError as error:
                raise HttpError(429, str(error)) from None
        return self._describe(request, job)

    async def _get(self, request: web.Request) -> web.Response:
        return self._describe(request, self._own_job(request))

    async def _list(self, request: web.Request) -> web.Response:
        account = authorize(self._context, request)
        limit, offset = page_of(request, _DEFAULT_PAGE, _MAX_PAGE)
        jobs, total = self._jobs.page(
            account.name, limit, offset, status=_status_filter(request), active=_active_filter(request)
        )
        rows = [job.summary_json() for job in jobs]
        return web.json_response({"jobs": rows, "total": total, "limit": limit, "offset": offset})

    async def _cancel(self, request: web.Request) -> web.Response:
        job = self._own_job(request)
        try:
            job = await self._jobs.cancel(job.job_id)
        except JobNotCancellableError as error:
            raise HttpError(400, str(error)) from None
        return web.json_response(job.summary_json())

    def _own_job(self, request: web.Request) -> Job:
        account = authorize(self._context, request)
        job = self._jobs.get(request.match_info["job_id"])
        if job is None:
            raise HttpError(404, "Simulation job not found")
        if job.owner != account.name:
            raise HttpError(403, "Not authorized to access this job")
        return job

    def _describe(self, request: web.Request, job: Job) -> web.Response:
        return web.json_response(
            job.detail_json(
                self._context.recordings.get,
                partial(presigned_url, self._context, request),
                self._jobs.estimated_wait_minutes(job),
            )
        )


def _parse(body: bytes) -> JobRequest:
    return JobRequest.parse(Fields.parse(body))


def _status_filter(request: web.Request) -> JobStatus | None:
    text = request.query.get("status")
    try:
        return None if text is None else JobStatus(text)
    except ValueError:
        raise InvalidQueryError(
            ("status",), f"must be one of {', '.join(status.value for status in JobStatus)}"
        ) from None


def _active_filter(request: web.Request) -> bool | None:
    text = request.query.get("active")
    if text is None:
        return None
    if text.lower() not in {"true", "false"}:
        raise InvalidQueryError(("active",), "must be true or false")
    return text.lower() == "true"
