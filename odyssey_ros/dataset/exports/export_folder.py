"""The output folder of an export: its lock, its settings, and the work that is not part of it yet.

::

    odyssey_export.json           the format of the export and the settings that all runs share
    .work/lock                    locked by the run that writes into the folder
    .work/staged/<name>/          the complete files of an episode that are not part of the export yet
    .work/staged/.<name>.*.partial/   the files of an episode that are being written

The folder `.work` exists only while a run works, or after a run was interrupted. A run that exports nothing
leaves no settings, so that the next one may have others.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import uuid
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Final

from odyssey_ros.client.regular_file import RegularFileError, read_regular_file
from odyssey_ros.client.service_text import clean_text
from odyssey_ros.dataset.durable import make_folder, replace_file, sync_folder
from odyssey_ros.dataset.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    Setting = str | int | bool | None

SETTINGS_FILE: Final = "odyssey_export.json"
"""The file that marks the output folder of an export."""

DECIDED: Final = "commit"
"""The folder in `.work` of a commit that must be finished; see `ExportCommit`."""

_FORMAT: Final = 1
_WORK: Final = ".work"
_MAX_SETTINGS_BYTES: Final = 1 << 20


class ExportFolder:
    """The output folder of an export, locked for one run. A context; its methods block on the disk.

    Args:
        folder: The folder; created when it does not exist.
        kind: The format, such as `lerobot`.
        settings: What must be the same in all runs that write into the folder, by the names of the options.

    Raises:
        StateError: The folder is in use by another process, was made by an export with other settings, or
            contains something else.

    Attributes:
        folder: The folder.
        work: The folder for unfinished work; see `ExportCommit`.
    """

    def __init__(self, folder: Path, kind: str, settings: Mapping[str, Setting]) -> None:
        self.folder = folder
        self.work = folder / _WORK
        try:
            self._is_new = not folder.exists()
            _check_contents(folder)
            refuse_links(folder, PurePosixPath(_WORK))
            self._lock = _locked(self.work)
        except BlockingIOError:
            raise StateError(f"another process is exporting to {folder}") from None
        except OSError as error:
            raise StateError(f"{folder} cannot be used: {error.strerror}") from error
        try:
            for path in self.work.iterdir():
                refuse_links(folder, PurePosixPath(_WORK, path.name))
            self._check_settings(kind, settings)
            make_folder(self.staging)
            self._remove_partial()
        except OSError as error:
            self._lock.close()
            raise StateError(f"{folder} cannot be used: {error.strerror}") from error
        except BaseException:
            if not self._is_unfinished():
                shutil.rmtree(self.work, ignore_errors=True)
            self._lock.close()
            raise

    def __enter__(self) -> ExportFolder:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock, suppress(OSError):  # what remains does not disturb the next run
            self._remove_partial()
            if not self._is_unfinished():
                if self._is_empty():
                    (self.folder / SETTINGS_FILE).unlink(missing_ok=True)
                shutil.rmtree(self.work, ignore_errors=True)
                if self._is_new:
                    self.folder.rmdir()  # if it is empty

    @property
    def staging(self) -> Path:
        """The folder for `staged_folder`: what is there is complete, and not part of the export yet."""
        return self.work / "staged"

    def _remove_partial(self) -> None:
        """Remove what killed tasks have left. No task runs now."""
        for partial in self.staging.glob(".*.partial"):
            shutil.rmtree(partial)

    def _is_unfinished(self) -> bool:
        """Return whether there is work that the next run can use."""
        return (self.work / DECIDED).exists() or (self.staging.is_dir() and any(self.staging.iterdir()))

    def _is_empty(self) -> bool:
        """Return whether nothing was exported yet."""
        own = (SETTINGS_FILE, _WORK, _partial_name())
        return not (self.work / DECIDED).exists() and all(each.name in own for each in self.folder.iterdir())

    def _check_settings(self, kind: str, settings: Mapping[str, Setting]) -> None:
        """Store the settings of the first run, and refuse other settings in later runs."""
        path = self.folder / SETTINGS_FILE
        if path.exists():
            difference = _difference(path, kind, settings)
            if not difference:
                return
            if not self._is_empty():
                raise StateError(f"{self.folder} {difference}")
            if self.staging.exists():
                shutil.rmtree(self.staging)  # what was interrupted with other settings
        text = json.dumps({"format": _FORMAT, "kind": kind, "settings": dict(settings)}, indent=2)
        replace_file(path, f"{text}\n".encode())


@contextmanager
def staged_folder(final: Path) -> Iterator[Path]:
    """Return a new folder as a context, which gets its final name when the block ends without an error.

    A task may use this in another process. If the same task runs twice, the first one to end wins. Files
    are synced to the disk here, so they may be written in any way.

    Args:
        final: The folder to be, in `ExportFolder.staging`.

    Raises:
        OSError: The disk failed, or is full.
    """
    partial = final.with_name(f".{final.name}.{uuid.uuid4().hex}.partial")
    partial.mkdir()
    try:
        yield partial
        for path in partial.iterdir():
            sync_file(path)
        sync_folder(partial)
        try:
            partial.rename(final)
        except OSError:
            if not final.is_dir():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    sync_folder(final.parent)


def refuse_links(folder: Path, path: PurePosixPath) -> None:
    """Check that no folder on a path is a symbolic link. No export makes one.

    An export deletes and replaces files, which must not be those of another folder.

    Args:
        folder: The folder of the export.
        path: A folder below it, which need not exist.

    Raises:
        StateError: A folder is a symbolic link.
    """
    for below in (path, *path.parents):
        if below.parts and (folder / below).is_symlink():
            raise StateError(
                f"{folder / below} is a symbolic link, and exports do not write through links: replace it "
                "with a folder, or export to another one"
            )


def sync_file(path: Path) -> None:
    """Sync the bytes of a file to the disk.

    Raises:
        OSError: The disk failed, or is full.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_contents(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise StateError(f"{folder} is no folder: name another output folder")
    if not folder.is_dir() or (folder / SETTINGS_FILE).exists():
        return
    # A run that was killed at its start leaves only its work folder.
    if other := sorted(path.name for path in folder.iterdir() if path.name not in (_WORK, _partial_name())):
        raise StateError(
            f"{folder} contains {other[0]!r}, but no {SETTINGS_FILE}: no export made this folder. Name an "
            "empty folder, or one that does not exist"
        )


def _partial_name() -> str:
    return f".{SETTINGS_FILE}.partial"


def _locked(work: Path) -> BinaryIO:
    """Open and lock the lock file. The run before may remove it with its folder at the same moment."""
    while True:
        make_folder(work)
        try:
            file = (work / "lock").open("wb")
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(file, work / "lock"):
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _difference(path: Path, kind: str, settings: Mapping[str, Setting]) -> str:
    """Return what the stored settings have that these settings have not, and the remedy; empty if nothing."""
    try:
        kept = json.loads(read_regular_file(path, _MAX_SETTINGS_BYTES))
    except RegularFileError as error:
        raise StateError(f"{path} cannot be read: {error.reason}") from error
    except (ValueError, RecursionError) as error:
        raise StateError(f"{path} is damaged: use another folder") from error
    if not isinstance(kept, dict) or kept.get("format") != _FORMAT:
        raise StateError(f"{path} has another format version: use another folder")
    if kept.get("kind") != kind:
        return f"is an export of the kind {clean_text(str(kept.get('kind')))}, not {kind}: use another folder"
    found = kept.get("settings")
    if not isinstance(found, dict):
        raise StateError(f"{path} is damaged: use another folder")
    for name, value in settings.items():
        if found.get(name) != value:
            return (
                f"was exported with {_option(name, found.get(name))}, not with {_option(name, value)}: give "
                "the same options, or use another folder"
            )
    return ""


def _option(name: str, value: object) -> str:
    """Return a setting as a user gave it: `--gop 2`, or `no --gop`."""
    if value is None or value is False:
        return f"no --{name}"
    return f"--{name}" if value is True else f"--{name} {clean_text(str(value))}"
