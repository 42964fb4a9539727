"""lerobot itself opens the exports: every picture, time and task is right, and lerobot-doctor agrees.

lerobot needs an environment of its own. ODYSSEY_LEROBOT_PYTHON names the Python of an environment that has
`lerobot[dataset]` and `lerobot-doctor`. Without it, and without them in this environment, the test is
skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from odyssey_ros.dataset.exports.export_places import ExportPlaces
from odyssey_ros.dataset.exports.splits import Splits
from odyssey_ros.emulator.prompts import applied_prompt
from odyssey_ros.emulator.scene.marker import prompt_digest, read_marker
from stored_episodes import add_episode, video_without

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SCRIPT = Path(__file__).parents[2] / "support" / "lerobot_referee.py"
NO_ACTIONS = ["No action features found -- cannot train any policy"]
PROMPTS = [(0, "a fox"), (30, "it “rains”"), (35, "a fox")]
FRAMES = 40
KINDS = {"min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"}


def lerobot_python() -> str | None:
    if python := os.environ.get("ODYSSEY_LEROBOT_PYTHON"):
        return python
    installed = all(find_spec(name) is not None for name in ("lerobot", "lerobot_doctor"))
    return sys.executable if installed else None


pytestmark = pytest.mark.skipif(
    lerobot_python() is None,
    reason="lerobot and lerobot-doctor are not installed; ODYSSEY_LEROBOT_PYTHON may name a Python with them",
)


@dataclass(frozen=True)
class Judged:
    """What lerobot and lerobot-doctor say about a dataset; see the script."""

    items: dict[str, Any]
    report: dict[str, Any]

    def check(self, episodes: int, frames: int, rate: int) -> None:
        """Check everything but the pictures and the tasks."""
        total = episodes * frames
        assert self.report["episodes"] == episodes
        assert self.items["timestamp"] == pytest.approx([n % frames / rate for n in range(total)])
        assert self.items["frame_index"].tolist() == [n % frames for n in range(total)]
        assert self.items["index"].tolist() == list(range(total))
        assert self.items["episode_index"].tolist() == [n // frames for n in range(total)]
        assert self.report["failures"] == NO_ACTIONS
        for feature, statistics in self.report["statistics"].items():
            shapes = {tuple(shape) for name, shape in statistics.items() if name != "count"}
            assert shapes == {(3, 1, 1) if "images" in feature else (1,)}
            assert set(statistics) == KINDS


def judged(output: Path, datasets: Sequence[Path]) -> Iterator[Judged]:
    output.mkdir()
    subprocess.run(
        [str(lerobot_python()), str(SCRIPT), str(output), *map(str, datasets)],
        check=True,
        timeout=900,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(output / "hf"), "PYTHONPATH": ""},
    )
    for number in range(len(datasets)):
        report = json.loads((output / f"{number}.json").read_text())
        yield Judged(dict(np.load(output / f"{number}.npz")), report)


@pytest.mark.timeout(1200)  # imports of lerobot take long on a busy machine
def test_lerobot_reads_every_frame(
    make_video: Callable[..., Path],
    export_lerobot: Callable[..., Any],
    emulated_datasets: dict[str, Path],
    counter_of: Callable[[Any], int],
    tmp_path: Path,
) -> None:
    gaps = {7, 8, 29, 30}
    video = video_without(make_video(FRAMES), tmp_path / "gap.mp4", gaps)
    # The prompts begin at the same pictures; the numbers are those of the pictures that are left.
    add_episode(tmp_path / "gaps", "a", video, [(0, "a fox"), (27, "it “rains”"), (31, "a fox")])
    for name, size in (("landscape", (320, 192)), ("portrait", (192, 320))):
        for episode in "bc":
            add_episode(tmp_path / name, episode, make_video(FRAMES, size=size), PROMPTS)
    half = ExportPlaces(Splits.parse("train=0.5,val=0.5"))
    out = tmp_path / "out"
    export_lerobot(tmp_path / "landscape", out / "copied")
    export_lerobot(tmp_path / "portrait", out / "portrait")
    export_lerobot(tmp_path / "landscape", out / "encoded", gop=2)
    export_lerobot(tmp_path / "portrait", out / "portrait-encoded", gop=10)
    export_lerobot(tmp_path / "landscape", out / "split", places=half)
    export_lerobot(tmp_path / "gaps", out / "filled", resample=20)
    # The dataset grows: a second run appends an episode.
    add_episode(tmp_path / "landscape", "a", make_video(FRAMES), PROMPTS)
    export_lerobot(tmp_path / "landscape", out / "copied")
    for images, gop in (("h264", None), ("jpeg", 2)):
        export_lerobot(emulated_datasets[images], out / f"emulator-{images}", gop=gop)
    split_of_c = Splits.parse("train=0.5,val=0.5").of("c")
    in_split = sum(half.splits is not None and half.splits.of(name) == split_of_c for name in "bc")

    numbers = list(range(FRAMES))
    before = {7: 6, 8: 6, 29: 28, 30: 28}
    filled = [before.get(number, number) for number in numbers]
    cases = {
        "copied": (3, numbers),
        "portrait": (2, numbers),
        "encoded": (2, numbers),
        "portrait-encoded": (2, numbers),
        f"split/{split_of_c}": (in_split, numbers),
        "filled": (1, filled),
    }
    emulator = ("emulator-h264", "emulator-jpeg")
    results = judged(tmp_path / "found", [out / name for name in (*cases, *emulator)])
    for (name, (episodes, shown)), found in zip(cases.items(), results, strict=False):
        found.check(episodes, FRAMES, rate=20)
        assert [counter_of(picture) for picture in found.items["pictures"]] == shown * episodes, name
        tasks = [[prompt for first, prompt in PROMPTS if first <= number][-1] for number in shown]
        assert found.items["tasks"].tolist() == tasks * episodes, name

    digests = {applied_prompt(prompt): prompt_digest(prompt) for prompt in ("a fox", "it “rains”")}
    for name, found in zip(emulator, results, strict=True):
        found.check(1, 5, rate=20)
        markers = [read_marker(picture) for picture in found.items["pictures"]]
        assert [marker and marker.counter for marker in markers] == list(range(5)), name
        assert [marker and marker.prompt_id for marker in markers] == [
            digests[task] for task in found.items["tasks"]
        ]
        assert len(set(found.items["tasks"])) == 2
