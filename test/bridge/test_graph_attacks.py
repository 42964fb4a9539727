"""Attacks of a node on the graph: on secrets, on files, and on the process. The nodes are real processes."""

from __future__ import annotations

import os
import signal
import socket
import threading

import pytest
from action_msgs.msg import GoalStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from odyssey_ros.action import RunSimulation
from odyssey_ros.msg import PlaybackStatus, Script, ScriptEntry, StreamStatus
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, GetParameters, SetParameters, SetParametersAtomically
from rclpy.action import ActionClient
from rclpy.qos import QoSProfile
from sensor_msgs.srv import SetCameraInfo

from odyssey_ros import srv
from odyssey_ros.bridge.frames.calibration_file import write_calibration
from odyssey_ros.bridge.frames.camera_calibration import Calibration, camera_info

KEY = "ody_test_key"
CALIBRATION = Calibration(
    1280,
    704,
    "plumb_bob",
    (0.1, -0.2, 0.001, 0.002, 0.0),
    (1000.5, 0.0, 640.0, 0.0, 1001.5, 352.0, 0.0, 0.0, 1.0),
    (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
    (990.0, 0.0, 640.0, 0.0, 0.0, 991.0, 352.0, 0.0, 0.0, 0.0, 1.0, 0.0),
)
FIXED = {
    "odyssey": (
        *("api_url", "api_key_file", "credentials_file", "image_folders", "calibration_folders"),
        *("autostart", "allow_credential_minting", "allow_insecure"),
    ),
    "spectator": ("webrtc_url", "spectator_token_file", "calibration_folders", "autostart", "allow_insecure"),
    "player": (
        *("api_url", "api_key_file", "video_file", "events_file", "dataset", "cache_dir"),
        *("calibration_folders", "autostart", "exit_when_finished", "allow_insecure"),
    ),
}


class Attacker:
    """A node in another process than the one that it attacks."""

    def __init__(self, probe, name):
        self.probe, self.name = probe, name

    def set(self, name, value):
        """Try to set a parameter; return the result."""
        if isinstance(value, str):
            content = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value)
        elif isinstance(value, bool):
            content = ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=value)
        elif isinstance(value, int):
            content = ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=value)
        elif isinstance(value, list):
            content = ParameterValue(type=ParameterType.PARAMETER_STRING_ARRAY, string_array_value=value)
        else:
            content = value
        request = SetParameters.Request(parameters=[Parameter(name=name, value=content)])
        return self.probe.call(SetParameters, f"/{self.name}/set_parameters", request).results[0]

    def get(self, name):
        """Return the value of a parameter."""
        request = GetParameters.Request(names=[name])
        return self.probe.call(GetParameters, f"/{self.name}/get_parameters", request).values[0]

    def change(self, transition):
        """Try a transition."""
        request = ChangeState.Request(transition=Transition(id=transition))
        return self.probe.call(ChangeState, f"/{self.name}/change_state", request).success

    def is_answered(self):
        """Return whether the executor of the node is free."""
        return bool(self.probe.call(GetState, f"/{self.name}/get_state").current_state.label)


class Trap:
    """A server of the attacker: it accepts connections and stores what arrives."""

    def __init__(self):
        self.received = b""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                self.received += connection.recv(65536)

    def close(self):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def trap():
    one = Trap()
    yield one
    one.close()


@pytest.fixture
def secret(tmp_path):
    """A file that only the user of the node can read."""
    path = tmp_path / "secret.jpg"
    path.write_text("another secret of the user")
    path.chmod(0o600)
    return path


@pytest.fixture
def bridge(start_bridge, probe, wait_until):
    """Starts a bridge that connects; returns the process and the attacker."""

    def start(parameters=None):
        statuses = probe.statuses()
        process = start_bridge(parameters)
        wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.CONNECTED, "a connection")
        return process, Attacker(probe, "odyssey")

    return start


# -- secrets -------------------------------------------------------------------------------------------------


