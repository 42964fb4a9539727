"""Manifests written, read, merged and compared with the files."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.dataset.manifest import (
    FileEntry,
    ManifestEntry,
    ManifestError,
    check_files,
    crc32_of,
    manifest_paths,
    merged,
    prompt_entry,
    read_manifest,
    repeated_streams,
    write_manifest,
)

if TYPE_CHECKING:
    from pathlib import Path


def _entry(name: str, **changes: Any) -> ManifestEntry:
    entry = ManifestEntry(
        episode=name,
        bag=f"episodes/{name}",
        files=(FileEntry(f"episodes/{name}/{name}_0.mcap", 4, "00000000"),),
        stream_id="stream",
        images="jpeg",
        frames=3,
        width=1280,
        height=704,
        start_time_ns=1,
        duration_ns=2,
        prompts=({"time_ns": 0, "prompt": "ein Fuchs – größer"},),
        video={"size": 5, "sha256": "ab"},
        events=None,
        provenance={"source": "recording"},
        losses={"guessed_start": 1},
        sizes=({"width": 1280, "height": 704, "frames": 3},),
    )
    return replace(entry, **changes)


def test_a_prompt_has_the_number_of_a_frame_only_if_the_log_has_it() -> None:
    assert prompt_entry(5, "a") == {"time_ns": 5, "prompt": "a"}
    assert prompt_entry(5, "a", 0) == {"time_ns": 5, "prompt": "a", "frame_index": 0}


def test_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    write_manifest(path, [_entry("b"), _entry("a")])
    write_manifest(path, [_entry("c"), _entry("b"), _entry("a")])
    assert read_manifest(path) == [_entry("a"), _entry("b"), _entry("c")]
    assert "größer" in path.read_text(encoding="utf-8")
    assert [file.name for file in tmp_path.iterdir()] == ["manifest.jsonl"]


def test_a_manifest_with_the_former_name_of_provenance_is_read(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_text(_entry("a").to_line().replace('"provenance"', '"making"') + _entry("b").to_line())
    assert '"making": {"source": "recording"}' in path.read_text()
    assert read_manifest(path) == [_entry("a"), _entry("b")]
    write_manifest(path, read_manifest(path))
    assert "making" not in path.read_text()


def test_an_entry_of_a_version_without_losses_is_read_and_marked(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    line = _entry("a").to_line().partition(', "losses": ')[0] + "}\n"
    assert "sizes" not in line
    path.write_text(line)
    [entry] = read_manifest(path)
    assert entry == _entry("a", losses={"not_counted": 1}, sizes=())
    assert merged([[entry], read_manifest(path)]) == [entry]


@pytest.mark.parametrize(
    "line", ["nonsense", "3", "{}", "[]", '{"files": 3}', '{"files": [], "prompts": []}']
)
def test_invalid_manifests(line: str, tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_text(_entry("a").to_line() + line + "\n")
    with pytest.raises(ManifestError, match="line 2: not an entry"):
        read_manifest(path)
    with pytest.raises(ManifestError, match="cannot be read"):
        read_manifest(tmp_path / "none.jsonl")


@given(st.lists(st.integers(0, 3), max_size=12))
def test_a_merge_is_sorted_and_independent_of_the_order(shards: list[int]) -> None:
    whole = [_entry(f"e{at:02}") for at in range(len(shards))]
    parts = [
        [entry for entry, owner in zip(whole, shards, strict=True) if owner == part] for part in range(4)
    ]
    assert merged(parts) == merged(reversed(parts)) == merged([whole, *parts]) == whole


def test_manifests_that_contradict_each_other() -> None:
    with pytest.raises(ManifestError, match="contradict each other about a"):
        merged([[_entry("a")], [_entry("a", frames=4)]])


def test_files_against_the_manifest(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / name).write_bytes(b"1234")
    crc32 = crc32_of(tmp_path / "a")
    (tmp_path / "b").write_bytes(b"12345")
    (tmp_path / "c").write_bytes(b"1235")
    (tmp_path / "d").unlink()
    entry = _entry("x", files=tuple(FileEntry(name, 4, crc32) for name in "abcd"))
    assert list(check_files(tmp_path, [entry])) == [
        "b: 5 bytes instead of 4",
        "c: the checksum is wrong",
        "d: No such file or directory",
    ]


def test_a_line_that_is_nested_too_deeply_is_no_entry(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_text('{"a":' * 100_000)
    with pytest.raises(ManifestError, match="line 1: not an entry of a manifest"):
        read_manifest(path)


def test_pipes_and_devices_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    (tmp_path / "b").symlink_to("/dev/zero")
    entry = _entry("x", files=tuple(FileEntry(name, 0, "00000000") for name in "ab"))
    reason = "it is not a regular file (a pipe, a device or a socket)"
    assert list(check_files(tmp_path, [entry])) == [f"a: {reason}", f"b: {reason}"]
    for name in "ab":
        with pytest.raises(ManifestError, match=f"{name}: cannot be read: it is not a regular file"):
            read_manifest(tmp_path / name)


def test_a_stream_of_two_simulated_episodes_is_reported() -> None:
    script = {"script": []}
    entries = [
        _entry(name, stream_id=stream, provenance=provenance)
        for name, stream, provenance in (
            ("a", "s1", script),
            ("b", "s1", script),
            ("c", "s2", script),
            ("d", "s2", {"source": "job"}),
        )
    ]
    assert list(repeated_streams(entries)) == ["b: the same recording as a"]


@pytest.mark.parametrize(
    "values",
    [
        {"episode": []},
        {"bag": None},
        {"files": (FileEntry(3, 4, ""),)},  # type: ignore[arg-type]
        {"files": (FileEntry("a\0b", 4, ""),)},
        {"files": (FileEntry("a", "4", ""),)},  # type: ignore[arg-type]
        {"files": (FileEntry("a", 4, None),)},  # type: ignore[arg-type]
        {"sizes": ({},)},
        {"sizes": ({"width": [1280], "height": 704, "frames": 3},)},
        {"sizes": ({"width": 1280, "height": -704, "frames": 3},)},
        {"losses": {"guessed_start": "1"}},
        {"losses": {"guessed_start": -1}},
    ],
)
def test_values_of_another_kind_are_no_entry(values: dict[str, Any], tmp_path: Path) -> None:
    """Such a name, path or count would end `verify`, `merge` or an export with a traceback."""
    path = tmp_path / "manifest.jsonl"
    path.write_text(_entry("a", **values).to_line())
    with pytest.raises(ManifestError, match="line 1: not an entry of a manifest"):
        read_manifest(path)


def test_the_manifests_of_a_folder(tmp_path: Path) -> None:
    for name in ("manifest-2-of-2.jsonl", "manifest-1-of-2.jsonl", "failures.jsonl"):
        (tmp_path / name).touch()
    assert [path.name for path in manifest_paths(tmp_path)] == [
        "manifest-1-of-2.jsonl",
        "manifest-2-of-2.jsonl",
    ]
    assert manifest_paths(tmp_path / "none") == manifest_paths(tmp_path / "failures.jsonl") == []
    with pytest.raises(ManifestError, match="cannot be read: File name too long"):
        manifest_paths(tmp_path / ("a" * 300))
