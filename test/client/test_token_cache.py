"""The lifetime of the bearer token."""

from __future__ import annotations

import pytest

from odyssey_ros.client.responses import AccessToken
from odyssey_ros.client.token_cache import TokenCache


def test_a_token_is_stale_a_minute_before_it_expires():
    now = 0.0
    cache = TokenCache(lambda: now)
    assert cache.get() is None
    cache.put(AccessToken("a", 3600))
    now = 3539
    assert cache.get() == "a"
    now = 3540
    assert cache.get() is None
    cache.put(AccessToken("b", 10))
    now += 4.9
    assert cache.get() == "b"
    cache.discard("a")
    assert cache.get() == "b"
    cache.discard("b")
    assert cache.get() is None


@pytest.mark.parametrize("expires_in_s", [-1.0, 0.0])
def test_a_token_that_has_expired_already_is_stale(expires_in_s):
    cache = TokenCache(lambda: 100.0)
    cache.put(AccessToken("a", expires_in_s))
    assert cache.get() is None
