"""Runs the tasks of `export lerobot` in this process and prints figures: `export_tasks.py FOLDER [GOP]`.

cpu_s       CPU time of the tasks in seconds
share       part of it that the statistics take, with the decoding of pictures that only they need
peak_bytes  maximum memory of the process
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from odyssey_ros.dataset.exports import lerobot_episode
from odyssey_ros.dataset.exports.lerobot_statistics import PictureStatistics
from odyssey_ros.dataset.reading.dataset_folder import stored_episodes

TIMED = ((PictureStatistics, "add"), (PictureStatistics, "result"), (lerobot_episode._KeyFrames, "add"))  # noqa: SLF001


class Timer:
    """Adds up the CPU time of functions; of one that another calls, the time counts once.

    Attributes:
        cpu_s: The CPU time in seconds.
    """

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self._depth = 0

    def watch(self, owner: Any, name: str) -> None:
        """Replace a method by one that is timed."""
        method = getattr(owner, name)

        def timed(*arguments: Any) -> Any:
            self._depth += 1
            begin = time.process_time()
            try:
                return method(*arguments)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.cpu_s += time.process_time() - begin

        setattr(owner, name, timed)


def main() -> int:
    """Run the tasks and print the figures."""
    folder = Path(sys.argv[1])
    gop = int(sys.argv[2]) if len(sys.argv) > 2 else None
    timer = Timer()
    for owner, name in TIMED:
        timer.watch(owner, name)
    with tempfile.TemporaryDirectory(dir=folder.parent) as staging:
        begin = time.process_time()
        for episode in stored_episodes(folder):
            task = lerobot_episode.EpisodeTask(episode, Path(staging) / episode.name, gop)
            lerobot_episode.export_episode(task)
        cpu_s = time.process_time() - begin
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"cpu_s": cpu_s, "share": timer.cpu_s / cpu_s, "peak_bytes": peak_bytes}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
