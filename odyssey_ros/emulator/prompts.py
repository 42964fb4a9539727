"""What the service makes of a prompt before the model sees it."""

from __future__ import annotations

EXPANSION = "cinematic lighting, natural motion, continuous camera"


def applied_prompt(prompt: str, *, bypass_expansion: bool = False) -> str:
    """The rewritten prompt that the service reports as applied.

    The real service rewrites prompts with a language model. The rule here: white space collapsed, a closing
    full stop removed, and a fixed phrase of style added. Bypassed expansion leaves the prompt as it was.
    """
    if bypass_expansion:
        return prompt
    words = " ".join(prompt.split()).rstrip(".")
    return f"{words}, {EXPANSION}" if words else EXPANSION
