"""Bearer authorization of requests."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from aiohttp.test_utils import make_mocked_request

from odyssey_ros.emulator.accounts import AccountBook
from odyssey_ros.emulator.config import Account
from odyssey_ros.emulator.http.authorization import authorize
from odyssey_ros.emulator.http.http_answers import HttpError
from odyssey_ros.emulator.limits import Limits
from odyssey_ros.emulator.tokens import TokenAuthority

ACCOUNT = Account(api_key="ody_local")


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def context(clock):
    return SimpleNamespace(
        tokens=TokenAuthority(lambda: clock[0]), accounts=AccountBook((ACCOUNT,), Limits(), lambda: clock[0])
    )


def request(header=None):
    return make_mocked_request("GET", "/", headers={} if header is None else {"Authorization": header})


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_token_gives_its_account(context, scheme):
    token = context.tokens.issue("access", "local", 60)
    assert authorize(context, request(f"{scheme} {token}")) is ACCOUNT


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        (None, "Not authenticated"),
        ("", "Not authenticated"),
        ("Bearer", "Not authenticated"),
        ("Basic abc", "Not authenticated"),
        ("Bearer x.y.z", "Invalid token"),
    ],
)
def test_a_missing_or_malformed_token_is_refused(context, header, detail):
    with pytest.raises(HttpError) as refusal:
        authorize(context, request(header))
    assert (refusal.value.status, refusal.value.detail) == (401, detail)


def test_a_token_of_another_kind_and_of_an_unknown_account_are_refused(context):
    for token in (context.tokens.issue("session", "local", 60), context.tokens.issue("access", "gone", 60)):
        with pytest.raises(HttpError) as refusal:
            authorize(context, request(f"Bearer {token}"))
        assert (refusal.value.status, refusal.value.detail) == (401, "Invalid token")


def test_an_expired_token_is_refused(context, clock):
    token = context.tokens.issue("access", "local", 60)
    clock[0] += 60
    with pytest.raises(HttpError) as refusal:
        authorize(context, request(f"Bearer {token}"))
    assert (refusal.value.status, refusal.value.detail) == (401, "Token has expired")