def test_the_key_cannot_be_sent_elsewhere(bridge, trap, secret, wait_until, probe):
    process, attacker = bridge()
    assert attacker.change(Transition.TRANSITION_DEACTIVATE)
    assert attacker.change(Transition.TRANSITION_CLEANUP)
    for name, value in (("api_url", trap.url), ("api_key_file", str(secret))):
        result = attacker.set(name, value)
        assert not result.successful
        assert "read-only" in result.reason
    both = [
        Parameter(name="max_retries", value=ParameterValue(type=ParameterType.PARAMETER_INTEGER)),
        Parameter(
            name="api_url", value=ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=trap.url)
        ),
    ]
    atomic = SetParametersAtomically.Request(parameters=both)
    assert not probe.call(
        SetParametersAtomically, "/odyssey/set_parameters_atomically", atomic
    ).result.successful
    statuses = probe.statuses()
    assert attacker.change(Transition.TRANSITION_CONFIGURE)
    wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.CONNECTED, "the connection")
    assert trap.received == b""
    assert "another secret" not in process.text


@pytest.mark.parametrize("name", FIXED)
def test_parameters_that_are_fixed_at_the_start(name, start_node, probe):
    executable = "bridge" if name == "odyssey" else name
    start_node(executable, {"autostart": False})
    attacker = Attacker(probe, name)
    request = DescribeParameters.Request(names=FIXED[name])
    described = probe.call(DescribeParameters, f"/{name}/describe_parameters", request).descriptors
    assert [one.name for one in described if one.read_only] == list(FIXED[name])
    for parameter in FIXED[name]:
        before = attacker.get(parameter)
        value = {
            ParameterType.PARAMETER_BOOL: True,
            ParameterType.PARAMETER_STRING: "/tmp/x",
            ParameterType.PARAMETER_STRING_ARRAY: ["/"],
        }[before.type]
        for attempt in (value, ParameterValue(), ParameterValue(type=99)):
            assert not attacker.set(parameter, attempt).successful, parameter
        assert attacker.get(parameter) == before


@pytest.mark.parametrize("name", ["bridge", "spectator", "player"])
@pytest.mark.parametrize("kind", ["fifo", "/dev/zero", "/dev/ptmx", "large"])
def test_a_secret_is_never_read_from_what_is_no_small_file(
    name, kind, start_node, probe, wait_until, tmp_path
):
    path = tmp_path / kind
    if kind == "fifo":
        os.mkfifo(path, 0o600)
    elif kind == "large":
        path.write_bytes(b"x" * (1 << 20))
        path.chmod(0o600)
    statuses = probe.listen(
        PlaybackStatus if name == "player" else StreamStatus,
        f"/{name}/playback" if name == "player" else f"/{'odyssey' if name == 'bridge' else name}/status",
    )
    parameters = {
        "bridge": {"api_key_file": path},
        "spectator": {"webrtc_url": "http://127.0.0.1:9/whep", "spectator_token_file": path},
        "player": {"stream_id": "x", "api_key_file": path},
    }[name]
    process = start_node(name, parameters)
    attacker = Attacker(probe, "odyssey" if name == "bridge" else name)
    wait_until(lambda: "Not configured" in process.text, lambda: f"the refusal:\n{process.text}")
    assert attacker.is_answered()
    assert not attacker.change(Transition.TRANSITION_CONFIGURE)
    wait_until(lambda: statuses and statuses[-1].message, "the reason")
    reason = "larger than 64 KiB" if kind == "large" else "not a regular file"
    assert reason in statuses[-1].message
    assert process.stop(signal.SIGTERM) == 0


# -- pictures ------------------------------------------------------------------------------------------------


def script(path):
    return [
        ScriptEntry(timestamp_ms=0, action=ScriptEntry.START, prompt="the sea", image_path=str(path)),
        ScriptEntry(timestamp_ms=1000, action=ScriptEntry.END),
    ]


