"""cv_bridge: used where it works, and left alone where it fails or crashes.

No package index has cv_bridge. These tests use packages of that name that fail like the real one with another
version of numpy or OpenCV. Where cv_bridge is installed, test_image_prompt.py compares its images with ours.
"""

from __future__ import annotations

import os
import re
import sys

import numpy as np
import pytest
from sensor_msgs.msg import Image

from odyssey_ros.bridge.live.cv_bridge_conversion import CvBridgeConversion, probe_fault

# The unpacking of cv_bridge's core.py and OpenCV's conversion of two encodings, in numpy.
WORKING = """
import numpy

class CvBridge:
    def imgmsg_to_cv2(self, message, encoding):
        rows = numpy.ndarray((message.height, message.step // 3, 3), numpy.uint8, bytes(message.data))
        rows = rows[:, : message.width]
        return rows[..., ::-1] if message.encoding == "bgr8" else rows
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a package `cv_bridge` for this process and those that it starts."""
    probe_fault.cache_clear()

    former = {name: sys.modules.pop(name) for name in tuple(sys.modules) if name.split(".")[0] == "cv_bridge"}

    def install(source):
        package = tmp_path / "cv_bridge"
        package.mkdir()
        (package / "__init__.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")

    yield install
    sys.modules.pop("cv_bridge", None)
    sys.modules.update(former)
    probe_fault.cache_clear()


def image(encoding="bgr8"):
    return Image(height=2, width=2, encoding=encoding, step=6, data=bytes(range(12)))


def test_a_working_cv_bridge_converts(install):
    install(WORKING)
    reports = []
    conversion = CvBridgeConversion(reports.append)
    rgb = conversion.rgb(image())
    assert rgb.tolist() == [[[2, 1, 0], [5, 4, 3]], [[8, 7, 6], [11, 10, 9]]]
    assert rgb.flags.c_contiguous
    assert conversion.rgb(image("rgb8")).tolist() == np.arange(12).reshape(2, 2, 3).tolist()
    assert not reports


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            r"it crashes \(SIGSEGV\); .* of numpy than",
        ),
        ("raise ImportError('numpy.core.multiarray failed to import')", "ImportError: numpy.core.multiarray"),
        ("CvBridge = dict", "AttributeError: 'dict' object has no attribute 'imgmsg_to_cv2'"),
        (WORKING.replace("::-1", "::1"), "ValueError: it converts an image wrongly, to "),
        ("raise SystemExit(3)", "a test ended with status 3"),
    ],
)
def test_a_cv_bridge_that_does_not_work_is_reported_once(install, source, reason):
    install(source)
    reports = []
    conversion = CvBridgeConversion(reports.append)
    assert conversion.rgb(image()) is None
    assert conversion.rgb(image()) is None
    [report] = reports
    assert re.match(reason, report), report


def test_a_cv_bridge_that_fails_later_is_reported_once(install):
    install(WORKING)
    reports = []
    conversion = CvBridgeConversion(reports.append)
    assert conversion.rgb(image()) is not None
    assert conversion.rgb(Image(height=9, width=2, encoding="rgb8", step=6, data=bytes(12))) is None
    assert conversion.rgb(image()) is None
    [report] = reports
    assert report.startswith("TypeError: buffer is too small")


def test_an_image_of_another_shape_or_type_is_not_used(install):
    install(
        WORKING.replace("return rows[", "return rows.astype(float)[").replace("else rows", "else rows[0]")
    )
    reports = []
    assert CvBridgeConversion(reports.append).rgb(image()) is None
    assert CvBridgeConversion(reports.append).rgb(image("rgb8")) is None
    assert reports == [
        "ValueError: it made an image of float64 and the shape (2, 2, 3)",
        "ValueError: it made an image of uint8 and the shape (2, 3)",
    ]


def test_without_cv_bridge_nothing_is_reported(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    reports = []
    assert CvBridgeConversion(reports.append).rgb(image()) is None
    assert not reports
