"""Dataset folders with numbered pictures, and exports of them in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.exports.export_folder import ExportFolder
from odyssey_ros.dataset.exports.export_places import ExportPlaces
from odyssey_ros.dataset.exports.lerobot_dataset import LeRobotExport
from odyssey_ros.dataset.progress import LogProgress
from odyssey_ros.dataset.reading.dataset_folder import stored_episodes
from stored_episodes import TasksHere, add_episode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from odyssey_ros.dataset.exports.lerobot_dataset import ExportOutcome

PROMPTS = ((0, "a fox"), (10, "it “rains”"))


@pytest.fixture
def walks(make_video: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Makes the dataset folder `walks` or adds episodes to it: `walks("a", "b", frames=24)`."""

    def make(*names: str, frames: int = 24, size: tuple[int, int] = (320, 192), images: str = "h264") -> Path:
        for name in names:
            add_episode(tmp_path / "walks", name, make_video(frames, size=size), PROMPTS, images=images)
        return tmp_path / "walks"

    return make


@pytest.fixture
def export_lerobot() -> Callable[..., ExportOutcome]:
    """Exports in this process: `export_lerobot(folder, out, gop=2)`."""

    def export(
        folder: Path,
        out: Path,
        *,
        gop: int | None = None,
        resample: int | None = None,
        places: ExportPlaces | None = None,
        engine: TasksHere | None = None,
        left_out: tuple[str, ...] | None = None,
    ) -> ExportOutcome:
        with ExportFolder(out, "lerobot", {"gop": gop, "resample": resample}) as output:
            lerobot = LeRobotExport(
                output,
                places or ExportPlaces(),
                gop=gop,
                resample=resample,
                version="1.0",
                progress=LogProgress(),
            )
            episodes = stored_episodes(folder)
            wanted = [episode for episode in episodes if episode.name not in (left_out or ())]
            others = [episode for episode in episodes if episode not in wanted]
            if left_out is None:
                return lerobot.run(engine or TasksHere(), wanted)
            return lerobot.run(engine or TasksHere(), wanted, others)

    return export
