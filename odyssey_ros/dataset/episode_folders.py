"""The folders of a dataset's episodes: bags, downloads, and a lock for each episode.

Several processes and machines may use them at the same time.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.durable import publish_folder, synced_file
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.manifest import ManifestEntry, ManifestError, encoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TextIO

_LOCK_POLL_S: Final = 0.1


class EpisodeFolders:
    """The folders of episodes; can be pickled. The methods block on the disk.

    Args:
        folder: The folder of the dataset.
        work: The folder for the downloads of one shard.
    """

    def __init__(self, folder: Path, work: Path) -> None:
        self.folder = folder
        self._work = work
        self._episodes = folder / "episodes"

    def absolute(self) -> EpisodeFolders:
        """Return the same folders for processes whose current folder is another one."""
        return EpisodeFolders(self.folder.absolute(), self._work.absolute())

    def downloads(self, episode: str) -> Path:
        """Create and return the folder for the downloads of an episode."""
        path = self._work / episode
        path.mkdir(exist_ok=True)
        return path

    def bag_path(self, episode: str) -> Path:
        """Return the path of a finished bag."""
        return self._episodes / episode

    def partial_path(self, episode: str) -> Path:
        """Return the path of a bag that is being written."""
        return self._episodes / f".{episode}.partial"

    def relative(self, path: Path) -> str:
        """Return a path as it appears in the manifest."""
        return path.relative_to(self.folder).as_posix()

    def finished(self, episode: str) -> ManifestEntry | None:
        """Return the entry of a finished episode; None when the episode is not finished.

        Raises:
            EpisodeError: The entry cannot be read.
        """
        path = self.bag_path(episode) / "episode.json"
        try:
            return ManifestEntry.from_line(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, ManifestError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise EpisodeError(
                ErrorCode.DISK_FAILED,
                f"{path} cannot be read ({reason}): remove the folder of this bag, and run the command again",
            ) from error

    def clean_partial(self, episode: str) -> Path:
        """Remove the incomplete bag of a killed run, and return the path for a new one."""
        partial = self.partial_path(episode)
        if partial.exists():
            shutil.rmtree(partial)
        return partial

    def publish(self, entry: ManifestEntry, partial: Path) -> None:
        """Give a complete bag its final name, atomically.

        Raises:
            OSError: The disk failed; the bag does not have its final name.
        """
        with synced_file(partial / "episode.json") as file:
            file.write(encoded(entry.to_line()))
        publish_folder(partial, self.bag_path(entry.episode))

    def remove_downloads(self, episode: str) -> None:
        """Remove the downloads of an episode."""
        shutil.rmtree(self._work / episode, ignore_errors=True)

    @contextmanager
    def locked(self, episode: str, while_waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Let one process at a time work on an episode, among all machines. Waits for the others.

        A cluster may start a task again while the first start still runs, on a machine that is out of reach.

        Args:
            episode: Name of the episode.
            while_waiting: Called again and again while another process has the lock; it may raise an error.

        Raises:
            OSError: The file system failed, or supports no locks.
        """
        while True:
            path = self.downloads(episode) / "lock"
            try:
                file = path.open("w", encoding="utf-8")
            except FileNotFoundError:
                continue  # the other process has just removed the folder
            with file:
                if _lock(file) and _is_same(file, path):
                    try:
                        yield
                        return
                    finally:
                        path.unlink(missing_ok=True)
            while_waiting()
            time.sleep(_LOCK_POLL_S)


def _lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_same(file: TextIO, path: Path) -> bool:
    """Return whether a locked file still has its name: the process that had the lock removes it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
