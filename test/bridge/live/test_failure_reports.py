"""Each failure is reported once and under one code, on events, on the state and to the caller."""

from __future__ import annotations

import asyncio

import pytest

from odyssey_ros.bridge.live.stream_state import EventKind, StreamRequest
from odyssey_ros.client import ConnectionStatus, ErrorCode, OdysseyError
from odyssey_ros.emulator import Emulator, EmulatorConfig
from odyssey_ros.emulator.faults import (
    HttpUsageError,
    ReplyDelay,
    SocketDrop,
    StreamFail,
    StreamRefusal,
)
from waiting import eventually

SEA = StreamRequest("a calm sea")

# The streamer's reason for a refusal, the code it is reported under, and whether the node gives up.
REFUSALS = [
    ("quota_exceeded", ErrorCode.MONTHLY_LIMIT_REACHED, True),
    ("concurrent_limit_exceeded", ErrorCode.CONCURRENT_LIMIT_REACHED, False),
    ("lease_denied", ErrorCode.LEASE_DENIED, False),
    ("moderation_failed", ErrorCode.MODERATION_FAILED, False),
    ("model_crashed", ErrorCode.STREAM_FAILED, False),
]


@pytest.fixture
async def service():
    async with Emulator(EmulatorConfig(port=0, fps=10)) as emulator:
        yield emulator


def assert_reported_once(observer, code):
    """Check the events, and that the state had the code together with the message of the event."""
    failures = [event for event in observer.events if event.error_code is not None]
    assert [event.error_code for event in failures] == [code], failures
    assert {state.error_code for state in observer.states} == {None, code}
    assert any((state.error_code, state.message) == (code, failures[0].message) for state in observer.states)
    return failures[0]


def assert_loss_reported_once(observer):
    """Check that the loss has one event; the attempts to reconnect may fail for other reasons."""
    failures = [event for event in observer.events if event.error_code is not None]
    messages = [event.message for event in failures]
    assert len(set(messages)) == len(messages), failures
    lost = [event for event in observer.events if event.kind is EventKind.DISCONNECTED]
    assert [event.message for event in lost] == messages[:1]
    assert (messages[0], failures[0].error_code) in {(s.message, s.error_code) for s in observer.states}
    return failures[0]


async def connected(session):
    await eventually(lambda: session.state.connection is ConnectionStatus.CONNECTED, "a connection")


async def streaming(session):
    await session.activate(SEA)
    await eventually(lambda: session.state.streaming and not session._operation.locked(), "a stream")


@pytest.mark.parametrize(("reason", "code", "fatal"), REFUSALS)
async def test_refused_start(service, session_on, reason, code, fatal):
    async with session_on(service.url) as (session, observer):
        service.faults.arm(StreamRefusal(request="start", reason=reason, message="not now"))
        await session.activate(SEA)
        await eventually(lambda: observer.errors or session.state.streaming, "the outcome")
        assert assert_reported_once(observer, code).fatal is fatal
        assert [error.code for error in observer.errors] == ([code] if fatal else [])


@pytest.mark.parametrize(("reason", "code", "_fatal"), REFUSALS)
async def test_refused_start_of_a_service_call(service, session_on, reason, code, _fatal):
    async with session_on(service.url) as (session, observer):
        await session.activate(None)
        await connected(session)
        service.faults.arm(StreamRefusal(request="start", reason=reason, message="not now"))
        with pytest.raises(OdysseyError) as raised:
            await session.start(SEA)
        assert raised.value.code is code
        assert assert_reported_once(observer, code).error is raised.value
        assert session.state.error_code is code
        assert session.state.connection is ConnectionStatus.CONNECTED


