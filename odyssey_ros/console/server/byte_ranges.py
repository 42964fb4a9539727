"""The range that a browser asks for, and the part of a file that a server sends (RFC 9110, section 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_UNSATISFIED: Final = re.compile(r"bytes \*/([0-9]{1,18})")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """One range of bytes.

    Attributes:
        first: The first byte; None for the last `last` bytes of the file.
        last: The last byte, inclusive; None for the end of the file.
    """

    first: int | None
    last: int | None

    @property
    def header(self) -> str:
        """The header `Range`."""
        first, last = ("" if value is None else str(value) for value in (self.first, self.last))
        return f"bytes={first}-{last}"

    def allows(self, part: FilePart) -> bool:
        """Return whether a part is an answer to this range."""
        if self.first is not None:
            return part.first == self.first and (self.last is None or part.last <= self.last)
        return part.total is not None and part.last == part.total - 1 and part.size <= (self.last or 0)


@dataclass(frozen=True, slots=True)
class FilePart:
    """A part of a file.

    Attributes:
        first: The first byte.
        last: The last byte, inclusive.
        total: The size of the file in bytes; None when it is unknown.
    """

    first: int
    last: int
    total: int | None

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self.last - self.first + 1

    @property
    def header(self) -> str:
        """The header `Content-Range`."""
        return f"bytes {self.first}-{self.last}/{'*' if self.total is None else self.total}"


def requested_range(headers: Mapping[str, str]) -> ByteRange | None:
    """Return the range that a browser asks for; None for the whole file.

    Anything else than one range of bytes is ignored, as RFC 9110 allows, and so is a range with a condition
    on the version of the file, because the console sends no version.
    """
    match = _RANGE.fullmatch(headers.get("Range", "").strip())
    if match is None or "If-Range" in headers:
        return None
    first, last = (int(text) if text else None for text in match.groups())
    if (first is None and last is None) or (first is not None and last is not None and last < first):
        return None
    return ByteRange(first, last)


def sent_part(headers: Mapping[str, str]) -> FilePart | None:
    """Return the part that a server sends with status 206; None when its headers contradict each other."""
    match = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    if match is None:
        return None
    part = FilePart(int(match[1]), int(match[2]), None if match[3] == "*" else int(match[3]))
    if part.size < 1 or (part.total is not None and part.last >= part.total):
        return None
    length = sent_length(headers)
    return part if length in {None, part.size} else None


def sent_length(headers: Mapping[str, str]) -> int | None:
    """Return the length of the body that a server sends; None when it does not tell."""
    text = headers.get("content-length", "")
    return int(text) if _LENGTH.fullmatch(text) else None


def unsatisfied_total(headers: Mapping[str, str]) -> int | None:
    """Return the size of the file that a server tells with status 416; None when it does not tell."""
    match = _UNSATISFIED.fullmatch(headers.get("content-range", ""))
    return None if match is None else int(match[1])
