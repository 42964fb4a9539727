"""The calibration of a node: from its URL, and set by a service."""

from __future__ import annotations

from dataclasses import replace

import pytest
from odyssey_ros.msg import FrameInfo
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from sensor_msgs.srv import SetCameraInfo

from odyssey_ros.bridge.frames.calibration_file import read_calibration, write_calibration
from odyssey_ros.bridge.frames.camera_calibration import Calibration, camera_info
from odyssey_ros.bridge.frames.camera_info_service import CameraInfoService
from quiet_node import Quiet

K = (1000.5, 0.0, 640.0, 0.0, 1001.5, 352.0, 0.0, 0.0, 1.0)
R = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
P = (990.0, 0.0, 640.0, 0.0, 0.0, 991.0, 352.0, 0.0, 0.0, 0.0, 1.0, 0.0)
D = (0.1, -0.2, 0.001, 0.002, 0.0)
CALIBRATION = Calibration(1280, 704, "plumb_bob", D, K, R, P)
REQUEST = SetCameraInfo.Request(camera_info=camera_info(1280, 704, CALIBRATION))


class Bench:
    """A node with the service, which is started with a URL, and a client."""

    def __init__(self, graph):
        self.url, self.changes = "", []
        self._graph = graph
        self._node = graph.add(Quiet("eye", context=graph.context))
        caller = graph.add(Node("calibrator", context=graph.context))
        self._client = caller.create_client(SetCameraInfo, "/eye/set_camera_info")

    def start(self, url="", *folders):
        self.url = url
        self.info = CameraInfoService(
            self._node,
            lambda: self.url,
            lambda: self.changes.append(self.info.calibration),
            [str(folder) for folder in folders],
        )

    def set(self, request=REQUEST):
        self._graph.until(self._client.service_is_ready)
        future = self._client.call_async(request)
        self._graph.until(future.done)
        return future.result()


@pytest.fixture
def bench(local_graph):
    return Bench(local_graph)


def test_a_calibration_is_applied_and_saved(bench, tmp_path):
    bench.start(f"file://{tmp_path}/camera_info/${{NAME}}.yaml")
    bench.info.load()
    assert bench.info.calibration is None
    response = bench.set()
    path = tmp_path / "camera_info" / "eye.yaml"
    assert (response.success, response.status_message) == (True, f"Saved to {path}")
    assert bench.changes == [CALIBRATION]
    assert "camera_name: eye\n" in path.read_text()
    bench.info.calibration = None
    bench.info.load()
    assert bench.info.calibration == CALIBRATION


def test_without_a_url_it_lasts_as_long_as_the_process(bench):
    bench.start()
    response = bench.set()
    assert response.success
    assert "set camera_info_url" in response.status_message
    bench.info.load()
    assert bench.info.calibration == CALIBRATION
    bench.info.url_changed()
    assert bench.info.calibration is None


def test_a_calibration_that_cannot_be_saved_is_applied(bench, tmp_path):
    (tmp_path / "file").touch()
    bench.start(f"file://{tmp_path}/file/camera.yaml")
    response = bench.set()
    assert not response.success
    assert response.status_message.startswith(
        f"Applied, but not saved: cannot save to {tmp_path}/file/camera.yaml"
    )
    assert bench.info.calibration == CALIBRATION


def test_a_package_that_is_not_installed(bench):
    bench.start("package://no_such_package/camera.yaml")
    assert "there is no package 'no_such_package'" in bench.set().status_message


def test_an_invalid_calibration_changes_nothing(bench, tmp_path):
    bench.start(f"file://{tmp_path}/camera.yaml")
    invalid = SetCameraInfo.Request(camera_info=CameraInfo(width=1280, height=704, d=[float("nan")]))
    response = bench.set(invalid)
    assert (response.success, response.status_message) == (
        False,
        "Refused: distortion_coefficients contains a number that is not finite",
    )
    assert not bench.changes
    assert not list(tmp_path.iterdir())


def test_changes_of_the_url_are_checked(bench, tmp_path):
    path = tmp_path / "camera.yaml"
    write_calibration(path, CALIBRATION, "eye")
    bench.start("", tmp_path)
    assert bench.info.refusal({"prompt": "a calm sea"}) is None
    assert bench.info.refusal({"camera_info_url": ""}) is None
    assert bench.info.refusal({"camera_info_url": f"file://{path}"}) is None
    path.write_text("{")
    assert "it is not YAML in line 1" in bench.info.refusal({"camera_info_url": f"file://{path}"})
    assert bench.info.refusal({"camera_info_url": "camera.yaml"}).startswith(
        "camera_info_url: 'camera.yaml' must"
    )


