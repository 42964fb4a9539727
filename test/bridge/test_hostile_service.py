"""Real nodes against a hostile service: no answer ends a process, or gets or publishes a secret."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Log

from hostile_service import HostileService, json_response, response

KEY = "ody_key_of_the_attack_0123456789"
BEARER = "bearer-of-the-attack-0123456789"
TOKEN = "spectator-token-of-the-attack"
HOSTILE = f"half \ud800 \x1b[31mred\r\n[ERROR] forged \u202e {KEY} {quote(KEY)} {BEARER} https://h/?sig=1"
TOKEN_ANSWER = json_response(200, {"access_token": BEARER, "expires_in": 3600})


def secrets_in(*texts):
    return [secret for secret in (KEY, BEARER, TOKEN, "sig=1") for text in texts if secret in text]


def ask(probe, name):
    return probe.call(GetState, f"/{name}/get_state").current_state.label


@pytest.mark.parametrize("status", [403, 429, 500])
def test_a_hostile_error_text_neither_ends_the_bridge_nor_shows_a_secret(
    status, start_node, probe, wait_until
):
    def answer(request):
        if request.endpoint == "POST /auth/token" and status != 403:
            return [TOKEN_ANSWER]
        # The key exchange cannot repeat a token that it has not issued.
        text = HOSTILE.replace(BEARER, "") if status == 403 else HOSTILE
        detail = {"message": text, "error": text, "action": text, "details": {text: text}}
        return [json_response(status, {"detail": detail if status == 429 else text}, f"X: {KEY}")]

    statuses, events = probe.statuses(), probe.events()
    with HostileService(answer).running() as service:
        process = start_node("bridge", {"api_url": service.url}, environment={"ODYSSEY_API_KEY": KEY})
        wait_until(lambda: any("forged" in one.message for one in statuses), lambda: process.text)
        assert ask(probe, "odyssey") in {"unconfigured", "inactive", "active"}
        assert process.popen.poll() is None
    texts = [repr(one) for one in (*statuses, *events)]
    assert secrets_in(process.text, *texts) == []
    for one in statuses:
        assert "\n" not in one.message
        assert "\x1b" not in one.message
    assert not any(line.startswith("[ERROR] forged") for line in process.output)
    assert "Traceback" not in process.text


def test_an_endless_answer_and_a_wait_without_end_do_not_stop_the_bridge(start_node, probe, wait_until):
    answers = iter(["endless", "malformed", "insecure"])

    def answer(request):
        if request.endpoint == "POST /auth/token":
            yield TOKEN_ANSWER
        elif request.endpoint == "POST /sessions/request":
            kind = next(answers, "wait")
            if kind == "endless":
                yield b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
                while True:
                    yield b" " * 65536
            elif kind == "wait":
                yield response(500, b"", "Retry-After: 999999999")
            else:
                url = "http://[oops/" if kind == "malformed" else "ws://signaling.example"
                yield json_response(200, {"session_id": "s", "signalling_url": url})
        else:
            yield json_response(404, {})

    def waits():
        """Return the seconds of the announced wait; the error comes on an earlier status, without a wait."""
        texts = [one.message.partition("500 Internal Server Error; trying again in ")[2] for one in statuses]
        return [float(text.removesuffix(" s")) for text in texts if text]

    statuses = probe.statuses()
    with HostileService(answer).running() as service:
        process = start_node("bridge", {"api_url": service.url}, environment={"ODYSSEY_API_KEY": KEY})
        wait_until(waits, lambda: process.text)
        codes = ["INVALID_RESPONSE", "INVALID_RESPONSE", "INSECURE_ADDRESS", "CONNECTION_FAILED"]
        # From the log, which arrives after the status, because events may precede their discovery.
        wait_until(
            lambda: re.findall(r"\[odyssey\]: ([A-Z_]+): ", process.text) == codes, lambda: process.text
        )
        wait_s = waits()[0]
        assert 300 <= wait_s <= 360
        assert ask(probe, "odyssey") == "active"
        assert service.count("POST /sessions/token") == 0
    assert secrets_in(process.text) == []


@pytest.mark.parametrize(
    ("name", "parameters", "variable"),
    [
        ("bridge", {"api_url": "http://api.example"}, "ODYSSEY_API_KEY"),
        ("player", {"api_url": "http://api.example", "stream_id": "s"}, "ODYSSEY_API_KEY"),
        ("spectator", {"webrtc_url": "http://media.example/live/x"}, "ODYSSEY_SPECTATOR_TOKEN"),
    ],
)
def test_an_insecure_address_leaves_a_node_unconfigured(
    name, parameters, variable, start_node, probe, wait_until
):
    node = "odyssey" if name == "bridge" else name
    process = start_node(name, parameters, environment={variable: KEY})
    wait_until(lambda: "Not configured" in process.text, lambda: process.text)
    assert "use https or wss, or set allow_insecure" in process.text
    assert ask(probe, node) == "unconfigured"
    assert secrets_in(process.text) == []
    if name != "player":
        statuses = probe.statuses(f"/{node}")
        wait_until(lambda: statuses, "the status")
        assert statuses[-1].error_code == "INSECURE_ADDRESS"


@pytest.mark.parametrize(
    ("name", "parameters", "variable"),
    [
        ("bridge", {"api_url": "http://api.invalid"}, "ODYSSEY_API_KEY"),
        ("player", {"api_url": "http://api.invalid", "stream_id": "s"}, "ODYSSEY_API_KEY"),
        ("spectator", {"webrtc_url": "http://media.invalid/live/x"}, "ODYSSEY_SPECTATOR_TOKEN"),
    ],
)
def test_an_insecure_address_that_is_allowed_is_logged_and_used(
    name, parameters, variable, start_node, probe, wait_until
):
    node = "odyssey" if name == "bridge" else name
    log = probe.listen(Log, "/rosout", 100)
    process = start_node(
        name, {**parameters, "allow_insecure": True, "autostart": False}, environment={variable: KEY}
    )

    def change(transition):
        request = ChangeState.Request(transition=Transition(id=transition))
        assert probe.call(ChangeState, f"/{node}/change_state", request).success

    def warned():
        change(Transition.TRANSITION_CONFIGURE)
        change(Transition.TRANSITION_CLEANUP)
        return any("allow_insecure is set" in record.msg for record in log)

    wait_until(warned, lambda: process.text)  # the log of the node may be discovered later than its services
    change(Transition.TRANSITION_CONFIGURE)
    change(Transition.TRANSITION_ACTIVATE)
    wait_until(lambda: "INSECURE" in process.text, lambda: process.text)
    wait_until(lambda: "cannot be reached" in process.text, lambda: process.text)
    assert ask(probe, node) == "active"
    assert secrets_in(process.text, *map(repr, log)) == []


def test_a_malformed_location_does_not_end_the_spectator(start_node, probe, wait_until):
    answers = iter(["http://[oops/", f"http://{'a' * 64}.example/x", "http://127.0.0.1:99999/"])

    def answer(request):
        if request.method != "POST":
            return [json_response(200, {"iceServers": [{"urls": f"stun:{'a' * 64}.example"}]})]
        location = next(answers, None)
        if location is None:
            return [response(503, json.dumps({"detail": HOSTILE}).encode())]
        status = 201 if "oops" in location else 307
        return [response(status, b"v=0\r\n", f"Location: {location}")]

    statuses = probe.statuses("/spectator")
    with HostileService(answer).running() as service:
        process = start_node(
            "spectator",
            {"webrtc_url": f"{service.url}/live/x"},
            environment={"ODYSSEY_SPECTATOR_TOKEN": TOKEN},
        )
        wait_until(lambda: any("503" in one.message for one in statuses), lambda: process.text)
        assert ask(probe, "spectator") == "active"
    assert secrets_in(process.text, *map(repr, statuses)) == []
    assert "Traceback" not in process.text
