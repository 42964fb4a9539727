"""Sessions are bounded in number and time, and take their sockets with them."""

from __future__ import annotations

import asyncio

import pytest

from odyssey_ros.console.server.access_sessions import Session, Sessions, same_secret
from waiting import eventually


@pytest.mark.parametrize(("one", "other", "same"), [("a", "a", True), ("a", "b", False), ("", "a", False)])
def test_secrets_are_compared(one, other, same):
    assert same_secret(one, other) is same


@pytest.mark.parametrize("text", ["", "\udcff", "é", "x" * 100_000])
def test_any_text_can_be_compared(text):
    assert not Session().is_page_token(text)


async def test_sessions_are_found_by_their_identifiers():
    sessions = Sessions()
    first, second = sessions.create(), sessions.create()
    assert sessions.find(first) is not sessions.find(second)
    assert sessions.find("") is sessions.find(first[:-1]) is None
    sessions.end(first)
    sessions.end("unknown")
    assert sessions.find(first) is None
    assert sessions.find(second) is not None


async def test_the_oldest_session_ends_when_there_are_too_many():
    sessions = Sessions(max_sessions=2)
    created = [sessions.create() for _ in range(3)]
    assert [sessions.find(one) is not None for one in created] == [False, True, True]


async def test_a_session_ends_after_its_time_with_what_it_has_open():
    sessions = Sessions(lifetime_s=0.1)
    identifier = sessions.create()
    session = sessions.find(identifier)
    assert session is not None

    async def hold():
        with session.holding():
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await eventually(task.done, "the end of the task")
    assert task.cancelled()
    assert sessions.find(identifier) is None
