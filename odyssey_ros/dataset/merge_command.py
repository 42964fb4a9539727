"""The command `merge`: the episodes of several dataset folders in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.dataset.durable import make_folder, move_folder
from odyssey_ros.dataset.errors import PlanError, StateError
from odyssey_ros.dataset.manifest import (
    manifest_paths,
    merged,
    read_manifest,
    repeated_streams,
    write_manifest,
)
from odyssey_ros.dataset.merging import check_same_settings, keep_settings

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from rich.console import Console


def run_merge(arguments: argparse.Namespace, console: Console) -> int:
    """Move the episodes of the other folders into the first one; return 0.

    Raises:
        DatasetError: A folder cannot be used, or the folders do not fit together.
    """
    target: Path = arguments.output
    folders = [target, *arguments.sources]
    paths = [path for folder in folders for path in manifest_paths(folder)]
    if not paths:
        raise PlanError(f"no manifest in {', '.join(map(str, folders))}")
    check_same_settings(folders)
    entries = merged(read_manifest(path) for path in paths)
    try:
        for folder in arguments.sources:
            _move_bags(folder, target)
        missing = [entry.bag for entry in entries if not (target / entry.bag).is_dir()]
        if missing:
            raise PlanError(
                f"{len(missing)} bags are in none of the folders, for example {missing[0]}: add the folder "
                "that contains them"
            )
        keep_settings(target, arguments.sources)
        write_manifest(target / "manifest.jsonl", entries)
    except OSError as error:
        raise StateError(f"cannot merge: {error}") from error
    for repeated in repeated_streams(entries):
        console.print(repeated, style="red", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(entries)} episodes in {target / 'manifest.jsonl'}", markup=False, highlight=False)
    return 0


def _move_bags(folder: Path, target: Path) -> None:
    make_folder(target / "episodes")
    for bag in sorted((folder / "episodes").glob("[!.]*")):
        if not (target / "episodes" / bag.name).exists():
            move_folder(bag, target / "episodes" / bag.name)
