"""The errors: their classes, attributes and default codes."""

from __future__ import annotations

import asyncio
import pickle

import pytest

from odyssey_ros import client
from odyssey_ros.client import ErrorCode, as_odyssey_error

PUBLIC = [getattr(client, name) for name in client.__all__]  # a name is loaded when it is used first


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
    kinds = [kind for kind in PUBLIC if isinstance(kind, type) and issubclass(kind, client.OdysseyError)]
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


def test_all_errors_share_a_base_class_and_its_attributes():
    errors = [value for value in PUBLIC if isinstance(value, type) and issubclass(value, Exception)]
    assert len(errors) == 16
    for kind in errors:
        error = kind(
            "what",
            code=ErrorCode.NO_API,
            action="do",
            action_url="http://x",
            details={"a": 1},
            status_code=400,
        )
        assert isinstance(error, client.OdysseyError)
        assert (str(error), error.code, error.action, error.action_url) == (
            "what",
            ErrorCode.NO_API,
            "do",
            "http://x",
        )
        assert error.details == {"a": 1}
        assert error.status_code == 400
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy), copy.code) == (kind, "what", ErrorCode.NO_API)
    assert issubclass(client.OdysseyNotFoundError, ValueError)
    assert issubclass(client.OdysseyArgumentError, ValueError)
    assert issubclass(client.OdysseyConnectionError, ConnectionError)
    assert issubclass(client.RateLimitError, client.OdysseyUsageError)


@pytest.mark.parametrize(
    ("wait", "expected"),
    [
        (None, None),
        (5, 5.0),
        (0.5, 0.5),
        (0, 0.0),
        (-1, None),
        (float("inf"), None),
        (True, None),
        ("5", None),
    ],
)
def test_the_wait_of_the_service_is_a_finite_number_of_seconds(wait, expected):
    assert client.RateLimitError("slow down", details={"retry_after_seconds": wait}).retry_after_s == expected
    assert client.RateLimitError("slow down").retry_after_s is None


def test_an_odyssey_error_is_returned_unchanged():
    error = client.OdysseyStreamError("no")
    assert as_odyssey_error(error) is error
