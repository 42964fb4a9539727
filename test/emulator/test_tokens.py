"""Tokens and signed paths on a clock of the test."""

from __future__ import annotations

import jwt
import pytest

from odyssey_ros.emulator.tokens import InvalidTokenError, TokenAuthority


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def authority(clock):
    return TokenAuthority(lambda: clock[0])


@pytest.mark.parametrize("audience", ["access", "session", "spectator"])
def test_a_token_gives_its_identity_until_it_expires(authority, clock, audience):
    token = authority.issue(audience, "one", 60)
    assert authority.check(audience, token) == "one"
    clock[0] += 59.9
    assert authority.check(audience, token) == "one"
    clock[0] += 0.1
    with pytest.raises(InvalidTokenError, match="expired"):
        authority.check(audience, token)


def test_a_token_is_valid_only_for_its_audience(authority):
    token = authority.issue("access", "one", 60)
    for audience in ("session", "spectator"):
        with pytest.raises(InvalidTokenError, match="Invalid token"):
            authority.check(audience, token)


def test_two_tokens_are_different(authority):
    assert authority.issue("access", "one", 60) != authority.issue("access", "one", 60)


def test_foreign_and_malformed_tokens_are_refused(authority, clock):
    foreign_service = TokenAuthority(lambda: clock[0])
    unsigned = jwt.encode({"sub": "one", "aud": "access", "exp": 2000}, None, algorithm="none")
    for token in ("", "x", "a.b.c", unsigned, foreign_service.issue("access", "one", 60)):
        with pytest.raises(InvalidTokenError):
            authority.check("access", token)


def test_a_signature_is_valid_for_its_path_until_it_expires(authority, clock):
    query = dict(pair.split("=") for pair in authority.sign_path("/files/a", 60).split("&"))
    authority.check_path("/files/a", **query)
    for path, changes in (
        ("/files/b", {}),
        ("/files/a", {"signature": "0" * 64}),
        ("/files/a", {"signature": "ä"}),
        ("/files/a", {"expires": "99999"}),
        ("/files/a", {"expires": ""}),
        ("/files/a", {"expires": "²"}),
    ):
        with pytest.raises(InvalidTokenError):
            authority.check_path(path, **{**query, **changes})
    clock[0] += 60
    with pytest.raises(InvalidTokenError, match="expired"):
        authority.check_path("/files/a", **query)


def test_a_token_that_cannot_be_encoded_is_invalid(authority):
    """As a header with the byte FF arrives."""
    with pytest.raises(InvalidTokenError, match="Invalid token"):
        authority.check("access", "\udcff")
