"""Messages of the graph as bounded JSON values for pages.

Any process on the graph can publish any text, so texts are cleaned and lists are cut.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from diagnostic_msgs.msg import DiagnosticStatus

from odyssey_ros.client.service_text import clean_text
from odyssey_ros.msg import StreamEvent

if TYPE_CHECKING:
    from builtin_interfaces.msg import Duration, Time
    from diagnostic_msgs.msg import DiagnosticArray

    from odyssey_ros.msg import PlaybackStatus, PlaybackTimeline, StreamStatus

MAX_DIAGNOSTICS: Final = 64
"""Statuses of a node that are kept, and values of a status."""

MAX_TIMELINE_PROMPTS: Final = 10_000
MAX_TIMELINE_TEXT: Final = 1_048_576
"""Characters of all prompts of a time line."""

_EVENT_KINDS: Final = {
    getattr(StreamEvent, name): name.lower()
    for name in (
        *("STARTED", "ENDED", "ACKNOWLEDGED", "BROADCAST_READY"),
        *("STREAM_ERROR", "ERROR", "CONNECTED", "DISCONNECTED"),
    )
}
_LEVELS: Final = {
    DiagnosticStatus.OK: "ok",
    DiagnosticStatus.WARN: "warn",
    DiagnosticStatus.ERROR: "error",
}


def seconds(time: Time | Duration) -> float:
    """Return a time or a duration in seconds."""
    return float(time.sec + time.nanosec * 1e-9)


def status_value(message: StreamStatus) -> dict[str, Any]:
    """Return the status of a stream: the fields of the message, with `stamp` in seconds."""
    return _value(message)


def playback_value(message: PlaybackStatus) -> dict[str, Any]:
    """Return the status of a player: the fields of the message, times and durations in seconds."""
    return _value(message)


def timeline_value(message: PlaybackTimeline) -> dict[str, Any]:
    """Return the prompts of the open episode of a player, times in seconds.

    `frame_count` is -1 without an open episode.
    """
    prompts = message.prompts[:MAX_TIMELINE_PROMPTS]
    # The player keeps to the same limit.
    longest = max(1, MAX_TIMELINE_TEXT // max(1, len(prompts)))
    if sum(len(one.prompt) for one in prompts) <= MAX_TIMELINE_TEXT:
        longest = MAX_TIMELINE_TEXT
    return {
        "episode": message.episode,
        "stream_id": clean_text(message.stream_id),
        "script_index": message.script_index,
        "frame_count": message.frame_count,
        "duration": seconds(message.duration),
        "prompts": [
            {
                "position": seconds(one.position),
                "frame_index": one.frame_index,
                "prompt": clean_text(one.prompt[:longest], is_prompt=True),
            }
            for one in prompts
        ],
    }


def event_value(message: StreamEvent) -> dict[str, Any]:
    """Return an event, with its `time` in seconds and its `kind` as a word."""
    return {
        "time": seconds(message.header.stamp),
        "kind": _EVENT_KINDS.get(message.type, "unknown"),
        "stream_id": clean_text(message.stream_id),
        "prompt": clean_text(message.prompt, is_prompt=True),
        "error_code": clean_text(message.error_code),
        "message": clean_text(message.message),
        "fatal": message.fatal,
    }


def diagnostics_values(message: DiagnosticArray, node: str) -> list[dict[str, Any]]:
    """Return the statuses of a node, each with the part of its name that follows the node's.

    Args:
        message: An array with statuses of any nodes.
        node: The fully qualified name of the node.
    """
    prefix = f"{node.lstrip('/')}: "
    of_node = (status for status in message.status if status.name.lstrip("/").startswith(prefix))
    return [
        {
            "name": clean_text(status.name.lstrip("/")[len(prefix) :]),
            "level": _LEVELS.get(status.level, "stale"),
            "message": clean_text(status.message),
            "values": [
                [clean_text(value.key), clean_text(value.value)]
                for value in islice(status.values, MAX_DIAGNOSTICS)
            ],
        }
        for status in islice(of_node, MAX_DIAGNOSTICS)
    ]


def _value(message: Any) -> dict[str, Any]:
    return {name: _field(name, getattr(message, name)) for name in message.get_fields_and_field_types()}


def _field(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value, is_prompt=name == "prompt")
    if hasattr(value, "nanosec"):
        return seconds(value)
    if hasattr(value, "get_fields_and_field_types"):
        return _value(value)
    return value
