"""The stable names of errors."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from odyssey_ros import client
from odyssey_ros.bridge.error_codes import CODES, error_code, error_text
from odyssey_ros.client.api_errors import USAGE_ERRORS

TOP = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (client.OdysseyStreamError("no", code="moderation_failed"), "MODERATION_FAILED"),
        (client.RateLimitError("slow down", code="RATE_LIMITED"), "RATE_LIMITED"),
        (client.OdysseyImageError("no picture"), "BAD_IMAGE"),
        (client.OdysseyScriptError("no script"), "BAD_SCRIPT"),
        (client.OdysseyArgumentError("no"), "BAD_ARGUMENT"),
        (client.OdysseyNotFoundError("gone"), "NOT_FOUND"),
        (client.OdysseyAuthError("who?"), "NOT_AUTHORIZED"),
        (client.NoStreamerError("busy"), "CONNECTION_FAILED"),
        (asyncio.TimeoutError(), "TIMEOUT"),
        (ZeroDivisionError("x"), "INTERNAL"),
    ],
)
def test_codes(error, code):
    assert error_code(error) == code


def test_every_error_of_the_client_has_a_name():
    kinds = [
        kind
        for kind in vars(client).values()
        if isinstance(kind, type) and issubclass(kind, client.OdysseyError)
    ]
    assert len(kinds) > 10
    for kind in kinds:
        assert error_code(kind("x")) not in {"INTERNAL", ""}


def test_texts_say_what_to_do():
    error = client.MonthlyLimitReachedError("The hours are used up", action="Upgrade the plan")
    assert error_text(error) == "The hours are used up. Upgrade the plan"
    assert error_text(client.OdysseyError("plain")) == "plain"
    assert error_text(asyncio.TimeoutError()) == "no answer in time"
    assert error_text(KeyError("x")) == "internal error: KeyError: 'x'"


def test_every_code_is_documented():
    text = (TOP / "docs" / "bridge.md").read_text().partition("## Error codes")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`([A-Z_]+)`", text))
    used = {code for _, code in CODES} | USAGE_ERRORS.keys() - {"CONCURRENT_LIMIT_EXCEEDED"}
    for folder in ("client", "bridge"):
        for path in (TOP / "odyssey_ros" / folder).rglob("*.py"):
            found = re.findall(r'(?:code=|_refuse\()\s*"(\w+)"', path.read_text())
            used |= {code.upper() for code in found if "player" not in path.parts and path.name != "player_node.py"}
    assert documented == used | {"INTERNAL"}
