"""The player node: publishes recordings, jobs, files and exported datasets like the live bridge."""

from __future__ import annotations

import contextlib
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial
from typing import TYPE_CHECKING, Any

from rclpy.callback_groups import ReentrantCallbackGroup
from std_srvs.srv import Trigger

from odyssey_ros import srv
from odyssey_ros.bridge.api_key import SecretError, read_api_key
from odyssey_ros.bridge.calls.services import SERVICE_QOS
from odyssey_ros.bridge.conversions import text_field
from odyssey_ros.bridge.frames.camera_info_service import CameraInfoService
from odyssey_ros.bridge.frames.image_settings import image_settings
from odyssey_ros.bridge.frames.static_transform import StaticTransform, TransformError
from odyssey_ros.bridge.player.episode_library import (
    DatasetRequest,
    FileRequest,
    fetch_episodes,
    open_file,
)
from odyssey_ros.bridge.player.exported_episodes import open_dataset
from odyssey_ros.bridge.player.latched_topics import LatchedTopics
from odyssey_ros.bridge.player.playback_state import PlaybackState
from odyssey_ros.bridge.player.player_configuration import episode_folder, episode_request, required_topics
from odyssey_ros.bridge.player.player_session import PlayerSession
from odyssey_ros.bridge.player_parameters import SETTINGS, PlayerParameters
from odyssey_ros.bridge.runtime.managed_node import ConfigurationRefused, ManagedNode, refusal_code
from odyssey_ros.bridge.runtime.node_process import run_node
from odyssey_ros.bridge.runtime.parameter_table import ParameterTable
from odyssey_ros.bridge.runtime.qos_overrides import OverrideError
from odyssey_ros.client import ErrorCode, Odyssey, OdysseyError, as_odyssey_error
from odyssey_ros.requirements import MissingPackageError, require

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from odyssey_ros.bridge.player.episode_library import EpisodeFetcher, EpisodeRequest
    from odyssey_ros.bridge.player.playback import Playback

STOP_TIMEOUT_S = 2.0  # for the end of the frame in progress
DELIVERY_TIMEOUT_S = 10.0  # for the last messages, before the process ends
EXIT_FAILED = 1


