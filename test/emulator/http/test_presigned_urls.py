"""Presigned URLs of recorded files."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from aiohttp.test_utils import make_mocked_request
from yarl import URL

from odyssey_ros.emulator.config import EmulatorConfig
from odyssey_ros.emulator.faults import ExpiredUrls
from odyssey_ros.emulator.faults.fault_registry import FaultRegistry
from odyssey_ros.emulator.http.presigned_urls import presigned_url
from odyssey_ros.emulator.limits import Limits
from odyssey_ros.emulator.media.recording import Artifact
from odyssey_ros.emulator.tokens import InvalidTokenError, TokenAuthority


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def context(clock):
    return SimpleNamespace(
        config=EmulatorConfig(limits=Limits(url_seconds=60)),
        tokens=TokenAuthority(lambda: clock[0]),
        faults=FaultRegistry(lambda: clock[0]),
    )


def url(context, **headers):
    request = make_mocked_request("GET", "/recordings/one", headers={"Host": "127.0.0.1:8765", **headers})
    return URL(presigned_url(context, request, "one", Artifact.VIDEO))


def check(context, signed):
    context.tokens.check_path(signed.path, signed.query["expires"], signed.query["signature"])


def test_a_url_is_valid_for_its_lifetime(context, clock):
    signed = url(context)
    assert str(signed).startswith("http://127.0.0.1:8765/files/one/video.mp4?")
    clock[0] += 59
    check(context, signed)
    clock[0] += 1
    with pytest.raises(InvalidTokenError, match="expired"):
        check(context, signed)


def test_a_url_has_the_scheme_of_the_proxy(context):
    assert url(context, **{"X-Forwarded-Proto": "https"}).scheme == "https"


def test_a_fault_makes_urls_that_have_expired(context):
    context.faults.arm(ExpiredUrls())
    with pytest.raises(InvalidTokenError, match="expired"):
        check(context, url(context))
