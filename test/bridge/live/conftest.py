"""A supervisor with a real client, and an observer that stores what it receives."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from odyssey_ros.bridge.live.stream_supervisor import StreamSupervisor
from odyssey_ros.client import AdvancedConfig, Odyssey


class RecordingObserver:
    """Stores encoded and decoded frames, states, events and the fatal error."""

    def __init__(self):
        self.units, self.frames, self.states, self.events, self.errors = [], [], [], [], []
        self.frame_arrived = self.units.append
        self.frame_decoded = self.frames.append
        self.state_changed = self.states.append
        self.event_happened = self.events.append
        self.gave_up = self.errors.append

    def kinds(self, *wanted):
        """Return the kinds of the events of these kinds, in order."""
        return [event.kind for event in self.events if event.kind in wanted]

    @property
    def codes(self):
        """The error codes of all events that have one, in order."""
        return [event.error_code for event in self.events if event.error_code is not None]


@pytest.fixture
def recording_observer():
    return RecordingObserver()


@pytest.fixture
def session_on():
    """Runs supervisors that decode: `async with session_on(url) as (session, observer)`."""

    @asynccontextmanager
    async def run(url, *, key="ody_local", max_retries=None, **options):
        advanced = AdvancedConfig(max_retries=max_retries, initial_retry_delay_ms=100)
        observer = RecordingObserver()
        session = StreamSupervisor(Odyssey(key, api_url=url, advanced=advanced), observer, **options)
        session.set_decoding(True)
        running = asyncio.get_running_loop().create_task(session.run())
        try:
            yield session, observer
        finally:
            await session.close()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    return run
