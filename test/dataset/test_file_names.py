"""Identifiers as file names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.dataset.file_names import safe_name


@given(st.text(max_size=200))
def test_any_identifier_gives_a_valid_file_name(identifier: str) -> None:
    name = safe_name(identifier)
    assert 0 < len(name) <= 120
    assert "/" not in name
    assert not name.startswith((".", "-"))
    assert name.isascii()


def test_different_identifiers_give_different_names() -> None:
    assert safe_name("0f490ce0-a281") == "0f490ce0-a281"
    assert len({safe_name(text) for text in ("a/b", "a_b", "a:b", "../a_b", "")}) == 5
