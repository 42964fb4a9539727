"""Copies of a dataset in which single values are altered, and the checksums and counts made to fit."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import yaml
from mcap.reader import make_reader

from odyssey_ros.dataset.checks.deep_check import check_episode, read_settings
from odyssey_ros.dataset.manifest import FileEntry, ManifestEntry, crc32_of, read_manifest, write_manifest
from odyssey_ros.dataset.mcap_file import McapFile
from odyssey_ros.dataset.messages import typestore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from odyssey_ros.dataset.checks.findings import Findings


@dataclass
class BagRecord:
    """A message of a bag: topic without namespace, type, log time in nanoseconds, CDR data."""

    topic: str
    type_name: str
    log_time_ns: int
    data: bytes

    def change(self, **values: Any) -> None:
        """Change fields of the message; `header__frame_id` is a field inside of another."""
        message = typestore().deserialize_cdr(self.data, self.type_name)
        for name, value in values.items():
            *outer, last = name.split("__")
            target: Any = message
            for field in outer:
                target = getattr(target, field)
            setattr(target, last, value)
        self.data = bytes(typestore().serialize_cdr(message, self.type_name))

    def value(self) -> Any:
        """Return the message as rosbags parses it."""
        return typestore().deserialize_cdr(self.data, self.type_name)


class AlteredDataset:
    """A copy of a dataset with one episode, in a new folder."""

    def __init__(self, source: Path, folder: Path) -> None:
        shutil.copytree(source, folder)
        self.folder = folder

    @property
    def entry(self) -> ManifestEntry:
        (entry,) = read_manifest(self.folder / "manifest.jsonl")
        return entry

    @property
    def bag(self) -> Path:
        return self.folder / self.entry.bag

    @property
    def mcap(self) -> Path:
        (path,) = self.bag.glob("*.mcap")
        return path

    def findings(self) -> Findings:
        return check_episode(self.folder, self.entry, read_settings(self.folder))

    def faults(self) -> list[str]:
        """Check the episode; return the faults without the name of the episode."""
        return [line.removeprefix(f"{self.entry.episode}: ") for line in self.findings().fault_lines()]

    def change_entry(self, **values: Any) -> None:
        """Change the manifest, and the copy of the entry in the bag."""
        entry = replace(self.entry, **values)
        write_manifest(self.folder / "manifest.jsonl", [entry])
        (self.bag / "episode.json").write_text(entry.to_line())

    def change_messages(self, alter: Callable[[list[BagRecord]], object]) -> None:
        """Change, add or remove messages, and write the bag again."""
        with self.mcap.open("rb") as file:
            reader = make_reader(file)
            summary = reader.get_summary()
            assert summary is not None
            channels = summary.channels
            schemas = summary.schemas
            prefix = next(c.topic for c in channels.values() if c.topic.endswith("frame_info"))[
                : -len("frame_info")
            ]
            records = [
                BagRecord(
                    channel.topic.removeprefix(prefix),
                    schema.name if schema is not None else "",
                    message.log_time,
                    message.data,
                )
                for schema, channel, message in reader.iter_messages(log_time_order=False)
            ]
        alter(records)
        metadata_path = self.bag / "metadata.yaml"
        document = yaml.safe_load(metadata_path.read_text())
        metadata = document["rosbag2_bagfile_information"]
        metadata["message_count"] = metadata["files"][0]["message_count"] = len(records)
        for topic in metadata["topics_with_message_count"]:
            name = topic["topic_metadata"]["name"].removeprefix(prefix)
            topic["message_count"] = sum(record.topic == name for record in records)
        with self.mcap.open("wb") as file:
            writer = McapFile(file, library="test")
            numbers = {}
            for channel in channels.values():
                schema = schemas[channel.schema_id]
                number = writer.add_schema(schema.name, schema.encoding, schema.data)
                numbers[channel.topic] = writer.add_channel(channel.topic, number, channel.metadata)
            for record in records:
                writer.write(numbers[prefix + record.topic], record.log_time_ns, [record.data])
            writer.finish({"rosbag2": {"serialized_metadata": yaml.safe_dump(metadata, sort_keys=False)}})
        metadata_path.write_text(yaml.safe_dump(document, sort_keys=False))
        self.fit_checksums()

    def change_message(self, topic: str, number: int, **values: Any) -> None:
        """Change fields of the message with a number on its topic."""
        self.change_messages(lambda records: of_topic(records, topic)[number].change(**values))

    def change_file(self, alter: Callable[[bytearray], object]) -> None:
        """Change bytes of the MCAP file."""
        data = bytearray(self.mcap.read_bytes())
        alter(data)
        self.mcap.write_bytes(data)
        self.fit_checksums()

    def change_metadata(self, alter: Callable[[dict[str, Any]], object]) -> None:
        """Change the metadata file, but not the copy in the MCAP file."""
        path = self.bag / "metadata.yaml"
        document = yaml.safe_load(path.read_text())
        alter(document["rosbag2_bagfile_information"])
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        self.fit_checksums()

    def fit_checksums(self) -> None:
        """Write the sizes and checksums of the files into the manifest."""
        paths = [self.folder / file.path for file in self.entry.files]
        self.change_entry(
            files=tuple(
                FileEntry(path.relative_to(self.folder).as_posix(), path.stat().st_size, crc32_of(path))
                for path in paths
            )
        )


def of_topic(records: list[BagRecord], topic: str) -> list[BagRecord]:
    """Return the messages of a topic, in order."""
    return [record for record in records if record.topic == topic]
