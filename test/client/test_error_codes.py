"""The error codes: the enumeration, the default codes of errors, and the table in the docs."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from odyssey_ros import client
from odyssey_ros.client import ErrorCode, as_odyssey_error

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


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (client.OdysseyStreamError("no"), ErrorCode.STREAM_FAILED),
        (client.OdysseyStreamError("no", code=ErrorCode.LEASE_DENIED), ErrorCode.LEASE_DENIED),
        (client.OdysseyUsageError("no"), ErrorCode.LIMIT_REACHED),
        (client.RateLimitError("slow down"), ErrorCode.RATE_LIMITED),
        (client.OdysseyImageError("no picture"), ErrorCode.BAD_IMAGE),
        (client.OdysseyScriptError("no script"), ErrorCode.BAD_SCRIPT),
        (client.OdysseyArgumentError("no"), ErrorCode.BAD_ARGUMENT),
        (client.OdysseyNotFoundError("gone"), ErrorCode.NOT_FOUND),
        (client.OdysseyAuthError("who?"), ErrorCode.NOT_AUTHORIZED),
        (client.NoStreamerError("busy"), ErrorCode.NO_STREAMER),
        (asyncio.TimeoutError(), ErrorCode.TIMEOUT),
        (ZeroDivisionError("x"), ErrorCode.INTERNAL),
    ],
)
def test_every_exception_has_a_code(error, code):
    assert as_odyssey_error(error).code is code


def test_every_class_of_error_has_a_default_code():
    kinds = [
        kind
        for kind in vars(client).values()
        if isinstance(kind, type) and issubclass(kind, client.OdysseyError)
    ]
    assert len(kinds) > 10
    for kind in kinds:
        assert isinstance(kind("x").code, ErrorCode)
        assert kind("x").code is not ErrorCode.INTERNAL


def test_advice_adds_what_the_user_can_do():
    error = client.MonthlyLimitReachedError("The hours are used up", action="Upgrade the plan")
    assert error.advice == "The hours are used up. Upgrade the plan"
    assert client.OdysseyError("plain").advice == "plain"
    assert as_odyssey_error(asyncio.TimeoutError()).advice == "no answer in time"
    assert as_odyssey_error(KeyError("x")).advice == "internal error: KeyError: 'x'"
