"""Prompt expansion."""

from __future__ import annotations

import pytest

from odyssey_ros.emulator.prompts import EXPANSION, applied_prompt


@pytest.mark.parametrize(
    ("prompt", "applied"),
    [
        ("a red fox", f"a red fox, {EXPANSION}"),
        ("  a\n red   fox. ", f"a red fox, {EXPANSION}"),
        ("", EXPANSION),
        (" . ", EXPANSION),
    ],
)
def test_a_prompt_is_expanded(prompt, applied):
    assert applied_prompt(prompt) == applied


@pytest.mark.parametrize("prompt", ["a red fox.", "", "  spaces  "])
def test_a_bypassed_expansion_leaves_the_prompt_unchanged(prompt):
    assert applied_prompt(prompt, bypass_expansion=True) == prompt
