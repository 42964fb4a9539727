"""The recordings of the service on disk, which survive restarts.

    <directory>/incoming/<stream id>/    incomplete; removed when the service starts
    <directory>/<stream id>/             complete

A complete recording is moved into the store by renaming its folder, so that the store never contains an
incomplete one. When the recordings then need more space than allowed, the oldest ones are deleted.
"""

from __future__ import annotations

import logging
import re
import shutil
import threading
from typing import TYPE_CHECKING

from odyssey_ros.emulator.media.recorder import Recorder
from odyssey_ros.emulator.media.recording import Artifact, Origin, Recording

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RecordingStore"]

logger = logging.getLogger(__name__)

_INCOMING = "incoming"
_STREAM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class RecordingStore:
    """All recordings in a folder; its methods may be called from any thread.

    Incomplete recordings of an earlier run are removed.

    Args:
        directory: the folder; created if it does not exist.
        max_bytes: largest size of all complete recordings; None for no limit. The newest recording is kept
            even if it alone is larger.

    Raises:
        OSError: the folder cannot be created or read.
    """

    def __init__(self, directory: Path, *, max_bytes: int | None = None) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._sizes: dict[str, int] = {}
        self._lock = threading.Lock()
        self._recordings: dict[str, Recording] = {}
        self._running: dict[str, Recording] = {}
        shutil.rmtree(directory / _INCOMING, ignore_errors=True)
        (directory / _INCOMING).mkdir(parents=True, exist_ok=True)
        for folder in directory.iterdir():
            if folder.name != _INCOMING and folder.is_dir():
                self._load(folder)

    def _load(self, folder: Path) -> None:
        try:
            recording = Recording.read(folder)
            size = _size(folder)
        except (OSError, ValueError) as error:
            logger.warning(
                "Ignoring %s, which is not a valid recording; delete the folder if it is not needed: %s",
                folder,
                error,
            )
            return
        self._recordings[recording.stream_id] = recording
        self._sizes[recording.stream_id] = size

    def record(self, recording: Recording, fps: float, *, bitrate: int = 2_500_000) -> Recorder:
        """Start to record a live stream.

        The recording is listed from now on; its files are available once it is finished.

        Args:
            recording: metadata of the recording.
            fps: nominal frames per second.
            bitrate: bit rate of frames that the recorder encodes, in bits per second.

        Raises:
            ValueError: the stream id is not valid as the name of a folder.
        """
        stream_id = recording.stream_id
        folder = self.incoming(stream_id)

        def closed(finished: Recording | None) -> None:
            if finished is None:
                self.discard(stream_id)
            else:
                self.adopt(stream_id)

        with self._lock:
            self._running[stream_id] = recording
        return Recorder(folder, recording, fps, bitrate=bitrate, on_closed=closed)

    def incoming(self, stream_id: str) -> Path:
        """Return the folder for the files of an incomplete recording, before `adopt`.

        Raises:
            ValueError: the stream id is not valid as the name of a folder.
        """
        if not _STREAM_ID.fullmatch(stream_id) or stream_id == _INCOMING:
            raise ValueError(f"{stream_id!r} is not a valid stream id")
        return self._directory / _INCOMING / stream_id

    def adopt(self, stream_id: str) -> Recording:
        """Move a complete recording from its `incoming` folder into the store.

        The oldest recordings are deleted when all together need more space than allowed.

        Raises:
            OSError: the recording is missing, or the store already has a recording with this id.
            ValueError: the recording is incomplete.
        """
        folder = self.incoming(stream_id)
        recording = Recording.read(folder)
        size = _size(folder)
        folder.rename(self._directory / stream_id)
        with self._lock:
            self._recordings[stream_id] = recording
            self._sizes[stream_id] = size
            self._running.pop(stream_id, None)
            excess = self._excess(stream_id)
        for old in excess:
            logger.warning("Deleting the recording %s: all recordings exceed their limit of disk space", old)
            try:
                self.remove(old)
            except OSError as error:
                logger.warning("The recording %s cannot be deleted: %s", old, error)
        return recording

    def _excess(self, newest: str) -> list[str]:
        """Return the oldest recordings that do not fit, without `newest`. Needs the lock."""
        if self._max_bytes is None:
            return []
        others = [recording for recording in self._recordings.values() if recording.stream_id != newest]
        others.sort(key=lambda recording: (recording.started_at, recording.stream_id))
        excess: list[str] = []
        total = sum(self._sizes.values())
        for recording in others:
            if total <= self._max_bytes:
                break
            total -= self._sizes[recording.stream_id]
            excess.append(recording.stream_id)
        return excess

    def discard(self, stream_id: str) -> None:
        """Remove an incomplete recording and its `incoming` folder."""
        with self._lock:
            self._running.pop(stream_id, None)
        shutil.rmtree(self.incoming(stream_id), ignore_errors=True)

    def remove(self, stream_id: str) -> None:
        """Delete a finished recording; has no effect when the recording does not exist."""
        with self._lock:
            known = self._recordings.pop(stream_id, None)
            self._sizes.pop(stream_id, None)
        if known is not None:
            # After the rename, the folder is not listed again even if its removal is interrupted.
            incomplete = self.incoming(stream_id)
            (self._directory / stream_id).rename(incomplete)
            shutil.rmtree(incomplete)

    def get(self, stream_id: str) -> Recording | None:
        """Return the recording of a running or finished stream; None when it does not exist."""
        with self._lock:
            return self._recordings.get(stream_id) or self._running.get(stream_id)

    def page(self, owner: str, limit: int, offset: int = 0) -> tuple[list[Recording], int]:
        """Return one page of an account's recorded streams, newest first, and their total number.

        Recordings of simulation jobs are not listed; use `get`.
        """
        with self._lock:
            recordings = [*self._recordings.values(), *self._running.values()]
        own = [
            recording
            for recording in recordings
            if recording.owner == owner and recording.origin is Origin.STREAM
        ]
        own.sort(key=lambda recording: (recording.started_at, recording.stream_id), reverse=True)
        return own[offset : offset + limit], len(own)

    def path(self, stream_id: str, artifact: Artifact) -> Path | None:
        """Return the path of a file of a finished recording; None when the recording does not exist."""
        with self._lock:
            known = stream_id in self._recordings
        return self._directory / stream_id / artifact.value if known else None


def _size(folder: Path) -> int:
    """Return the bytes of the files in a folder."""
    return sum(path.stat().st_size for path in folder.iterdir())
