"""Settings of datasets that are merged: all bags of a dataset have the same ones."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from odyssey_ros.dataset.checks.deep_check import read_settings
from odyssey_ros.dataset.durable import replace_file
from odyssey_ros.dataset.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def check_same_settings(folders: Sequence[Path]) -> None:
    """Compare the settings of datasets. A setting that a folder does not have fits every other folder.

    Raises:
        PlanError: Two folders have different settings.
        ManifestError: `dataset.json` of a folder cannot be read.
    """
    first: dict[str, tuple[Path, object]] = {}
    for folder in folders:
        for name, value in asdict(read_settings(folder)).items():
            if value is None:
                continue
            other, said = first.setdefault(name, (folder, value))
            if said != value:
                raise PlanError(
                    f"{other} was created with {name} {said!r}, and {folder} with {value!r}: merge only "
                    "folders with the same settings"
                )


def keep_settings(target: Path, sources: Sequence[Path]) -> None:
    """Give the folder of merged bags the settings of its sources, unless it has its own. Blocks.

    Later runs in the folder and `verify --deep` then use them.

    Raises:
        OSError: A file cannot be read or written.
    """
    path = target / "dataset.json"
    source = next((file for folder in sources if (file := folder / "dataset.json").exists()), None)
    if source is not None and not path.exists():
        settings = {**json.loads(source.read_text(encoding="utf-8")), "shards": 1}
        replace_file(path, (json.dumps(settings, indent=2) + "\n").encode())
