"""The names of phases and events are constants of the messages."""

from __future__ import annotations

from odyssey_ros.msg import PlaybackStatus, StreamEvent

from odyssey_ros.bridge.player.playback_state import PlaybackPhase, PlayedEvent


def test_the_phases_are_the_constants_of_the_status():
    assert [getattr(PlaybackStatus, phase.name) for phase in PlaybackPhase] == list(range(10))


def test_each_event_is_a_constant_of_the_stream_event():
    assert len({getattr(StreamEvent, event.name) for event in PlayedEvent}) == len(PlayedEvent)
