"""The limit of prompts, which is one of characters."""

from __future__ import annotations

import pytest

from odyssey_ros.bridge.live.prompt_length import check_prompt
from odyssey_ros.client import OdysseyArgumentError


def test_a_prompt_of_the_maximum_length_is_allowed():
    check_prompt("", 1)
    check_prompt("\U0001f30a" * 4096, 4096)


def test_a_longer_prompt_is_refused_without_being_repeated():
    with pytest.raises(OdysseyArgumentError, match="has 5000 characters, but at most 4096") as refused:
        check_prompt("x" * 5000, 4096, "script[0]: ")
    assert refused.value.code == "PROMPT_TOO_LONG"
    assert str(refused.value).startswith("script[0]: the prompt")
    assert len(str(refused.value)) < 120
