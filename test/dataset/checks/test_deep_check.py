"""Whole episodes: unaltered ones, and what concerns the bag as a whole."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.checks.deep_check import BagSettings, check_episode, read_settings
from odyssey_ros.dataset.manifest import ManifestError, write_manifest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from altered_bags import AlteredDataset

    Altered = Callable[..., AlteredDataset]


@pytest.mark.parametrize("images", ["raw", "jpeg", "h264"])
def test_an_unaltered_dataset_has_no_fault(images: str, altered: Altered) -> None:
    dataset = altered(images)
    counts: list[int] = []
    findings = check_episode(
        dataset.folder, dataset.entry, read_settings(dataset.folder), on_frame=counts.append
    )
    assert (findings.fault_lines(), findings.notes) == ([], [])
    assert dataset.entry.frames == 5
    assert counts == [1, 2, 3, 4, 5]


def test_a_file_that_is_cut_off(altered: Altered) -> None:
    dataset = altered()
    size = dataset.mcap.stat().st_size
    dataset.mcap.write_bytes(dataset.mcap.read_bytes()[: size // 2])
    faults = dataset.faults()
    assert any("the writer did not close it, or it is cut off" in fault for fault in faults)
    assert faults[-1] == f"{dataset.entry.files[0].path}: {size // 2} bytes instead of {size}"


def test_a_flipped_bit(altered: Altered) -> None:
    dataset = altered()
    data = bytearray(dataset.mcap.read_bytes())
    data[len(data) // 2] ^= 1
    dataset.mcap.write_bytes(data)
    faults = dataset.faults()
    assert any("the CRC of the data section is" in fault for fault in faults)
    assert faults[-1].startswith(f"{dataset.entry.files[0].path}: the checksum is ")


def test_missing_files(altered: Altered, tmp_path: Path) -> None:
    dataset = altered()
    (dataset.bag / "metadata.yaml").unlink()
    assert dataset.faults() == [
        f"{dataset.entry.files[1].path}: No such file or directory",
        "metadata.yaml: it cannot be read: No such file or directory",
    ]
    dataset.mcap.rename(tmp_path / "elsewhere")
    assert f"{dataset.entry.files[0].path}: No such file or directory" in dataset.faults()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"start_time_ns": 5}, r"start_time_ns is \d+ in the bag, but 5 in the manifest"),
        ({"duration_ns": 5}, "duration_ns is 250000000 in the bag, but 5 in the manifest"),
        ({"frames": 6, "sizes": ()}, "5 frames, but the manifest has 6"),
    ],
)
def test_the_manifest(values: dict[str, int], text: str, altered: Altered) -> None:
    dataset = altered()
    dataset.change_entry(**values)
    (fault,) = dataset.faults()
    assert re.fullmatch(text, fault)


def test_the_copy_of_the_entry(altered: Altered) -> None:
    dataset = altered()
    write_manifest(
        dataset.folder / "manifest.jsonl", [replace(dataset.entry, losses={"ignored_log_entries": 2})]
    )
    findings = dataset.findings()
    (fault,) = findings.fault_lines()
    assert fault.endswith("episode.json: losses is {}, but the manifest has {'ignored_log_entries': 2}")
    (note,) = findings.notes
    assert "recorded losses: ignored_log_entries: 2" in note
    (dataset.bag / "episode.json").write_text("{}")
    assert dataset.faults() == ["episode.json: it is not an entry of a manifest"]
    (dataset.bag / "episode.json").unlink()
    assert (dataset.faults(), len(dataset.findings().notes)) == ([], 2)


def test_the_start_of_the_job(altered: Altered) -> None:
    dataset = altered()
    provenance = dict(dataset.entry.provenance)
    provenance["job"] = {**provenance["job"], "started_at": "2020-01-01T00:00:00Z"}
    dataset.change_entry(provenance=provenance)
    (fault,) = dataset.faults()
    assert fault.startswith("the stream starts at ")
    assert fault.endswith("but its job at 1577836800000000000")


def test_the_settings_of_the_dataset(altered: Altered) -> None:
    dataset = altered()
    path = dataset.folder / "dataset.json"
    assert read_settings(dataset.folder) == BagSettings("jpeg", "/odyssey", "odyssey_optical_frame", 90)
    path.write_text('{"images": "raw", "namespace": "/other/", "frame_id": "map", "jpeg_quality": 0}')
    faults = dataset.faults()
    assert faults[:2] == [
        "images is 'jpeg', but dataset.json has 'raw'",
        "namespace is '/odyssey', but dataset.json has '/other'",
    ]
    assert all("the frame_id is 'odyssey_optical_frame' instead of 'map'" in fault for fault in faults[2:-1])
    for text in ("[]", "{", "\xff", "[" * 100_000):
        path.write_text(text, encoding="latin-1")
        with pytest.raises(ManifestError, match=r"dataset\.json"):
            read_settings(dataset.folder)
    path.unlink()
    assert dataset.faults() == []
