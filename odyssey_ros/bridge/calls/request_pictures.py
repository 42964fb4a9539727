"""Pictures of requests: inline, or files in the folders that the operator has allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from odyssey_ros.bridge.runtime.allowed_folders import AllowedFolders
from odyssey_ros.client import OdysseyArgumentError, OdysseyImageError
from odyssey_ros.client.image_limits import MAX_IMAGE_BYTES
from odyssey_ros.client.regular_file import RegularFileError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odyssey_ros.bridge.runtime.file_access import FileAccess

MAX_REQUEST_BYTES: Final = 100 * 1024 * 1024
"""Maximum size of all different files that one request names."""


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture that a request names by its path.

    Attributes:
        path: The path.
        where: Prefix of messages, for example `script[0]: `.
    """

    path: str
    where: str = ""


class PictureFiles:
    """The pictures that requests may name. For the asyncio thread.

    Args:
        files: Reads files.
        folders: The folders in which the pictures must be.
    """

    def __init__(self, files: FileAccess, folders: Sequence[str]) -> None:
        self._files = files
        self._folders = AllowedFolders(folders, "image_folders", "send the picture in the field image")

    def reader(self) -> PictureReader:
        """Return the reader of one request."""
        return PictureReader(self._files, self._folders)


class PictureReader:
    """Reads the pictures of one request, each file once."""

    def __init__(self, files: FileAccess, folders: AllowedFolders) -> None:
        self._files = files
        self._folders = folders
        self._contents: dict[str, bytes] = {}

    async def read(self, picture: PictureFile) -> bytes:
        """Return the contents of a picture's file.

        Raises:
            OdysseyArgumentError: The file is not in an allowed folder (`PATH_NOT_ALLOWED`).
            OdysseyImageError: The file cannot be read or is too large, or the request names too many.
            OdysseyError: The disk did not answer in time (`TIMEOUT`).
        """
        path, where = picture.path, picture.where
        if path not in self._contents:
            left = MAX_REQUEST_BYTES - sum(map(len, self._contents.values()))
            limit = min(MAX_IMAGE_BYTES, left)
            try:
                if not self._folders.covers(path):
                    raise self._folders.refusal()
                content = await self._files.run(lambda: self._folders.read(path, limit))
            except OdysseyArgumentError as error:
                raise OdysseyArgumentError(f"{where}image_path: {error}", code=error.code) from None
            except RegularFileError as error:
                reason = error.reason
                if limit < MAX_IMAGE_BYTES:
                    reason += f"; the files of one request can have {MAX_REQUEST_BYTES >> 20} MiB"
                raise OdysseyImageError(f"{where}cannot read image_path {path!r:.300}: {reason}") from None
            self._contents[path] = content
        return self._contents[path]
