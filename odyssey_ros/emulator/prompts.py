"""Prompt expansion: the change that the service makes to a prompt before the model gets it."""

from __future__ import annotations

EXPANSION = "cinematic lighting, natural motion, continuous camera"


def applied_prompt(prompt: str, *, bypass_expansion: bool = False) -> str:
    """Return the expanded prompt, which the service reports as applied.

    The real service rewrites prompts with a language model. The emulator collapses white space, removes a
    closing full stop, and adds a fixed phrase of style. Bypassing the expansion leaves the prompt unchanged.
    """
    if bypass_expansion:
        return prompt
    words = " ".join(prompt.split()).rstrip(".")
    return f"{words}, {EXPANSION}" if words else EXPANSION
