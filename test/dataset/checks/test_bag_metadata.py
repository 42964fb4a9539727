"""Topics, definitions and metadata that differ from the MCAP file."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from altered_bags import AlteredDataset

    Altered = Callable[..., AlteredDataset]


def _topic(metadata: dict[str, Any], number: int) -> dict[str, Any]:
    topic: dict[str, Any] = metadata["topics_with_message_count"][number]
    return topic


@pytest.mark.parametrize(
    ("alter", "text"),
    [
        (lambda m: m.update(message_count=17), "message_count is 17, but the MCAP file and the manifest"),
        (lambda m: m.update(version=5), "version is 5 instead of 8"),
        (lambda m: m["duration"].update(nanoseconds=7), "duration.nanoseconds is 7, but"),
        (lambda m: m["starting_time"].clear(), "starting_time.nanoseconds_since_epoch is None, but"),
        (lambda m: m["files"][0].update(message_count=1), "files[0].message_count is 1, but"),
        (lambda m: m.update(relative_file_paths=["x.mcap"]), "relative_file_paths[0] is 'x.mcap', but"),
        (lambda m: m.update(storage_identifier="sqlite3"), "storage_identifier is 'sqlite3', but"),
        (lambda m: m["custom_data"].update(stream_id="x"), "custom_data.stream_id is 'x', but"),
        (lambda m: _topic(m, 1).update(message_count=4), "topics_with_message_count[1].message_count is 4"),
        (
            lambda m: _topic(m, 1)["topic_metadata"].update(type="sensor_msgs/msg/Image"),
            "topics_with_message_count[1].topic_metadata.type is 'sensor_msgs/msg/Image', but",
        ),
        (
            lambda m: _topic(m, 2)["topic_metadata"].update(type_description_hash="RIHS01_00"),
            "topics_with_message_count[2].topic_metadata.type_description_hash is 'RIHS01_00', but",
        ),
        (
            lambda m: _topic(m, 0)["topic_metadata"].update(offered_qos_profiles="[]"),
            "the quality of service of '/odyssey/image_raw/compressed' differs from that in the MCAP file",
        ),
        (lambda m: m.update(ros_distro="jazzy"), "it differs from the copy in the MCAP file"),
    ],
)  # fmt: skip
def test_one_altered_value(alter: Callable[[dict[str, Any]], object], text: str, altered: Altered) -> None:
    dataset = altered()
    dataset.change_metadata(alter)
    faults = dataset.faults()
    assert "metadata.yaml: it differs from the copy in the MCAP file" in faults
    assert any(fault.startswith(f"metadata.yaml: {text}") for fault in faults), faults
    assert len(faults) <= 2


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "it is not valid YAML"),
        ("", "it is not valid YAML"),
        ("a: &a [1]\nb: *a\n", "it is not valid YAML"),
        ("[" * 500, "it is not valid YAML"),
        ("x: 1\n", "it has no rosbag2_bagfile_information"),
        ("rosbag2_bagfile_information: [1]\n", "it has no rosbag2_bagfile_information"),
        ("\0", "it is not valid YAML"),
        ("[" * 60_000, "it is not valid YAML"),
        ("- " * 30_000, "it is not valid YAML"),
        ("!!float", "it is not valid YAML"),
        ("!!bool x", "it is not valid YAML"),
        ("!!timestamp x", "it is not valid YAML"),
    ],
)
def test_other_files(text: str, fault: str, altered: Altered) -> None:
    dataset = altered()
    (dataset.bag / "metadata.yaml").write_text(text)
    dataset.fit_checksums()
    assert dataset.faults() == [f"metadata.yaml: {fault}"]


def test_every_value_may_be_of_another_kind(altered: Altered) -> None:
    dataset = altered()
    kinds = (None, [], {}, [[]], [{}], "x", 1.5)
    for kind in kinds:
        dataset.change_metadata(
            lambda metadata, kind=kind: metadata.update({key: copy.deepcopy(kind) for key in metadata})  # type: ignore[misc]
        )
        assert len(dataset.faults()) > 5


def test_a_bag_with_other_pictures_than_the_manifest_says(altered: Altered) -> None:
    dataset = altered()
    dataset.change_entry(images="raw")
    faults = dataset.faults()
    assert faults[0] == (
        "MCAP file: it has the topics '/odyssey/image_raw/compressed' (sensor_msgs/msg/CompressedImage) "
        "instead of '/odyssey/image_raw' (sensor_msgs/msg/Image)"
    )


def test_another_definition(altered: Altered) -> None:
    dataset = altered()
    old, new = b"uint64 frame_index", b"uint32 frame_index"

    def replace(data: bytearray) -> None:
        data[:] = bytes(data).replace(old, new)

    dataset.change_file(replace)
    faults = dataset.faults()
    assert "/odyssey/frame_info: the definition of odyssey_ros/msg/FrameInfo is another one" in faults
    assert any("the CRC of the data section" in fault for fault in faults)
