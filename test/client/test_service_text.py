"""Cleaning of text from the service, and the places where such text enters the client."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from odyssey_ros.client import ErrorCode
from odyssey_ros.client.api_errors import error_of
from odyssey_ros.client.json_object import JsonObject
from odyssey_ros.client.responses import parse_job, parse_job_row
from odyssey_ros.client.service_text import MAX_LENGTH, clean_text
from odyssey_ros.client.signaling import Signaling, parse_message
from odyssey_ros.client.stream import parse_streamer_message, stream_error_of

# A text with an escape sequence, a forged log line, a C1 control and half a character.
HOSTILE = "no\x1b[31m\r\n[ERROR] forged\x85\u2028line\x00\ud83d"
CLEAN = "no [ERROR] forged line"
# Every code point, lone surrogates included.
any_text = st.text(st.characters(codec=None, categories=None), max_size=2 * MAX_LENGTH)


@pytest.mark.parametrize(
    ("text", "line", "prompt"),
    [
        ("", "", ""),
        ("a storm", "a storm", "a storm"),
        ("a\n\n storm ", "a storm", "a\n\n storm "),
        ("a\tstorm\r\n", "a storm", "a storm\n"),
        ("\x00\x07a\x7f\x9bstorm", "a storm", "astorm"),
        ("half \ud800 a \udc00character", "half a character", "half  a character"),
        ("Gewitter über 東京 👩‍🚀", "Gewitter über 東京 👩‍🚀", "Gewitter über 東京 👩‍🚀"),
        (HOSTILE, CLEAN, "no\n[ERROR] forged\u2028line"),
        ("x" * 999, "x" * MAX_LENGTH, "x" * 999),
    ],
)
def test_examples(text, line, prompt):
    assert clean_text(text) == line
    assert clean_text(text, is_prompt=True) == prompt


@given(any_text, st.booleans())
def test_no_text_keeps_a_control_character_or_a_lone_surrogate(text, is_prompt):
    cleaned = clean_text(text, is_prompt=is_prompt)
    cleaned.encode()
    controls = {character for character in cleaned if unicodedata.category(character) == "Cc"}
    assert controls <= ({"\n"} if is_prompt else set())
    assert clean_text(cleaned, is_prompt=is_prompt) == cleaned
    if not is_prompt:
        assert len(cleaned) <= MAX_LENGTH
        assert len(cleaned.splitlines()) <= 1


def test_errors_of_the_signaling_server():
    message = parse_message(json.dumps({"type": "error", "reason": HOSTILE}))
    assert message.reason == CLEAN
    assert parse_message(json.dumps({"type": "error", "reason": "\ud800"})).reason == "unknown"


async def test_close_reasons_of_the_signaling_server():
    class Closed:
        async def recv(self) -> str:
            raise ConnectionClosedError(Close(1011, "no\x1b[31m\nforged"), None)

    with pytest.raises(ConnectionError) as caught:
        await Signaling(Closed(), close_timeout_s=1).receive()
    assert str(caught.value) == "Signaling disconnected (1011): no forged"


def test_errors_of_the_streamer():
    """A text that cannot be encoded does not hide the error that it describes."""
    message = {
        "type": "interactive_stream_error",
        "reason": HOSTILE,
        "message": HOSTILE,
        "details": {"limit": 5, "plan\n": HOSTILE, "deep": {"text": HOSTILE}, "list": [HOSTILE]},
    }
    error = stream_error_of(parse_streamer_message(json.dumps(message)))
    assert str(error) == f"{CLEAN}: {CLEAN}"
    assert (error.code, error.reason) == (ErrorCode.STREAM_FAILED, CLEAN)
    assert error.details == {"limit": 5, "plan": CLEAN}


@pytest.mark.parametrize("field", ["prompt", "applied_prompt"])
def test_applied_prompts_keep_their_newlines(field):
    message = {"prompt": "update_acknowledged", "applied_prompt": "stream_started"}[field]
    text = json.dumps({"type": message, "stream_id": "s", field: "a\nstorm\x00\ud800" + "!" * 999})
    assert getattr(parse_streamer_message(text), field) == "a\nstorm" + "!" * 999


@pytest.mark.parametrize("detail", [HOSTILE, {"message": HOSTILE}, [{"msg": HOSTILE}]])
@pytest.mark.parametrize("status", [400, 401, 403, 422, 429, 500])
def test_errors_of_the_http_api(detail, status):
    error = error_of(status, json.dumps({"detail": detail}).encode(), what="Request")
    assert CLEAN in str(error)
    assert len(str(error).splitlines()) == 1


def test_usage_errors_of_the_http_api():
    usage = {
        "error": "MONTHLY_LIMIT_REACHED\n",
        "message": HOSTILE,
        "action": HOSTILE,
        "action_url": "https://example.org/\nupgrade",
        "details": {"reset_date": HOSTILE},
    }
    error = error_of(429, json.dumps(usage).encode(), what="Request")
    assert (error.code, error.reason) == (ErrorCode.MONTHLY_LIMIT_REACHED, "MONTHLY_LIMIT_REACHED")
    assert (str(error), error.action, error.action_url) == (CLEAN, CLEAN, None)
    assert error.details == {"reset_date": CLEAN}


@pytest.mark.parametrize("parse", [parse_job, parse_job_row])
def test_errors_of_simulation_jobs(parse):
    job = {"job_id": "j", "status": "failed", "error_message": HOSTILE}
    assert parse(JsonObject(job)).error_message == CLEAN
    assert parse(JsonObject({**job, "error_message": None})).error_message is None
