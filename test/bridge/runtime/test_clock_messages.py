"""Invalid messages on `/clock`; test_managed_node has a node that receives them."""

from __future__ import annotations

from types import SimpleNamespace

from builtin_interfaces.msg import Time
from rosgraph_msgs.msg import Clock

from odyssey_ros.bridge.runtime.clock_messages import without_negative_times


def test_negative_times_are_dropped_with_a_warning():
    warnings, received = [], []
    logger = SimpleNamespace(warning=lambda text, **_: warnings.append(text))
    callback = without_negative_times(SimpleNamespace(get_logger=lambda: logger), received.append)
    messages = [Clock(clock=Time(sec=sec)) for sec in (3, -1, 0)]
    for message in messages:
        callback(message)
    assert received == [messages[0], messages[2]]
    assert warnings == ["Ignored a negative time on /clock (-1 s): fix its publisher"]