def answers(probe, path):
    """Name a picture in every request that can; return the codes and the messages."""
    start = probe.call(
        srv.StartStream, "/odyssey/start_stream", srv.StartStream.Request(prompt="x", image_path=str(path))
    )
    submit = srv.SubmitSimulationJob
    one = probe.call(submit, "/odyssey/submit_simulation_job", submit.Request(script=script(path)))
    batch = submit.Request(scripts=[Script(entries=script(path))])
    many = probe.call(submit, "/odyssey/submit_simulation_job", batch)
    client = ActionClient(probe.node, RunSimulation, "/odyssey/run_simulation")
    try:
        assert client.wait_for_server(60)
        goal = probe.do(lambda: client.send_goal_async(RunSimulation.Goal(script=script(path))))
        handle = until(goal)
        result = until(probe.do(handle.get_result_async))
    finally:
        probe.do(client.destroy)
    assert result.status == GoalStatus.STATUS_ABORTED
    every = (start, one, many, result.result)
    assert not any(answer.success for answer in every)
    return {answer.error_code for answer in every}, {answer.message for answer in every}


def until(future):
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    assert future.done() or done.wait(80)
    return future.result()


def test_no_picture_leaves_the_machine_unless_it_is_allowed(bridge, probe, secret, tmp_path, emulator):
    process, _ = bridge()
    os.mkfifo(tmp_path / "fifo")
    texts = []
    for path in (secret, tmp_path / "fifo", "/dev/ptmx", "/dev/zero", tmp_path / "none", "secret.jpg", "~/x"):
        codes, messages = answers(probe, path)
        assert codes == {"PATH_NOT_ALLOWED"}, path
        texts.append({message.rpartition("image_path: ")[2] for message in messages})
    assert len(set(map(frozenset, texts))) == 1  # nothing tells which of the files exist
    assert "image_folders" in next(iter(texts[0]))
    assert emulator.state()["jobs"] == []
    assert process.stop(signal.SIGTERM) == 0


def test_nothing_leads_out_of_an_allowed_folder(bridge, probe, secret, tmp_path, emulator):
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    calls = 20
    process, attacker = bridge({"image_folders": [str(allowed)], "max_calls": calls})
    (allowed / "link.jpg").symlink_to(secret)
    (allowed / "zero.jpg").symlink_to("/dev/zero")
    os.mkfifo(allowed / "fifo.jpg")
    for path, code in (
        (allowed / "link.jpg", "PATH_NOT_ALLOWED"),
        (f"{allowed}/../secret.jpg", "PATH_NOT_ALLOWED"),
        (allowed / "zero.jpg", "BAD_IMAGE"),
        (allowed / "fifo.jpg", "BAD_IMAGE"),
        (allowed / "none.jpg", "BAD_IMAGE"),
    ):
        assert answers(probe, path)[0] == {code}, path
    assert emulator.state()["jobs"] == []
    # Six of these filled the threads, and nothing that needs one worked any more.
    submit = srv.SubmitSimulationJob
    every = QoSProfile(depth=100)  # the default depth would lose some of the answers
    client = probe.node.create_client(submit, "/odyssey/submit_simulation_job", qos_profile=every)
    assert client.wait_for_service(60)
    futures = [client.call_async(submit.Request(script=script(allowed / "fifo.jpg"))) for _ in range(calls)]
    assert {until(future).error_code for future in futures} == {"BAD_IMAGE"}
    assert attacker.is_answered()
    listing = probe.call(srv.ListRecordings, "/odyssey/list_recordings")
    assert listing.success, listing.message
    assert process.stop(signal.SIGTERM) == 0


# -- calibrations --------------------------------------------------------------------------------------------


@pytest.fixture
def calibrated(start_node, probe, tmp_path):
    """Starts a bridge with a calibration and one allowed folder; returns all of them."""
    first, allowed = tmp_path / "camera.yaml", tmp_path / "allowed"
    allowed.mkdir()
    write_calibration(first, CALIBRATION, "odyssey")
    process = start_node(
        "bridge",
        {
            "api_url": "http://127.0.0.1:9",
            "camera_info_url": f"file://{first}",
            "calibration_folders": [str(allowed)],
        },
        environment={"ODYSSEY_API_KEY": KEY},
    )
    return process, Attacker(probe, "odyssey"), first, allowed


