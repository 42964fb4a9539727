"""The recordings of the service on disk, kept over restarts.

    <directory>/incoming/<stream id>/    being written; swept when the service starts
    <directory>/<stream id>/             complete

A recording enters the list by one rename of its folder, so there is no moment at which a broken one is in it.
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
    """All recordings in a folder. Its methods may be called from any thread."""

    def __init__(self, directory: Path) -> None:
        """Open, or make, the store in ``directory``; what an earlier run left unfinished is removed.

        Raises:
            OSError: the folder cannot be made or read.
        """
        self._directory = directory
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
        except (OSError, ValueError) as error:
            logger.warning("%s is no recording and is left alone: %s", folder, error)
            return
        self._recordings[recording.stream_id] = recording

    def record(self, recording: Recording, fps: float, *, bitrate: int = 2_500_000) -> Recorder:
        """Begin to record a live stream, which is listed from now on, and has files once it is finished.

        Raises:
            ValueError: the stream id cannot name a folder.
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
        """Return the folder in which the recording of ``stream_id`` is to be written before it is adopted.

        Raises:
            ValueError: the stream id cannot name a folder.
        """
        if not _STREAM_ID.fullmatch(stream_id) or stream_id == _INCOMING:
            raise ValueError(f"{stream_id!r} cannot name a recording")
        return self._directory / _INCOMING / stream_id

    def adopt(self, stream_id: str) -> Recording:
        """Take a recording that is complete in its `incoming` folder into the store.

        Raises:
            OSError: it is not there, or is there already.
            ValueError: it is not complete.
        """
        folder = self.incoming(stream_id)
        recording = Recording.read(folder)
        folder.rename(self._directory / stream_id)
        with self._lock:
            self._recordings[stream_id] = recording
            self._running.pop(stream_id, None)
        return recording

    def discard(self, stream_id: str) -> None:
        """Remove an unfinished recording: what is in its `incoming` folder, and its place in the list."""
        with self._lock:
            self._running.pop(stream_id, None)
        shutil.rmtree(self.incoming(stream_id), ignore_errors=True)

    def remove(self, stream_id: str) -> None:
        """Delete a finished recording; harmless when there is none."""
        with self._lock:
            known = self._recordings.pop(stream_id, None)
        if known is not None:
            # Out of the list at once, whatever happens while its files are removed.
            doomed = self.incoming(stream_id)
            (self._directory / stream_id).rename(doomed)
            shutil.rmtree(doomed)

    def get(self, stream_id: str) -> Recording | None:
        """Return the recording of a stream, running or finished."""
        with self._lock:
            return self._recordings.get(stream_id) or self._running.get(stream_id)

    def page(self, owner: str, limit: int, offset: int = 0) -> tuple[list[Recording], int]:
        """Return one page of an account's recorded streams, newest first, and how many there are in all.

        Outputs of simulation jobs are found by their id, and are not listed.
        """
        with self._lock:
            everything = [
                *self._recordings.values(),
                *self._running.values(),
            ]
        own = [
            recording
            for recording in everything
            if recording.owner == owner and recording.origin is Origin.STREAM
        ]
        own.sort(key=lambda recording: (recording.started_at, recording.stream_id), reverse=True)
        return own[offset : offset + limit], len(own)

    def path(self, stream_id: str, artifact: Artifact) -> Path | None:
        """Return the file of a finished recording; None when there is no such recording."""
        with self._lock:
            known = stream_id in self._recordings
        return self._directory / stream_id / artifact.value if known else None
