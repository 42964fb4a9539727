"""Checks the prompts of requests before anything is sent to a node, by the limit of the node."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING, Final

from odyssey_ros.client import ErrorCode, OdysseyError

if TYPE_CHECKING:
    from odyssey_ros.console.server.state_hub import StateHub

MAX_CHARACTERS: Final = 100_000
"""The maximum of the bridge's parameter `max_prompt_length`."""

_KEPT: Final = frozenset("\n\t")


def max_prompt_length(hub: StateHub, node: str) -> int | None:
    """Return the limit of a node's prompts; None while it is not known."""
    message = hub.last(node, "limits")
    return None if message is None else int(json.loads(message)["limits"]["max_prompt_length"])


def checked_prompt(text: str, max_length: int, *, may_be_empty: bool = False) -> str:
    """Return a prompt with the line ends of Unix.

    Args:
        text: The prompt as typed.
        max_length: Maximum length in characters (code points), as the bridge counts them.
        may_be_empty: Whether a prompt without text is allowed, as for a stream that starts from a picture.

    Raises:
        OdysseyError: The prompt is empty (`EMPTY_PROMPT`), too long (`PROMPT_TOO_LONG`) or has a character
            that cannot be sent (`BAD_ARGUMENT`).
    """
    prompt = text.replace("\r\n", "\n").replace("\r", "\n")
    if not prompt.strip() and not may_be_empty:
        raise OdysseyError("The prompt is empty: describe the scene", code=ErrorCode.EMPTY_PROMPT)
    if len(prompt) > max_length:
        raise OdysseyError(
            f"The prompt has {len(prompt)} characters, but at most {max_length} are allowed: shorten it",
            code=ErrorCode.PROMPT_TOO_LONG,
        )
    for character in prompt:
        # Control characters and lone surrogates. A string of ROS ends at U+0000.
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in _KEPT:
            raise OdysseyError(
                f"The prompt has the invisible character U+{ord(character):04X}: remove it",
                code=ErrorCode.BAD_ARGUMENT,
            )
    return prompt
