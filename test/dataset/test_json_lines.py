"""Lines that end with a newline and with nothing else."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.dataset.json_lines import split_lines


@given(st.lists(st.text()), st.booleans())
def test_any_text_in_a_line_is_read_back(texts: list[str], ends: bool) -> None:
    lines = "\n".join(json.dumps(text, ensure_ascii=False) for text in texts) + "\n" * (ends and bool(texts))
    assert [json.loads(line) for line in split_lines(lines)] == texts
    escaped = "".join(json.dumps(text) + "\n" for text in texts).encode()
    assert [json.loads(line) for line in split_lines(escaped)] == texts


def test_empty_lines_and_the_last_line() -> None:
    assert list(split_lines("")) == list(split_lines(b"")) == []
    assert list(split_lines("a\n\nb\r\nc")) == ["a", "", "b\r", "c"]
    assert list(split_lines(b"a\n")) == [b"a"]
