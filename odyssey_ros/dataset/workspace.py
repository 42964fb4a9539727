"""The folder of a dataset: its layout, its lock, its settings and its lists.

::

    dataset.json                  the settings that all bags share
    manifest.jsonl                the episodes of all runs; manifest-2-of-4.jsonl for the second of 4 shards
    failures.jsonl                the failures of the last run, with codes; failures-2-of-4.jsonl for this one
    episodes/<name>/              a bag, with its entry of the manifest as episode.json
    episodes/.<name>.partial/     a bag that is being written
    work/1-of-1/                  the log of submissions, and downloads; one folder for each shard
"""

from __future__ import annotations

import fcntl
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.durable import make_folder, replace_file
from odyssey_ros.dataset.episode_folders import EpisodeFolders
from odyssey_ros.dataset.errors import EpisodeError, StateError
from odyssey_ros.dataset.exports.export_folder import SETTINGS_FILE
from odyssey_ros.dataset.manifest import encoded, read_manifest, write_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from odyssey_ros.dataset.bag_layout import BagLayout
    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.shards import Shard

_FORMAT: Final = 1


class Workspace(EpisodeFolders):
    """The folder of a dataset, locked for one run of one shard. Its methods block on the disk.

    Args:
        folder: The folder; created when it does not exist.
        layout: Settings of the bags, the same for all runs of a dataset.
        shard: The shard of this run.

    Raises:
        StateError: Another process works on the same shard, the dataset was created with other settings, or
            the folder is an export.
        ManifestError: The manifest of earlier runs cannot be read.
    """

    def __init__(self, folder: Path, layout: BagLayout, shard: Shard) -> None:
        self._works = folder / "work"
        super().__init__(folder, self._works / f"{shard.index}-of-{shard.count}")
        self._suffix = "" if shard.count == 1 else f"-{shard.index}-of-{shard.count}"
        self._manifest = folder / f"manifest{self._suffix}.jsonl"
        try:
            if (folder / SETTINGS_FILE).exists():
                raise StateError(f"{folder} is an export: name another folder for the dataset")
            make_folder(self._episodes)
            make_folder(self._work)
            self._lock = (self._work / "lock").open("w")
        except OSError as error:
            raise StateError(f"{folder} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._check_settings(layout, shard)
            self._listed = read_manifest(self._manifest) if self._manifest.exists() else []
        except BlockingIOError:
            self._lock.close()
            raise StateError(f"another process is working on shard {shard} of {folder}") from None
        except OSError as error:
            self._lock.close()
            raise StateError(f"{folder} cannot be locked: {error.strerror}") from error
        except BaseException:
            self._lock.close()
            raise

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.close()

    @property
    def journal_path(self) -> Path:
        """The log of submissions of this shard."""
        return self._work / "submissions.jsonl"

    @property
    def candidates(self) -> Path:
        """Folder for the events logs of candidates."""
        return self._work / "candidates"

    @property
    def episode_folders(self) -> EpisodeFolders:
        """The folders for tasks, which run without the lock of this object."""
        return EpisodeFolders(self.folder, self._work)

    @property
    def listed(self) -> list[ManifestEntry]:
        """The entries in the manifest of earlier runs of this shard."""
        return self._listed

    def other_journals(self) -> list[Path]:
        """Return the logs of submissions of the other shards in the same folder."""
        return [path for path in self._works.glob("*/submissions.jsonl") if path != self.journal_path]

    def write_lists(self, entries: Iterable[ManifestEntry], failures: Mapping[str, EpisodeError]) -> None:
        """Write the manifest and the list of failures.

        Episodes in the lists of earlier runs are kept, with the current entries of their bags: a killed run
        may have replaced a bag without writing the lists. The entry in the list is kept as it is when the
        one of the bag cannot be read.

        Raises:
            StateError: The disk failed.
        """
        kept = map(self._current, self._listed)
        listed = {entry.episode: entry for entry in (*kept, *entries) if entry is not None}
        try:
            write_manifest(self._manifest, listed.values())
            self._write_failures(failures)
        except OSError as error:
            raise StateError(f"the manifest of {self.folder} cannot be written: {error.strerror}") from error

    def _current(self, listed: ManifestEntry) -> ManifestEntry | None:
        try:
            return self.finished(listed.episode)
        except EpisodeError:
            return listed

    def _write_failures(self, failures: Mapping[str, EpisodeError]) -> None:
        lines = [
            json.dumps(
                {"episode": name, "code": str(error.code), "message": error.message}, ensure_ascii=False
            )
            for name, error in sorted(failures.items())
        ]
        replace_file(
            self.folder / f"failures{self._suffix}.jsonl", encoded("".join(f"{line}\n" for line in lines))
        )

    def _check_settings(self, layout: BagLayout, shard: Shard) -> None:
        """Store the settings of the first run, and refuse other settings in later runs."""
        path = self.folder / "dataset.json"
        settings = {"format": _FORMAT, "shards": shard.count, **asdict(layout), "images": str(layout.images)}
        with (self._works / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                if not path.exists():
                    replace_file(path, (json.dumps(settings, indent=2) + "\n").encode())
                kept = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise StateError(f"{path} cannot be used: {error}") from error
        if not isinstance(kept, dict) or kept.get("format") != _FORMAT:
            raise StateError(f"{path} has another format version: use another folder")
        for name, value in settings.items():
            if kept.get(name) != value:
                raise StateError(
                    f"{self.folder} was created with {name} {kept.get(name)!r}, not {value!r}: "
                    "use another folder"
                )