@pytest.mark.parametrize(("reason", "code", "_fatal"), REFUSALS)
async def test_refused_prompt(service, session_on, reason, code, _fatal):
    async with session_on(service.url) as (session, observer):
        await streaming(session)
        service.faults.arm(StreamRefusal(request="update", reason=reason, message="not now"))
        await session.prompt(StreamRequest("snow falls"))
        await eventually(lambda: session.state.error_code is not None, "the refusal")
        await session.prompt(StreamRequest("rain falls"))  # applied after the refusal is handled
        await eventually(lambda: session.state.prompt.startswith("rain falls"), "the next prompt")
        assert_reported_once(observer, code)


@pytest.mark.parametrize(("reason", "code", "_fatal"), REFUSALS)
async def test_refused_interact_of_a_service_call(service, session_on, reason, code, _fatal):
    async with session_on(service.url) as (session, observer):
        await streaming(session)
        service.faults.arm(StreamRefusal(request="update", reason=reason, message="not now"))
        with pytest.raises(OdysseyError) as raised:
            await session.interact("snow falls")
        assert assert_reported_once(observer, code).error is raised.value


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("model_crashed", ErrorCode.STREAM_FAILED),
        ("quota_exceeded", ErrorCode.MONTHLY_LIMIT_REACHED),
        ("session_timeout", ErrorCode.STREAM_DURATION_EXCEEDED),
    ],
)
async def test_failure_of_a_running_stream(service, session_on, reason, code):
    async with session_on(service.url) as (session, observer):
        await streaming(session)
        service.faults.arm(StreamFail(reason=reason, message="it broke"))
        await eventually(lambda: len(observer.kinds(EventKind.STARTED)) == 2, "the next stream")
        event = assert_reported_once(observer, code)
        assert event.kind is EventKind.STREAM_ERROR
        assert "it broke" in event.message


async def test_wrong_key(service, session_on):
    async with session_on(service.url, key="ody_wrong") as (session, observer):
        await eventually(lambda: observer.errors, "giving up")
        assert assert_reported_once(observer, observer.errors[0].code).fatal
        assert session.state.connection is ConnectionStatus.FAILED
        assert session.state.error_code is observer.errors[0].code


async def test_limit_of_the_account_while_connecting(service, session_on):
    service.faults.arm(HttpUsageError(endpoint="sessions_request", code="CONCURRENT_LIMIT_REACHED"))
    async with session_on(service.url) as (session, observer):
        await connected(session)
        assert assert_reported_once(observer, ErrorCode.CONCURRENT_LIMIT_REACHED).retried


@pytest.mark.parametrize("max_retries", [None, 0])
@pytest.mark.parametrize("request_name", ["start", "update"])
async def test_connection_lost_during_a_prompt(service, session_on, request_name, max_retries):
    async with session_on(service.url, max_retries=max_retries) as (session, observer):
        if request_name == "update":
            await streaming(session)
        else:
            await connected(session)
            await session.activate(None)
        delay = service.faults.arm(ReplyDelay(request=request_name, delay_seconds=30.0))
        await session.prompt(StreamRequest("snow falls"))
        await eventually(lambda: delay.fired, "the request")
        service.faults.arm(SocketDrop())
        await eventually(lambda: observer.errors or session.state.reconnects, "the outcome")
        event = assert_loss_reported_once(observer)
        assert event.fatal is (max_retries == 0)
        assert event.retried is (max_retries is None)


@pytest.mark.parametrize("request_name", ["start", "update"])
async def test_connection_lost_during_a_service_call(service, session_on, request_name):
    async with session_on(service.url) as (session, observer):
        if request_name == "update":
            await streaming(session)
        else:
            await connected(session)
            await session.activate(None)
        delay = service.faults.arm(ReplyDelay(request=request_name, delay_seconds=30.0))
        call = session.start(SEA) if request_name == "start" else session.interact("snow falls")
        calling = asyncio.ensure_future(call)
        await eventually(lambda: delay.fired, "the request")
        service.faults.arm(SocketDrop())
        with pytest.raises(OdysseyError) as raised:
            await calling
        await eventually(lambda: session.state.reconnects, "another connection")
        assert assert_loss_reported_once(observer).error is raised.value
