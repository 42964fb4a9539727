"""The session's decisions, with a real client against a real emulator, without ROS."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest

from odyssey_ros.bridge.live.stream_state import EventKind, StreamRequest
from odyssey_ros.bridge.live.stream_supervisor import StreamSupervisor
from odyssey_ros.client import AdvancedConfig, ConnectionStatus, Odyssey, OdysseyStreamError
from odyssey_ros.emulator import Emulator, EmulatorConfig, Limits
from odyssey_ros.emulator.faults import (
    HttpStatus,
    HttpUsageError,
    ReplyDelay,
    SocketDrop,
    SocketError,
    StreamEnd,
    StreamRefusal,
)
from odyssey_ros.emulator.faults.schedule import Schedule
from waiting import eventually

KEY = "ody_local"
WISH = StreamRequest("a calm sea")


class Observer:
    """Remembers."""

    def __init__(self):
        self.frames, self.states, self.events, self.errors = [], [], [], []
        self.frame_arrived = self.frames.append
        self.state_changed = self.states.append
        self.event_happened = self.events.append
        self.gave_up = self.errors.append

    def kinds(self, *wanted):
        return [event.kind for event in self.events if event.kind in wanted]


@asynccontextmanager
async def session_on(url, *, key=KEY, **options):
    client = Odyssey(key, api_url=url, advanced=AdvancedConfig(max_retries=None, initial_retry_delay_ms=100))
    observer = Observer()
    session = StreamSupervisor(client, observer, **options)
    running = asyncio.get_running_loop().create_task(session.run())
    try:
        yield session, observer
    finally:
        await session.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def emulator(**limits):
    return Emulator(EmulatorConfig(port=0, fps=10, limits=Limits(**limits)))


async def test_a_stream_that_the_service_ended_starts_again():
    async with emulator(stream_seconds=2) as service, session_on(service.url) as (session, observer):
        await session.activate(WISH)
        await eventually(lambda: len(observer.kinds(EventKind.STARTED)) == 3, "three streams")
        streams = {event.stream_id for event in observer.events if event.kind is EventKind.STARTED}
        assert len(streams) == 3
        assert not observer.errors


async def test_the_last_prompt_is_what_starts_again():
    async with emulator() as service, session_on(service.url) as (session, observer):
        await session.activate(WISH)
        await eventually(lambda: session.state.streaming, "a stream")
        await session.prompt("a red desert", WISH)
        service.faults.arm(StreamEnd())
        await eventually(lambda: len(observer.kinds(EventKind.STARTED)) == 2, "the second stream")
        assert session.state.prompt.startswith("a red desert")


async def test_without_resume_it_waits_for_a_prompt():
    async with (
        emulator(stream_seconds=2) as service,
        session_on(service.url, resume_stream=False) as (session, observer),
    ):
        await session.activate(WISH)
        await eventually(lambda: observer.kinds(EventKind.ENDED), "the end")
        await asyncio.sleep(1.0)
        assert len(observer.kinds(EventKind.STARTED)) == 1
        await session.prompt("again", StreamRequest("again"))
        await eventually(lambda: len(observer.kinds(EventKind.STARTED)) == 2, "another stream")


async def test_no_code_of_an_earlier_failure_stands_beside_the_queue():
    async with emulator() as service, session_on(service.url) as (session, observer):
        await eventually(lambda: session.state.connection is ConnectionStatus.CONNECTED, "a connection")
        service.faults.arm(HttpStatus(endpoint="signaling", status=500))
        service.faults.arm(HttpStatus(endpoint="sessions_request", status=503), Schedule(count=2))
        service.faults.arm(SocketDrop())
        await eventually(lambda: session.state.reconnects == 1, "another connection")
        told = [(state.message, state.error_code) for state in observer.states]
        assert ("Waiting for a streamer", "") in told
        assert all(not code for message, code in told if message == "Waiting for a streamer")
        assert any("trying again" in message and code for message, code in told)


async def test_a_prompt_before_the_connection_is_kept():
    async with emulator() as service, session_on(service.url) as (session, _):
        await session.activate(None)
        await session.prompt("first", StreamRequest("first"))
        await session.prompt("second", StreamRequest("second"))
        await eventually(lambda: session.state.streaming, "a stream")
        assert session.state.prompt.startswith("second")
        assert session.state.prompts_acknowledged == 1


async def test_each_status_counts_the_prompt_that_it_shows():
    async with emulator() as service, session_on(service.url) as (session, observer):
        await session.activate(WISH)
        await eventually(lambda: session.state.streaming, "a stream")
        await session.interact("a red desert")
        counts = [(state.prompt.split(",")[0], state.prompts_acknowledged) for state in observer.states]
        assert list(dict.fromkeys(counts)) == [("", 0), ("a calm sea", 1), ("a red desert", 2)]


async def test_prompts_during_a_start_follow_it():
    async with emulator() as service, session_on(service.url) as (session, observer):
        service.faults.arm(ReplyDelay(request="start", delay_seconds=1.0))
        await session.activate(WISH)
        await eventually(
            lambda: session._operation.locked() and not session.state.streaming, "a start under way"
        )
        await asyncio.gather(*(session.prompt(text, StreamRequest(text)) for text in ("first", "second")))
        started, *acknowledged = [
            event.prompt.split(",")[0]
            for event in observer.events
            if event.kind in (EventKind.STARTED, EventKind.ACKNOWLEDGED)
        ]
        assert (started, acknowledged) == ("a calm sea", ["first", "second"])


async def test_of_more_prompts_than_take_effect_the_newest_count():
    async with emulator() as service, session_on(service.url) as (session, observer):
        await session.activate(WISH)
        await eventually(lambda: session.state.streaming, "a stream")
        service.faults.arm(ReplyDelay(request="update", delay_seconds=1.0))
        texts = [f"prompt {index}" for index in range(40)]
        await asyncio.gather(*(session.prompt(text, StreamRequest(text)) for text in texts))
        acknowledged = [e.prompt.split(",")[0] for e in observer.events if e.kind is EventKind.ACKNOWLEDGED]
        assert acknowledged == [texts[0], *texts[-10:]]
        refused = [event.error_code for event in observer.events if event.kind is EventKind.ERROR]
        assert refused == ["PROMPTS_DROPPED"]
        await session.prompt("one more", WISH)
        assert session.state.prompt.startswith("one more")


async def test_ending_means_wanting_no_other():
    async with emulator() as service, session_on(service.url) as (session, observer):
        await session.activate(WISH)
        await eventually(lambda: session.state.streaming, "a stream")
        ended = await session.end()
        assert ended == observer.events[-1].stream_id
        await asyncio.sleep(1.0)
        assert observer.kinds(EventKind.STARTED, EventKind.ENDED) == [EventKind.STARTED, EventKind.ENDED]
        with pytest.raises(OdysseyStreamError, match="no stream"):
            await session.end()


async def test_a_second_start_is_refused_and_harms_nothing():
    async with emulator() as service, session_on(service.url) as (session, _):
        await session.activate(WISH)
        await eventually(lambda: session.state.streaming, "a stream")
        with pytest.raises(OdysseyStreamError, match="end it first"):
            await session.start(StreamRequest("other"))
        assert session.state.streaming


async def test_prompts_are_refused_when_inactive_or_empty():
    async with emulator() as service, session_on(service.url) as (session, observer):
        await session.prompt("early", WISH)
        await session.activate(None)
        await session.prompt(" \n", WISH)
        codes = [event.error_code for event in observer.events if event.kind is EventKind.ERROR]
        assert codes == ["NOT_ACTIVE", "EMPTY_PROMPT"]


async def test_another_prompt_does_not_wait_for_the_retries_of_a_refused_one():
    waits = []

    async def never_ending(seconds):
        waits.append(seconds)
        await asyncio.Event().wait()

    async with emulator() as service, session_on(service.url, sleep=never_ending) as (session, observer):
        service.faults.arm(StreamRefusal(request="start", reason="moderation", message="no"))
        await session.activate(StreamRequest("refused"))
        await eventually(lambda: waits, "the wait before a retry")
        await session.prompt("another", StreamRequest("another"))
        await eventually(lambda: session.state.streaming, "the other stream")
        assert session.state.prompt.startswith("another")
        assert len(waits) == len(observer.kinds(EventKind.STARTED)) == 1


async def test_a_prompt_after_the_last_refusal_starts_at_once():
    waits = []

    async def no_sleep(seconds):
        waits.append(seconds)

    async with emulator() as service, session_on(service.url, sleep=no_sleep) as (session, observer):
        service.faults.arm(
            StreamRefusal(request="start", reason="moderation", message="no"), Schedule(count=5)
        )
        await session.activate(WISH)
        await eventually(
            lambda: any(event.error_code == "STREAM_REFUSED" for event in observer.events), "the end"
        )
        assert len(waits) == 4
        await session.prompt("another", StreamRequest("another"))
        await eventually(lambda: session.state.streaming, "the other stream")


async def test_a_start_that_is_refused_is_tried_a_few_times_then_left():
    waits = []

    async def no_sleep(seconds):
        waits.append(seconds)

    async with emulator() as service, session_on(service.url, sleep=no_sleep) as (session, observer):
        refusal = StreamRefusal(request="start", reason="moderation", message="no")
        service.faults.arm(refusal, Schedule(count=0))
        await session.activate(WISH)
        await eventually(lambda: any(e.error_code == "STREAM_REFUSED" for e in observer.events), "giving up")
        assert len(waits) == 4
        assert waits == sorted(waits)
        assert session.state.connection is ConnectionStatus.CONNECTED
        service.faults.clear()
        await session.prompt("something else", StreamRequest("something else"))
        await eventually(lambda: session.state.streaming, "a stream")


async def test_a_fatal_error_is_told_once():
    async with emulator() as service, session_on(service.url, key="ody_wrong") as (session, observer):
        await eventually(lambda: observer.errors, "giving up")
        await asyncio.sleep(0.3)
        assert len(observer.errors) == 1
        assert [event.fatal for event in observer.events if event.kind is EventKind.ERROR].count(True) == 1
        assert session.state.connection is ConnectionStatus.FAILED


async def test_deactivating_ends_the_stream_and_keeps_the_connection():
    async with emulator() as service, session_on(service.url) as (session, observer):
        await session.activate(WISH)
        await eventually(lambda: observer.frames, "frames")
        await session.deactivate()
        assert not session.state.streaming
        assert session.state.connection is ConnectionStatus.CONNECTED
        await session.activate(WISH)
        await eventually(lambda: session.state.streaming, "a stream")


async def test_activating_while_the_last_stream_is_ended_starts_another():
    async with (
        emulator() as service,
        session_on(service.url, resume_stream=False) as (session, _),
    ):
        await session.activate(WISH)
        await eventually(lambda: session.state.streaming, "a stream")
        service.faults.arm(ReplyDelay(request="end", delay_seconds=0.5))
        ending = asyncio.ensure_future(session.deactivate())
        await eventually(session._operation.locked, "the end under way")
        await session.activate(StreamRequest("a red desert"))
        await ending
        await eventually(lambda: session.state.streaming, "the other stream")
        assert session.state.prompt.startswith("a red desert")


async def test_prompts_that_wait_are_dropped_by_a_deactivation():
    async with emulator() as service, session_on(service.url) as (session, observer):
        await session.activate(WISH)
        await eventually(lambda: session.state.streaming, "a stream")
        service.faults.arm(ReplyDelay(request="update", delay_seconds=1.0))
        prompts = [asyncio.ensure_future(session.prompt(text, WISH)) for text in ("first", "second")]
        await eventually(session._operation.locked, "a prompt under way")
        await session.deactivate()
        await asyncio.gather(*prompts)
        told = [(event.kind, event.prompt.split(",")[0] or event.error_code) for event in observer.events]
        assert (EventKind.ACKNOWLEDGED, "first") in told
        assert (EventKind.ACKNOWLEDGED, "second") not in told
        assert (EventKind.ERROR, "NOT_ACTIVE") in told


async def test_a_stream_keeps_its_picture_when_another_shape_is_wanted_while_it_starts():
    async with emulator() as service, session_on(service.url) as (session, observer):
        picture = np.full((704, 1280, 3), (200, 30, 40), np.uint8)
        service.faults.arm(ReplyDelay(request="start", delay_seconds=0.5))
        await eventually(lambda: session.state.connection is ConnectionStatus.CONNECTED, "a connection")
        await session.set_next_image(picture)
        await session.activate(WISH)
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


async def test_the_next_stream_has_the_shape_that_is_wanted_by_then():
    async with emulator() as service, session_on(service.url) as (session, observer):
        await session.activate(WISH)
        await eventually(lambda: observer.frames, "a frame")
        await session.reshape(portrait=True)
        service.faults.arm(StreamEnd())
        await eventually(lambda: observer.frames[-1].frame.height == 1280, "a portrait")
        assert session.state.prompt.startswith("a calm sea")


async def test_what_the_code_names_is_what_the_message_says():
    async with emulator() as service, session_on(service.url) as (session, observer):
        await eventually(lambda: session.state.connection is ConnectionStatus.CONNECTED, "a connection")
        service.faults.arm(HttpUsageError(endpoint="sessions_request", code="CONCURRENT_LIMIT_REACHED"))
        service.faults.arm(HttpStatus(endpoint="sessions_request", status=503), Schedule(count=2))
        service.faults.arm(SocketError(reason="duration_limit_reached"))
        await eventually(lambda: session.state.reconnects == 1, "the connection again", timeout=90.0)
    told = {(event.message, event.error_code) for event in observer.events if event.kind is EventKind.ERROR}
    assert {code for _, code in told} >= {"DURATION_LIMIT_REACHED", "CONCURRENT_LIMIT_REACHED"}
    assert any("Waiting" in state.message for state in observer.states)
    for state in observer.states:
        text = state.message.partition("; trying again")[0]
        assert not state.error_code or (text, state.error_code) in told, state
    assert (session.state.error_code, session.state.message) == ("", "")


async def test_a_defect_gives_up_with_a_reason(monkeypatch):
    async def broken(_):
        raise ZeroDivisionError("a defect")

    async with emulator() as service, session_on(service.url) as (session, observer):
        await eventually(lambda: session.state.connection is ConnectionStatus.CONNECTED, "a connection")
        monkeypatch.setattr("odyssey_ros.client.connection_attempt.Link.open", broken)
        service.faults.arm(SocketDrop())
        await eventually(lambda: observer.errors, "giving up")
        assert session.state.connection is ConnectionStatus.FAILED
        assert session.state.error_code == "INTERNAL"
        assert "ZeroDivisionError: a defect" in session.state.message


async def test_after_giving_up_the_reason_stays():
    async with emulator() as service, session_on(service.url) as (session, observer):
        service.faults.arm(StreamRefusal(request="start", reason="quota_exceeded", message="used up"))
        await session.activate(WISH)
        await eventually(lambda: observer.errors, "giving up")
        before = session.state
        assert (before.connection, before.error_code) == (ConnectionStatus.FAILED, "MONTHLY_LIMIT_REACHED")
        service.faults.arm(SocketDrop())  # nobody has closed the connection yet
        await eventually(lambda: session.client.current_status is not ConnectionStatus.CONNECTED, "the loss")
        assert session.state == before
        assert [event.fatal for event in observer.events][-1]


async def test_closing_while_it_cannot_connect_leaves_nothing():
    async with emulator() as service:
        service.faults.arm(HttpStatus(endpoint="*", status=500), Schedule(count=0))
        before = asyncio.all_tasks()
        async with session_on(service.url) as (session, _):
            await session.activate(WISH)
            await asyncio.sleep(0.5)
        left = {task for task in asyncio.all_tasks() - before if "session" in repr(task).lower()}
        assert not left
