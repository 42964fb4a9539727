"""The routes of script checks, simulation jobs and their videos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph.simulation_calls import SimulationCalls
from odyssey_ros.console.graph.simulation_goals import SimulationGoals
from odyssey_ros.console.graph.simulation_values import (
    job_detail_value,
    job_info_value,
    job_value,
    streams_of,
)
from odyssey_ros.console.server.answers import answer
from odyssey_ros.console.server.console_context import node_of
from odyssey_ros.console.server.media_forwarding import MEDIA, forward
from odyssey_ros.console.server.media_sources import MediaAddresses, MediaKey, MediaKind
from odyssey_ros.console.server.picture_uploads import PictureUploads
from odyssey_ros.console.server.prompt_text import max_prompt_length
from odyssey_ros.console.server.query_counts import query_count
from odyssey_ros.console.server.recorded_prompts import recorded_prompts
from odyssey_ros.console.server.request_bodies import bad_argument, read_json
from odyssey_ros.console.server.script_preview import preview_value
from odyssey_ros.console.server.script_requests import (
    MAX_BODY_BYTES,
    ScriptChecks,
    ScriptRequest,
)
from odyssey_ros.console.server.simulation_cancelling import cancel_job
from odyssey_ros.console.server.simulation_goal import simulation_goal
from odyssey_ros.console.server.simulation_jobs import SimulationJobs
from odyssey_ros.console.server.start_pictures import StartPictures

if TYPE_CHECKING:
    from odyssey_ros.action import RunSimulation
    from odyssey_ros.console.graph.graph_nodes import GraphNode
    from odyssey_ros.console.server.console_context import ConsoleContext
    from odyssey_ros.console.server.script_check import CheckedText

MAX_ROWS: Final = 100
MAX_ID_LENGTH: Final = 200

_STATES: Final = ("pending", "dispatched", "processing", "completed", "failed", "cancelled")
_FILTERS: Final = {"": ("", -1), "unfinished": ("", 1), "finished": ("", 0)} | {
    state: (state, -1) for state in _STATES
}


def add_simulations(application: web.Application, context: ConsoleContext) -> None:
    """Add the routes to an application, which ends their work when it stops."""
    routes = _SimulationRoutes(context)
    kinds = "|".join(kind.value for kind in (MediaKind.VIDEO, MediaKind.PREVIEW, MediaKind.THUMBNAIL))
    application.add_routes(
        [
            web.post("/api/scripts/check", routes.check),
            web.post("/api/simulations/picture", routes.picture),
            web.post("/api/simulations", routes.submit),
            web.get("/api/simulations", routes.page),
            web.get("/api/simulations/{job_id}", routes.job),
            web.post("/api/simulations/{job_id}/cancel", routes.cancel),
            web.get(r"/api/simulations/{job_id}/{index:\d{1,4}}/prompts", routes.prompts),
            web.get(rf"/media/simulations/{{job_id}}/{{index:\d{{1,4}}}}/{{kind:{kinds}}}", routes.file),
        ]
    )
    application.on_shutdown.append(routes.close)


class _SimulationRoutes:
    """The handlers, and the pictures and jobs that they share."""

    def __init__(self, context: ConsoleContext) -> None:
        self._hub = context.hub
        self._checks = ScriptChecks()
        self._uploads = PictureUploads()
        self._pictures = StartPictures()
        self._calls = SimulationCalls(context.calls)
        self._jobs = SimulationJobs(
            context.node,
            context.calls,
            SimulationGoals(context.node, context.executor),
            lambda node, jobs: context.hub.publish(node, "jobs", jobs),
        )

    async def close(self, _: web.Application) -> None:
        """Follow the jobs no longer."""
        await self._jobs.close()

    async def check(self, request: web.Request) -> web.Response:
        """Check a text; the answer contains the mistakes and a preview."""
        script = ScriptRequest.read(await read_json(request, MAX_BODY_BYTES))
        limit = max_prompt_length(self._hub, request.query.get("node", ""))
        return answer(await self._checks.run(script, limit, preview_value))

    async def picture(self, request: web.Request) -> web.Response:
        """Keep a picture for some minutes, until a job is submitted."""
        picture = await self._uploads.read(request)
        return answer({"id": self._pictures.add(picture), "width": picture.width, "height": picture.height})

    async def submit(self, request: web.Request) -> web.Response:
        """Submit a text as a job; the answer is the job, as soon as it has an id."""
        target = node_of(request)
        script = ScriptRequest.read(await read_json(request, MAX_BODY_BYTES))
        attached = {name: self._pictures.get(key).content for name, key in script.pictures.items()}

        def goal(checked: CheckedText) -> RunSimulation.Goal:
            if checked.errors:
                raise _mistake(checked)
            return simulation_goal(checked, attached)

        limit = max_prompt_length(self._hub, target.name)
        job = await self._jobs.submit(target, await self._checks.run(script, limit, goal))
        for key in script.pictures.values():
            self._pictures.discard(key)
        return answer(job)

    async def page(self, request: web.Request) -> web.Response:
        """List jobs of the account, newest first."""
        target = node_of(request)
        status = request.query.get("status", "")
        if status not in _FILTERS:
            raise bad_argument(f"status has to be one of {', '.join(name for name in _FILTERS if name)}")
        state, active = _FILTERS[status]
        limit = query_count(request, "limit", 20, (1, MAX_ROWS))
        offset = query_count(request, "offset", 0, (0, 10**9))
        jobs, total = await self._calls.page(target, status=state, active=active, limit=limit, offset=offset)
        values = [job_info_value(job) for job in jobs[:MAX_ROWS]]
        for value in values:
            self._jobs.observe(target.name, value)
        return answer({"jobs": values, "total": total})

    async def job(self, request: web.Request) -> web.Response:
        """Describe a job with its videos."""
        target = node_of(request)
        job = await self._calls.job(target, _job_id(request))
        self._jobs.observe(target.name, job_value(job))
        for index, stream in enumerate(streams_of(job)):
            key = MediaKey("simulation", target.name, _job_id(request), index)
            request.app[MEDIA].sources.keep(key, MediaAddresses.of(stream))
        return answer(job_detail_value(job))

    async def cancel(self, request: web.Request) -> web.Response:
        """Cancel a job, whoever submitted it."""
        return answer(await cancel_job(node_of(request), _job_id(request), self._jobs, self._calls))

    async def prompts(self, request: web.Request) -> web.Response:
        """Return the prompts of a video, from its events log."""
        source = _Video(request, self._calls)
        return answer(await recorded_prompts(request, source.key, source.load))

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Forward a file of a video."""
        source = _Video(request, self._calls)
        return await forward(request, source.key, MediaKind(request.match_info["kind"]), source.load)


