"""Measures precision and recall of the findings of `odyssey-dataset report` on episodes with known faults.

Usage: PYTHONPATH=. python bench/finding_quality.py [--episodes 200] [--seed 3] [--captions] [--workers 2]

The episodes are made by `finding_cases.py` and `altered_pictures.py`. The table is printed and written to
bench_output/finding_quality.json. The thresholds were chosen with seeds 1, 2 and, in part, 4.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from altered_pictures import altered_pictures
from finding_cases import FPS, Case, Fault, make_cases, make_episode
from repeat_visibility import with_visible_repeats
from tables import Row, table

from odyssey_ros.dataset.report.episode_analysis import EpisodeAnalysis
from odyssey_ros.dataset.report.finding import FindingKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from odyssey_ros.dataset.reading.stored_episode import FrameLabels
    from odyssey_ros.dataset.report.finding import Finding

OUTPUT = Path("bench_output")
_TOLERANCE = 3


@dataclass
class Result:
    """What the analysis of one episode gave.

    Attributes:
        name: The episode.
        found: The faults that were found.
        missed: The faults that were not.
        wrong: The findings without a fault.
        unseen: Number of repeats that are left out, because nobody could see them.
        frames: Number of frames.
        seconds: CPU time of the analysis, without decoding.
    """

    name: str
    found: list[Fault] = field(default_factory=list)
    missed: list[Fault] = field(default_factory=list)
    wrong: list[Finding] = field(default_factory=list)
    unseen: int = 0
    frames: int = 0
    seconds: float = 0.0


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--episodes", type=int, default=200, help="number of episodes (%(default)s)")
    parser.add_argument("--seed", type=int, default=3, help="seed of the episodes (%(default)s)")
    parser.add_argument("--captions", action="store_true", help="keep the captions of the emulator")
    parser.add_argument("--workers", type=int, default=2, help="processes (%(default)s)")
    arguments = parser.parse_args()
    cases = make_cases(arguments.seed, arguments.episodes, captions=arguments.captions)
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(arguments.workers, get_context("spawn")) as pool,
    ):
        results = list(pool.map(partial(analysed, Path(folder)), cases))
    for each in results:
        for fault in each.missed:
            print(f"{each.name}: missed {fault.kind} ({fault.variant}) at {fault.first} to {fault.last}")
        for finding in each.wrong:
            print(f"{each.name}: wrong {finding.kind} at {finding.first} to {finding.last}: {finding.text}")
    rows = quality(results)
    faults = variants(results)
    cost = sum(each.seconds for each in results) / sum(each.frames for each in results)
    print(table(f"Findings on {len(cases)} episodes, seed {arguments.seed}", rows))
    print(table("Recall by kind of fault", faults))
    unseen = sum(each.unseen for each in results)
    print(f"\n  {unseen} repeats that nobody could see are left out")
    print(f"  {1000 * cost:.2f} ms of CPU time a frame, without decoding")
    OUTPUT.mkdir(exist_ok=True)
    content = {
        "seed": arguments.seed,
        "findings": rows,
        "faults": faults,
        "unseen_repeats": unseen,
        "ms_per_frame": 1000 * cost,
    }
    (OUTPUT / "finding_quality.json").write_text(json.dumps(content, indent=2) + "\n")
    return 0


def analysed(folder: Path, case: Case) -> Result:
    """Make an episode, analyse it, and remove it."""
    episode = make_episode(case, folder)
    try:
        visible = with_visible_repeats(case)
        pictures, faults = altered_pictures(visible, episode)
        started = time.process_time()
        analysis = EpisodeAnalysis(episode)
        for picture in pictures:
            analysis.add(picture)
        findings = analysis.result().findings
        seconds = time.process_time() - started
    finally:
        rmtree(folder / case.name)
        rmtree(folder / f"{case.name}.recording")
    result = compared(case, [each.labels for each in pictures], faults, findings)
    result.seconds = seconds
    result.unseen = len(case.faults) - len(visible.faults)
    return result


def compared(
    case: Case, labels: Sequence[FrameLabels], faults: Iterable[Fault], findings: Iterable[Finding]
) -> Result:
    """Compare the findings of an episode with its faults: they match if their frames overlap, nearly."""
    result = Result(case.name, frames=len(labels))
    truth = [*faults, *faulty_prompts(case, labels)]
    unmatched = list(findings)
    for fault in truth:
        matching = [
            each
            for each in findings
            if each.kind == fault.kind
            and each.first <= fault.last + _TOLERANCE
            and each.last >= fault.first - _TOLERANCE
        ]
        (result.found if matching else result.missed).append(fault)
        unmatched = [each for each in unmatched if each not in matching]
    result.wrong = unmatched
    return result


def faulty_prompts(case: Case, labels: Sequence[FrameLabels]) -> list[Fault]:
    """Return the prompts without effect and those that are not logged, with the positions of their frames."""
    start_ns = 1_700_000_000_000_000_000
    slots = [round((each.stamp_ns - start_ns) * FPS / 1e9) for each in labels]
    found = []
    for prompt in case.prompts:
        at = next((position for position, slot in enumerate(slots) if slot >= prompt.slot), None)
        if at is not None and not prompt.effect:
            found.append(Fault("no_effect", at, at, "no_effect"))
        if at is not None and not prompt.logged:
            found.append(Fault("unlogged_prompt", at, at, "unlogged_prompt"))
    return found


def quality(results: Sequence[Result]) -> list[Row]:
    """Return a row for each kind of finding."""
    rows: list[Row] = []
    for kind in FindingKind:
        found = sum(fault.kind == kind for each in results for fault in each.found)
        missed = sum(fault.kind == kind for each in results for fault in each.missed)
        wrong = sum(finding.kind == kind for each in results for finding in each.wrong)
        episodes = sum(any(fault.kind == kind for fault in (*each.found, *each.missed)) for each in results)
        rows.append(
            {
                "finding": kind.value,
                "episodes with the fault": episodes,
                "true positives": found,
                "false positives": wrong,
                "false negatives": missed,
                "precision": found / (found + wrong) if found + wrong else None,
                "recall": found / (found + missed) if found + missed else None,
            }
        )
    return rows


def variants(results: Sequence[Result]) -> list[Row]:
    """Return a row for each way in which faults were made."""
    found = Counter(fault.variant for each in results for fault in each.found)
    missed = Counter(fault.variant for each in results for fault in each.missed)
    return [
        {"fault": name, "faults": found[name] + missed[name], "found": found[name]}
        for name in sorted({*found, *missed})
    ]


if __name__ == "__main__":
    sys.exit(main())
