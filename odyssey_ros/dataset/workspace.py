"""The folder of a dataset: what lies where, who may write, and what becomes final when.

::

    dataset.json                  the settings that all its bags share
    manifest.jsonl                all runs' episodes; manifest-2-of-4.jsonl for the second of four shards
    failures.jsonl                what could not be made in the last run, and why; likewise
    episodes/<name>/              a bag, with its entry of the manifest as episode.json
    episodes/.<name>.partial/     a bag that is being written
    work/1-of-1/                  the log of submissions, and downloads; a folder for each shard
"""

from __future__ import annotations

import fcntl
import json
import shutil
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.durable import publish_folder, replace_file, synced_file
from odyssey_ros.dataset.errors import StateError
from odyssey_ros.dataset.manifest import ManifestEntry, ManifestError, read_manifest, write_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from odyssey_ros.dataset.bags import BagLayout
    from odyssey_ros.dataset.errors import EpisodeError
    from odyssey_ros.dataset.shards import Shard

_FORMAT: Final = 1


class Workspace:
    """A dataset's folder, open for one shard's run. Its methods block on the disk.

    Args:
        folder: The folder; made when it is not there.
        layout: What the bags look like; the same for all of a dataset.
        shard: The part of the work that this run does.

    Raises:
        StateError: Another process does the same work, or the dataset was begun with other settings.
        ManifestError: The manifest of earlier runs cannot be read.
    """

    def __init__(self, folder: Path, layout: BagLayout, shard: Shard) -> None:
        self.folder = folder
        self._episodes = folder / "episodes"
        self._works = folder / "work"
        self._work = self._works / f"{shard.index}-of-{shard.count}"
        self._suffix = "" if shard.count == 1 else f"-{shard.index}-of-{shard.count}"
        self._manifest = folder / f"manifest{self._suffix}.jsonl"
        try:
            self._episodes.mkdir(parents=True, exist_ok=True)
            self._work.mkdir(parents=True, exist_ok=True)
            self._lock = (self._work / "lock").open("w")
        except OSError as error:
            raise StateError(f"{folder} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._settle_settings(layout, shard)
            self._listed = read_manifest(self._manifest) if self._manifest.exists() else []
        except BlockingIOError:
            self._lock.close()
            raise StateError(f"another process is at work on shard {shard} of {folder}") from None
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
        """This shard's log of submissions."""
        return self._work / "submissions.jsonl"

    def other_journals(self) -> list[Path]:
        """The logs of submissions of the other shards that work in the same folder."""
        return [path for path in self._works.glob("*/submissions.jsonl") if path != self.journal_path]

    def downloads(self, episode: str) -> Path:
        """Make the folder for an episode's downloads."""
        path = self._work / episode
        path.mkdir(exist_ok=True)
        return path

    def bag_path(self, episode: str) -> Path:
        """Where a finished bag is."""
        return self._episodes / episode

    def relative(self, path: Path) -> str:
        """A path as the manifest has it."""
        return path.relative_to(self.folder).as_posix()

    def finished(self, episode: str) -> ManifestEntry | None:
        """The entry of a finished episode; None when it is still to be made."""
        path = self.bag_path(episode) / "episode.json"
        try:
            return ManifestEntry.from_line(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, ManifestError) as error:
            raise StateError(
                f"{path} cannot be read; remove the folder to make the episode anew: {error}"
            ) from error

    def clean_partial(self, episode: str) -> Path:
        """The folder for a bag that is being written; what a killed run left in it is removed."""
        partial = self._episodes / f".{episode}.partial"
        if partial.exists():
            shutil.rmtree(partial)
        return partial

    def publish(self, entry: ManifestEntry, partial: Path) -> None:
        """Make a bag that is complete final, at once.

        Raises:
            OSError: The disk failed; the bag is not final.
        """
        with synced_file(partial / "episode.json") as file:
            file.write(entry.to_line().encode())
        publish_folder(partial, self.bag_path(entry.episode))

    def forget_downloads(self, episode: str) -> None:
        """Remove an episode's downloads."""
        shutil.rmtree(self._work / episode, ignore_errors=True)

    def write_lists(self, entries: Iterable[ManifestEntry], failures: Mapping[str, EpisodeError]) -> None:
        """Write the manifest and the list of failures.

        Episodes that earlier runs listed stay, as their bags are now: one may have been made anew by a run
        that was killed before it came to this.

        Raises:
            StateError: The disk failed.
        """
        kept = (self.finished(entry.episode) for entry in self._listed)
        listed = {entry.episode: entry for entry in (*kept, *entries) if entry is not None}
        try:
            write_manifest(self._manifest, listed.values())
            self._write_failures(failures)
        except OSError as error:
            raise StateError(f"the manifest of {self.folder} cannot be written: {error.strerror}") from error

    def _write_failures(self, failures: Mapping[str, EpisodeError]) -> None:
        lines = [
            json.dumps(
                {"episode": name, "code": str(error.code), "message": error.message}, ensure_ascii=False
            )
            for name, error in sorted(failures.items())
        ]
        replace_file(
            self.folder / f"failures{self._suffix}.jsonl", "".join(f"{line}\n" for line in lines).encode()
        )

    def _settle_settings(self, layout: BagLayout, shard: Shard) -> None:
        """Keep the settings of the first run, and refuse others after it."""
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
            raise StateError(f"{path} is of another version")
        for name, value in settings.items():
            if kept.get(name) != value:
                raise StateError(
                    f"{self.folder} was begun with {name} {kept.get(name)!r}, not {value!r}: "
                    "take another folder"
                )
