"""The bound on calls at once."""

from __future__ import annotations

import pytest

from odyssey_ros.bridge.calls.call_limit import CallLimit
from odyssey_ros.client import OdysseyError


def test_more_calls_than_allowed_are_refused_until_one_has_ended():
    limit = CallLimit(2, "calls of ~/interact", "max_calls")
    with limit.entered():
        with limit.entered():
            with pytest.raises(OdysseyError, match="2 calls of ~/interact are under way: wait") as refused:
                limit.entered().__enter__()
            assert refused.value.code == "TOO_MANY_CALLS"
            assert "larger max_calls" in str(refused.value)
        with limit.entered():
            pass


def test_a_call_that_fails_has_ended():
    limit = CallLimit(1, "calls of ~/interact", "max_calls")
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), limit.entered():
            raise ZeroDivisionError
