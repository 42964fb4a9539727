"""The contents of metadata.yaml, as rosbag2 writes it beside the file of a bag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml

from odyssey_ros.dataset.messages import message_type

if TYPE_CHECKING:
    from collections.abc import Sequence

# The newest of the formats that Humble can play; every later ROS 2 plays it too. Humble cannot play 9.
_ROSBAG2_VERSION: Final = 8

# The QoS of the live bridge, in the numbers of rmw: keep last 5, reliable, volatile, no time limits.
_FOREVER: Final = {"sec": 9223372036, "nsec": 854775807}
_QOS: Final = {
    "history": 1,
    "depth": 5,
    "reliability": 1,
    "durability": 2,
    "deadline": _FOREVER,
    "lifespan": _FOREVER,
    "liveliness": 1,
    "liveliness_lease_duration": _FOREVER,
    "avoid_ros_namespace_conventions": False,
}


class BagTopic(NamedTuple):
    """A topic of a bag: its name with the namespace, its type, and its number of messages."""

    name: str
    type_name: str
    messages: int


def rosbag2_metadata(
    file: str, topics: Sequence[BagTopic], *, start_ns: int, duration_ns: int, stream_id: str
) -> dict[str, Any]:
    """Return the metadata of a bag with one file.

    Args:
        file: Name of the file.
        topics: The topics, in the order of their channels.
        start_ns: Time of the first message, in nanoseconds since the epoch.
        duration_ns: Time from the first message to the last.
        stream_id: The stream, for the custom data.
    """
    duration = {"nanoseconds": duration_ns}
    start = {"nanoseconds_since_epoch": start_ns}
    count = sum(topic.messages for topic in topics)
    return {
        "version": _ROSBAG2_VERSION,
        "storage_identifier": "mcap",
        "relative_file_paths": [file],
        "duration": duration,
        "starting_time": start,
        "message_count": count,
        "topics_with_message_count": [
            {
                "topic_metadata": {
                    "name": topic.name,
                    "type": topic.type_name,
                    "serialization_format": "cdr",
                    "offered_qos_profiles": QOS_TEXT,
                    "type_description_hash": message_type(topic.type_name).type_hash,
                },
                "message_count": topic.messages,
            }
            for topic in topics
        ],
        "compression_format": "",
        "compression_mode": "",
        "files": [{"path": file, "starting_time": start, "duration": duration, "message_count": count}],
        "custom_data": {"stream_id": stream_id},
        "ros_distro": "",  # as rosbag2 writes it where no ROS is sourced; `ros2 bag info` shows "unknown"
    }


class _PlainDumper(yaml.SafeDumper):
    """Repeats an object that occurs several times, because rosbag2 cannot read YAML aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - signature of the base class
        return True


def yaml_text(data: object) -> str:
    """Return data as YAML without aliases."""
    return yaml.dump(data, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True)


QOS_TEXT: Final = yaml_text([_QOS])
"""The quality of service of all topics, as rosbag2 writes it in format 8."""