class PlayerNode(ManagedNode):
    """The node `player`; docs/player.md describes its topics, services and parameters.

    It fetches in the background while it is configured, and plays while it is active.
    """

    def __init__(self, node_name: str = "player", **options: Any) -> None:
        super().__init__(node_name, **options)
        self._session: PlayerSession | None = None
        self._settings = ParameterTable(
            self,
            SETTINGS,
            PlayerParameters,
            lambda: self._session is not None,
            self._parameters_changed,
            self._refusal,
        )
        self._settings.declare()
        self._camera_info = CameraInfoService(
            self,
            lambda: self._settings.current.camera_info_url,
            self._apply_images,
            self._settings.current.calibration_folders,
        )
        self._transform = StaticTransform(self)
        self._latched = LatchedTopics(self)
        self._group = ReentrantCallbackGroup()
        self._serve(Trigger, "pause", self._pause)
        self._serve(Trigger, "resume", self._resume)
        self._serve(Trigger, "step", self._step)
        self._serve(srv.Seek, "seek", self._seek)
        self._publish_unconfigured()
        if self._settings.current.autostart:
            self.start_by_itself()

    # -- lifecycle ---------------------------------------------------------------------------------

    def configure(self) -> None:
        """Read the parameters and the key, and begin to fetch in the background."""
        parameters = self._settings.current
        self.warn_if_insecure(allow_insecure=parameters.allow_insecure)
        try:
            request = self.files.wait_for(lambda: episode_request(parameters))
            wait_for = required_topics(parameters.wait_for)
            if parameters.publish_clock and self.get_parameter("use_sim_time").value:
                raise ConfigurationRefused("publish_clock and use_sim_time exclude each other")
            warn = self.get_logger().warning
            fetch = self.files.wait_for(lambda: episode_fetcher(request, parameters, warn))
            self._transform.configure(parameters)
            self._camera_info.load()
            settings = image_settings(parameters, self._camera_info.calibration)
            self._session = session = PlayerSession(
                self,
                self._latched,
                parameters,
                settings,
                wait_for,
                self._playback_failed,
                self._playback_finished,
            )
            folder = self.files.wait_for(lambda: episode_folder(parameters.cache_dir))
        except (
            ConfigurationRefused,
            MissingPackageError,
            OdysseyError,
            OverrideError,
            SecretError,
            TransformError,
        ) as error:
            self.release()
            self._publish_unconfigured(OdysseyError(str(error), code=refusal_code(error)))
            if parameters.autostart and parameters.exit_when_finished:
                self.end_process(EXIT_FAILED)
            raise ConfigurationRefused(str(error)) from None
        session.fetch(fetch, folder, keep=bool(parameters.cache_dir))

    def activate(self) -> None:
        """Start or continue to play."""
        assert self._session is not None  # noqa: S101 -- an inactive node has a session
        self._transform.activate(self._settings.current)
        self._session.playback.set_active(active=True)

    def deactivate(self) -> None:
        """Stop playing."""
        self._transform.deactivate()
        assert self._session is not None  # noqa: S101 -- an active node has a session
        # Playback may have ended by an error; the timeout limits the wait for a frame or a file in progress.
        with contextlib.suppress(OdysseyError, FutureTimeoutError):
            self._session.playback.set_active(active=False).result(STOP_TIMEOUT_S)

    def release(self) -> None:
        """End playing and fetching, and delete the temporary files."""
        self._transform.release()
        if self._session is None:
            return
        session, self._session = self._session, None
        self.finish_in_background(session.close())
        self._publish_unconfigured(session.failure)

    # -- parameters --------------------------------------------------------------------------------

    def _parameters_changed(self, parameters: PlayerParameters, changed: frozenset[str]) -> None:
        if "camera_info_url" in changed:
            self._camera_info.url_changed()
        self._apply_images()
        if "frame_id" in changed:
            self._transform.apply(parameters)

    def _apply_images(self) -> None:
        """Apply the parameters and the calibration to the session."""
        if self._session is not None:
            parameters = self._settings.current
            settings = image_settings(parameters, self._camera_info.calibration)
            self._session.apply(settings, parameters.rate, loop=parameters.loop)

    def _refusal(self, changes: dict[str, Any]) -> str | None:
        """Return why a change is refused, or None."""
        if self._session is not None and "rate" in changes:
            lossless = self._settings.current.rate == 0
            if (changes["rate"] == 0) != lossless:
                return "rate can become 0, or cease to be 0, only while the node is unconfigured"
        return self._camera_info.refusal(changes)

    # -- services ----------------------------------------------------------------------------------

    def _serve(self, kind: Any, name: str, handle: Callable[[Any, Any], Awaitable[None]]) -> None:
        """Create a service that responds with the error when its handler raises one."""

        async def respond(request: Any, response: Any) -> Any:
            try:
                await handle(request, response)
            except Exception as error:  # noqa: BLE001 -- an exception of a callback would end the process
                reason = as_odyssey_error(error)
                response = kind.Response()
                response.message = text_field(reason.advice)
                if hasattr(response, "error_code"):
                    response.error_code = text_field(reason.code)
            else:
                response.success = True
            return response

        self.create_service(kind, f"~/{name}", respond, qos_profile=SERVICE_QOS, callback_group=self._group)

    async def _pause(self, request: Trigger.Request, response: Trigger.Response) -> None:
        await self.calls.awaitable(self._playback().pause())

    async def _resume(self, request: Trigger.Request, response: Trigger.Response) -> None:
        await self.calls.awaitable(self._playback().resume())

    async def _step(self, request: Trigger.Request, response: Trigger.Response) -> None:
        position = await self.calls.awaitable(self._playback().step())
        response.message = text_field(f"frame {position.frame_index} of {position.stream_id}")

    async def _seek(self, request: srv.Seek.Request, response: srv.Seek.Response) -> None:
        position = await self.calls.awaitable(
            self._playback().seek(request.episode, request.frame_index, request.position)
        )
        response.episode, response.stream_id = position.episode, text_field(position.stream_id)
        response.frame_index, response.position = position.frame_index, position.position_ns / 1e9

    def _playback(self) -> Playback:
        """Return the playback.

        Raises:
            OdysseyError: The node is not configured.
        """
        if self._session is None:
            raise OdysseyError(
                f"the node is unconfigured: run `ros2 lifecycle set {self.get_fully_qualified_name()} "
                f"configure`",
                code=ErrorCode.UNCONFIGURED,
            )
        return self._session.playback

    # -- state -------------------------------------------------------------------------------------

    def _playback_failed(self, error: OdysseyError) -> None:
        """Log the error, and go to unconfigured or end the process."""
        if self._settings.current.exit_when_finished:
            self.get_logger().error(f"Gave up: {error.advice}")
            self.end_process(EXIT_FAILED)
            return
        self.get_logger().error(
            f"Gave up: {error.advice}. The node is unconfigured now; fix this, then run "
            f"`ros2 lifecycle set {self.get_fully_qualified_name()} configure` and activate the node"
        )
        self.bring_down()

    def _playback_finished(self, state: PlaybackState) -> None:
        """End the process after the last episode, if that is wanted."""
        if self._settings.current.exit_when_finished and self._session is not None:
            self._session.wait_for_delivery(DELIVERY_TIMEOUT_S)
            self.end_process(EXIT_FAILED if state.failed else 0)

    def _publish_unconfigured(self, reason: OdysseyError | None = None) -> None:
        """Publish the state of an unconfigured node, with the error that led to it."""
        state = PlaybackState(
            message="" if reason is None else reason.advice,
            error_code=None if reason is None else reason.code,
            rate=self._settings.current.rate,
        )
        self._latched.publish_unconfigured(state, self.get_clock().now().nanoseconds)


def episode_fetcher(
    request: EpisodeRequest, parameters: PlayerParameters, warn: Callable[[str], None]
) -> EpisodeFetcher:
    """Return the function that fetches the episodes of a request.

    Args:
        request: The request.
        parameters: The parameters of the node.
        warn: Called with a text for each episode whose labels are incomplete, from the asyncio thread.

    Raises:
        SecretError: The API key cannot be read; files and datasets need none.
        OdysseyArgumentError: The API key or URL is invalid.
        MissingPackageError: A dataset is to be played, and the packages for it are not installed.
    """
    if isinstance(request, DatasetRequest):
        require("lerobot")
        return lambda folder, observer: open_dataset(request, folder, observer, warn=warn)
    if isinstance(request, FileRequest):
        return lambda _, observer: open_file(request, observer, warn=warn)
    client = Odyssey(
        read_api_key(parameters.api_key_file),
        api_url=parameters.api_url or None,
        allow_insecure=parameters.allow_insecure,
    )
    return partial(fetch_episodes, request, client, allow_insecure=parameters.allow_insecure, warn=warn)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the player as a process, and return its exit status."""
    return run_node(PlayerNode, arguments)