def test_a_removed_calibration_does_not_matter_to_other_parameters(calibrated):
    process, attacker, first, _ = calibrated
    assert attacker.set("jpeg_quality", 70).successful
    first.unlink()
    for name, value in (("jpeg_quality", 71), ("frame_id", "eye"), ("prompt", ""), ("encoding", "bgr8")):
        result = attacker.set(name, value)
        assert result.successful, result.reason
    again = attacker.set("camera_info_url", f"file://{first}")
    assert not again.successful
    assert "there is no file" in again.reason
    assert attacker.set("camera_info_url", "").successful
    assert attacker.is_answered()
    assert process.stop(signal.SIGTERM) == 0


def test_a_calibration_is_read_only_from_allowed_places(calibrated, secret, tmp_path):
    _, attacker, first, allowed = calibrated
    write_calibration(allowed / "other.yaml", CALIBRATION, "odyssey")
    (allowed / "link.yaml").symlink_to(secret)
    reasons = set()
    for url in (
        f"file://{secret}",
        f"file://{tmp_path}/none.yaml",
        f"file://{allowed}/../secret.jpg",
        f"file://{allowed}/%2e%2e/secret.jpg",
        f"file://{allowed}/link.yaml",
        "file:///dev/zero",
        "file:///dev/ptmx",
        "file://~/.ssh/id_rsa",
        "file://~root/x.yaml",
        "file://~nobody-of-this-name/x.yaml",
        "file://${ROS_HOME}/x.yaml",
        "package://no_such_package/x.yaml",
        "package://rclpy/x.yaml",
        "package://rclpy/../../../../../../../../etc/passwd",
    ):
        result = attacker.set("camera_info_url", url)
        assert not result.successful, url
        reasons.add(result.reason)
    (reason,) = reasons  # nothing tells what exists
    assert reason == (
        "camera_info_url: PATH_NOT_ALLOWED: the path is not in a folder that this node allows: set it to '' "
        "or to the value with which the node started, or start the node with the folder in the parameter "
        "calibration_folders"
    )
    for url in (f"file://{allowed}/other.yaml", "", f"file://{first}"):
        result = attacker.set("camera_info_url", url)
        assert result.successful, result.reason


def test_a_calibration_is_written_only_to_allowed_places(calibrated, secret, probe, tmp_path):
    _, attacker, _first, allowed = calibrated
    for name in ("new.yaml", "link.yaml", "other.yaml"):
        write_calibration(allowed / name, CALIBRATION, "odyssey")
        assert attacker.set("camera_info_url", f"file://{allowed}/{name}").successful
        if name == "link.yaml":
            (allowed / name).unlink()
            (allowed / name).symlink_to(secret)
        if name == "other.yaml":
            (tmp_path / "outside").mkdir()
            allowed.rename(tmp_path / "away")
            allowed.symlink_to(tmp_path / "outside")
        request = SetCameraInfo.Request(camera_info=camera_info(1280, 704, CALIBRATION))
        answer = probe.call(SetCameraInfo, "/odyssey/set_camera_info", request)
        expected = {
            "new.yaml": f"Saved to {allowed}/new.yaml",
            "link.yaml": f"Applied, but not saved: cannot save to {allowed}/link.yaml: "
            "it is not a regular file",
            "other.yaml": f"Saved to {allowed}/other.yaml",  # the operator allows what the name stands for
        }[name]
        assert answer.status_message == expected
    assert secret.read_text() == "another secret of the user"


