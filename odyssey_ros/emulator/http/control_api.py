"""The control endpoint: what is going on, and failing on command. For this machine alone."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
from typing import TYPE_CHECKING

from aiohttp import web

from odyssey_ros.emulator.faults.fault_parsing import parse_fault
from odyssey_ros.emulator.http.http_answers import CONTROL_PREFIX, HttpError
from odyssey_ros.emulator.http.json_fields import Fields, InvalidFieldError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from odyssey_ros.emulator.faults.fault_registry import ArmedFault
    from odyssey_ros.emulator.service_context import ServiceContext
    from odyssey_ros.emulator.sessions import Session, SessionRegistry


_MAX_JOBS = 100


def describe_fault(armed: ArmedFault) -> dict[str, object]:
    """An armed fault as JSON: what it takes to arm it, and what became of it."""
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


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


class ControlApi:
    """Handlers of the control endpoint.

    Args:
        context: of the service.
        sessions: of the service.
    """

    def __init__(self, context: ServiceContext, sessions: SessionRegistry) -> None:
        self._context = context
        self._sessions = sessions

    def routes(self) -> list[web.RouteDef]:
        """The endpoints."""
        local = self._for_this_machine
        return [
            web.get(f"{CONTROL_PREFIX}/state", local(self._state)),
            web.get(f"{CONTROL_PREFIX}/faults", local(self._list_faults)),
            web.post(f"{CONTROL_PREFIX}/faults", local(self._arm_faults)),
            web.delete(f"{CONTROL_PREFIX}/faults", local(self._clear_faults)),
            web.delete(f"{CONTROL_PREFIX}/faults/{{number:\\d+}}", local(self._disarm_fault)),
        ]

    def state(self) -> dict[str, object]:
        """Everything that is going on, as JSON values."""
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
        streamer = session.streamer
        description: dict[str, object] = {
            "session_id": session.session_id,
            "account": session.account.name,
            "region": session.region,
            "state": session.state,
            "stream": None,
        }
        if streamer is None:
            return description
        description["codec"] = streamer.peer.codec
        description["frames_sent"] = streamer.peer.video.frames_sent
        description["frames_dropped"] = streamer.peer.video.frames_dropped
        running = streamer.running
        if running is not None:
            description["stream"] = {
                "stream_id": running.stream_id,
                "prompt": running.prompt,
                "portrait": running.portrait,
                "seconds": round(self._context.monotonic() - running.began, 3),
                "frames_made": running.stream.frames_made,
                "frames_skipped": running.stream.frames_skipped,
                "broadcast": self._context.broadcasts.knows(running.stream_id),
                "spectators": self._context.broadcasts.spectators(running.stream_id),
            }
        return description

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response(self.state())

    async def _list_faults(self, _request: web.Request) -> web.Response:
        return self._faults_response(self._context.faults.armed())

    async def _arm_faults(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            # A page in a browser cannot send this type to another origin without being allowed to.
            raise HttpError(415, "Faults are application/json")
        try:
            body = json.loads(await request.read())
        except ValueError:
            raise InvalidFieldError((), "not valid JSON") from None
        wanted = body if isinstance(body, list) else [body]
        parsed = [parse_fault(Fields.of(entry, (index,))) for index, entry in enumerate(wanted)]
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

    def _for_this_machine(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if request.remote is None or not ipaddress.ip_address(request.remote).is_loopback:
                raise HttpError(403, "The control endpoint serves this machine only")
            # A page whose host name was made to point at this machine (DNS rebinding) names that host.
            if not _is_loopback(request.url.host):
                raise HttpError(403, "The control endpoint is reached by a loopback address only")
            return await handler(request)

        return guarded
