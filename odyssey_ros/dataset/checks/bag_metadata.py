"""Compares the metadata of a bag with its MCAP file and with the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import yaml

from odyssey_ros.client.regular_file import RegularFileError, read_regular_file
from odyssey_ros.client.service_text import clean_text
from odyssey_ros.dataset.checks.findings import quoted
from odyssey_ros.dataset.checks.frame_check import BagTopics
from odyssey_ros.dataset.reading import message_reader
from odyssey_ros.dataset.reading.message_reader import definition_differs, type_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from odyssey_ros.dataset.checks.findings import Findings
    from odyssey_ros.dataset.checks.mcap_summary import BagContents
    from odyssey_ros.dataset.manifest import ManifestEntry

MAX_METADATA_BYTES: Final = 64 * 1024
"""Maximum size of a metadata file; a bag's has 3 kB."""

_ROOT: Final = "rosbag2_bagfile_information"
# The constructors of PyYAML raise several other errors, for example for `!!float ""` and `!!bool x`.
_MAX_BRACKETS: Final = 100  # the time that PyYAML takes grows with the square of their number
_YAML_ERRORS: Final = (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
_VERSIONS: Final = (8, 9)  # the first version of the command wrote 9


def bag_topics(contents: BagContents, entry: ManifestEntry, findings: Findings) -> BagTopics | None:
    """Check topics, types and definitions of a bag whose channels have been read.

    Returns:
        The names of the topics; None if they are not those of a bag with the pictures of the entry.
    """
    image_topic, image_type = message_reader.IMAGE_TYPES[entry.images]
    expected = {
        image_topic: image_type,
        "camera_info": message_reader.CAMERA_INFO,
        "frame_info": message_reader.FRAME_INFO,
        "events": message_reader.STREAM_EVENT,
    }
    found = {channel.topic: contents.schemas[channel.schema_id] for channel in contents.channels.values()}
    namespaces = {topic.removesuffix("frame_info") for topic in found if topic.endswith("/frame_info")}
    namespace = namespaces.pop() if len(namespaces) == 1 else "/"
    types = {topic: schema.name for topic, schema in found.items()}
    wanted = {f"{namespace}{name}": type_name for name, type_name in expected.items()}
    if types != wanted or len(contents.channels) != len(wanted):
        others = _topics_text(types.items() - wanted.items())
        missing = _topics_text(wanted.items() - types.items())
        findings.fault("the topics", f"MCAP file: it has the topics {others} instead of {missing}")
        return None
    usable = True
    for channel in contents.channels.values():
        schema = contents.schemas[channel.schema_id]
        if channel.message_encoding != "cdr":
            findings.fault("CDR", f"the encoding is {quoted(channel.message_encoding)}", topic=channel.topic)
            usable = False
        if definition_differs(schema.name, schema.encoding, schema.data):
            findings.fault(
                "the definitions", f"the definition of {schema.name} is another one", topic=channel.topic
            )
            usable = False
        said = channel.metadata.get("topic_type_hash")
        if said != type_hash(schema.name):
            findings.fault(
                "the type hashes",
                f"the type hash is {quoted(said)} instead of {quoted(type_hash(schema.name))}",
                topic=channel.topic,
            )
    return BagTopics(*wanted) if usable else None


def check_metadata(
    path: Path, mcap: str, contents: BagContents, entry: ManifestEntry, findings: Findings
) -> None:
    """Compare `metadata.yaml` with what has been read of the MCAP file. Blocks.

    Args:
        path: The metadata file.
        mcap: Name of the MCAP file.
        contents: What has been read.
        entry: The entry of the manifest.
        findings: Receives the faults.
    """

    def fault(text: str) -> None:
        findings.fault("the metadata of the bag", f"{path.name}: {text}")

    try:
        document = _parsed(read_regular_file(path, MAX_METADATA_BYTES))
    except RegularFileError as error:
        fault(f"it cannot be read: {error.reason}")
        return
    if document is None:
        fault("it is not valid YAML")
        return
    found = document.get(_ROOT) if isinstance(document, Mapping) else None
    if not isinstance(found, Mapping):
        fault(f"it has no {_ROOT}")
        return
    for name, value in _expected(mcap, contents, entry).items():
        _compare(name, found.get(name), value, fault)
    if found.get("version") not in _VERSIONS:
        fault(f"version is {quoted(found.get('version'))} instead of 8")
    _check_copy(found, contents, fault)


def _expected(mcap: str, contents: BagContents, entry: ManifestEntry) -> dict[str, Any]:
    start_ns = contents.start_ns or 0
    start = {"nanoseconds_since_epoch": start_ns}
    duration = {"nanoseconds": (contents.end_ns or 0) - start_ns}
    count = sum(contents.counts.values())
    topics = [
        {
            "topic_metadata": {
                "name": channel.topic,
                "type": contents.schemas[channel.schema_id].name,
                "serialization_format": "cdr",
                "type_description_hash": channel.metadata.get("topic_type_hash"),
            },
            "message_count": contents.counts[number],
        }
        for number, channel in contents.channels.items()
    ]
    return {
        "storage_identifier": "mcap",
        "relative_file_paths": [mcap],
        "duration": duration,
        "starting_time": start,
        "message_count": count,
        "topics_with_message_count": topics,
        "compression_format": "",
        "compression_mode": "",
        "files": [{"path": mcap, "starting_time": start, "duration": duration, "message_count": count}],
        "custom_data": {"stream_id": entry.stream_id},
    }


def _compare(name: str, found: object, expected: object, fault: Callable[[str], None]) -> None:
    """Compare what is expected with what is found, which may have further keys."""
    if isinstance(expected, dict) and isinstance(found, Mapping):
        for key, value in expected.items():
            _compare(f"{name}.{key}", found.get(key), value, fault)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for number, (one, other) in enumerate(zip(found, expected, strict=True)):
            _compare(f"{name}[{number}]", one, other, fault)
    elif found != expected or isinstance(found, bool):
        fault(f"{name} is {quoted(found)}, but the MCAP file and the manifest have {quoted(expected)}")


def _check_copy(found: Mapping[str, Any], contents: BagContents, fault: Callable[[str], None]) -> None:
    """Compare with the copy in the MCAP file, and with the quality of service in its channels."""
    copy = _parsed(contents.metadata.get("rosbag2", {}).get("serialized_metadata", ""))
    if contents.complete and copy != found:
        fault("it differs from the copy in the MCAP file")
    topics = found.get("topics_with_message_count")
    for number, channel in enumerate(contents.channels.values()):
        in_channel: object = channel.metadata.get("offered_qos_profiles", "")
        in_file: object = _at(topics, number, "topic_metadata", "offered_qos_profiles")
        if isinstance(in_file, list):  # version 9, which the first version of the command wrote
            in_channel = _parsed(str(in_channel))
        if in_file != in_channel:
            fault(f"the quality of service of {quoted(channel.topic)} differs from that in the MCAP file")


def _at(value: object, *keys: int | str) -> object:
    """Return a value inside of lists and mappings; None if it is not there."""
    for key in keys:
        if isinstance(key, int):
            value = value[key] if isinstance(value, list) and key < len(value) else None
        else:
            value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _parsed(text: str | bytes) -> object:
    """Parse YAML; return None if it is not valid, has aliases, or has too many brackets."""
    try:
        text = text.decode("utf-8") if isinstance(text, bytes) else text
        if text.count("[") + text.count("{") > _MAX_BRACKETS:
            return None
        return yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - a safe loader
    except _YAML_ERRORS:
        return None


class _PlainLoader(yaml.SafeLoader):
    """Refuses aliases: rosbag2 cannot read them, and they can make a small text a huge value."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias")
        return super().compose_node(parent, index)


def _topics_text(types: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{quoted(topic)} ({clean_text(name)})" for topic, name in sorted(types)) or "none"
