"""The output folder of `export clips`: complete clips, their prompts, and the tables that list them.

::

    videos/<clip>.mp4                 a clip
    videos/metadata.jsonl             the clips with their prompts, for VideoFolder
    metas/<clip>.txt                  the prompt, for Cosmos-Predict
    odyssey_episodes/<episode>.json   the record of an episode whose clips are complete

With `--split` and `--split-by size`, `videos` and `metas` are in a folder for each dataset.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.durable import make_folder, replace_file, sync_folder
from odyssey_ros.dataset.errors import StateError
from odyssey_ros.dataset.exports.clips_names import clip_stem
from odyssey_ros.dataset.exports.clips_record import read_record
from odyssey_ros.dataset.exports.clips_task import RECORD_FILE
from odyssey_ros.dataset.exports.export_folder import ExportFolder, refuse_links
from odyssey_ros.dataset.manifest import encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from odyssey_ros.dataset.exports.clips_record import ClipRow, EpisodeRecord
    from odyssey_ros.dataset.exports.export_folder import Setting

_RECORDS: Final = "odyssey_episodes"


class ClipsFolder:
    """The output folder, locked for one run. A context; its methods block on the disk.

    Args:
        folder: The folder; created when it does not exist.
        settings: What must be the same in all runs, by the names of the options.

    Attributes:
        records: The records of the complete episodes, by the names of the episodes.

    Raises:
        StateError: See `ExportFolder`; or a record cannot be read.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Setting]) -> None:
        self.folder = folder
        self.records: dict[str, EpisodeRecord] = {}
        with ExitStack() as stack:
            self._export = stack.enter_context(ExportFolder(folder, "clips", settings))
            for path in sorted((folder / _RECORDS).glob("[!.]*.json")):
                record = read_record(path)
                self.records[record.episode] = record
            for staged in sorted(self.staging.glob("[!.]*")):
                if (staged / RECORD_FILE).exists():
                    self.commit(read_record(staged / RECORD_FILE))
                    continue
                try:
                    shutil.rmtree(staged)  # of a run that was killed after it had moved everything
                except OSError as error:
                    raise StateError(f"{staged} cannot be removed: {error.strerror}") from error
            self._open = stack.pop_all()

    def __enter__(self) -> ClipsFolder:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.__exit__(exc_type, exc, traceback)

    @property
    def staging(self) -> Path:
        """The folder for the complete clips of episodes that have no record yet."""
        return self._export.staging

    def commit(self, record: EpisodeRecord) -> None:
        """Move the staged clips of an episode to their places, and the record at last.

        A prompt is there before its clip, because Cosmos-Predict takes a clip without one for a clip with an
        empty prompt. A run that was killed in the middle is continued when the folder is opened again.

        Raises:
            StateError: The disk failed, or a folder of the export is a symbolic link.
        """
        staged = self.staging / clip_stem(record.episode)
        dataset = self.folder / record.dataset
        for name in ("metas", "videos"):
            refuse_links(self.folder, PurePosixPath(record.dataset, name))
        refuse_links(self.folder, PurePosixPath(_RECORDS))
        try:
            _move_all(staged, dataset / "metas", [clip.caption_name for clip in record.clips])
            _move_all(staged, dataset / "videos", [clip.file_name for clip in record.clips])
            records = self.folder / _RECORDS
            make_folder(records)
            (staged / RECORD_FILE).replace(records / f"{staged.name}.json")
            sync_folder(records)
            shutil.rmtree(staged)
        except OSError as error:
            raise StateError(f"the clips cannot be moved to {dataset}: {error.strerror}") from error
        self.records[record.episode] = record

    def missing_file(self, record: EpisodeRecord) -> Path | None:
        """Return a file of an episode that was removed or is empty; None if all are there."""
        dataset = self.folder / record.dataset
        for clip in record.clips:
            for path in (dataset / "videos" / clip.file_name, dataset / "metas" / clip.caption_name):
                if not path.is_file() or not path.stat().st_size:
                    return path
        return None

    def write_tables(self) -> None:
        """Write `metadata.jsonl` of each dataset: the clips of all records, in order of their episodes.

        Raises:
            StateError: The disk failed, or a folder of the export is a symbolic link.
        """
        rows: dict[str, list[ClipRow]] = {}
        for _, record in sorted(self.records.items()):
            if record.clips:
                rows.setdefault(record.dataset, []).extend(record.clips)
        for dataset, clips in rows.items():
            path = self.folder / dataset / "videos" / "metadata.jsonl"
            refuse_links(self.folder, PurePosixPath(dataset, "videos"))
            try:
                replace_file(path, encoded("".join(clip.to_line() for clip in clips)))
            except OSError as error:
                raise StateError(f"{path} cannot be written: {error.strerror}") from error


def _move_all(source: Path, target: Path, names: Iterable[str]) -> None:
    """Move files that a killed run may have moved already."""
    moved = False
    for name in names:
        if not moved:
            make_folder(target)
            moved = True
        if (source / name).exists() or not (target / name).exists():
            (source / name).replace(target / name)
    if moved:
        sync_folder(target)
