"""The entry of a bag: the files under their final names, and the sizes in the order of the pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from odyssey_ros.dataset.bag_entry import bag_entry
from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.bags import write_bag
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.logs.events import NO_EVENTS
from odyssey_ros.dataset.manifest import ManifestEntry, check_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from odyssey_ros.dataset.bags import BagSummary


def entry_of(summary: BagSummary, written: Path) -> ManifestEntry:
    return bag_entry(
        summary,
        written,
        "episodes/a",
        episode="a",
        images="h264",
        stream_id="s",
        prompts=({"time_ns": 0, "prompt": "a fox"},),
        video={"size": 7},
        events={"size": 8},
        provenance={"source": "x"},
        losses={"guessed_times": 1},
    )


def test_a_bag_that_gets_its_name_later(make_video: Callable[..., Path], tmp_path: Path) -> None:
    partial = tmp_path / "episodes" / ".a.partial"
    partial.parent.mkdir()
    summary = write_bag(
        partial, "a", Episode("s", make_video(), NO_EVENTS, 10**18), BagLayout(ImageEncoding.H264)
    )
    entry = entry_of(summary, partial)
    partial.rename(tmp_path / "episodes" / "a")
    assert [file.path for file in entry.files] == ["episodes/a/a_0.mcap", "episodes/a/metadata.yaml"]
    assert list(check_files(tmp_path, [entry])) == []
    assert (entry.frames, entry.width, entry.height) == (12, 320, 192)
    assert (entry.start_time_ns, entry.duration_ns) == (summary.start_time_ns, summary.duration_ns)
    assert ManifestEntry.from_line(entry.to_line()) == entry
    assert (entry.prompts[0]["prompt"], entry.video, entry.events, entry.provenance, entry.losses) == (
        "a fox",
        {"size": 7},
        {"size": 8},
        {"source": "x"},
        {"guessed_times": 1},
    )
    sizes = {(704, 1280): 3, (1280, 704): 9}
    mixed = entry_of(replace(summary, sizes=sizes), tmp_path / "episodes" / "a")
    assert (mixed.width, mixed.height) == (704, 1280)
    assert mixed.sizes == (
        {"width": 704, "height": 1280, "frames": 3},
        {"width": 1280, "height": 704, "frames": 9},
    )
