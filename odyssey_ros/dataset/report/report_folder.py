"""The folder of a report: its lock, the records of earlier runs, and the atomic replacement of the page.

::

    index.html            the page
    pictures-<crc>.html   the episodes with their pictures, if they are too large for one page
    report.json           the same contents for programs; see `report_file`
    .work/<name>.json     the record of an episode; see `episode_record`
"""

from __future__ import annotations

import fcntl
import logging
import zlib
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.redaction import redact_logs
from odyssey_ros.client.regular_file import RegularFileError, read_regular_file
from odyssey_ros.dataset.durable import make_folder, replace_file
from odyssey_ros.dataset.errors import StateError
from odyssey_ros.dataset.file_names import safe_name
from odyssey_ros.dataset.report.episode_record import MAX_RECORD_BYTES, RecordError, read_record
from odyssey_ros.dataset.report.flagged_frames import bag_crc32
from odyssey_ros.dataset.report.report_file import MAX_REPORT_BYTES, ReportFile, ReportFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from odyssey_ros.dataset.reading.stored_episode import StoredEpisode
    from odyssey_ros.dataset.report.episode_record import EpisodeRecord

_PAGE: Final = "index.html"
_JSON: Final = "report.json"
_logger: Final = logging.getLogger(__name__)
redact_logs(__name__)


class ReportFolder:
    """The folder of a report, locked for one run. Its methods block on the disk.

    Args:
        folder: The folder; created when it does not exist.
        thresholds: The thresholds of the findings. Records that were made with others are not used.

    Raises:
        StateError: Another process writes the same report, or the folder cannot be used, or contains the page
            of another program.
    """

    def __init__(self, folder: Path, thresholds: Mapping[str, float]) -> None:
        self.folder = folder
        self._thresholds = thresholds
        self._work = folder / ".work"
        try:
            if self._work.is_symlink():  # files in it are removed
                raise StateError(f"{self._work} is a symbolic link, which no report makes: remove it")
            if not self._work.is_dir():
                _check_contents(folder)
            make_folder(self._work)
            self._lock = (self._work / "lock").open("w")
        except OSError as error:
            raise StateError(f"{folder} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise StateError(f"another process is writing the report in {folder}") from None
        except OSError as error:
            self._lock.close()
            raise StateError(f"{folder} cannot be locked: {error.strerror}") from error

    def __enter__(self) -> ReportFolder:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.close()

    def record_of(self, episode: StoredEpisode) -> EpisodeRecord | None:
        """Return the record of an episode that has not changed since; None if there is none.

        The bag itself is not read: its size must be that of the manifest. A record that cannot be read, and
        that of an episode that could not be read, are not used.
        """
        path = self._record_path(episode.name)
        try:
            data = read_regular_file(path, MAX_RECORD_BYTES)
            record = read_record(data, episode.name, bag_crc32(episode.entry), self._thresholds)
        except RegularFileError as error:
            if not error.missing:
                _logger.warning("%s is not used: %s", path, error.reason)
            return None
        except RecordError as error:
            _logger.warning("%s is not used: %s", path, error)
            return None
        return record if record is not None and not record.report.error and _is_whole(episode) else None

    def keep(self, record: EpisodeRecord) -> None:
        """Store a record.

        Raises:
            StateError: The disk failed.
        """
        self._replace(self._record_path(record.name), record.to_json(self._thresholds))

    def kept(self, name: str, crc32: str) -> EpisodeRecord:
        """Return a record that this run has stored or found.

        Raises:
            StateError: The file has changed since.
        """
        path = self._record_path(name)
        try:
            data = read_regular_file(path, MAX_RECORD_BYTES)
            record = read_record(data, name, crc32, self._thresholds)
        except (RegularFileError, RecordError) as error:
            raise StateError(f"{path} cannot be read: {error}") from error
        if record is None:
            raise StateError(f"{path} was changed by another process: run the command again")
        return record

    def add_part(self, page: str) -> str:
        """Write a part of the page; return its file name, which depends on the contents.

        Parts of the former page remain until `publish`, so its links work until it is replaced.

        Raises:
            StateError: The disk failed.
        """
        data = page.encode("utf-8")
        name = f"pictures-{zlib.crc32(data):08x}.html"
        self._replace(self.folder / name, data)
        return name

    def publish(self, page: str, report: bytes, parts: Iterable[str], episodes: Iterable[str]) -> None:
        """Replace the report, and remove what belongs to the former one only.

        Args:
            page: The page.
            report: The contents of `report.json`.
            parts: The file names of its parts.
            episodes: The names of its episodes.

        Raises:
            StateError: The disk failed.
        """
        self._replace(self.folder / _JSON, report)
        self._replace(self.folder / _PAGE, page.encode("utf-8"))
        used = {self.folder / name for name in parts} | {self._record_path(name) for name in episodes}
        try:
            for path in (*self.folder.glob("pictures-????????.html"), *self._work.glob("*.json")):
                if path not in used:
                    path.unlink()
        except OSError as error:
            raise StateError(f"{self.folder} cannot be cleaned: {error.strerror}") from error

    def _record_path(self, episode: str) -> Path:
        return self._work / f"{safe_name(episode)}.json"

    def _replace(self, path: Path, data: bytes) -> None:
        try:
            replace_file(path, data)
        except OSError as error:
            raise StateError(f"{path} cannot be written: {error.strerror}") from error


def _check_contents(folder: Path) -> None:
    """Check that a folder without records has no page or JSON file that a report would replace."""
    found = [name for name in (_PAGE, _JSON) if (folder / name).exists()]
    if not found:
        return
    try:
        ReportFile.from_json(read_regular_file(folder / _JSON, MAX_REPORT_BYTES))
    except (RegularFileError, ReportFileError) as error:
        raise StateError(
            f"{folder} contains {found[0]}, which no report made: remove it, or name another folder with -o"
        ) from error


def _is_whole(episode: StoredEpisode) -> bool:
    """Return whether the files of a bag have the sizes that the manifest says."""
    try:
        return all((episode.folder / file.path).stat().st_size == file.size for file in episode.entry.files)
    except (OSError, ValueError):  # a null character in a path
        return False
