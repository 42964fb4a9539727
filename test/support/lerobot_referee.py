"""Reads LeRobotDatasets with lerobot and lerobot-doctor; run by the Python in which they are installed.

Usage: python lerobot_referee.py OUTPUT DATASET...

For each dataset, OUTPUT/<number>.npz has what `LeRobotDataset[i]` returns for each i, as arrays: pictures
(uint8, height x width x 3), tasks, timestamps, frame indexes, episode indexes and indexes. A file
OUTPUT/<number>.json has the statistics, what the checks of lerobot-doctor fail on, and the version of
lerobot.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import lerobot
import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot_doctor.dataset_loader import load_dataset
from lerobot_doctor.runner import Severity, run_checks

KEY = "observation.images.odyssey"


def main() -> None:
    """Read the datasets."""
    output, *folders = map(Path, sys.argv[1:])
    for number, folder in enumerate(folders):
        dataset = LeRobotDataset("odyssey/test", root=folder, video_backend="pyav", return_uint8=True)
        items = [dataset[index] for index in range(len(dataset))]
        np.savez(
            output / f"{number}.npz",
            pictures=np.stack([item[KEY].permute(1, 2, 0).numpy() for item in items]),
            tasks=np.array([item["task"] for item in items]),
            **{
                name: np.array([item[name].item() for item in items])
                for name in ("timestamp", "frame_index", "episode_index", "index", "task_index")
            },
        )
        report = run_checks(load_dataset(str(folder)))
        failures = [
            message.message
            for result in report.results
            for message in result.messages
            if message.severity is Severity.FAIL
        ]
        found = {
            "lerobot": lerobot.__version__,
            "episodes": dataset.num_episodes,
            "failures": failures,
            "statistics": {
                feature: {name: list(value.shape) for name, value in statistics.items()}
                for feature, statistics in dataset.meta.stats.items()
            },
        }
        (output / f"{number}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
