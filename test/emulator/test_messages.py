"""Messages of the signaling socket and of the data channel are parsed into typed values."""

from __future__ import annotations

import json

import pytest

from odyssey_ros.emulator.http.json_fields import InvalidFieldError
from odyssey_ros.emulator.messages import (
    Answer,
    ClientDisconnecting,
    EndStream,
    Keepalive,
    RemoteCandidate,
    StartStream,
    UpdateStream,
    encode,
    parse_channel_message,
    parse_socket_message,
)

START = '{"type": "interactive_stream_start", "input_image_base64": null}'
DEFAULT_START = StartStream(prompt="", portrait=True, broadcast=False, image=None, bypass_expansion=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (START, DEFAULT_START),
        ('{"type": "update", "prompt": "x"}', UpdateStream("x")),
        ('{"type": "interactive_stream_end"}', EndStream()),
        ('{"type": "answer", "sdp": "x"}', None),
    ],
)
def test_messages_of_the_channel(text, message):
    assert parse_channel_message(text) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (START, DEFAULT_START),
        ('{"type": "answer", "sdp": "x"}', Answer("x")),
        ('{"type": "ice_candidate"}', RemoteCandidate("", None, None)),
        (
            '{"type": "ice_candidate", "candidate": "c", "sdpMid": "0", "sdpMLineIndex": 1}',
            RemoteCandidate("c", "0", 1),
        ),
        ('{"type": "keepalive"}', Keepalive()),
        ('{"type": "client_disconnecting"}', ClientDisconnecting()),
        ('{"type": "update", "prompt": "x"}', None),
    ],
)
def test_messages_of_the_socket(text, message):
    assert parse_socket_message(text) == message


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "{not json",
        '{"type": 3}',
        '{"type": "update"}',
        '{"type": "interactive_stream_start", "prompt": 1}',
        '{"type": "interactive_stream_start", "portrait": "yes"}',
    ],
)
def test_malformed_messages_are_refused(text):
    with pytest.raises(InvalidFieldError):
        parse_channel_message(text)


def test_an_image_is_left_out_of_representations():
    assert "data:" not in repr(StartStream("x", True, False, "data:image/png;base64,AAAA", False))


def test_messages_of_the_service_carry_their_type():
    assert json.loads(encode("error", {"reason": "x"})) == {"type": "error", "reason": "x"}
