"""Redaction: secrets of this process are taken out of every text that leaves the client.

The client registers each secret when it learns it: the API key, bearer tokens, session and spectator tokens,
credentials of TURN servers. Errors and cleaned texts of the service pass `redact`, log records pass
`RedactingFilter`.
"""

from __future__ import annotations

import base64
import binascii
import html
import logging
import re
import threading
from collections import Counter, OrderedDict
from typing import Final
from urllib.parse import unquote

MARK: Final = "…"
"""Stands for what was taken out."""

_WINDOW: Final = 12
"""A part of a secret with at least this number of characters is taken out too."""
_MIN_LENGTH: Final = 6
_MAX_LENGTH: Final = 4096
_MAX_ISSUED: Final = 64

# The error about a proxy's login shows the form of its URL with these words.
_USER: Final = re.compile(r"(?<=://)(?!user:password@)[^\s/@]*@")
_QUERY: Final = re.compile(
    r"((?:https?|wss?)(?:://|%3A%2F%2F)[^\s?#'\"<>]*?)(?:\?|%3F)[^\s'\"<>]*", re.IGNORECASE
)
_ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})|\\(.)")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}")


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], text)


# The character that each encoding needs, and its decoder.
_DECODERS: Final = (("%", unquote), ("&", html.unescape), ("\\", _unescape))


class Secrets:
    """A set of secrets that texts must not contain. From any thread.

    A secret is found in any case, in parts of at least twelve characters, across white space, and in
    percent, HTML, JSON or Base64 encoding.
    """

    def __init__(self) -> None:
        # Reentrant: the garbage collector may log an exception, which is redacted, during a call.
        self._lock = threading.RLock()
        self._parts: Counter[str] = Counter()
        self._lengths: Counter[int] = Counter()
        self._given: set[str] = set()
        self._issued: OrderedDict[str, None] = OrderedDict()

    def add(self, secret: str | None, *, issued: bool = False) -> None:
        """Add a secret; one of less than six characters is ignored, since it could be part of any text.

        Args:
            secret: The secret; None adds nothing.
            issued: Whether the service issued it. Of these, the newest 64 are kept.
        """
        folded = "" if secret is None else _fold("".join(secret[:_MAX_LENGTH].split()))
        if len(folded) < _MIN_LENGTH:
            return
        with self._lock:
            if folded in self._given:
                return
            if not issued:
                self._given.add(folded)
            elif folded in self._issued:
                self._issued.move_to_end(folded)
                return
            else:
                self._issued[folded] = None
            self._count(folded, 1)
            if len(self._issued) > _MAX_ISSUED:
                self._count(self._issued.popitem(last=False)[0], -1)

    def redact(self, text: str) -> str:
        """Return a text with each secret, or part of a secret, replaced by `MARK`.

        A text that holds a secret in an encoding is returned decoded.
        """
        with self._lock:
            if not self._parts:
                return text
            for mark, decode in _DECODERS:
                if mark in text:
                    decoded = decode(text)
                    redacted = self._redact_plain(decoded)
                    if redacted != decoded:
                        text = redacted
            return _BASE64.sub(self._redact_base64, self._redact_plain(text))

    def _count(self, folded: str, change: int) -> None:
        size = min(len(folded), _WINDOW)
        for start in range(len(folded) - size + 1):
            part = folded[start : start + size]
            self._parts[part] += change
            if self._parts[part] <= 0:
                del self._parts[part]
        self._lengths[size] += change
        if self._lengths[size] <= 0:
            del self._lengths[size]

    def _redact_plain(self, text: str) -> str:
        folded = _fold(text)
        positions = [index for index, character in enumerate(folded) if not character.isspace()]
        compact = "".join(folded[index] for index in positions)
        hidden = bytearray(len(text))
        for size in self._lengths:
            for start in range(len(compact) - size + 1):
                if compact[start : start + size] in self._parts:
                    first, last = positions[start], positions[start + size - 1]
                    hidden[first : last + 1] = b"\x01" * (last + 1 - first)
        if not any(hidden):
            return text
        result: list[str] = []
        for character, is_hidden in zip(text, hidden, strict=True):
            if not is_hidden:
                result.append(character)
            elif not result or result[-1] is not MARK:
                result.append(MARK)
        return "".join(result)

    def _redact_base64(self, found: re.Match[str]) -> str:
        run = found[0].replace("-", "+").replace("_", "/")
        try:
            decoded = base64.b64decode(run + "=" * (-len(run) % 4)).decode("latin-1")
        except (binascii.Error, ValueError):
            return found[0]
        return found[0] if self._redact_plain(decoded) == decoded else MARK


KNOWN_SECRETS: Final = Secrets()
"""The secrets of this process."""


def redact(text: str) -> str:
    """Return a text without secrets of this process, and without users and queries of URLs.

    The query of a presigned URL is a secret that nobody registers.
    """
    if "://" in text or "%2F%2F" in text.upper():
        text = _USER.sub(f"{MARK}@", _QUERY.sub(rf"\1?{MARK}", text))
    return KNOWN_SECRETS.redact(text)


class RedactingFilter(logging.Filter):
    """Redacts the records of a logger, tracebacks included."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact a record; it is never dropped."""
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info:
            record.exc_text = redact(_FORMATTER.formatException(record.exc_info))
        return True


_FORMATTER: Final = logging.Formatter()
_FILTER: Final = RedactingFilter()


def redact_logs(*names: str) -> None:
    """Redact what is logged by these loggers. A logger does not filter the records of its children."""
    for name in names:
        logging.getLogger(name).addFilter(_FILTER)


def _fold(text: str) -> str:
    """Return a text of the same length whose ASCII letters are lower-case."""
    folded = text.lower()
    if len(folded) == len(text):
        return folded
    return "".join(character.lower() if character.isascii() else character for character in text)
