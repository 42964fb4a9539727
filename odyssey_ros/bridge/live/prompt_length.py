"""The limit of prompts."""

from __future__ import annotations

from odyssey_ros.client import ErrorCode, OdysseyArgumentError


def check_prompt(prompt: str, max_length: int, where: str = "") -> None:
    """Check the length of a prompt before anything is sent.

    Args:
        prompt: The prompt.
        max_length: The value of the parameter `max_prompt_length`, in characters.
        where: Prefix of the message.

    Raises:
        OdysseyArgumentError: The prompt is longer (`PROMPT_TOO_LONG`).
    """
    if len(prompt) > max_length:
        raise OdysseyArgumentError(
            f"{where}the prompt has {len(prompt)} characters, but at most {max_length} are allowed: "
            "shorten it",
            code=ErrorCode.PROMPT_TOO_LONG,
        )