MATRIX = "camera_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}\n"
HOSTILE = {
    **{f"{depth} lists": "a: " + "[" * depth for depth in (50, 300, 900, 3000, 50_000)},
    **{f"{depth} closed lists": "[" * depth + "]" * depth for depth in (50, 300, 900, 3000, 50_000)},
    **{f"{depth} mappings": "{a: " * depth + "}" * depth for depth in (300, 3000, 17_000)},
    "indented lists": "- " * 40_000,
    "laughs": "a0: &a0 [1, 1]\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    + "image_width: *a39\n",
    "laughing matrix": "a0: &a0 [1, 1]\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    + "camera_matrix: {data: *a39}\nimage_width: 1\nimage_height: 1\n",
    "cycle": "image_width: &a [*a]\ncamera_matrix: *a\n",
    "long matrix": f"image_width: 1\nimage_height: 1\n{MATRIX}"
    f"distortion_coefficients: {{data: [{', '.join('1' * 30_000)}]}}\n",
    "long number": f"{MATRIX}image_width: " + "9" * 50_000,
    "huge number": f"{MATRIX}image_width: 1e308\nimage_height: 1\ndistortion_coefficients: []\n",
    "anchors": "".join(f"a{n}: &a{n} x\n" for n in range(5000)),
    "quotes": 'a: "' + "\\x41" * 20_000,
    "nul": "image_width: \0",
    "empty": "",
}


def test_no_calibration_ends_or_stops_the_node(calibrated):
    process, attacker, first, allowed = calibrated
    for name, text in HOSTILE.items():
        for suffix in ("yaml", "ini"):
            (allowed / f"hostile.{suffix}").write_text(text)
            result = attacker.set("camera_info_url", f"file://{allowed}/hostile.{suffix}")
            assert not result.successful, name
            assert result.reason.startswith("camera_info_url: "), result.reason
            assert len(result.reason) < 1000, name
    with (allowed / "sparse.yaml").open("wb") as file:
        file.truncate(1 << 40)
    assert "larger than 100 KiB" in attacker.set("camera_info_url", f"file://{allowed}/sparse.yaml").reason
    assert attacker.set("camera_info_url", f"file://{first}").successful
    assert attacker.set("jpeg_quality", 50).successful
    assert process.stop(signal.SIGTERM) == 0
    assert "Traceback" not in process.text


# -- values --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FIXED)
def test_no_value_ends_a_node(name, start_node, probe):
    process = start_node("bridge" if name == "odyssey" else name, {"autostart": False})
    attacker = Attacker(probe, name)
    parameters = probe.call(
        GetParameters, f"/{name}/get_parameters", GetParameters.Request(names=["use_sim_time"])
    ).values
    assert parameters
    for parameter in ("frame_id", "encoding", "parent_xyz", "parent_rpy", "camera_info_url", "jpeg_quality"):
        for value in (
            *(
                "",
                "a" * 1_000_000,
                "\x00",
                "\x1b[31m",
                "\n",
                "nan nan nan",
                "1e999 0 0",
                "file://",
                "file://[",
            ),
            *(2**63 - 1, -(2**63), ["a"] * 1000, True, ParameterValue(), ParameterValue(type=77)),
        ):
            result = attacker.set(parameter, value)
            assert len(result.reason) < 2000, (parameter, result.reason[:100])
    assert attacker.is_answered()
    assert process.stop(signal.SIGTERM) == 0
    assert "Traceback" not in process.text


def test_long_texts_are_refused(start_node, probe):
    start_node("bridge", {"autostart": False})
    result = Attacker(probe, "odyssey").set("frame_id", "a" * 5000)
    assert not result.successful
    assert result.reason == "frame_id has 5000 characters: set it to at most 4096"


def test_no_name_forges_a_line_of_the_log(start_node, probe):
    """The names of parameters and transitions come from the graph, and errors repeat them."""
    process = start_node("bridge", {"autostart": False})
    attacker = Attacker(probe, "odyssey")
    forged = "x\n[ERROR] [odyssey]: the key is wrong\x1b[2J"
    attacker.set(forged, ParameterValue(type=99))
    attacker.set(forged, 1)
    request = ChangeState.Request(transition=Transition(id=99, label=forged))
    assert not probe.call(ChangeState, "/odyssey/change_state", request).success
    assert attacker.is_answered()
    process.stop(signal.SIGTERM)
    assert not any(line.startswith("[ERROR] [odyssey]") for line in process.output)
    assert "\x1b[2J" not in process.text
