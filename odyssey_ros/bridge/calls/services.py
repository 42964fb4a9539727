"""The services of the bridge, one for each request of the client.

Every call is bounded in time, the number of calls at once is bounded, and no exception leaves a service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.qos import QoSProfile

from odyssey_ros import srv
from odyssey_ros.bridge.calls.call_limit import CallLimit
from odyssey_ros.bridge.calls.client_calls import ClientCalls
from odyssey_ros.bridge.calls.request_pictures import PictureFile
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
from odyssey_ros.bridge.live.prompt_length import check_prompt
from odyssey_ros.bridge.live.stream_state import StreamRequest
from odyssey_ros.client import ErrorCode, OdysseyError, as_odyssey_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from odyssey_ros.bridge.calls.call_target import CallTarget
    from odyssey_ros.bridge.calls.request_pictures import PictureFiles
    from odyssey_ros.bridge.runtime.managed_node import ManagedNode
    from odyssey_ros.client import Odyssey

JOBS_PER_PAGE: Final = 20
# The default depth is ten: the middleware would lose some of more requests or responses at once.
SERVICE_QOS: Final = QoSProfile(depth=1000)


class Response(Protocol):
    """The fields that the responses of all services share."""

    success: bool
    error_code: str
    message: str


RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT", bound=Response)


class BridgeServices:
    """Serves `~/start_stream` and the other services of the bridge.

    Each response has success, error_code and message. Create on the executor's thread.

    Args:
        node: The node that serves.
        target: Returns the target of a call; raises OdysseyError while the node is unconfigured.
        on_failure: Receives the error of a call, after its response is filled. On the executor's thread.
        pictures: Reads the pictures that requests name.
        may_mint: Whether the node may create client credentials.
        max_calls: Maximum number of calls of each service at once. The limit is for each service, so that
            calls of one service do not keep `~/end_stream` from being called.
        max_prompt_length: Maximum length of a prompt in characters.
    """

    def __init__(
        self,
        node: ManagedNode,
        target: Callable[[], CallTarget],
        on_failure: Callable[[Exception], None],
        pictures: PictureFiles,
        *,
        may_mint: bool,
        max_calls: int,
        max_prompt_length: int,
    ) -> None:
        self._node = node
        self._target = target
        self._on_failure = on_failure
        self._pictures = pictures
        self._may_mint = may_mint
        self._max_calls = max_calls
        self._max_prompt_length = max_prompt_length
        self._calls = ClientCalls(node.asyncio_thread, node.calls)
        self._group = ReentrantCallbackGroup()
        self._serve("start_stream", srv.StartStream, srv.StartStream.Response, self._start_stream)
        self._serve("interact", srv.Interact, srv.Interact.Response, self._interact)
        self._serve("end_stream", srv.EndStream, srv.EndStream.Response, self._end_stream)
        self._serve("get_broadcast", srv.GetBroadcast, srv.GetBroadcast.Response, self._get_broadcast)
        self._serve("get_recording", srv.GetRecording, srv.GetRecording.Response, self._get_recording)
        self._serve("list_recordings", srv.ListRecordings, srv.ListRecordings.Response, self._list_recordings)
        self._serve(
            "submit_simulation_job",
            srv.SubmitSimulationJob,
            srv.SubmitSimulationJob.Response,
            self._submit_job,
        )
        self._serve("get_simulation_job", srv.GetSimulationJob, srv.GetSimulationJob.Response, self._get_job)
        self._serve(
            "list_simulation_jobs", srv.ListSimulationJobs, srv.ListSimulationJobs.Response, self._list_jobs
        )
        self._serve(
            "cancel_simulation_job",
            srv.CancelSimulationJob,
            srv.CancelSimulationJob.Response,
            self._cancel_job,
        )
        self._serve(
            "create_client_credentials",
            srv.CreateClientCredentials,
            srv.CreateClientCredentials.Response,
            self._create_credentials,
        )

    def _serve(
        self,
        name: str,
        service_type: type,
        new_response: Callable[[], ResponseT],
        fill: Callable[[RequestT, ResponseT], Awaitable[None]],
    ) -> None:
        limit = CallLimit(self._max_calls, f"calls of ~/{name}", "max_calls")

        async def respond(request: RequestT, response: ResponseT) -> ResponseT:
            try:
                with limit.entered():
                    await fill(request, response)
            except Exception as error:  # noqa: BLE001 -- an exception that leaves a callback ends the process
                response = new_response()
                response.error_code = text_field(as_odyssey_error(error).code)
                response.message = text_field(as_odyssey_error(error).advice)
                self._on_failure(error)
            else:
                response.success = True
            return response

        callback: Any = respond  # rclpy's annotation does not allow coroutines
        self._node.create_service(
            service_type, f"~/{name}", callback, qos_profile=SERVICE_QOS, callback_group=self._group
        )

    # -- the stream --------------------------------------------------------------------------------

    async def _start_stream(
        self, request: srv.StartStream.Request, response: srv.StartStream.Response
    ) -> None:
        supervisor = self._target().supervisor
        check_prompt(request.prompt, self._max_prompt_length)
        named = picture(request.image, request.image_path)
        image: bytes | memoryview | None
        if isinstance(named, PictureFile):
            image = await self._calls.result(self._pictures.reader().read(named))
        else:
            image = named
        stream = StreamRequest(
            request.prompt,
            portrait=request.portrait,
            broadcast=request.broadcast,
            image=image,
            bypass_prompt_expansion=tristate("bypass_prompt_expansion", request.bypass_prompt_expansion),
        )
        stream_id, applied_prompt = await self._calls.result(supervisor.start(stream))
        response.stream_id, response.applied_prompt = text_field(stream_id), text_field(applied_prompt)

    async def _interact(self, request: srv.Interact.Request, response: srv.Interact.Response) -> None:
        supervisor = self._target().supervisor
        check_prompt(request.prompt, self._max_prompt_length)
        response.applied_prompt = text_field(await self._calls.result(supervisor.interact(request.prompt)))

    async def _end_stream(self, request: srv.EndStream.Request, response: srv.EndStream.Response) -> None:
        supervisor = self._target().supervisor
        response.stream_id = text_field(await self._calls.result(supervisor.end()))

    async def _get_broadcast(
        self, request: srv.GetBroadcast.Request, response: srv.GetBroadcast.Response
    ) -> None:
        supervisor = self._target().supervisor
        broadcast = supervisor.broadcast
        if broadcast is None:
            raise OdysseyError(
                "no broadcast is running: start a stream with broadcast, and wait for BROADCAST_READY on "
                "~/events",
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
        submission = SimulationRequest.parse(request, self._max_prompt_length)
        job = await self._calls.result(submission.submit(client, self._pictures.reader()))
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
                "creating client credentials is not allowed, because every node on the graph can read the "
                "secret in the response: to allow it, set the parameter allow_credential_minting to true at "
                "the start",
                code=ErrorCode.MINTING_NOT_ALLOWED,
            )
        credentials = await self._calls.result(self._account().create_client_credentials())
        response.credentials = credentials_message(credentials)

    def _account(self) -> Odyssey:
        """Return the client, for a request that needs an API key."""
        return self._target().account()
