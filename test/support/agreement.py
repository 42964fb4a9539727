"""Compares the frames of random streams as seen live, as recordings, and through the player."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from agreement_exports import LiveBags, read_exports
from agreement_graph import Graph
from agreement_plans import SLOT_S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agreement_frames import Seen, Views
    from agreement_plans import Plan


@dataclass
class Findings:
    """What a comparison has found.

    Attributes:
        streams: Number of streams.
        recorded: Number of recorded frames.
        live: Number of live frames.
        encoded: Number of live access units.
        played: Number of frames of the player.
        exported: Number of frames of the LeRobot export.
        refused: Number of streams that the exports refused.
        clips: Number of clips.
        clip_frames: Number of frames of the clips.
        imported: Number of frames of bags that were recorded live and imported.
        lost: Number of recorded frames that were not seen live.
        disagreements: Number of disagreements of each kind.
        examples: The first disagreement of each kind.
    """

    streams: int = 0
    recorded: int = 0
    live: int = 0
    encoded: int = 0
    played: int = 0
    exported: int = 0
    refused: int = 0
    clips: int = 0
    clip_frames: int = 0
    imported: int = 0
    lost: int = 0
    disagreements: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def check(self, agrees: bool, kind: str, plan: Plan, *details: object) -> None:
        """Count a disagreement unless `agrees`."""
        if not agrees:
            self.disagreements[kind] += 1
            text = f"plan {plan.number}: " + ", ".join(repr(detail) for detail in details)
            self.examples.setdefault(kind, text)

    def figures(self) -> dict[str, object]:
        """Return the figures by their headings."""
        return {
            "streams": self.streams,
            "recorded": self.recorded,
            "live": self.live,
            "encoded": self.encoded,
            "lost live": self.lost,
            "played": self.played,
            "exported": self.exported,
            "refused": self.refused,
            "clips": self.clips,
            "imported": self.imported,
            "disagreements": self.disagreements.total(),
        }

    def report(self) -> str:
        """Return the figures as text."""
        counts = (
            f"{self.streams} streams, {self.recorded} recorded frames, {self.live} live, "
            f"{self.encoded} encoded, {self.played} played; {self.lost} recorded frames not seen live; "
            f"{self.exported} exported, {self.refused} streams refused, {self.clip_frames} frames in "
            f"{self.clips} clips, {self.imported} imported"
        )
        found = [
            f"{kind}: {count}; {self.examples[kind]}" for kind, count in sorted(self.disagreements.items())
        ]
        return "\n  ".join([counts, *(found or ["no disagreement"])])


def run(
    plans: Sequence[Plan], domain: int, folder: Path, *, bridges: int = 2, launcher: Sequence[str] = ()
) -> Findings:
    """Run the streams through real processes, and compare all frames. Arguments as for `Graph`."""
    with Graph(domain, folder, bridges, launcher) as graph:
        views = graph.run_live(plans)
        graph.read_recordings(views)
        graph.play(views)
    return compare(views)


def run_with_exports(plans: Sequence[Plan], domain: int, folder: Path) -> Findings:
    """Compare as `run` does, and also the exports of the recordings, and bags recorded live and imported."""
    with Graph(domain, folder) as graph, LiveBags(graph.processes, folder, graph.names) as bags:
        bags.wait_for_topics()
        views = graph.run_live(plans)
        bags.finish()
        graph.read_recordings(views)
        graph.play(views)
        read_exports(graph.processes, folder, bags.paths, views)
    findings = compare(views)
    for view in views:
        compare_exports(findings, view)
    return findings


def compare(views: Sequence[Views]) -> Findings:
    """Compare the frames of all streams."""
    findings = Findings()
    for view in views:
        for stream, recorded in view.recorded.items():
            findings.streams += 1
            findings.recorded += len(recorded)
            _compare_recorded(findings, view.plan, recorded)
            played = view.played[stream]
            findings.played += len(played)
            findings.check(
                played == recorded, "played: differs from the recording", view.plan, *_first(played, recorded)
            )
            encoded = view.played_encoded[stream]
            findings.check(
                encoded == recorded, "played encoded: differs from the recording", view.plan,
                *_first(encoded, recorded),
            )  # fmt: skip
        findings.live += len(view.live)
        findings.lost += sum(map(len, view.recorded.values())) - _compare_live(
            findings, view, "live", view.live
        )
        findings.encoded += len(view.live_encoded)
        _compare_live(findings, view, "encoded", view.live_encoded)
    return findings


def compare_exports(findings: Findings, view: Views) -> None:
    """Compare the exports and the imported bags of the streams of a plan with the recordings."""
    plan = view.plan
    for stream, recorded in view.recorded.items():
        if stream in view.exported:
            exported = view.exported[stream]
            findings.exported += len(exported)
            # The timestamps are those of a constant rate, which the reading has checked.
            same = [(each.prompt, each.size, each.marker, each.media_ns, each.index) for each in exported]
            _compare_all(findings, plan, "exported", same, [_labelled(seen) for seen in _filled(recorded)])
            starts = {(each.stamp_ns or 0) - (each.media_ns or 0) for each in exported}
            findings.check(len(starts) == 1, "exported: stamp", plan, starts)
        else:
            findings.refused += 1
            reason = len({seen.size for seen in recorded}) > 1 or len(recorded) < 2
            findings.check(reason, "exported: refused without a reason", plan, stream)
        clips = view.clips.get(stream, [])
        findings.clips += len(clips)
        findings.clip_frames += sum(len(clip.frames) for clip in clips)
        for clip in clips:
            found = [(each.prompt, each.size, each.marker) for each in clip.frames]
            shown = recorded[clip.first_frame : clip.first_frame + len(found)]
            whole = [(seen.prompt, seen.size, seen.marker) for seen in shown]
            _compare_all(findings, plan, "clips", found, whole)
        # Each prompt is one clip, unless frames are missing there. If most are missing, the rate is another.
        cuts = sorted((clip.first_frame, len(clip.frames)) for clip in clips)
        expected = _regular_runs(recorded)
        findings.check(not _mostly_regular(recorded) or cuts == expected, "clips: cuts", plan, cuts, expected)
    for stream, imported in view.imported.items():
        findings.imported += len(imported)
        findings.check(stream in view.recorded, "imported: stream", plan, stream)
        live = [seen for seen in view.live_encoded if seen.stream_id == stream]
        findings.check(len(imported) > len(live) / 2, "imported: frames", plan, len(imported), len(live))
        _compare_live(findings, view, "imported", imported)


def _labelled(seen: Seen) -> tuple[object, ...]:
    return seen.prompt, seen.size, seen.marker, seen.media_ns, seen.index


def _compare_all(findings: Findings, plan: Plan, way: str, one: list[Any], other: list[Any]) -> None:
    findings.check(one == other, f"{way}: differs from the recording", plan, *_first(one, other))


def _filled(recorded: Sequence[Seen]) -> list[Seen]:
    """Return the frame that is shown in each period: the newest one, so a gap shows the frame before it."""
    first = recorded[0].media_ns
    by_slot = {round((seen.media_ns - first) / (SLOT_S * 1e9)): seen for seen in recorded}
    shown = []
    for slot in range(max(by_slot) + 1):
        shown.append(by_slot.get(slot, shown[-1] if shown else recorded[0]))
    return shown


def _regular(recorded: Sequence[Seen]) -> bool:
    """Return whether frames have one size and no gap."""
    slot_ns = round(SLOT_S * 1e9)
    pairs = itertools.pairwise(recorded)
    return all(b.size == a.size and b.media_ns - a.media_ns == slot_ns for a, b in pairs)


def _mostly_regular(recorded: Sequence[Seen]) -> bool:
    distances = [after.media_ns - before.media_ns for before, after in itertools.pairwise(recorded)]
    return bool(distances) and median(distances) == round(SLOT_S * 1e9)


def _regular_runs(recorded: Sequence[Seen]) -> list[tuple[int, int]]:
    """Return the first frame and the length of each prompt without gaps; none if the sizes differ."""
    if len({seen.size for seen in recorded}) > 1:
        return []
    runs, first = [], 0
    for _, group in itertools.groupby(recorded, key=lambda seen: seen.prompt):
        frames = list(group)
        if _regular(frames):
            runs.append((first, len(frames)))
        first += len(frames)
    return runs


def _first(one: list[Any], other: list[Any]) -> tuple[object, ...]:
    pairs = itertools.zip_longest(one, other)
    return next((pair for pair in pairs if pair[0] != pair[1]), ())


def _compare_recorded(findings: Findings, plan: Plan, recorded: list[Seen]) -> None:
    for number, seen in enumerate(recorded):
        marker = seen.marker
        if marker is None:
            findings.check(False, "recorded: picture unreadable", plan, seen)
            continue
        findings.check(seen.index == number == marker.counter, "recorded: index", plan, seen)
        # The marker has whole milliseconds.
        agrees = seen.media_ns // 1_000_000 == marker.stream_time_ms
        findings.check(agrees, "recorded: media time", plan, seen)
        findings.check(plan.pictured(seen.prompt) == marker.prompt_id, "recorded: prompt", plan, seen)


def _compare_live(findings: Findings, view: Views, way: str, frames: Sequence[Seen]) -> int:
    """Compare live frames with the recording; return the number of those that it has too."""
    plan = view.plan
    found: dict[str, dict[int, Seen]] = {
        stream: {seen.marker.counter: seen for seen in recorded if seen.marker is not None}
        for stream, recorded in view.recorded.items()
    }
    matched = 0
    last: dict[str, int] = {}
    for seen in frames:
        if seen.stream_id not in found:
            findings.check(False, f"{way}: stream", plan, seen)
            continue
        if seen.marker is None:
            findings.check(False, f"{way}: picture unreadable", plan, seen)
            continue
        same = found[seen.stream_id].get(seen.marker.counter)
        if same is None:
            findings.check(False, f"{way}: picture not in the recording", plan, seen)
            continue
        matched += 1
        findings.check(seen.marker == same.marker, f"{way}: picture", plan, seen, same)
        findings.check(seen.size == same.size, f"{way}: size", plan, seen, same)
        findings.check(seen.media_ns == same.media_ns, f"{way}: media time", plan, seen, same)
        findings.check(seen.prompt == same.prompt, f"{way}: prompt", plan, seen, same)
        # Frames of which no packet arrived are not counted.
        before = last.get(seen.stream_id, -1)
        agrees = before < seen.index <= same.index if plan.lossy else seen.index == same.index
        findings.check(agrees, f"{way}: index", plan, seen, same)
        last[seen.stream_id] = seen.index
    return matched
