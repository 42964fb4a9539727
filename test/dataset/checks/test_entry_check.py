"""Entries of a manifest with values of a wrong kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from odyssey_ros.dataset.checks.entry_check import is_inside, is_usable, prompts_of, repeated_values
from odyssey_ros.dataset.checks.findings import Findings
from odyssey_ros.dataset.checks.prompt_check import Prompt
from odyssey_ros.dataset.manifest import FileEntry, ManifestEntry

ENTRY = ManifestEntry(
    episode="e",
    bag="episodes/e",
    files=(
        FileEntry("episodes/e/e_0.mcap", 4, "00000000"),
        FileEntry("episodes/e/metadata.yaml", 4, "00000000"),
    ),
    stream_id="s",
    images="jpeg",
    frames=3,
    width=4,
    height=2,
    start_time_ns=0,
    duration_ns=0,
    prompts=({"time_ns": 0, "prompt": "a"}, {"time_ns": 5, "prompt": "b", "frame_index": 2}),
    video={},
    events=None,
    provenance={},
)


def _problems(**values: Any) -> list[str]:
    findings = Findings("e")
    usable = is_usable(replace(ENTRY, **values), findings)
    assert usable is not bool(findings.faults)
    return [line.removeprefix("e: manifest: ") for line in findings.fault_lines()]


def test_a_usable_entry() -> None:
    assert _problems() == []
    assert prompts_of(ENTRY) == [Prompt(0, "a"), Prompt(5, "b", 2)]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"frames": "3"}, "frames is '3', not a number of 0 or more"),
        ({"width": True}, "width is True, not a number of 0 or more"),
        ({"duration_ns": -1}, "duration_ns is -1, not a number of 0 or more"),
        ({"stream_id": None}, "stream_id is None, not a text"),
        ({"images": ["jpeg"]}, "images is ['jpeg'], not raw, jpeg or h264"),
        ({"video": None}, "video is None, not an object"),
        ({"events": []}, "events is [], not an object"),
        ({"losses": 1}, "losses is 1, not an object"),
        (
            {"losses": {"missing_pictures": "1"}},
            "losses is {'missing_pictures': '1'}, not an object of numbers",
        ),
        ({"sizes": (1,)}, "sizes is (1,), not a list of sizes"),
        (
            {"sizes": ({"width": 4, "height": 2, "frames": 2},)},
            "sizes has 2 frames, but there are 3",
        ),
        ({"bag": "../e"}, "bag is '../e', not a folder in the dataset"),
        ({"bag": "/tmp"}, "bag is '/tmp', not a folder in the dataset"),
        ({"bag": None}, "bag is None, not a folder in the dataset"),
        ({"files": ENTRY.files[1:]}, "0 MCAP files instead of 1"),
        ({"files": (ENTRY.files[0], FileEntry("x", 1, ""))}, "the file 'x' is not in the folder of the bag"),
        (
            {"files": (ENTRY.files[0], FileEntry("episodes/e/../x", 1, ""))},
            "the file 'episodes/e/../x' is not in the folder of the bag",
        ),
        (
            {"files": (FileEntry("episodes/e/e_0.mcap", None, ""),)},  # type: ignore[arg-type]
            "the file 'episodes/e/e_0.mcap' has no size and checksum",
        ),
        ({"prompts": ("a",)}, "prompt 0 is 'a', not a time and a text"),
        ({"prompts": ({"time_ns": 0},)}, "prompt 0 is {'time_ns': 0}, not a time and a text"),
        (
            {"prompts": ({"time_ns": 5, "prompt": "b"}, {"time_ns": 0, "prompt": "a"})},
            "prompt 1 has the time 0 ns, before 5 ns",
        ),
    ],
)
def test_unusable_entries(values: dict[str, Any], problem: str) -> None:
    assert _problems(**values) == [problem]


def test_paths() -> None:
    assert is_inside("a/b", "a")
    for path in ("", ".", "/a/b", "a/../b", "b/c", "a\0/b", 3, None):
        assert not is_inside(path, "a")


def test_what_several_episodes_have() -> None:
    other = replace(ENTRY, episode="f", bag="episodes/f", files=ENTRY.files[:1])
    assert list(repeated_values([ENTRY, other])) == ["2 episodes have 'episodes/e/e_0.mcap'"]
    assert list(repeated_values([ENTRY])) == []
    assert list(repeated_values([ENTRY, replace(other, bag="episodes/e", files=())])) == [
        "2 episodes have 'episodes/e'"
    ]
