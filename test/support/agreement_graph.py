"""Runs random streams through real processes, and returns each frame as it was seen in each way."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import httpx
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from odyssey_ros.msg import PlaybackStatus, StreamStatus
from odyssey_ros.srv import EndStream, Interact, StartStream
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String
from std_srvs.srv import Trigger

from agreement_frames import Frames, Seen, Views, frames_of_bag
from agreement_processes import KEY, Processes, executable
from encoded_topics import EncodedTopic, decoded
from observer import Observer
from odyssey_ros.client import Odyssey, OdysseyError
from waiting import eventually, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from agreement_plans import Plan

LATCHED: Final = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Graph:
    """An emulator, bridges, a player and an observer on one domain. Use as a context manager.

    Args:
        domain: The ROS domain.
        folder: An empty folder for files.
        bridges: Number of bridges, which run streams side by side.
        launcher: Command in front of the executable of the bridges, as in a test with a slow decoder.
    """

    def __init__(self, domain: int, folder: Path, bridges: int = 2, launcher: Sequence[str] = ()) -> None:
        self._domain, self._folder, self._launcher = domain, folder, launcher
        self.names = [f"odyssey{number}" for number in range(bridges)]
        self._stack = contextlib.ExitStack()
        self.processes = self._stack.enter_context(Processes(domain, folder))

    def __enter__(self) -> Graph:
        with contextlib.ExitStack() as stack:
            stack.push(self)
            self._open()
            stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _open(self) -> None:
        self.processes.start_emulator()
        for name in self.names:
            self.processes.start_node("bridge", name, *self._launcher, resume_stream="true", encoding="mono8")
        self.processes.start_node(
            "player", "player", autostart="false", encoding="mono8", rate="0.0",
            wait_for="image_raw,frame_info,playback",
        )  # fmt: skip
        self._observer = self._stack.enter_context(Observer(self._domain))
        self.node = self._observer.node
        nodes = (*self.names, "player")
        self.frames = {name: Frames(self.node, name) for name in nodes}
        self._encoded = {name: EncodedTopic(self._observer, f"/{name}/image_raw", "ffmpeg") for name in nodes}
        self.statuses: dict[str, StreamStatus] = {}
        for name in self.names:
            self.node.create_subscription(
                StreamStatus,
                f"/{name}/status",
                lambda status, name=name: self.statuses.__setitem__(name, status),
                LATCHED,
            )
        self.playback: list[PlaybackStatus] = []
        self.node.create_subscription(PlaybackStatus, "/player/playback", self.playback.append, LATCHED)
        self._prompts = {
            name: self.node.create_publisher(String, f"/{name}/prompt", 10) for name in self.names
        }

    def call(self, kind: type, name: str, **fields: Any) -> Any:
        """Call a service and return its response."""
        return self._observer.call(kind, name, **fields)

    # -- live --------------------------------------------------------------------------------------

    def run_live(self, plans: Sequence[Plan]) -> list[Views]:
        """Run the streams, each bridge one after another; return them with their live frames."""
        found: list[Views] = []
        errors: list[BaseException] = []

        def run(name: str, mine: Sequence[Plan]) -> None:
            try:
                wait_until(
                    lambda: name in self.statuses and self.statuses[name].connection == 3, "a connection"
                )
                frames, views = self.frames[name], []
                for topic in ("frame_info", "image_raw/ffmpeg"):
                    wait_until(lambda topic=topic: self.node.count_publishers(f"/{name}/{topic}") > 0, topic)
                for plan in mine:
                    views.append(self._run_stream(name, plan))
                    found.append(views[-1])
                wait_until(lambda: frames.labelled, lambda: f"the label of each picture: {frames}")
                by_stream = {stream: view for view in views for stream in view.recorded}
                last = views[-1]
                for seen in self._take_encoded(name):
                    by_stream.get(seen.stream_id, last).live_encoded.append(seen)
                for seen in frames.take():
                    by_stream.get(seen.stream_id, last).live.append(seen)
            except BaseException as error:
                errors.append(error)
                raise

        threads = [
            threading.Thread(target=run, args=(name, plans[number :: len(self.names)]), daemon=True)
            for number, name in enumerate(self.names[: len(plans)])
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return sorted(found, key=lambda views: views.plan.number)

    def _take_encoded(self, name: str) -> list[Seen]:
        """Remove, decode and return the access units of a node, whose labels are not taken yet."""
        frames, units = self.frames[name], self._encoded[name].units
        wait_until(lambda: all(frames.has_label(unit.stamp) for unit in units), "the label of each unit")
        taken = list(units)
        units.clear()
        return [
            frames.seen(unit.stamp, (picture.shape[1], picture.shape[0]), marker)
            for unit, picture, marker in decoded(taken)
        ]

    def _run_stream(self, name: str, plan: Plan) -> Views:
        views = Views(plan)
        session = self.statuses[name].session_id
        ids = [self._arm(fault, session) for fault in plan.faults]
        first = plan.prompts[0]
        started = self.call(
            StartStream,
            f"/{name}/start_stream",
            prompt=first.text,
            portrait=plan.portrait,
            bypass_prompt_expansion=int(plan.bypass),
        )
        assert started.success, f"plan {plan.number}: {started.message}"
        views.recorded[started.stream_id] = []
        begin = time.monotonic()
        for prompt in plan.prompts[1:]:
            time.sleep(max(0.0, begin + prompt.at_s - time.monotonic()))
            if prompt.by_topic:
                self._prompts[name].publish(String(data=prompt.text))
            else:
                # Refused while the bridge connects again.
                self.call(Interact, f"/{name}/interact", prompt=prompt.text)
        time.sleep(max(0.0, begin + plan.duration_s - time.monotonic()))
        if plan.reconnects:
            status = wait_until(
                lambda: (s := self.statuses[name]).streaming and s.stream_id != started.stream_id and s,
                f"plan {plan.number}: a second stream",
            )
            views.recorded[status.stream_id] = []
            time.sleep(0.7)
        for number in ids:
            httpx.delete(f"{self.processes.url}/control/faults/{number}", timeout=60)
        ended = self.call(EndStream, f"/{name}/end_stream")
        assert ended.success, f"plan {plan.number}: {ended.message}"
        return views

    def _arm(self, fault: dict[str, object], session: str) -> int:
        answer = httpx.post(
            f"{self.processes.url}/control/faults", json={**fault, "session_id": session}, timeout=20
        )
        assert answer.is_success, answer.text
        return int(answer.json()["faults"][0]["id"])

    # -- recorded ----------------------------------------------------------------------------------

    def read_recordings(self, views: Sequence[Views]) -> None:
        """Make bags of all streams with the dataset tool, and add their frames."""
        streams = {stream: view for view in views for stream in view.recorded}
        asyncio.run(self._recordings_complete(list(streams)))
        output = self._folder / "dataset"
        command = [
            executable("dataset"),
            "recordings",
            *streams,
            "-o",
            str(output),
            "--api-url",
            self.processes.url,
        ]
        done = subprocess.run(
            [*command, "--decoders", "1"],
            env={**self.processes.environment(), "ODYSSEY_API_KEY": KEY},
            capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        for metadata in sorted(output.rglob("metadata.yaml")):
            for seen in frames_of_bag(metadata.parent):
                streams[seen.stream_id].recorded[seen.stream_id].append(seen)

    async def _recordings_complete(self, streams: Sequence[str]) -> None:
        async with Odyssey(KEY, api_url=self.processes.url) as client:
            for stream in streams:

                async def complete(stream: str = stream) -> bool:
                    try:
                        return (await client.get_recording(stream)).video_url is not None
                    except OdysseyError:
                        return False

                await eventually(complete, f"the recording of {stream}")

    # -- played ------------------------------------------------------------------------------------

    def play(self, views: Sequence[Views]) -> None:
        """Play all streams with the player, and add the frames."""
        for view in views:
            for stream in view.recorded:
                view.played_encoded[stream], view.played[stream] = self._play(stream, view.plan)

    def _play(self, stream: str, plan: Plan) -> tuple[list[Seen], list[Seen]]:
        frames = self.frames["player"]
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=stream)
        parameter = Parameter(name="stream_id", value=value)
        (result,) = self.call(SetParameters, "/player/set_parameters", parameters=[parameter]).results
        assert result.successful, result.reason
        before = len(self.playback)
        self._change(Transition.TRANSITION_CONFIGURE)
        self._change(Transition.TRANSITION_ACTIVATE)

        def ended() -> bool:
            return any(status.state == PlaybackStatus.FINISHED for status in self.playback[before:])

        for pause in plan.pauses:
            wait_until(lambda pause=pause: len(frames) >= pause or ended(), self._state_of_player, 20)
            if self.call(Trigger, "/player/pause").success:
                for _ in range(2):
                    self.call(Trigger, "/player/step")
                if not ended():
                    self.call(Trigger, "/player/resume")
        wait_until(ended, self._state_of_player)
        wait_until(lambda: frames.complete, "the last messages of the player")
        self._change(Transition.TRANSITION_DEACTIVATE)
        self._change(Transition.TRANSITION_CLEANUP)
        return self._take_encoded("player"), frames.take()

    def _state_of_player(self) -> str:
        return f"frames of the player; its state: {self.playback[-1:]}; frames: {self.frames['player']}"

    def _change(self, transition: int) -> None:
        request = Transition(id=transition)
        assert self.call(ChangeState, "/player/change_state", transition=request).success
        self.call(GetState, "/player/get_state")