class _Video:
    """A video of a job, which a request names.

    Args:
        request: The request.
        calls: Calls the services of the node.
    """

    def __init__(self, request: web.Request, calls: SimulationCalls) -> None:
        self._calls = calls
        self._target: GraphNode = node_of(request)
        self._job_id = _job_id(request)
        self._index = int(request.match_info["index"])
        self.key = MediaKey("simulation", self._target.name, self._job_id, self._index)

    async def load(self) -> MediaAddresses:
        """Ask the node for the addresses of the video, which are secrets.

        Raises:
            OdysseyError: `NOT_FOUND`: the job has no such video.
        """
        streams = streams_of(await self._calls.job(self._target, self._job_id))
        if self._index >= len(streams):
            raise OdysseyError("The job has no such video (yet)", code=ErrorCode.NOT_FOUND)
        return MediaAddresses.of(streams[self._index])


def _mistake(checked: CheckedText) -> OdysseyError:
    error = checked.errors[0]
    where = f"line {error.line}: " if error.line is not None else ""
    return OdysseyError(f"{where}{error.message}", code=ErrorCode.BAD_SCRIPT)


def _job_id(request: web.Request) -> str:
    job_id = request.match_info["job_id"]
    if len(job_id) > MAX_ID_LENGTH or not job_id.isprintable():
        raise bad_argument("the id of the job is not an id")
    return job_id
