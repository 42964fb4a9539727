"""Makes staged files part of an export, all of them or none, even if the run is killed in the middle.

New files and a list of all moves are written into a folder first. When that folder gets its final name, the
commit is decided: the moves are made, by this run or by the next one. A run that is killed before leaves the
export as it was, and the staged files where they were.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.regular_file import RegularFileError, read_regular_file
from odyssey_ros.dataset.durable import make_folder, publish_folder, replace_file, sync_folder
from odyssey_ros.dataset.errors import StateError
from odyssey_ros.dataset.exports.export_folder import DECIDED, refuse_links, sync_file

if TYPE_CHECKING:
    from pathlib import Path

_MOVES: Final = "moves.json"
_MAX_MOVES_BYTES: Final = 256 * 1024 * 1024


class ExportCommit:
    """Files that become part of an export together. All methods block on the disk and raise `OSError`.

    Args:
        folder: The folder of the export.
        work: The folder for unfinished work, on the same file system.
    """

    def __init__(self, folder: Path, work: Path) -> None:
        self._folder = folder
        self._work = work
        self._partial = work / "commit.partial"
        self._moves: list[tuple[str, str]] = []
        shutil.rmtree(self._partial, ignore_errors=True)
        make_folder(self._partial)

    def new_file(self, target: PurePosixPath) -> Path:
        """Return the path at which the caller writes a file.

        Args:
            target: Where the file will be, relative to the folder of the export.
        """
        path = self._partial / str(len(self._moves))
        self._moves.append((f"{DECIDED}/{len(self._moves)}", str(target)))
        return path

    def add_staged(self, source: Path, target: PurePosixPath) -> None:
        """Add a file that is complete, and synced to the disk.

        Args:
            source: The file, below the folder for unfinished work.
            target: As for `new_file`.
        """
        self._moves.append((source.relative_to(self._work).as_posix(), str(target)))

    def finish(self) -> None:
        """Make the files part of the export. The order is that in which they were added."""
        for path in self._partial.iterdir():
            sync_file(path)
        replace_file(self._partial / _MOVES, json.dumps(self._moves).encode())
        publish_folder(self._partial, self._work / DECIDED)
        _apply(self._folder, self._work)


def finish_commit(folder: Path, work: Path) -> None:
    """Finish the commit of a run that was killed in the middle, if there is one. Blocks.

    Args:
        folder: The folder of the export.
        work: The folder for unfinished work.

    Raises:
        OSError: The disk failed.
        StateError: The list of moves is damaged, or a folder of the export is a symbolic link.
    """
    if (work / DECIDED).is_dir():
        _apply(folder, work)


def _apply(folder: Path, work: Path) -> None:
    moves = work / DECIDED / _MOVES
    try:
        listed = [
            (_below(source), _below(target))
            for source, target in json.loads(read_regular_file(moves, _MAX_MOVES_BYTES))
        ]
    except (RegularFileError, ValueError, TypeError, RecursionError) as error:
        raise StateError(f"{moves} is damaged: export to another folder") from error
    for source_folder, target_folder in {(source.parent, target.parent) for source, target in listed}:
        refuse_links(work, source_folder)
        refuse_links(folder, target_folder)
    parents: dict[Path, None] = {}
    for source, target in ((work / below_work, folder / below) for below_work, below in listed):
        # A file that is missing was moved by the run that was killed.
        if source.exists():
            if target.parent not in parents:
                make_folder(target.parent)
            source.replace(target)
        parents[target.parent] = None
    for parent in parents:
        sync_folder(parent)
    # Without its list the folder would be damaged, so it gets another name first.
    done = work / "commit.partial"
    (work / DECIDED).rename(done)
    shutil.rmtree(done)


def _below(text: str) -> PurePosixPath:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or b"\0" in os.fsencode(path):
        raise ValueError(f"{text!r} is no path below a folder")
    return path
