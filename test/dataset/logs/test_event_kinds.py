"""Kinds of events by the whole words of their names."""

from __future__ import annotations

import pytest

from odyssey_ros.dataset.logs.event_kinds import EventKind, is_refusal, kind_of, words_of

STARTED, PROMPTED, ENDED = EventKind.STARTED, EventKind.PROMPTED, EventKind.ENDED


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("streamStarted", ("stream", "started")),
        ("StreamStarted", ("stream", "started")),
        ("stream_started", ("stream", "started")),
        ("STREAM_STARTED", ("stream", "started")),
        ("stream-started", ("stream", "started")),
        ("odyssey.stream.started", ("odyssey", "stream", "started")),
        ("Stream Started", ("stream", "started")),
        ("HTTPStreamEnd2", ("http", "stream", "end", "2")),
        ("", ()),
        ("水", ()),
    ],
)
def test_words(name: str, words: tuple[str, ...]) -> None:
    assert words_of(name) == words


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (STARTED, "start started stream_started streamStarted stream-start Stream.Started stream_begin"),
        (STARTED, "interactive_stream_start start_acknowledged EVENT_STREAM_STARTED"),
        (PROMPTED, "interact interact_acknowledged interactAcknowledged interaction update"),
        (PROMPTED, "update_acknowledged prompt prompted send_prompt sendPrompt prompt_applied new-prompt"),
        (ENDED, "end ended stream_end stream_ended streamEnded interactive_stream_end stop stream.stopped"),
        (ENDED, "finished stream_completed end_of_stream EOS"),
        (None, "nonstop restart restarted append weekend pretend endpoint ender unstoppable starter"),
        (None, "prompt_rejected interactive_stream_error heartbeat connected session_started frame"),
        (None, "end_point start_stop startend stream event interact_end backend_changed"),
    ],
)
def test_kinds(kind: EventKind | None, names: str) -> None:
    assert {name: kind_of(name) for name in names.split()} == dict.fromkeys(names.split(), kind)


def test_a_name_is_read_only_as_far_as_a_name_can_be() -> None:
    assert len(words_of("a_" * 1_000_000)) == 50
    assert kind_of("start_" * 1_000_000) is None


def test_refusals() -> None:
    names = ("prompt_rejected", "interactFailed", "stream.error", "prompt", "unrefusable")
    assert [is_refusal(name) for name in names] == [True, True, True, False, False]
