"""The services of the bridge: every call of the client, bounded, any number at once, none ever raising."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.qos import QoSProfile

from odyssey_ros import srv
from odyssey_ros.bridge.calls.service_requests import SimulationRequest, optional_count, picture, tristate
from odyssey_ros.bridge.conversions import (
    broadcast_message,
    count_field,
    credentials_message,
    job_info_message,
    job_message,
    recording_info_message,
    recording_message,
    text_field,
)
from odyssey_ros.bridge.live.stream_state import StreamRequest
from odyssey_ros.client import ErrorCode, OdysseyError, as_odyssey_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from odyssey_ros.bridge.live.stream_supervisor import StreamSupervisor
    from odyssey_ros.bridge.runtime.managed_node import ManagedNode
    from odyssey_ros.client import Odyssey

T = TypeVar("T")
CALL_TIMEOUT_S = (
    120.0  # the client bounds each step of a call; this bounds the whole, waiting in line included
)
JOBS_PER_PAGE = 20
# The default keeps ten: of more requests or answers at once, the middleware would lose some.
SERVICE_QOS = QoSProfile(depth=1000)


@dataclass(frozen=True, slots=True)
class CallTarget:
    """What calls work on while the node is configured."""

    session: StreamSupervisor
    holds_key: bool

    @property
    def client(self) -> Odyssey:
        """The client."""
        return self.session.client

    def require_key(self) -> None:
        """Refuse what the service does only for the owner of a key.

        Raises:
            OdysseyError: The node connects with minted credentials.
        """
        if not self.holds_key:
            raise OdysseyError(
                "this needs an API key, and the node holds none: it connects with minted credentials",
                code=ErrorCode.NO_API_KEY,
            )


class CallHost(Protocol):
    """The node that calls are made for. For the executor's thread."""

    def call_target(self) -> CallTarget:
        """Return what calls work on now. Raises OdysseyError while the node is unconfigured."""

    def call_failed(self, error: Exception) -> None:
        """A call of somebody on the graph has failed, and been answered."""


class ClientCalls:
    """Makes calls on the asyncio thread, for coroutines of the executor's thread to await."""

    def __init__(self, node: ManagedNode) -> None:
        self._node = node

    async def result(self, call: Coroutine[Any, Any, T], timeout: float = CALL_TIMEOUT_S) -> T:
        """Return what a call on the asyncio thread returns.

        Raises:
            OdysseyError: The call's own errors.
            asyncio.TimeoutError: It took longer than ``timeout`` seconds.
        """

        async def bounded() -> T:
            return await asyncio.wait_for(call, timeout)

        result: T = await self._node.calls.awaitable(self._node.asyncio_thread.submit(bounded()))
        return result


