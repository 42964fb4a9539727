"""Scripts, simulation jobs, a dataset, a report and exports, while everything is killed again and again.

The emulator stands for the service, and is not killed. The truth is what the scripts say and what the marker
in each picture shows; an undisturbed run from the same jobs must give the same files.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from exported_frames import clips_of, episodes_of_lerobot
from killed_commands import KilledRun, run_with_kills
from odyssey_ros.client import Odyssey
from odyssey_ros.dataset.json_lines import split_lines
from odyssey_ros.dataset.manifest import crc32_of
from odyssey_ros.emulator.prompts import applied_prompt
from odyssey_ros.emulator.scene.marker import prompt_digest
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from exported_frames import ExportedFrame

_KEY: Final = "ody_local"
_READY: Final = "odyssey emulator ready at "
_ROOT: Final = Path(__file__).parents[2]
_FRAME_MS: Final = 50
_COLOURS: Final = ("red", "green", "blue", "white", "black", "golden", "grey", "striped", "spotted", "pale")
_ANIMALS: Final = (
    *("fox", "heron", "otter", "whale", "horse", "lynx", "raven", "hare", "wolf", "crane"),
    *("badger", "trout", "stag", "owl", "goat", "mole", "seal", "swan", "toad", "viper"),
)

COMMANDS: Final = ("simulate", "report", "export lerobot", "export clips")
"""The commands, in their order."""

_OUTPUTS: Final = (
    ("simulate", "walks/manifest.jsonl"),
    ("simulate", "walks/episodes"),
    ("report", "walks/report"),
    ("export lerobot", "lerobot"),
    ("export clips", "clips"),
)

SWITCH_MS: Final = 400
"""Time of the second prompt of each script."""

LENGTH_MS: Final = 700
"""Length of each script."""


@dataclass
class Outcome:
    """What the runs have made.

    Attributes:
        episodes: Number of scripts.
        jobs: Number of jobs that the service received.
        frames: Number of frames in the LeRobot export.
        clips: Number of clips.
        stages: The commands.
        faults: A sentence for each difference from the truth or from the undisturbed run.
    """

    episodes: int
    jobs: int = 0
    frames: int = 0
    clips: int = 0
    stages: list[KilledRun] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def check(self, agrees: object, fault: str) -> None:
        """Note a fault unless `agrees`."""
        if not agrees:
            self.faults.append(fault)


class Pipeline:
    """Runs the commands in a folder.

    Args:
        folder: An empty folder.
        episodes: Number of scripts, at most 200.
        kills: Number of kills of each command, by the names of `COMMANDS`.
        seed: Chooses the moments of the kills.
        workers: Number of workers of the report and of the exports.
    """

    def __init__(
        self, folder: Path, episodes: int, kills: Mapping[str, int], seed: int, workers: int = 2
    ) -> None:
        self._folder = folder
        self._killed, self._undisturbed = folder / "killed", folder / "undisturbed"
        self._kills = kills
        self._rng = random.Random(seed)
        self._workers = str(workers)
        self._outcome = Outcome(episodes)
        self._environment: dict[str, str] = {}
        self._prompts = [
            (f"a {colour} {animal} at rest", f"the {colour} {animal} runs")
            for animal in _ANIMALS
            for colour in _COLOURS
        ][:episodes]

    def run(self) -> Outcome:
        """Run everything, and compare the results. Blocks."""
        with _emulator(self._folder) as url:
            self._environment = {
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")]),
                "ODYSSEY_API_URL": url,
                "ODYSSEY_API_KEY": _KEY,
                "NO_COLOR": "1",
            }
            self._write_script()
            self._run_killed("simulate", "walks", self._check_bags)
            # The dataset is made again from the same jobs: the journal of the killed runs names them.
            shutil.copytree(self._killed / "walks" / "work", self._undisturbed / "walks" / "work")
            shutil.copy2(self._killed / "walks" / "dataset.json", self._undisturbed / "walks")
            self._run("simulate")
            self._outcome.jobs = _job_count(url)
        self._run_killed("report", "walks/report")
        self._run_killed("export lerobot", "lerobot", self._check_committed)
        self._run_killed("export clips", "clips")
        for name in COMMANDS[1:]:
            if self._kills.get(name):
                self._run(name)
        self._compare()
        return self._outcome

    # -- commands ----------------------------------------------------------------------------------

    def _command(self, name: str) -> list[str]:
        arguments = {
            "simulate": "simulate walk.json -o walks --images h264 --poll 0.1 --jobs 5",
            "report": f"report walks --workers {self._workers}",
            "export lerobot": f"export lerobot walks -o lerobot --workers {self._workers}",
            "export clips": f"export clips walks -o clips --workers {self._workers}",
        }[name]
        return [sys.executable, "-m", "odyssey_ros.dataset", *arguments.split()]

    def _write_script(self) -> None:
        scripts = [
            [
                {"timestamp_ms": 0, "start": {"prompt": first}},
                {"timestamp_ms": SWITCH_MS, "interact": {"prompt": second}},
                {"timestamp_ms": LENGTH_MS, "end": {}},
            ]
            for first, second in self._prompts
        ]
        text = json.dumps({"portrait": False, "scripts": scripts})
        for folder in (self._killed, self._undisturbed):
            folder.mkdir()
            (folder / "walk.json").write_text(text, encoding="utf-8")

    def _run_killed(self, name: str, output: str, after_kill: Callable[[], None] = lambda: None) -> None:
        # The last runs reach the later work, because the earlier ones have done a part of it.
        kills = self._kills.get(name, 0)
        moments = [self._rng.randint(1, 3 * self._outcome.episodes) for _ in range(kills)]
        run = run_with_kills(
            name,
            self._command(name),
            self._killed,
            self._killed / output,
            moments,
            environment=self._environment,
            rng=self._rng,
            after_kill=after_kill,
        )
        self._outcome.stages.append(run)

    def _run(self, name: str) -> None:
        """Run a command without kills in a folder of its own."""
        done = subprocess.run(
            self._command(name),
            cwd=self._undisturbed,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=3600,
        )
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"

    # -- after each kill ---------------------------------------------------------------------------

    def _check_bags(self) -> None:
        """A bag that has its final name is complete."""
        for bag in (self._killed / "walks" / "episodes").glob("[!.]*"):
            entry = json.loads((bag / "episode.json").read_text(encoding="utf-8"))
            for file in entry["files"]:
                whole = crc32_of(self._killed / "walks" / file["path"]) == file["crc32"]
                self._outcome.check(whole, f"{file['path']} was half-written after a kill")

    def _check_committed(self) -> None:
        """What the export lists is there and complete."""
        folder = self._killed / "lerobot"
        if (folder / "meta" / "info.json").exists():
            episodes = episodes_of_lerobot(folder)
            self._check_labels(episodes, partly=True)

    # -- at the end --------------------------------------------------------------------------------

    def _compare(self) -> None:
        outcome = self._outcome
        check = outcome.check
        check(outcome.jobs == outcome.episodes, f"{outcome.jobs} jobs for {outcome.episodes} scripts")
        entries = _entries(self._killed / "walks")
        starts = sorted(entry["provenance"]["script"][0]["start"]["prompt"] for entry in entries)
        check(starts == sorted(first for first, _ in self._prompts), "an episode is missing or twice")
        streams = {entry["stream_id"] for entry in entries}
        check(len(streams) == len(entries), "two episodes have one stream")
        episodes = episodes_of_lerobot(self._killed / "lerobot")
        check(
            sorted(episodes) == sorted(entry["episode"] for entry in entries), "the export has other episodes"
        )
        outcome.frames = self._check_labels(episodes)
        outcome.clips = self._check_clips(entries)
        for command, output in _OUTPUTS:
            if self._kills.get(command):
                for difference in _differences(self._killed / output, self._undisturbed / output):
                    check(False, f"{output} differs from the undisturbed run: {difference}")

    def _check_labels(self, episodes: Mapping[str, Sequence[ExportedFrame]], *, partly: bool = False) -> int:
        """Compare each frame with the scripts; return the number of frames."""
        count = 0
        check = self._outcome.check
        scripts = dict(self._prompts)
        for name, frames in episodes.items():
            first = next(
                (each for each in scripts if frames and frames[0].prompt == applied_prompt(each)), None
            )
            check(first is not None, f"{name}: its first prompt is in no unused script")
            if first is None:
                continue
            second = scripts.pop(first)
            count += len(frames)
            check(len(frames) == LENGTH_MS // _FRAME_MS, f"{name}: {len(frames)} frames")
            for number, frame in enumerate(frames):
                sent = first if number * _FRAME_MS < SWITCH_MS else second
                check(frame.prompt == applied_prompt(sent), f"{name}, frame {number}: {frame.prompt!r}")
                shown = frame.marker
                agrees = (
                    shown is not None
                    and shown.counter == number
                    and shown.stream_time_ms == number * _FRAME_MS
                    and shown.prompt_id == prompt_digest(sent)
                )
                check(agrees, f"{name}, frame {number}: the picture shows {shown}")
        check(partly or not scripts, f"no episode for {len(scripts)} scripts")
        return count

    def _check_clips(self, entries: Sequence[Mapping[str, Any]]) -> int:
        clips = clips_of(self._killed / "clips")
        check = self._outcome.check
        check(len(clips) == 2 * len(entries), f"{len(clips)} clips")
        joined: dict[str, list[ExportedFrame]] = {}
        for clip in sorted(clips, key=lambda clip: (clip.episode, clip.first_frame)):
            joined.setdefault(clip.episode, []).extend(clip.frames)
        self._check_labels(joined)
        return len(clips)


@contextmanager
def _emulator(folder: Path) -> Iterator[str]:
    """Run the emulator in a process; yield its URL."""
    log = folder / "emulator.log"
    command = [sys.executable, "-m", "odyssey_ros.emulator", "--port", "0", "--render-workers", "2"]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as stream:
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=subprocess.STDOUT)

    def url() -> str | None:
        lines = log.read_text(errors="replace").splitlines()
        return next((line.removeprefix(_READY) for line in lines if line.startswith(_READY)), None)

    try:
        yield str(wait_until(url, "an emulator that is ready")).strip()
    finally:
        process.terminate()
        process.wait(60)


def _job_count(url: str) -> int:
    async def count() -> int:
        async with Odyssey(_KEY, api_url=url) as client:
            return (await client.list_simulations()).total

    return asyncio.run(count())


def _entries(dataset: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in split_lines((dataset / "manifest.jsonl").read_text(encoding="utf-8"))
    ]


def _differences(one: Path, other: Path) -> Iterator[str]:
    """Yield the files that are not the same in two folders, or two files that differ."""
    if one.is_file():
        if one.read_bytes() != other.read_bytes():
            yield one.name
        return
    names = {
        path.relative_to(folder) for folder in (one, other) for path in folder.rglob("*") if path.is_file()
    }
    for name in sorted(names):
        paths = [folder / name for folder in (one, other)]
        if not all(path.is_file() for path in paths):
            yield f"{name} is in one of them"
        elif paths[0].read_bytes() != paths[1].read_bytes():
            yield str(name)
