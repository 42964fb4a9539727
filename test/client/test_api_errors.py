"""Conversion of HTTP error responses into errors."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.client import (
    OdysseyArgumentError,
    OdysseyConnectionError,
    OdysseyError,
    OdysseyUsageError,
    RateLimitError,
)
from odyssey_ros.client.api_errors import error_of

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(
                ["detail", "error", "code", "message", "action", "action_url", "details", "loc", "msg"]
            ),
            inner,
        )
    ),
    max_leaves=8,
)


@given(
    st.integers(300, 999),
    st.binary() | anything.map(lambda value: json.dumps(value).encode()),
    st.none() | st.text() | st.integers(0, 10**6).map(str),
)
def test_every_response_becomes_an_odyssey_error(status, body, retry_after):
    error = error_of(status, body, what="Request", retry_after=retry_after)
    assert isinstance(error, OdysseyError)
    assert error.status_code == status
    assert len(str(error)) < 5000 or len(body) > 4000
    assert error.retry_after_s is None or error.retry_after_s >= 0


def test_a_validation_error_contains_location_and_message_but_not_the_input():
    body = {
        "detail": [
            {"loc": ["body", "prompt"], "msg": "too long", "input": "ody_secret"},
            "odd",
            {"msg": "other"},
        ]
    }
    error = error_of(422, json.dumps(body).encode(), what="Request")
    assert isinstance(error, OdysseyArgumentError)
    assert str(error) == "body.prompt: too long; other"


@pytest.mark.parametrize(
    ("header", "wait"),
    [("5", 5), ("0", 0), ("-1", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("²", None), (None, None)],
)
def test_retry_after_is_read_in_seconds_or_as_a_date(header, wait):
    error = error_of(503, b"", what="Request", retry_after=header)
    assert isinstance(error, OdysseyConnectionError)
    assert error.retry_after_s == wait


@pytest.mark.parametrize("field", ["error", "code", "message", "action", "action_url", "details"])
def test_a_malformed_usage_error_is_a_general_limit(field):
    """A field of a wrong type does not hide that a limit was reached."""
    usage = {"error": "ACCOUNT_SUSPENDED", "message": "m", "action": "a", field: 5}
    if field == "code":
        del usage["error"]
    error = error_of(429, json.dumps(usage).encode(), what="Request")
    assert (type(error), str(error)) == (RateLimitError, "Request limit exceeded")


def test_a_usage_error_is_recognized_with_status_402():
    body = json.dumps({"detail": {"error": "MONTHLY_LIMIT_REACHED", "message": "m"}}).encode()
    assert isinstance(error_of(402, body, what="Request"), OdysseyUsageError)
    assert not isinstance(error_of(500, body, what="Request"), OdysseyUsageError)
