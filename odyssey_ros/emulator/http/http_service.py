"""The HTTP application: accounts, regions, sessions, and the endpoint of the signaling socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from odyssey_ros.emulator.faults.fault_middleware import fault_middleware
from odyssey_ros.emulator.http.authorization import authorize
from odyssey_ros.emulator.http.broadcast_api import BroadcastApi
from odyssey_ros.emulator.http.control_api import ControlApi
from odyssey_ros.emulator.http.http_answers import HttpError, base_url, errors_as_json
from odyssey_ros.emulator.http.jobs_api import JobsApi
from odyssey_ros.emulator.http.json_fields import Fields, InvalidFieldError
from odyssey_ros.emulator.http.recordings_api import RecordingsApi
from odyssey_ros.emulator.http.request_bodies import read_body
from odyssey_ros.emulator.http.web_access import OriginRule, web_access
from odyssey_ros.emulator.sessions import NoStreamerError, Session, SessionRefusedError, SessionRegistry
from odyssey_ros.emulator.signaling import MAX_MESSAGE_BYTES, SignalingServer
from odyssey_ros.emulator.tokens import InvalidTokenError
from odyssey_ros.web.hosts import HostRule

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware

    from odyssey_ros.emulator.service_context import ServiceContext

_MAX_BODY_BYTES = 64 * 1024
_MODEL = "odyssey-emulator"
_SOCKET_CLOSE_SECONDS = 1.0


class HttpService:
    """Handlers of accounts, regions, sessions and sockets; builds the whole application.

    Args:
        context: the parts of the service.
        sessions: all sessions of the service.
    """

    def __init__(self, context: ServiceContext, sessions: SessionRegistry) -> None:
        self._context = context
        self._config = context.config
        self._tokens = context.tokens
        self._counters = context.counters
        self._sessions = sessions
        self._signaling = SignalingServer(context)

    def application(self, *outermost: Middleware) -> web.Application:
        """Return the aiohttp application; every endpoint that faults may name is a named route.

        Args:
            outermost: middlewares that see each request first.
        """
        context = self._context
        config = context.config
        app = web.Application(
            middlewares=[
                *outermost,
                web_access(HostRule(config.host, config.allow_hosts), OriginRule(config.cors_origins)),
                fault_middleware(context.faults, context.counters),
                errors_as_json,
            ]
        )
        app.add_routes(RecordingsApi(context).routes())
        app.add_routes(JobsApi(context).routes())
        app.add_routes(BroadcastApi(context).routes())
        if config.control:
            app.add_routes(ControlApi(context, self._sessions).routes())
        app.add_routes(
            [
                web.post("/auth/token", self._exchange_key, name="auth_token"),
                web.get("/regions", self._list_regions, name="regions"),
                web.get("/ping/{region}", self._ping, name="ping"),
                web.post("/sessions/request", self._request_session, name="sessions_request"),
                web.post("/sessions/token", self._issue_session_token, name="sessions_token"),
                web.get("/config", self._ice_config, name="config"),
                web.get("/client/{session_id}", self._open_socket, name="signaling"),
                web.post("/telemetry", self._accept_telemetry, name="telemetry"),
            ]
        )
        return app

    async def _exchange_key(self, request: web.Request) -> web.Response:
        api_key = Fields.parse(await read_body(request, _MAX_BODY_BYTES)).string("api_key")
        if not api_key.startswith("ody_"):
            raise InvalidFieldError(("api_key",), "Invalid API key format")
        account = self._context.accounts.by_key(api_key)
        if account is None:
            raise HttpError(401, "Invalid API key")
        if account.disabled is not None:
            raise HttpError(403, account.disabled)
        lifetime = self._config.limits.access_token_seconds
        token = self._tokens.issue("access", account.name, lifetime)
        return web.json_response({"access_token": token, "token_type": "bearer", "expires_in": int(lifetime)})

    async def _list_regions(self, request: web.Request) -> web.Response:
        authorize(self._context, request)
        base = base_url(request)
        regions = [{"id": region, "ping_url": f"{base}/ping/{region}"} for region in self._config.regions]
        return web.json_response({"regions": regions})

    async def _ping(self, request: web.Request) -> web.Response:
        if request.match_info["region"] not in self._config.regions:
            raise HttpError(404, "Not Found")
        return web.Response(text="pong")

    async def _request_session(self, request: web.Request) -> web.Response:
        account = authorize(self._context, request)
        body = await read_body(request, _MAX_BODY_BYTES)
        latencies = Fields.parse(body or b"{}").integers_by_name("region_latencies")
        try:
            session = self._sessions.request(account, latencies)
        except SessionRefusedError as error:
            raise HttpError(429, error.usage.body()) from None
        except NoStreamerError:
            raise HttpError(503, "No streamers available") from None
        return web.json_response(
            {
                "session_id": session.session_id,
                "signalling_url": base_url(request).replace("http", "ws", 1),
                "capabilities": {"image_to_video": self._config.image_to_video},
                "streamer_id": f"streamer-{session.session_id[:8]}",
                "model": _MODEL,
                "region": session.region,
            }
        )

    async def _issue_session_token(self, request: web.Request) -> web.Response:
        account = authorize(self._context, request)
        body = await read_body(request, _MAX_BODY_BYTES)
        session = self._sessions.find(Fields.parse(body).string("session_id"))
        if session is None or session.account is not account:
            raise HttpError(404, "Session not found or not authorized")
        lifetime = self._config.limits.session_token_seconds
        token = self._tokens.issue("session", session.session_id, lifetime)
        return web.json_response({"session_token": token, "expires_in": int(lifetime)})

    async def _ice_config(self, _request: web.Request) -> web.Response:
        servers: list[dict[str, str]] = []
        for server in self._config.ice_servers:
            entry = {"urls": server.url}
            if server.username is not None and server.credential is not None:
                entry |= {"username": server.username, "credential": server.credential}
            servers.append(entry)
        return web.json_response({"iceServers": servers})

    async def _accept_telemetry(self, request: web.Request) -> web.Response:
        await read_body(request, _MAX_BODY_BYTES)
        self._counters["telemetry_posts"] += 1
        return web.json_response({"status": "accepted"}, status=202)

    async def _open_socket(self, request: web.Request) -> web.StreamResponse:
        session = self._session_of_socket(request)
        if not await session.take_over():
            raise HttpError(409, "The session is in use")
        socket = web.WebSocketResponse(
            timeout=_SOCKET_CLOSE_SECONDS, max_msg_size=MAX_MESSAGE_BYTES, compress=False
        )
        await socket.prepare(request)
        try:
            await self._signaling.serve(session, request, socket)
        finally:
            self._sessions.release(session)
        return socket

    def _session_of_socket(self, request: web.Request) -> Session:
        try:
            session_id = self._tokens.check("session", request.query.get("token", ""))
        except InvalidTokenError as error:
            raise HttpError(401, str(error)) from None
        if session_id != request.match_info["session_id"]:
            raise HttpError(403, "The token is for another session")
        session = self._sessions.find(session_id)
        if session is None:
            raise HttpError(404, "Session not found")
        return session
