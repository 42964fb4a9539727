"""Program for an interpreter that has `datasets`: prints the rows of VideoFolder datasets as JSON.

Arguments: a folder for caches, then the folders of the datasets.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import datasets


def rows_in(folder: str, cache: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each split; the value of `video` is the path of the file."""
    found = datasets.load_dataset("videofolder", data_dir=folder, cache_dir=cache)
    found = found.cast_column("video", datasets.Video(decode=False))
    return {split: [{**row, "video": row["video"]["path"]} for row in rows] for split, rows in found.items()}


if __name__ == "__main__":
    datasets.disable_progress_bars()
    datasets.config.TORCHCODEC_AVAILABLE = False  # it may be installed without the FFmpeg that it needs
    json.dump([rows_in(folder, sys.argv[1]) for folder in sys.argv[2:]], sys.stdout)
