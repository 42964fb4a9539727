"""The supervisor of a stream, with a real client and a real emulator, without ROS."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from odyssey_ros.bridge.live.stream_state import EventKind, StreamRequest
from odyssey_ros.client import ConnectionStatus, OdysseyStreamError
from odyssey_ros.emulator import Emulator, EmulatorConfig, Limits
from odyssey_ros.emulator.faults import (
    HttpStatus,
    HttpUsageError,
    ReplyDelay,
    RequestClose,
    SocketDrop,
    SocketError,
    StreamEnd,
    StreamRefusal,
)
from odyssey_ros.emulator.faults.schedule import Schedule
from waiting import eventually

SEA = StreamRequest("a calm sea")


def emulator(**limits):
    return Emulator(EmulatorConfig(port=0, fps=10, limits=Limits(**limits)))


async def test_a_stream_that_the_service_ended_starts_again(session_on):
    async with emulator(stream_seconds=2) as service, session_on(service.url) as (session, observer):
        await session.activate(SEA)
        await eventually(lambda: len(observer.kinds(EventKind.STARTED)) == 3, "three streams")
        streams = {event.stream_id for event in observer.events if event.kind is EventKind.STARTED}
        assert len(streams) == 3
        assert not observer.errors


async def test_a_resumed_stream_has_the_last_prompt(session_on):
    async with emulator() as service, session_on(service.url) as (session, observer):
        await session.activate(SEA)
        await eventually(lambda: session.state.streaming, "a stream")
        await session.prompt(StreamRequest("a red desert"))
        await eventually(lambda: session.state.prompts_acknowledged == 2, "the prompt in force")
        service.faults.arm(StreamEnd())
        await eventually(lambda: len(observer.kinds(EventKind.STARTED)) == 2, "the second stream")
        assert session.state.prompt.startswith("a red desert")


async def test_without_resume_the_supervisor_waits_for_a_prompt(session_on):
    async with (
        emulator(stream_seconds=2) as service,
        session_on(service.url, resume_stream=False) as (session, observer),
    ):
        await session.activate(SEA)
        await eventually(lambda: observer.kinds(EventKind.ENDED), "the end")
        assert not session.stream_wanted
        assert len(observer.kinds(EventKind.STARTED)) == 1
        await session.prompt(StreamRequest("again"))
        await eventually(lambda: len(observer.kinds(EventKind.STARTED)) == 2, "another stream")


async def test_waiting_in_the_queue_has_no_error_code(session_on):
    async with emulator() as service, session_on(service.url) as (session, observer):
        await eventually(lambda: session.state.connection is ConnectionStatus.CONNECTED, "a connection")
        service.faults.arm(HttpStatus(endpoint="signaling", status=500))
        service.faults.arm(HttpStatus(endpoint="sessions_request", status=503), Schedule(count=2))
        service.faults.arm(SocketDrop())
        await eventually(lambda: session.state.reconnects == 1, "another connection")
        reported = [(state.message, state.error_code) for state in observer.states]
        assert ("Waiting for a streamer", None) in reported
        assert all(not code for message, code in reported if message == "Waiting for a streamer")
        assert any("trying again" in message and code for message, code in reported)


async def test_the_newest_prompt_before_the_connection_is_kept(session_on):
    async with emulator() as service, session_on(service.url) as (session, _):
        await session.activate(None)
        await session.prompt(StreamRequest("first"))
        await session.prompt(StreamRequest("second"))
        await eventually(lambda: session.state.streaming, "a stream")
        assert session.state.prompt.startswith("second")
        assert session.state.prompts_acknowledged == 1


async def test_each_status_counts_the_prompt_that_it_shows(session_on):
    async with emulator() as service, session_on(service.url) as (session, observer):
        await session.activate(SEA)
        await eventually(lambda: session.state.streaming, "a stream")
        await session.interact("a red desert")
        counts = [(state.prompt.split(",")[0], state.prompts_acknowledged) for state in observer.states]
        assert list(dict.fromkeys(counts)) == [("", 0), ("a calm sea", 1), ("a red desert", 2)]


async def test_prompts_during_a_start_are_applied_after_it(session_on):
    async with emulator() as service, session_on(service.url) as (session, observer):
        service.faults.arm(ReplyDelay(request="start", delay_seconds=1.0))
        await session.activate(SEA)
        await eventually(
            lambda: session._operation.locked() and not session.state.streaming, "a start under way"
        )
        for text in ("first", "second"):
            await session.prompt(StreamRequest(text))
        await eventually(lambda: len(observer.kinds(EventKind.ACKNOWLEDGED)) == 2, "both prompts in force")
        started, *acknowledged = [
            event.prompt.split(",")[0]
            for event in observer.events
            if event.kind in (EventKind.STARTED, EventKind.ACKNOWLEDGED)
        ]
        assert (started, acknowledged) == ("a calm sea", ["first", "second"])


async def test_the_oldest_of_too_many_prompts_are_dropped(session_on):
    async with emulator() as service, session_on(service.url) as (session, observer):
        await session.activate(SEA)
        await eventually(lambda: session.state.streaming, "a stream")
        service.faults.arm(ReplyDelay(request="update", delay_seconds=1.0))
        texts = [f"prompt {index}" for index in range(40)]
        await session.prompt(StreamRequest(texts[0]))
        await eventually(lambda: len(session._prompts) == 0, "a prompt under way")
        for text in texts[1:]:
            await session.prompt(StreamRequest(text))
        await eventually(lambda: session.state.prompt.startswith(texts[-1]), "the newest prompt in force")
        acknowledged = [e.prompt.split(",")[0] for e in observer.events if e.kind is EventKind.ACKNOWLEDGED]
        assert acknowledged == [texts[0], *texts[-10:]]
        refused = [event.error_code for event in observer.events if event.kind is EventKind.ERROR]
        assert refused == ["PROMPTS_DROPPED"]
        await session.prompt(StreamRequest("one more"))
        await eventually(lambda: session.state.prompt.startswith("one more"), "the next prompt in force")


async def test_a_stream_that_was_ended_is_not_resumed(session_on):
    async with emulator() as service, session_on(service.url) as (session, observer):
        await session.activate(SEA)
        await eventually(lambda: session.state.streaming, "a stream")
        ended = await session.end()
        assert ended == observer.events[-1].stream_id
        assert not session.stream_wanted
        assert observer.kinds(EventKind.STARTED, EventKind.ENDED) == [EventKind.STARTED, EventKind.ENDED]
        with pytest.raises(OdysseyStreamError, match="no stream"):
            await session.end()


async def test_a_second_start_is_refused_without_effect(session_on):
    async with emulator() as service, session_on(service.url) as (session, _):
        await session.activate(SEA)
        await eventually(lambda: session.state.streaming, "a stream")
        with pytest.raises(OdysseyStreamError, match="end it first"):
            await session.start(StreamRequest("other"))
        assert session.state.streaming


async def test_prompts_are_refused_when_inactive_or_empty(session_on):
    async with emulator() as service, session_on(service.url) as (session, observer):
        await session.prompt(StreamRequest("early"))
        await session.activate(None)
        await session.prompt(StreamRequest(" \n"))
        codes = [event.error_code for event in observer.events if event.kind is EventKind.ERROR]
        assert codes == ["NOT_ACTIVE", "EMPTY_PROMPT"]


async def test_another_prompt_does_not_wait_for_the_retries_of_a_refused_one(session_on):
    waits = []

    async def never_ending(seconds):
        waits.append(seconds)
        await asyncio.Event().wait()

    async with emulator() as service, session_on(service.url, sleep=never_ending) as (session, observer):
        service.faults.arm(StreamRefusal(request="start", reason="moderation", message="no"))
        await session.activate(StreamRequest("refused"))
        await eventually(lambda: waits, "the wait before a retry")
        await session.prompt(StreamRequest("another"))
        await eventually(lambda: session.state.streaming, "the other stream")
        assert session.state.prompt.startswith("another")
        assert len(waits) == len(observer.kinds(EventKind.STARTED)) == 1


async def test_a_prompt_after_the_last_refusal_starts_at_once(session_on):
    waits = []

    async def no_sleep(seconds):
        waits.append(seconds)

    async with emulator() as service, session_on(service.url, sleep=no_sleep) as (session, observer):
        service.faults.arm(
            StreamRefusal(request="start", reason="moderation", message="no"), Schedule(count=5)
        )
        await session.activate(SEA)
        await eventually(
            lambda: any(event.error_code == "STREAM_REFUSED" for event in observer.events), "the end"
        )
        assert len(waits) == 4
        await session.prompt(StreamRequest("another"))
        await eventually(lambda: session.state.streaming, "the other stream")


async def test_a_refused_start_is_retried_four_times(session_on):
    waits = []

    async def no_sleep(seconds):
        waits.append(seconds)

    async with emulator() as service, session_on(service.url, sleep=no_sleep) as (session, observer):
        refusal = StreamRefusal(request="start", reason="moderation", message="no")
        service.faults.arm(refusal, Schedule(count=0))
        await session.activate(SEA)
        await eventually(lambda: any(e.error_code == "STREAM_REFUSED" for e in observer.events), "giving up")
        assert len(waits) == 4
        assert waits == sorted(waits)
        assert session.state.connection is ConnectionStatus.CONNECTED
        service.faults.clear()
        await session.prompt(StreamRequest("something else"))
        await eventually(lambda: session.state.streaming, "a stream")


async def test_a_fatal_error_is_reported_once(session_on):
    async with emulator() as service, session_on(service.url, key="ody_wrong") as (session, observer):
        await eventually(lambda: observer.errors, "giving up")
        assert session.client.current_status is ConnectionStatus.FAILED
        assert len(observer.errors) == 1
        assert [event.fatal for event in observer.events if event.kind is EventKind.ERROR].count(True) == 1
        assert session.state.connection is ConnectionStatus.FAILED


async def test_deactivating_ends_the_stream_and_keeps_the_connection(session_on):
    async with emulator() as service, session_on(service.url) as (session, observer):
        await session.activate(SEA)
        await eventually(lambda: observer.frames, "frames")
        await session.deactivate()
        assert not session.state.streaming
        assert session.state.connection is ConnectionStatus.CONNECTED
        await session.activate(SEA)
        await eventually(lambda: session.state.streaming, "a stream")


async def test_activating_while_the_last_stream_is_ended_starts_another(session_on):
    async with (
        emulator() as service,
        session_on(service.url, resume_stream=False) as (session, _),
    ):
        await session.activate(SEA)
        await eventually(lambda: session.state.streaming, "a stream")
        service.faults.arm(ReplyDelay(request="end", delay_seconds=0.5))
        ending = asyncio.ensure_future(session.deactivate())
        await eventually(lambda: session._ending, "the end under way")
        await session.activate(StreamRequest("a red desert"))
        await ending
        await eventually(lambda: session.state.streaming, "the other stream")
        assert session.state.prompt.startswith("a red desert")


async def test_prompts_that_wait_are_dropped_by_a_deactivation(session_on):
    async with emulator() as service, session_on(service.url) as (session, observer):
        await session.activate(SEA)
        await eventually(lambda: session.state.streaming, "a stream")
        service.faults.arm(ReplyDelay(request="update", delay_seconds=1.0))
        await session.prompt(StreamRequest("first"))
        await eventually(lambda: len(session._prompts) == 0, "a prompt under way")
        await session.prompt(StreamRequest("second"))
        await session.deactivate()
        reported = [(event.kind, event.prompt.split(",")[0] or event.error_code) for event in observer.events]
        assert (EventKind.ACKNOWLEDGED, "first") in reported
        assert (EventKind.ACKNOWLEDGED, "second") not in reported
        assert (EventKind.ERROR, "NOT_ACTIVE") in reported


async def test_a_stream_keeps_its_image_when_the_shape_changes_during_its_start(session_on):
    async with emulator() as service, session_on(service.url) as (session, observer):
        picture = np.full((704, 1280, 3), (200, 30, 40), np.uint8)
        service.faults.arm(ReplyDelay(request="start", delay_seconds=0.5))
        await eventually(lambda: session.state.connection is ConnectionStatus.CONNECTED, "a connection")
        await session.set_next_image(picture)
        await session.activate(SEA)
        await eventually(session._operation.locked, "a start under way")
        await session.reshape(portrait=True)
        await eventually(lambda: session.state.streaming, "a stream")
        service.faults.arm(StreamEnd())
        await eventually(
            lambda: observer.frames[-1:] and observer.frames[-1].frame.height == 1280, "a portrait"
        )
        red, green, blue = observer.frames[-1].frame.to_ndarray(format="rgb24")[200:900, 100:600].mean((0, 1))
        assert red > 150
        assert max(green, blue) < 90


async def test_a_changed_shape_takes_effect_with_the_next_stream(session_on):
    async with emulator() as service, session_on(service.url) as (session, observer):
        await session.activate(SEA)
        await eventually(lambda: observer.frames, "a frame")
        await session.reshape(portrait=True)
        service.faults.arm(StreamEnd())
        await eventually(lambda: observer.frames[-1].frame.height == 1280, "a portrait")
        assert session.state.prompt.startswith("a calm sea")


async def test_code_and_message_of_a_state_belong_to_the_same_failure(session_on):
    async with emulator() as service, session_on(service.url) as (session, observer):
        await eventually(lambda: session.state.connection is ConnectionStatus.CONNECTED, "a connection")
        service.faults.arm(HttpUsageError(endpoint="sessions_request", code="CONCURRENT_LIMIT_REACHED"))
        service.faults.arm(HttpStatus(endpoint="sessions_request", status=503), Schedule(count=2))
        service.faults.arm(SocketError(reason="duration_limit_reached"))
        await eventually(lambda: session.state.reconnects == 1, "the connection again", timeout=90.0)
    reported = {
        (event.message, event.error_code) for event in observer.events if event.kind is EventKind.ERROR
    }
    assert {code for _, code in reported} >= {"DURATION_LIMIT_REACHED", "CONCURRENT_LIMIT_REACHED"}
    assert any("Waiting" in state.message for state in observer.states)
    for state in observer.states:
        text = state.message.partition("; trying again")[0]
        assert not state.error_code or (text, state.error_code) in reported, state
    assert (session.state.error_code, session.state.message) == (None, "")


async def test_a_request_that_closes_the_connection_is_not_sent_forever(session_on):
    """A prompt that is too big for the server was sent again after each reconnection, without end."""
    async with emulator() as service, session_on(service.url) as (session, observer):
        service.faults.arm(RequestClose(request="start"), Schedule(count=0))
        await session.activate(SEA)
        await eventually(lambda: "STREAM_REFUSED" in observer.codes, "giving up the request")
        assert not session.stream_wanted
        await eventually(lambda: session.state.connection is ConnectionStatus.CONNECTED, "a connection")
        assert observer.kinds(EventKind.STARTED) == []
        service.faults.clear()
        await session.prompt(StreamRequest("something else"))
        await eventually(lambda: session.state.streaming, "a stream")
        assert not observer.errors


async def test_a_prompt_that_closes_the_connection_is_sent_once(session_on):
    async with emulator() as service, session_on(service.url) as (session, observer):
        await session.activate(SEA)
        await eventually(lambda: session.state.streaming, "a stream")
        service.faults.arm(RequestClose(request="update"), Schedule(count=0))
        await session.prompt(StreamRequest("poison"))
        await eventually(lambda: len(observer.kinds(EventKind.STARTED)) == 2, "the stream of before")
        assert session.state.prompt.startswith("a calm sea")
        assert session.state.reconnects == 1


async def test_an_unexpected_error_of_a_prompt_fails_that_prompt(monkeypatch, session_on):
    async def broken(*_):
        raise ZeroDivisionError("a defect")

    async with emulator() as service, session_on(service.url) as (session, observer):
        await session.activate(SEA)
        await eventually(lambda: session.state.streaming, "a stream")
        with monkeypatch.context() as patch:
            patch.setattr(session.client, "interact", broken)
            await session.prompt(StreamRequest("first"))
            await eventually(lambda: "INTERNAL" in observer.codes, "the report")
        await session.prompt(StreamRequest("second"))
        await eventually(lambda: session.state.prompt.startswith("second"), "the next prompt in force")
        assert not observer.errors


async def test_a_defect_while_connecting_is_retried_and_has_a_reason(monkeypatch, session_on):
    async def broken(_):
        raise ZeroDivisionError("a defect")

    async with emulator() as service, session_on(service.url, max_retries=2) as (session, observer):
        await eventually(lambda: session.state.connection is ConnectionStatus.CONNECTED, "a connection")
        monkeypatch.setattr("odyssey_ros.client.connection_attempt.ConnectionAttempt.open", broken)
        service.faults.arm(SocketDrop())
        await eventually(lambda: observer.errors, "giving up")
        failed = [state for state in observer.states if state.error_code == "INTERNAL"]
        assert failed[0].connection is ConnectionStatus.RECONNECTING
        assert failed[-1] == session.state
        assert session.state.connection is ConnectionStatus.FAILED
        assert "ZeroDivisionError: a defect" in session.state.message


async def test_after_giving_up_the_reason_stays(session_on):
    async with emulator() as service, session_on(service.url) as (session, observer):
        service.faults.arm(StreamRefusal(request="start", reason="quota_exceeded", message="used up"))
        await session.activate(SEA)
        await eventually(lambda: observer.errors, "giving up")
        before = session.state
        assert (before.connection, before.error_code) == (ConnectionStatus.FAILED, "MONTHLY_LIMIT_REACHED")
        service.faults.arm(SocketDrop())  # the connection is still open
        await eventually(lambda: session.client.current_status is not ConnectionStatus.CONNECTED, "the loss")
        assert session.state == before
        assert [event.fatal for event in observer.events][-1]


async def test_closing_during_failing_attempts_leaves_no_task(session_on):
    async with emulator() as service:
        service.faults.arm(HttpStatus(endpoint="*", status=500), Schedule(count=0))
        before = asyncio.all_tasks()
        async with session_on(service.url) as (session, _):
            await session.activate(SEA)
            await eventually(lambda: service.counters["http.auth_token.500"] > 1, "a second attempt")
        left = {task for task in asyncio.all_tasks() - before if "session" in repr(task).lower()}
        assert not left
