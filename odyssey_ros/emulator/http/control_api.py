"""The control endpoint: the state of the service, and the faults. It serves this machine only."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from aiohttp import web

from odyssey_ros.emulator.faults.fault_parsing import parse_fault
from odyssey_ros.emulator.http.http_answers import CONTROL_PREFIX, HttpError
from odyssey_ros.emulator.http.json_fields import Fields, InvalidFieldError
from odyssey_ros.emulator.http.request_bodies import read_body
from odyssey_ros.web.hosts import is_loopback

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from odyssey_ros.emulator.faults.fault_registry import ArmedFault
    from odyssey_ros.emulator.service_context import ServiceContext
    from odyssey_ros.emulator.session_status import StreamStatus
    from odyssey_ros.emulator.sessions import Session, SessionRegistry

_MAX_JOBS = 100
"""Most jobs of an account in the state."""

_MAX_BODY_BYTES = 256 * 1024

_MAX_FAULTS = 1000
"""Most armed faults, spent ones included."""


def describe_fault(armed: ArmedFault) -> dict[str, object]:
    """Return an armed fault as JSON: its fields, its schedule, and how often it has happened."""
    schedule = {
        name: value for name, value in dataclasses.asdict(armed.schedule).items() if value is not None
    }
    return {
        "id": armed.number,
        "fault": armed.fault.name,
        **dataclasses.asdict(armed.fault),
        **schedule,
        "fired": armed.fired,
        "spent": armed.spent,
    }


class ControlApi:
    """Handlers of the control endpoint.

    Args:
        context: the parts of the service.
        sessions: all sessions of the service.
    """

    def __init__(self, context: ServiceContext, sessions: SessionRegistry) -> None:
        self._context = context
        self._sessions = sessions

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        local = self._local_only
        return [
            web.get(f"{CONTROL_PREFIX}/state", local(self._state)),
            web.get(f"{CONTROL_PREFIX}/faults", local(self._list_faults)),
            web.post(f"{CONTROL_PREFIX}/faults", local(self._arm_faults)),
            web.delete(f"{CONTROL_PREFIX}/faults", local(self._clear_faults)),
            web.delete(f"{CONTROL_PREFIX}/faults/{{number:[0-9]{{1,9}}}}", local(self._disarm_fault)),
        ]

    def state(self) -> dict[str, object]:
        """Return the sessions, jobs, faults and counters as JSON values."""
        return {
            "sessions": [self._describe_session(session) for session in self._sessions.live()],
            "jobs": [
                {"owner": job.owner, "retry_count": job.retry_count, **job.summary_json()}
                for account in self._context.config.accounts
                for job in self._context.jobs.page(account.name, _MAX_JOBS)[0]
            ],
            "faults": [describe_fault(armed) for armed in self._context.faults.armed()],
            "counters": dict(sorted(self._context.counters.items())),
        }

    def _describe_session(self, session: Session) -> dict[str, object]:
        description: dict[str, object] = {
            "session_id": session.session_id,
            "account": session.account.name,
            "region": session.region,
            "state": session.state,
            "stream": None,
        }
        if session.streamer is None:
            return description
        status = session.streamer.status()
        description["codec"] = status.codec
        description["frames_sent"] = status.frames_sent
        description["frames_dropped"] = status.frames_dropped
        if status.stream is not None:
            description["stream"] = self._describe_stream(status.stream)
        return description

    def _describe_stream(self, stream: StreamStatus) -> dict[str, object]:
        return {
            "stream_id": stream.stream_id,
            "prompt": stream.prompt,
            "portrait": stream.portrait,
            "seconds": round(self._context.monotonic() - stream.started_at, 3),
            "frames_made": stream.frames_made,
            "frames_skipped": stream.frames_skipped,
            "broadcast": self._context.broadcasts.is_open(stream.stream_id),
            "spectators": self._context.broadcasts.spectators(stream.stream_id),
        }

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response(self.state())

    async def _list_faults(self, _request: web.Request) -> web.Response:
        return self._faults_response(self._context.faults.armed())

    async def _arm_faults(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            # A page of another origin cannot send this content type without a preflight, which fails here.
            raise HttpError(415, "Faults are application/json")
        try:
            body = json.loads(await read_body(request, _MAX_BODY_BYTES))
        except (ValueError, RecursionError):
            raise InvalidFieldError((), "not valid JSON") from None
        entries = body if isinstance(body, list) else [body]
        if len(entries) + len(self._context.faults.armed()) > _MAX_FAULTS:
            raise HttpError(429, f"At most {_MAX_FAULTS} faults can be armed; disarm others first")
        parsed = [parse_fault(Fields.of(entry, (index,))) for index, entry in enumerate(entries)]
        armed = tuple(self._context.faults.arm(fault, schedule) for fault, schedule in parsed)
        return self._faults_response(armed, status=201)

    async def _clear_faults(self, _request: web.Request) -> web.Response:
        self._context.faults.clear()
        return web.Response(status=204)

    async def _disarm_fault(self, request: web.Request) -> web.Response:
        if not self._context.faults.disarm(int(request.match_info["number"])):
            raise HttpError(404, "No such fault")
        return web.Response(status=204)

    def _faults_response(self, armed: tuple[ArmedFault, ...], status: int = 200) -> web.Response:
        return web.json_response({"faults": [describe_fault(fault) for fault in armed]}, status=status)

    def _local_only(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if not is_loopback(request.remote):
                raise HttpError(403, "The control endpoint serves this machine only")
            # DNS rebinding: a page whose host name resolves to this machine sends that name as its host.
            if not is_loopback(request.url.host):
                raise HttpError(403, "The control endpoint is reached by a loopback address only")
            return await handler(request)

        return guarded
