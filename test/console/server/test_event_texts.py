"""Events are bounded in number and in length."""

from __future__ import annotations

from odyssey_ros.console.server.event_texts import MAX_EVENT_TEXT, MAX_EVENTS, EventTexts


def test_keeps_the_newest_events() -> None:
    """In their order."""
    events = EventTexts(["first"])
    for number in range(MAX_EVENTS + 5):
        events.add(str(number))
    assert list(events) == [str(number) for number in range(5, MAX_EVENTS + 5)]
    assert len(events) == MAX_EVENTS


def test_keeps_fewer_long_events() -> None:
    """One that is longer than the limit is not kept."""
    events = EventTexts()
    for number in range(100):
        events.add(f"{number:2}" + "x" * 30_000)
    assert list(events)[-1].startswith("99")
    assert MAX_EVENT_TEXT - 30_002 < sum(map(len, events)) <= MAX_EVENT_TEXT
    events.add("y" * (MAX_EVENT_TEXT + 1))
    assert list(events) == []
    events.add("short")
    assert list(events) == ["short"]
