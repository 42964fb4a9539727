"""JSON lines: one JSON value per line, and only a newline ends a line.

`str.splitlines` and `bytes.splitlines` must not be used for them: they also split at characters that JSON
allows inside of strings, such as U+2028. A carriage return before the newline is white space of JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, AnyStr

if TYPE_CHECKING:
    from collections.abc import Iterator


def split_lines(text: AnyStr) -> Iterator[AnyStr]:
    """Yield the lines of a text, without their newlines. The last line may have none."""
    newline = "\n" if isinstance(text, str) else b"\n"
    start = 0
    while (end := text.find(newline, start)) >= 0:
        yield text[start:end]
        start = end + 1
    if start < len(text):
        yield text[start:]
