"""Cleaning of text from the service, before it reaches an exception, a log or a topic."""

from __future__ import annotations

import re
from typing import Final

from odyssey_ros.client.redaction import redact

MAX_LENGTH: Final = 500
"""Characters of a message that are kept."""

MAX_PROMPT_LENGTH: Final = 32_768
"""Characters of an applied prompt that are kept."""

_MAX_ERROR_LENGTH: Final = 2000
_MAX_READ: Final = 16 * MAX_LENGTH

# Escape sequences of terminals (ECMA-48, 5.4), and commands up to the end of their string.
_SEQUENCES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]P^_X][^\x07\x1b\n]*(?:\x07|\x1b\\)")
# C0 and C1 controls, marks that reverse or hide what follows (UAX 9, U+2060 to U+206F, U+FEFF, tags), line
# and paragraph separators, lone surrogates, which cannot be encoded, and noncharacters.
_CONTROLS = r"\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
_UNUSABLE = r"\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e007f"
_UNWANTED = re.compile(rf"[\x00-\x1f{_CONTROLS}{_UNUSABLE}\u2028\u2029]")
_UNWANTED_IN_PROMPT = re.compile(rf"[\x00-\x09\x0b-\x1f{_CONTROLS}{_UNUSABLE}]")


def clean_text(text: str, *, is_prompt: bool = False) -> str:
    """Return text from the service without secrets, control characters and lone surrogates.

    Args:
        text: Text from the service; may hold any code point.
        is_prompt: Whether to keep newlines, as a prompt needs, and `MAX_PROMPT_LENGTH` characters. Otherwise
            the result is one line of at most `MAX_LENGTH` characters.
    """
    if is_prompt:
        prompt = _SEQUENCES.sub("", text[:MAX_PROMPT_LENGTH].replace("\t", " "))
        return _UNWANTED_IN_PROMPT.sub("", redact(_UNWANTED_IN_PROMPT.sub("", prompt)))
    return _line(text, MAX_LENGTH)


def error_text(text: str) -> str:
    """Return the text of an error or a log record as one line without secrets, of at most 2000 characters."""
    return _line(text, _MAX_ERROR_LENGTH)


def is_plain(text: str) -> bool:
    """Return whether a text has no character that `clean_text` removes, and can be encoded."""
    return _UNWANTED.search(text) is None


def _line(text: str, length: int) -> str:
    # Redacted before it is cut, so that no beginning of a secret remains, and cleaned again, since redaction
    # may decode the text.
    line = _UNWANTED.sub(" ", _SEQUENCES.sub(" ", text[:_MAX_READ]))
    return " ".join(_UNWANTED.sub(" ", redact(line)).split())[:length]
