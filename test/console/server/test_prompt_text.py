"""The checks of prompts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.server.prompt_text import checked_prompt, max_prompt_length
from odyssey_ros.console.server.state_hub import StateHub


def test_the_limit_is_that_of_the_node() -> None:
    """It is unknown until the node has told it."""
    hub = StateHub()
    assert max_prompt_length(hub, "/odyssey") is None
    hub.publish("/odyssey", "limits", {"max_prompt_length": 7})
    assert max_prompt_length(hub, "/odyssey") == 7


def test_line_ends_become_those_of_unix() -> None:
    """A browser may send either."""
    assert checked_prompt("a\r\nb\rc\td", 10) == "a\nb\nc\td"


def test_length_is_counted_in_code_points() -> None:
    """As the bridge counts it, after the line ends are replaced."""
    assert checked_prompt("\N{ROCKET}\r\n", 2) == "\N{ROCKET}\n"
    with pytest.raises(OdysseyError, match="has 3 characters, but at most 2 are allowed") as refused:
        checked_prompt("abc", 2)
    assert refused.value.code is ErrorCode.PROMPT_TOO_LONG


def test_only_a_start_from_a_picture_needs_no_text() -> None:
    """Blank prompts are empty."""
    with pytest.raises(OdysseyError) as refused:
        checked_prompt(" \n", 10)
    assert refused.value.code is ErrorCode.EMPTY_PROMPT
    assert checked_prompt(" ", 10, may_be_empty=True) == " "


@given(st.text(st.characters(exclude_categories=[]), min_size=1))
def test_what_is_accepted_can_be_sent(text: str) -> None:
    """As a string of ROS, which is UTF-8 and ends at U+0000."""
    try:
        prompt = checked_prompt(text, 1000, may_be_empty=True)
    except OdysseyError as error:
        assert error.code is ErrorCode.BAD_ARGUMENT  # noqa: PT017
    else:
        assert b"\0" not in prompt.encode()
