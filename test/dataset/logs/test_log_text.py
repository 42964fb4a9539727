"""Entries in the text of a log."""

from __future__ import annotations

import json

import pytest

from odyssey_ros.dataset.logs import log_text
from odyssey_ros.dataset.logs.log_text import JsonLines, beginning_of_list, decoded, flattened, whole_document


def test_lines_are_parsed_and_invalid_ones_counted() -> None:
    lines = JsonLines('\n{"a": 1}\r\nno\n[2]\n3\n{"b":')
    assert list(lines) == [{"a": 1}, [2], 3]
    assert (lines.parsed, lines.invalid, lines.unfinished, lines.is_document) == (True, 2, True, False)


@pytest.mark.parametrize(
    ("text", "is_document"),
    [("[1]", True), ('{"events": []}\n', True), ('{"events": 3}', False), ("[1]\n[2]", False), ("3", False)],
)
def test_a_document_in_one_line(text: str, is_document: bool) -> None:
    lines = JsonLines(text)
    list(lines)
    assert lines.is_document is is_document


def test_lines_beyond_the_limit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_text, "MAX_ENTRIES", 2)
    lines = JsonLines("{}\n" * 5)
    assert (len(list(lines)), lines.invalid) == (2, 3)


def test_the_text_may_consist_of_joined_files() -> None:
    text, replaced = decoded(b"\xef\xbb\xbf{}\n\xef\xbb\xbf{}\n")
    assert (text, replaced) == ("{}\n{}\n", 0)
    assert decoded(b"") == ("", 0)
    assert decoded(b"a\xff\xfe") == ("a\ufffd\ufffd", 2)


def test_documents() -> None:
    assert whole_document("{\n}") == {}
    assert whole_document("{") is whole_document("[" * 100_000) is None


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ('[{"a": 1}, {"b": [2]}, {"c"', [{"a": 1}, {"b": [2]}]),
        ('{"id": "x", "events": [{"a": 1},\n', [{"a": 1}]),
        ('{"a": 1}\n{"b"', []),
        ("nonsense", []),
    ],
)
def test_the_beginning_of_a_list(text: str, entries: list[object]) -> None:
    assert list(beginning_of_list(text)) == entries


def test_nested_lists_are_flattened_to_a_depth() -> None:
    assert list(flattened([{"events": [1, [2, [3]]]}, 4])) == [1, 2, 3, 4]
    deep = json.loads("[" * 50 + "]" * 50)
    assert len(list(flattened([deep]))) == 1
