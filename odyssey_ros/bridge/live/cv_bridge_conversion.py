"""Conversion of images with the ROS package cv_bridge, where it is installed and works."""

from __future__ import annotations

import functools
import importlib.util
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from sensor_msgs.msg import Image

PROBE_TIMEOUT_S: Final = 60.0
_PROBE: Final = """
from cv_bridge import CvBridge
from sensor_msgs.msg import Image
message = Image(height=1, width=2, encoding="bgr8", step=6, data=bytes([1, 2, 3, 4, 5, 6]))
image = CvBridge().imgmsg_to_cv2(message, "rgb8")
if image.tolist() != [[[3, 2, 1], [6, 5, 4]]]:
    raise ValueError(f"it converts an image wrongly, to {image.tolist()}")
"""


class CvBridgeConversion:
    """Converts images to RGB with cv_bridge, until it fails. Thread-safe.

    Args:
        report: Called once, on the converting thread, with the reason why an installed cv_bridge is not used.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._bridge: Any = None
        self._usable = importlib.util.find_spec("cv_bridge") is not None

    def rgb(self, message: Image) -> NDArray[np.uint8] | None:
        """Return the image as RGB, uint8, shape (height, width, 3), or None when cv_bridge cannot be used.

        The first call takes about a second.

        Args:
            message: An image without row padding, in the byte order of this machine, in an encoding that
                cv_bridge can convert to rgb8.
        """
        with self._lock:
            if not self._usable:
                return None
            try:
                if self._bridge is None:
                    self._bridge = _load()
                image: NDArray[np.uint8] = np.ascontiguousarray(self._bridge.imgmsg_to_cv2(message, "rgb8"))
                if image.shape != (message.height, message.width, 3) or image.dtype != np.uint8:
                    raise ValueError(f"it made an image of {image.dtype} and the shape {image.shape}")
            except Exception as error:  # noqa: BLE001 -- cv_bridge, OpenCV and numpy raise many kinds; reported
                self._usable = False
                text = str(error) if isinstance(error, _Unusable) else f"{type(error).__name__}: {error}"
                self._report(text)
                return None
            return image


class _Unusable(Exception):  # noqa: N818 -- a finding about another package
    """The text gives the reason why cv_bridge cannot be used."""


def _load() -> Any:
    if (fault := probe_fault()) is not None:
        raise _Unusable(fault)
    from cv_bridge import CvBridge  # noqa: PLC0415 -- optional and slow to import

    return CvBridge()


@functools.cache
def probe_fault() -> str | None:
    """Return why cv_bridge does not work in this environment, or None. Tried once, in a process of its own.

    A cv_bridge that was built for another major version of numpy does not raise an exception: it ends the
    process with a segmentation fault.
    """
    try:
        probe = subprocess.run(  # noqa: S603 -- this interpreter and a constant
            [sys.executable, "-c", _PROBE],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"a test image was not converted within {PROBE_TIMEOUT_S:.0f} s"
    if probe.returncode < 0:
        return (
            f"it crashes ({signal.Signals(-probe.returncode).name}); it was probably built for another "
            f"version of numpy than {np.__version__}"
        )
    if probe.returncode > 0:
        return probe.stderr.strip().rpartition("\n")[2] or f"a test ended with status {probe.returncode}"
    return None