class BridgeServices:
    """Answers ``~/start_stream`` and its sisters.

    Each answer has success, error_code and message. Create on the executor's thread.
    """

    def __init__(self, node: ManagedNode, host: CallHost, *, may_mint: bool) -> None:
        self._node = node
        self._host = host
        self._may_mint = may_mint
        self._calls = ClientCalls(node)
        self._group = ReentrantCallbackGroup()
        self._serve(srv.StartStream, "start_stream", self._start_stream)
        self._serve(srv.Interact, "interact", self._interact)
        self._serve(srv.EndStream, "end_stream", self._end_stream)
        self._serve(srv.GetBroadcast, "get_broadcast", self._get_broadcast)
        self._serve(srv.GetRecording, "get_recording", self._get_recording)
        self._serve(srv.ListRecordings, "list_recordings", self._list_recordings)
        self._serve(srv.SubmitSimulationJob, "submit_simulation_job", self._submit_job)
        self._serve(srv.GetSimulationJob, "get_simulation_job", self._get_job)
        self._serve(srv.ListSimulationJobs, "list_simulation_jobs", self._list_jobs)
        self._serve(srv.CancelSimulationJob, "cancel_simulation_job", self._cancel_job)
        self._serve(srv.CreateClientCredentials, "create_client_credentials", self._create_credentials)

    def _serve(self, kind: Any, name: str, fill: Callable[[Any, Any], Awaitable[None]]) -> None:
        async def answer(request: Any, response: Any) -> Any:
            try:
                await fill(request, response)
            except Exception as error:  # noqa: BLE001 -- one that escaped would end the process
                response = kind.Response()
                response.error_code = text_field(as_odyssey_error(error).code)
                response.message = text_field(as_odyssey_error(error).advice)
                self._host.call_failed(error)
            else:
                response.success = True
            return response

        self._node.create_service(
            kind, f"~/{name}", answer, qos_profile=SERVICE_QOS, callback_group=self._group
        )

    # -- the stream --------------------------------------------------------------------------------

    async def _start_stream(
        self, request: srv.StartStream.Request, response: srv.StartStream.Response
    ) -> None:
        session = self._host.call_target().session
        wish = StreamRequest(
            request.prompt,
            portrait=request.portrait,
            broadcast=request.broadcast,
            image=picture(request.image, request.image_path),
            bypass_prompt_expansion=tristate("bypass_prompt_expansion", request.bypass_prompt_expansion),
        )
        stream_id, applied_prompt = await self._calls.result(session.start(wish))
        response.stream_id, response.applied_prompt = text_field(stream_id), text_field(applied_prompt)

    async def _interact(self, request: srv.Interact.Request, response: srv.Interact.Response) -> None:
        session = self._host.call_target().session
        response.applied_prompt = text_field(await self._calls.result(session.interact(request.prompt)))

    async def _end_stream(self, request: srv.EndStream.Request, response: srv.EndStream.Response) -> None:
        session = self._host.call_target().session
        response.stream_id = text_field(await self._calls.result(session.end()))

    async def _get_broadcast(
        self, request: srv.GetBroadcast.Request, response: srv.GetBroadcast.Response
    ) -> None:
        session = self._host.call_target().session
        broadcast = session.broadcast
        if broadcast is None:
            raise OdysseyError(
                "no broadcast runs: start a stream with broadcast, and wait for BROADCAST_READY on ~/events",
                code=ErrorCode.NO_BROADCAST,
            )
        response.broadcast = broadcast_message(broadcast)

    # -- recordings --------------------------------------------------------------------------------

    async def _get_recording(
        self, request: srv.GetRecording.Request, response: srv.GetRecording.Response
    ) -> None:
        recording = await self._calls.result(self._account().get_recording(request.stream_id))
        response.recording = recording_message(recording)

    async def _list_recordings(
        self, request: srv.ListRecordings.Request, response: srv.ListRecordings.Response
    ) -> None:
        page = await self._calls.result(
            self._account().list_stream_recordings(
                optional_count(request.limit), optional_count(request.offset)
            )
        )
        response.recordings = [recording_info_message(recording) for recording in page.recordings]
        response.total, response.limit = count_field(page.total), count_field(page.limit)
        response.offset = count_field(page.offset)

    # -- simulation jobs ---------------------------------------------------------------------------

    async def _submit_job(
        self, request: srv.SubmitSimulationJob.Request, response: srv.SubmitSimulationJob.Response
    ) -> None:
        client = self._account()
        job = await self._calls.result(SimulationRequest.parse(request).submit(client))
        response.job = job_message(job)

    async def _get_job(
        self, request: srv.GetSimulationJob.Request, response: srv.GetSimulationJob.Response
    ) -> None:
        job = await self._calls.result(self._account().get_simulate_status(request.job_id))
        response.job = job_message(job)

    async def _list_jobs(
        self, request: srv.ListSimulationJobs.Request, response: srv.ListSimulationJobs.Response
    ) -> None:
        limit, offset = optional_count(request.limit), optional_count(request.offset)
        page = await self._calls.result(
            self._account().list_simulations(
                status=request.status or None,
                active=tristate("active", request.active),
                limit=JOBS_PER_PAGE if limit is None else limit,
                offset=0 if offset is None else offset,
            )
        )
        response.jobs = [job_info_message(job) for job in page.jobs]
        response.total, response.limit = count_field(page.total), count_field(page.limit)
        response.offset = count_field(page.offset)

    async def _cancel_job(
        self, request: srv.CancelSimulationJob.Request, response: srv.CancelSimulationJob.Response
    ) -> None:
        job = await self._calls.result(self._account().cancel_simulation(request.job_id))
        response.job = job_info_message(job)

    # -- credentials -------------------------------------------------------------------------------

    async def _create_credentials(
        self, request: srv.CreateClientCredentials.Request, response: srv.CreateClientCredentials.Response
    ) -> None:
        if not self._may_mint:
            raise OdysseyError(
                "minting is not allowed: the answer would be a secret, in clear on the graph. Start the node "
                "with the parameter allow_credential_minting set to true to allow it",
                code=ErrorCode.MINTING_NOT_ALLOWED,
            )
        credentials = await self._calls.result(self._account().create_client_credentials())
        response.credentials = credentials_message(credentials)

    def _account(self) -> Odyssey:
        """Return the client, for a call that acts for the account."""
        target = self._host.call_target()
        target.require_key()
        return target.client
