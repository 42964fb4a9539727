"""Cleaning of text from the service, before it reaches an exception, a log or a topic."""

from __future__ import annotations

import re

MAX_LENGTH = 500
"""Characters of a message that are kept."""

# C0 and C1 controls, the Unicode line and paragraph separators, and lone surrogates, which cannot be encoded.
_UNWANTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNWANTED_IN_PROMPT = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def clean_text(text: str, *, is_prompt: bool = False) -> str:
    """Return text without control characters and lone surrogates.

    Args:
        text: Text from the service; may hold any code point.
        is_prompt: Whether to keep newlines and the whole length, as a prompt needs. Otherwise the result is
            one line of at most `MAX_LENGTH` characters.
    """
    if is_prompt:
        return _UNWANTED_IN_PROMPT.sub("", text.replace("\t", " "))
    return " ".join(_UNWANTED.sub(" ", text[:MAX_LENGTH]).split())
