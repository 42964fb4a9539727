"""The player: a recording or a finished simulation job, published as the live bridge would."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rclpy.callback_groups import ReentrantCallbackGroup
from std_srvs.srv import Trigger

from odyssey_ros import srv
from odyssey_ros.bridge.api_key import SecretError, read_api_key
from odyssey_ros.bridge.calls.services import SERVICE_QOS
from odyssey_ros.bridge.conversions import text_field
from odyssey_ros.bridge.frames.camera_calibration import CalibrationError, check_calibration
from odyssey_ros.bridge.frames.image_settings import ImageSettings, image_settings
from odyssey_ros.bridge.player.episode_library import (
    FileWanted,
    JobWanted,
    RecordingWanted,
    fetch_episodes,
    open_file,
)
from odyssey_ros.bridge.player.playback import Playback
from odyssey_ros.bridge.player.playback_state import PlaybackPhase, PlaybackState
from odyssey_ros.bridge.player.player_topics import NAMES, STATUS_QOS, PlayerTopics, status_message
from odyssey_ros.bridge.player_parameters import SETTINGS, PlayerParameters
from odyssey_ros.bridge.runtime.managed_node import ConfigurationRefused, ManagedNode, spin_node
from odyssey_ros.bridge.runtime.parameter_table import ParameterTable
from odyssey_ros.bridge.runtime.qos_overrides import OverrideError
from odyssey_ros.client import Odyssey, OdysseyArgumentError, OdysseyError, as_odyssey_error
from odyssey_ros.msg import PlaybackStatus

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Awaitable, Callable, Sequence

    from odyssey_ros.bridge.player.episode_library import LibraryEpisode, LibraryError, Wanted
    from odyssey_ros.dataset.episodes import Episode

STOP_S = 2.0  # what ending a frame may take


class PlayerNode(ManagedNode):
    """The node ``player``; see docs/player.md for its topics, services and parameters.

    Configured it fetches, in the background; active it plays; inactive it holds still.
    """

    def __init__(self, node_name: str = "player", **options: Any) -> None:
        super().__init__(node_name, **options)
        self._show: PlayerSession | None = None
        self._settings = ParameterTable(
            self,
            SETTINGS,
            PlayerParameters,
            lambda: self._show is not None,
            self._parameters_changed,
            self._refusal,
        )
        self._settings.declare()
        self._status = self.create_publisher(PlaybackStatus, "~/playback", STATUS_QOS)
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
        """Read parameters and the key; begin to fetch, in the background."""
        parameters = self._settings.current
        try:
            wanted = wanted_episodes(parameters)
            wait_for = waited_topics(parameters.wait_for)
            if parameters.publish_clock and self.get_parameter("use_sim_time").value:
                raise ConfigurationRefused("publish_clock and use_sim_time exclude each other")
            client = (
                None
                if isinstance(wanted, FileWanted)
                else Odyssey(read_api_key(parameters.api_key_file), api_url=parameters.api_url or None)
            )
            self._show = PlayerSession(self, self._status, parameters, image_settings(parameters), wait_for)
            folder = episode_folder(parameters.cache_dir)
        except (
            CalibrationError,
            ConfigurationRefused,
            OdysseyArgumentError,
            OverrideError,
            SecretError,
        ) as error:
            self.release()
            self._publish_unconfigured(str(error), "CONFIGURATION")
            raise ConfigurationRefused(str(error)) from None
        self._show.fetch(wanted, client, folder, keep=bool(parameters.cache_dir))

    def activate(self) -> None:
        """Play, or go on."""
        assert self._show is not None  # noqa: S101 -- the lifecycle says so
        self._show.playback.set_active(active=True)

    def deactivate(self) -> None:
        """Publish nothing more."""
        assert self._show is not None  # noqa: S101
        # It may have ended by itself; and what takes so long is the frame in hand, or a file being opened.
        with contextlib.suppress(OdysseyError, FutureTimeoutError):
            self._show.playback.set_active(active=False).result(STOP_S)

    def release(self) -> None:
        """End playing and fetching, and forget what was fetched."""
        if self._show is None:
            return
        show, self._show = self._show, None
        self.say_goodbye(show.close())
        self._publish_unconfigured(show.failure_message, show.failure_code)

    # -- inputs ------------------------------------------------------------------------------------

    def _parameters_changed(self, parameters: PlayerParameters, changed: frozenset[str]) -> None:
        if self._show is not None:
            self._show.topics.frames.settings = image_settings(parameters)
            self._show.playback.set_pace(parameters.rate, loop=parameters.loop)

    def _refusal(self, changes: dict[str, Any]) -> str | None:
        if self._show is not None and "rate" in changes:
            now_lossless = self._settings.current.rate == 0
            if (changes["rate"] == 0) != now_lossless:
                return "rate can become 0, or cease to be 0, only while the node is unconfigured"
        return check_calibration(changes)

    def _serve(self, kind: Any, name: str, fill: Callable[[Any, Any], Awaitable[None]]) -> None:
        async def answer(request: Any, response: Any) -> Any:
            try:
                await fill(request, response)
            except Exception as error:  # noqa: BLE001 -- one that escaped would end the process
                response = kind.Response()
                response.message = text_field(as_odyssey_error(error).advice)
                if hasattr(response, "error_code"):
                    response.error_code = text_field(as_odyssey_error(error).code)
            else:
                response.success = True
            return response

        self.create_service(kind, f"~/{name}", answer, qos_profile=SERVICE_QOS, callback_group=self._group)

    async def _pause(self, request: Trigger.Request, response: Trigger.Response) -> None:
        await self.calls.awaitable(self._playback().pause())

    async def _resume(self, request: Trigger.Request, response: Trigger.Response) -> None:
        await self.calls.awaitable(self._playback().resume())

    async def _step(self, request: Trigger.Request, response: Trigger.Response) -> None:
        place = await self.calls.awaitable(self._playback().step())
        response.message = text_field(f"frame {place.frame_index} of {place.stream_id}")

    async def _seek(self, request: srv.Seek.Request, response: srv.Seek.Response) -> None:
        place = await self.calls.awaitable(
            self._playback().seek(request.episode, request.frame_index, request.position)
        )
        response.episode, response.stream_id = place.episode, text_field(place.stream_id)
        response.frame_index, response.position = place.frame_index, place.position_ns / 1e9

    def _playback(self) -> Playback:
        if self._show is None:
            raise OdysseyError(
                f"the node is unconfigured: run `ros2 lifecycle set {self.get_fully_qualified_name()} "
                f"configure`",
                code="UNCONFIGURED",
            )
        return self._show.playback

    # -- what playing tells, on the executor's thread ----------------------------------------------

    def playback_gave_up(self, message: str) -> None:
        """Go to unconfigured, with the reason."""
        self.get_logger().error(
            f"Gave up: {message}. The node is unconfigured now; mend that and run "
            f"`ros2 lifecycle set {self.get_fully_qualified_name()} configure`, then activate"
        )
        self.bring_down()

    def _publish_unconfigured(self, message: str = "", code: str = "") -> None:
        state = PlaybackState(message=message, error_code=code, rate=self._settings.current.rate)
        self._status.publish(status_message(state, self.get_clock().now().nanoseconds))


class PlayerSession:
    """What a configured player plays, from the library to the topics.

    It is what both report to: the library on the asyncio thread, playing on its own.
    """

    def __init__(
        self,
        node: PlayerNode,
        status: Any,
        parameters: PlayerParameters,
        settings: ImageSettings,
        wait_for: Sequence[str],
    ) -> None:
        self.failure_message = ""
        self.failure_code = ""
        self._node = node
        self._forgotten = False
        self._folder: Path | None = None
        self._keep = False
        self._fetching: concurrent.futures.Future[None] | None = None
        self.topics = PlayerTopics(
            node,
            settings,
            status,
            self,
            wait_for=wait_for,
            lossless=parameters.rate == 0,
            publish_clock=parameters.publish_clock,
            steady_ns=time.monotonic_ns,
        )
        self.playback = Playback(
            self.topics,
            rate=parameters.rate,
            loop=parameters.loop,
            paused=parameters.start_paused,
            has_clock=parameters.publish_clock,
        )

    def fetch(self, wanted: Wanted, client: Odyssey | None, folder: Path, *, keep: bool) -> None:
        """Begin to fetch, in the background."""
        self._folder, self._keep = folder, keep
        work = (
            open_file(wanted, self)
            if client is None or isinstance(wanted, FileWanted)
            else fetch_episodes(wanted, client, folder, self)
        )
        self._fetching = self._node.asyncio_thread.submit(self._fetched(work))

    def close(self) -> concurrent.futures.Future[None]:
        """End playing, then the topics; the rest goes on in the background. On the executor's thread."""
        self._forgotten = True
        if self.playback.close():
            self.topics.destroy()
        else:
            self._node.get_logger().error("The thread that plays does not end; its topics stay")
        return self._node.asyncio_thread.submit(self._clean_up())

    async def _fetched(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 -- nobody else would hear of it
            self.gave_up("INTERNAL", as_odyssey_error(error).advice)

    async def _clean_up(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wrap_future(self._fetching)
        if self._folder is not None and not self._keep:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    # -- from the library, on the asyncio thread ---------------------------------------------------

    def episodes_found(self, count: int) -> None:
        """Pass it on."""
        self.playback.episodes_found(count)

    def fetching(self, text: str) -> None:
        """Pass it on."""
        self.playback.fetching(text)

    def episode_fetched(self, number: int, episode: LibraryEpisode) -> None:
        """Pass it on."""
        self.playback.episode_fetched(number, episode)

    def library_failed(self, error: LibraryError) -> None:
        """Give up: there is nothing to play."""
        self.gave_up(error.code, str(error))

    # -- from playing, on its thread ---------------------------------------------------------------

    def state_changed(self, state: PlaybackState) -> None:
        """Log what an operator wants to read."""
        logger, which = self._node.get_logger(), f"episode {state.episode + 1} of {state.episodes}"
        if state.phase is PlaybackPhase.EPISODE_FAILED:
            logger.error(f"{which} cannot be played: {state.error_code}: {state.message}")
        elif state.phase is PlaybackPhase.EPISODE_COMPLETE:
            logger.info(f"Played {which}: {state.frame_count} frames of {state.stream_id}")
        elif state.phase is PlaybackPhase.FINISHED:
            logger.info("All has been played")
        elif state.phase is PlaybackPhase.WAITING:
            logger.info("Waiting for subscribers")
        elif state.message:
            logger.info(state.message)

    def episode_damaged(self, episode: Episode) -> None:
        """Let a damaged video be fetched anew the next time."""
        if self._keep and self._folder is not None and episode.video_path.parent == self._folder:
            episode.video_path.unlink(missing_ok=True)

    def gave_up(self, code: str, message: str) -> None:
        """Bring the node down."""

        def act() -> None:
            if not self._forgotten:
                self.failure_code, self.failure_message = code, message
                self._node.playback_gave_up(message)

        self._node.calls.post(act)


def wanted_episodes(parameters: PlayerParameters) -> Wanted:
    """Return what the parameters name.

    Raises:
        ConfigurationRefused: They name nothing, or several things.
    """
    named = [name for name in ("stream_id", "job_id", "video_file") if getattr(parameters, name)]
    if len(named) != 1:
        raise ConfigurationRefused(
            f"set exactly one of the parameters stream_id, job_id and video_file, not "
            f"{' and '.join(named) if named else 'none of them'}"
        )
    if parameters.stream_id:
        return RecordingWanted(parameters.stream_id)
    if parameters.job_id:
        return JobWanted(parameters.job_id, parameters.script_index)
    video = Path(parameters.video_file).expanduser()
    events = Path(parameters.events_file).expanduser() if parameters.events_file else None
    for path in (video, events):
        if path is not None and not path.is_file():
            raise ConfigurationRefused(f"there is no file {path}")
    return FileWanted(video, events)


def waited_topics(text: str) -> list[str]:
    """Return the names in a list of topics.

    Raises:
        ConfigurationRefused: The player has no such topic.
    """
    names = [name.strip().removeprefix("~/") for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise ConfigurationRefused(f"wait_for names {unknown[0]!r}, which is not one of: {', '.join(NAMES)}")
    return names


def episode_folder(cache_dir: str) -> Path:
    """Return the folder for fetched files, which exists then.

    Raises:
        ConfigurationRefused: It cannot be made.
    """
    try:
        if not cache_dir:
            return Path(tempfile.mkdtemp(prefix="odyssey_player_"))
        folder = Path(cache_dir).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationRefused(f"no folder for the videos: {error.strerror}") from None
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the player as a process."""
    return spin_node(PlayerNode, arguments)


if __name__ == "__main__":
    sys.exit(main())