def test_the_calibration_that_was_checked_is_applied(bench, tmp_path):
    """The file is read once: it may be gone when the change is applied."""
    path = tmp_path / "camera.yaml"
    write_calibration(path, CALIBRATION, "eye")
    bench.start("", tmp_path)
    assert bench.info.refusal({"camera_info_url": f"file://{path}"}) is None
    path.unlink()
    bench.url = f"file://{path}"
    bench.info.url_changed()
    assert bench.info.calibration == CALIBRATION
    bench.info.url_changed()  # without a check: the file is read
    assert bench.info.calibration is None


def test_a_calibration_is_saved_in_an_allowed_folder(bench, tmp_path):
    bench.start("", tmp_path / "allowed")
    bench.url = f"file://{tmp_path}/allowed/camera.yaml"
    assert "Applied, but not saved: cannot save to" in bench.set().status_message  # there is no folder
    (tmp_path / "allowed").mkdir()
    for _ in range(2):
        response = bench.set()
        assert (response.success, response.status_message) == (True, f"Saved to {bench.url[7:]}")
    assert read_calibration(tmp_path / "allowed" / "camera.yaml") == (CALIBRATION, [])
    bench.url = f"file://{tmp_path}/allowed/camera.ini"
    assert "let camera_info_url name a .yaml file" in bench.set().status_message
    bench.url = f"file://{tmp_path}/camera.yaml"
    assert "the path is not in a folder that this node allows" in bench.set().status_message


# -- on a graph ----------------------------------------------------------------------------------------------


def test_camera_info_has_the_header_of_its_image(start_bridge, probe, wait_until, tmp_path):
    path = tmp_path / "camera.yaml"
    write_calibration(path, CALIBRATION, "odyssey")
    kinds = {"image_raw": Image, "image_raw/compressed": CompressedImage, "camera_info": CameraInfo}
    heard = {
        name: probe.listen(kind, f"/odyssey/{name}", 5)
        for name, kind in {**kinds, "frame_info": FrameInfo}.items()
    }
    process = start_bridge({"prompt": "a calm sea", "camera_info_url": f"file://{path}"})

    def of_one_frame():
        """Return the four messages of one frame; single messages may have been missed."""
        by_stamp = [
            {(one.header.stamp.sec, one.header.stamp.nanosec): one for one in messages}
            for messages in heard.values()
        ]
        stamps = set.intersection(*(set(messages) for messages in by_stamp))
        return [[messages[stamp] for messages in by_stamp] for stamp in sorted(stamps)]

    wait_until(lambda: len(of_one_frame()) > 5, "five frames on four topics")
    for image, jpeg, info, label in of_one_frame():
        assert image.header == jpeg.header == info.header == label.header
        assert (info.width, info.height, list(info.k), list(info.d)) == (1280, 704, list(K), list(D))

    def change(url):
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=url)
        request = SetParameters.Request(parameters=[Parameter(name="camera_info_url", value=value)])
        return probe.call(SetParameters, "/odyssey/set_parameters", request).results[0]

    write_calibration(path, replace(CALIBRATION, k=(1234.5, *K[1:])), "odyssey")
    assert change(f"file://{path}").successful  # the present value: the file is read again
    wait_until(lambda: heard["camera_info"][-1].k[0] == 1234.5, "the edited calibration")
    for url, reason in (
        ("file://[", "is not a URL"),
        ("file:///%00", "does not name a file"),
        ("file:///dev/zero", "PATH_NOT_ALLOWED"),
    ):
        refused = change(url)
        assert (refused.successful, reason in refused.reason) == (False, True), url
    assert change("").successful
    wait_until(lambda: heard["camera_info"][-1].k[0] == 0.0, "uncalibrated")
    assert "Traceback" not in process.text


def test_a_calibration_over_the_graph(start_bridge, start_node, probe, wait_until, tmp_path):
    infos = probe.listen(CameraInfo, "/odyssey/camera_info", 5)
    path = tmp_path / "a" / "odyssey.yaml"
    parameters = {"prompt": "a calm sea", "camera_info_url": f"file://{path}"}
    process = start_bridge(parameters)
    wait_until(lambda: infos, "an uncalibrated camera")
    assert infos[-1].k[0] == 0.0
    wait_until(
        lambda: f"~/camera_info is uncalibrated: camera_info_url: there is no file {path}" in process.text
    )
    assert probe.call(SetCameraInfo, "/odyssey/set_camera_info", REQUEST).success
    wait_until(lambda: tuple(infos[-1].k) == K, "the calibration")
    assert process.stop() == 0
    infos.clear()
    start_bridge(parameters)
    wait_until(lambda: infos, "the camera after a restart")
    assert (tuple(infos[-1].k), tuple(infos[-1].p), tuple(infos[-1].d)) == (K, P, D)

    for name in ("spectator", "player"):
        start_node(name, {"camera_info_url": f"file://{tmp_path}/{name}.yaml", "autostart": False})
        assert probe.call(SetCameraInfo, f"/{name}/set_camera_info", REQUEST).success
        assert read_calibration(tmp_path / f"{name}.yaml") == (CALIBRATION, [])
