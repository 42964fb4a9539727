"""The states of sessions, without a network."""

from __future__ import annotations

import asyncio

import pytest

from odyssey_ros.emulator.accounts import AccountBook
from odyssey_ros.emulator.config import Account
from odyssey_ros.emulator.limits import Limits
from odyssey_ros.emulator.sessions import Ending, NoStreamerError, SessionRefusedError, SessionRegistry

ACCOUNT = Account(api_key="ody_local")


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def registry(clock):
    def make(streamers=None, **limits):
        return SessionRegistry(
            accounts=AccountBook((ACCOUNT,), Limits(**limits), lambda: clock[0]),
            regions=("us", "eu"),
            streamers=streamers,
            claim_seconds=60.0,
            monotonic=lambda: clock[0],
        )

    return make


def test_a_session_gets_the_region_with_the_smallest_latency(registry):
    sessions = registry()
    assert sessions.request(ACCOUNT, {"us": 90, "eu": 12}).region == "eu"
    assert sessions.request(ACCOUNT, {"mars": 1}).region == "us"


def test_a_limit_of_the_account_refuses_a_session(registry):
    sessions = registry(concurrent_sessions=1)
    sessions.request(ACCOUNT, {})
    with pytest.raises(SessionRefusedError) as refusal:
        sessions.request(ACCOUNT, {})
    assert refusal.value.usage.code == "CONCURRENT_LIMIT_REACHED"


def test_a_busy_service_has_no_streamer(registry):
    sessions = registry(streamers=1)
    session = sessions.request(ACCOUNT, {})
    with pytest.raises(NoStreamerError):
        sessions.request(ACCOUNT, {})
    sessions.remove(session)
    assert sessions.request(ACCOUNT, {}).state == "provisioned"


def test_an_unclaimed_session_expires(registry, clock):
    sessions = registry()
    session = sessions.request(ACCOUNT, {})
    clock[0] += 59
    assert sessions.find(session.session_id) is session
    clock[0] += 1
    assert sessions.find(session.session_id) is None
    assert session.state == "ended"


async def test_only_the_first_ending_counts(registry):
    session = registry().request(ACCOUNT, {})
    session.end(Ending(1001))  # without a connection there is nothing to end
    ending = session.open_connection(1000.0, "http://127.0.0.1")
    session.end(Ending(1008))
    session.end(Ending(1011))
    assert ending.result() == Ending(1008)


async def test_a_session_ends_with_its_connection_once_the_peers_have_connected(registry):
    sessions = registry()
    session = sessions.request(ACCOUNT, {})
    session.open_connection(1000.0, "http://127.0.0.1")
    session.state = "connected"
    assert not await session.take_over()
    sessions.release(session)
    assert session.state == "ended"
    assert sessions.live() == []


async def test_a_new_connection_replaces_one_whose_peers_have_not_connected(registry):
    sessions = registry()
    session = sessions.request(ACCOUNT, {})
    ending = session.open_connection(1000.0, "http://127.0.0.1")
    taking_over = asyncio.create_task(session.take_over())
    assert (await ending).code == 1008
    assert not taking_over.done()
    sessions.release(session)
    assert await taking_over
    assert session.state == "provisioned"
