"""The error codes: the enumeration, the default codes of errors, and the table in the docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from odyssey_ros.client import ErrorCode

TOP = Path(__file__).resolve().parents[2]
# Codes are members of the enumeration everywhere; a string in their place would escape it.
STRING_CODES = re.compile(r'\b(?:code|error_code)\s*=\s*"[A-Z_]+"')


def documented_codes() -> set[str]:
    text = (TOP / "docs" / "bridge.md").read_text().partition("## Error codes")[2].partition("\n## ")[0]
    return {code for line in text.splitlines() if line.startswith("| `") for code in CODE.findall(line)}


CODE = re.compile(r"`([A-Z_]+)`")


def test_the_table_in_the_docs_lists_exactly_the_enumeration():
    assert documented_codes() == {code.value for code in ErrorCode}


def test_a_member_equals_its_name():
    for code in ErrorCode:
        assert code == code.name == str(code) == f"{code}"


@pytest.mark.parametrize("package", ["client", "dataset", "bridge"])
def test_no_module_writes_a_code_as_a_string(package):
    for path in (TOP / "odyssey_ros" / package).rglob("*.py"):
        assert STRING_CODES.findall(path.read_text()) == [], path
