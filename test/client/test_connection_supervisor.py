"""Connecting, loss, reconnection and closing, against a real service with injected faults."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading

import pytest

from odyssey_ros.client import (
    AccountSuspendedError,
    AdvancedConfig,
    ConnectionStatus,
    ErrorCode,
    NoStreamerError,
    Odyssey,
    OdysseyArgumentError,
    OdysseyAuthError,
    OdysseyConnectionError,
    OdysseyError,
    RateLimitError,
)
from odyssey_ros.client.signaling import Signaling


async def reconnected(client, recorder, service, eventually, number=2):
    await service.streamer(number)
    await eventually(lambda: client.is_connected)
    await eventually(lambda: len(recorder.named("on_connected")) >= number)


# Detection of a loss


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1008, 1011, 1012, 3000, 4000, 4001])
async def test_defect_10_a_closed_socket_is_detected_with_every_code(
    service, client, recorder, eventually, code
):
    await client.connect(**recorder.callbacks())
    streamer = await service.streamer()
    if code == 1006:
        streamer.socket._req.transport.abort()
    else:
        await streamer.socket.close(code=code, message=b"because")
    await reconnected(client, recorder, service, eventually)
    assert recorder.statuses()[:4] == ["authenticating", "connecting", "connected", "reconnecting"]


async def test_defect_09_a_loss_sets_reconnecting(service, client, recorder, eventually):
    await client.connect(**recorder.callbacks())
    await (await service.streamer()).socket.close(code=1011)
    await reconnected(client, recorder, service, eventually)
    assert recorder.statuses() == ["authenticating", "connecting", "connected", "reconnecting", "connected"]
    assert client.statistics.reconnects == 1


async def test_defect_08_on_disconnected_is_called_once_for_each_connection_that_ends(
    service, client, recorder, eventually
):
    await client.connect(**recorder.callbacks())
    await (await service.streamer()).socket.close(code=1011)
    await reconnected(client, recorder, service, eventually)
    assert len(recorder.named("on_disconnected")) == 1
    await client.disconnect()
    await client.disconnect()
    assert len(recorder.named("on_disconnected")) == 2
    assert len(recorder.named("on_connected")) == 2


async def test_defect_11_a_closed_peer_is_detected(service, client, recorder, eventually):
    await client.connect(**recorder.callbacks())
    await (await service.streamer()).close_peer()
    await reconnected(client, recorder, service, eventually)
    assert recorder.statuses()[3] == "reconnecting"


async def test_defect_11_a_vanished_peer_is_detected_by_ice_consent(
    service, client, recorder, eventually, monkeypatch
):
    # aioice checks consent every five seconds and gives up after six failures; here it checks more often.
    monkeypatch.setattr("aioice.ice.CONSENT_INTERVAL", 0.1)
    await client.connect(**recorder.callbacks())
    (await service.streamer()).vanish()
    await reconnected(client, recorder, service, eventually)


async def test_a_closed_channel_is_detected(service, client, recorder, eventually):
    await client.connect(**recorder.callbacks())
    (await service.streamer()).to_client.close()
    await reconnected(client, recorder, service, eventually)
    assert "channel" in recorder.named("on_error")[0][0].message


async def test_a_missing_reply_channel_is_detected_after_a_request(
    service, make_client, recorder, eventually
):
    service.opens_reply_channel = False
    service.reactions.clear()
    client = make_client(connect_timeout_s=3, operation_timeout_s=None)
    await client.connect(**recorder.callbacks())
    await eventually(lambda: len(recorder.decoded) > 3)  # a client without requests stays connected
    service.opens_reply_channel = True
    with pytest.raises(OdysseyConnectionError, match="has not opened its channel") as caught:
        await client.start_stream("a cat")
    assert caught.value.code is ErrorCode.CHANNEL_MISSING
    await reconnected(client, recorder, service, eventually)
    assert ErrorCode.CHANNEL_MISSING in [error.code for error, _ in recorder.named("on_error")]
    service.reactions["interactive_stream_start"] = type(await service.streamer()).start_stream
    assert await client.start_stream("a cat")


async def test_a_streamer_may_open_its_channel_with_its_first_reply(
    service, make_client, recorder, eventually
):
    service.opens_reply_channel = False
    client = make_client()
    await client.connect(**recorder.callbacks())

    def answer(streamer, message):
        streamer.to_client = streamer.peer.createDataChannel("streamerToClient")
        streamer.start_stream(message)

    service.reactions["interactive_stream_start"] = answer
    assert await client.start_stream("a cat")
    assert await client.interact("a dog")
    assert client.statistics.reconnects == 0


async def test_missing_frames_of_a_running_stream_count_as_a_loss(service, make_client, recorder, eventually):
    client = make_client(frame_timeout_s=0.4)
    await client.connect(**recorder.callbacks())
    await client.start_stream("a river")
    await eventually(lambda: len(recorder.decoded) > 2)
    (await service.streamer()).track.paused = True
    await reconnected(client, recorder, service, eventually)
    assert "No frame for 0.4 s" in str(recorder.named("on_error")[0][0])
    assert recorder.named("on_stream_ended") == [()]


async def test_no_frames_are_expected_without_a_stream(
    service, make_client, recorder, eventually, frame_samples
):
    client = make_client(frame_timeout_s=1)
    await client.connect(**recorder.callbacks())
    streamer = await service.streamer()
    await client.start_stream("a river")
    await client.end_stream()
    streamer.track.paused = True
    frame_samples.clear()
    await eventually(lambda: len(frame_samples) > 8)
    assert set(frame_samples) == {None}
    assert client.is_connected
    assert client.statistics.reconnects == 0


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("streamer_disconnected", ErrorCode.STREAMER_DISCONNECTED),
        ("duration_limit_reached", ErrorCode.DURATION_LIMIT_REACHED),
        ("something_new", ErrorCode.CONNECTION_FAILED),
    ],
)
async def test_an_error_of_the_server_causes_a_reconnection(
    service, client, recorder, eventually, reason, code
):
    await client.connect(**recorder.callbacks())
    await (await service.streamer()).send({"type": "error", "reason": reason})
    await reconnected(client, recorder, service, eventually)
    error, fatal = recorder.named("on_error")[0]
    assert (error.code, error.reason) == (code, reason)
    assert fatal is False


async def test_defect_12_a_malformed_signaling_message_is_reported(service, client, recorder, eventually):
    await client.connect(**recorder.callbacks())
    await (await service.streamer()).send({"type": "offer", "sdp": 17})
    await reconnected(client, recorder, service, eventually)
    assert "Malformed signaling message" in str(recorder.named("on_error")[0][0])


async def test_unknown_signaling_messages_are_ignored(service, client, recorder, eventually):
    await client.connect(**recorder.callbacks())
    streamer = await service.streamer()
    await streamer.send("this is not JSON")
    await streamer.send({"type": "something_new", "value": [1, 2, 3]})
    await streamer.socket.send_bytes(b"\x00\x01")
    assert await client.start_stream("a sea")
    assert client.is_connected


async def test_an_oversized_message_causes_a_reconnection(service, client, recorder, eventually):
    await client.connect(**recorder.callbacks())
    await (await service.streamer()).send({"type": "something_new", "filler": "x" * (2 << 20)})
    await reconnected(client, recorder, service, eventually)


async def test_a_new_offer_on_an_established_connection_causes_a_reconnection(
    service, client, recorder, eventually
):
    await client.connect(**recorder.callbacks())
    streamer = await service.streamer()
    await streamer.send({"type": "offer", "sdp": streamer.peer.localDescription.sdp})
    await reconnected(client, recorder, service, eventually)


async def test_keepalives_are_sent(service, make_client, eventually):
    client = make_client(keepalive_interval_s=0.05)
    await client.connect()
    streamer = await service.streamer()
    await eventually(lambda: streamer.kinds().count("keepalive") > 2)
    assert client.is_connected


# Reconnection


async def test_a_reconnection_uses_the_same_session_with_a_fresh_token(service, client, recorder, eventually):
    await client.connect(**recorder.callbacks())
    first = await service.streamer()
    await first.socket.close(code=1011)
    await reconnected(client, recorder, service, eventually)
    second = await service.streamer(2)
    assert second.session_id == first.session_id == client.current_session_id
    assert second.token != first.token
    assert service.count("POST /sessions/request") == 1


async def test_a_session_unknown_to_the_service_is_replaced(service, client, recorder, eventually):
    await client.connect(**recorder.callbacks())
    service.known_sessions = {"other"}
    await (await service.streamer()).socket.close(code=1011)
    await reconnected(client, recorder, service, eventually)
    assert client.current_session_id == "session-2"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 500])
async def test_a_session_whose_socket_is_refused_is_replaced(service, client, recorder, eventually, status):
    await client.connect(**recorder.callbacks())
    service.handshake_statuses = [status]
    await (await service.streamer()).socket.close(code=1011)
    await reconnected(client, recorder, service, eventually)
    assert client.current_session_id == "session-2"


async def test_a_connection_past_its_duration_limit_gets_a_new_session(service, client, recorder, eventually):
    await client.connect(**recorder.callbacks())
    await (await service.streamer()).send({"type": "error", "reason": "duration_limit_reached"})
    await reconnected(client, recorder, service, eventually)
    assert client.current_session_id == "session-2"


async def test_a_lost_connection_ends_the_stream(service, client, recorder, eventually):
    await client.connect(**recorder.callbacks())
    await client.start_stream("a cat")
    await (await service.streamer()).socket.close(code=1011)
    await reconnected(client, recorder, service, eventually)
    assert recorder.named("on_stream_ended") == [()]
    assert await client.start_stream("a dog") == "stream-session-1-1"


async def test_exhausted_retries_are_reported_once_as_fatal(service, make_client, recorder, eventually):
    client = make_client(max_retries=2, stable_after_s=0)
    await client.connect(**recorder.callbacks())
    service.script("POST /sessions/token", 500, always=True)
    await (await service.streamer()).socket.close(code=1011)
    await eventually(lambda: client.current_status is ConnectionStatus.FAILED)
    errors = recorder.named("on_error")
    assert [fatal for _error, fatal in errors].count(True) == 1
    assert errors[-1][1] is True
    assert isinstance(errors[-1][0], OdysseyConnectionError)
    # One request of the first connection, and three after the loss: the first attempt and two retries.
    assert service.count("POST /sessions/token") == 4
    assert recorder.named("on_disconnected") == [()]
    assert client.current_session_id is None


async def test_zero_retries_fail_at_the_first_loss(service, make_client, recorder, eventually):
    client = make_client(max_retries=0)
    await client.connect(**recorder.callbacks())
    await (await service.streamer()).socket.close(code=1011)
    await eventually(lambda: client.current_status is ConnectionStatus.FAILED)
    assert len(service.streamers) == 1


async def test_unlimited_retries_outlast_an_outage(make_client, service, recorder, eventually):
    client = make_client(max_retries=None)
    service.script("POST /auth/token", 503, always=True)
    connecting = asyncio.create_task(client.connect(**recorder.callbacks()))
    await eventually(lambda: service.count("POST /auth/token") > 8)
    assert not connecting.done()
    service.unscript("POST /auth/token")
    await connecting
    assert client.is_connected
    assert all(fatal is False for _error, fatal in recorder.named("on_error"))


async def test_a_flapping_connection_does_not_retry_forever(service, make_client, recorder, eventually):
    client = make_client(max_retries=2, stable_after_s=30)
    await client.connect(**recorder.callbacks())
    for number in (1, 2, 3):
        streamer = await service.streamer(number)
        await eventually(lambda number=number: len(recorder.named("on_connected")) == number)
        await streamer.socket.close(code=1011)
    await eventually(lambda: client.current_status is ConnectionStatus.FAILED)
    assert len(service.streamers) == 3


async def test_defect_34_a_retry_closes_the_previous_attempt(service, make_client, recorder, eventually):
    service.offers = False
    client = make_client(connect_timeout_s=3, max_retries=1)
    with pytest.raises(OdysseyConnectionError, match="still waiting for the streamer's offer"):
        await client.connect(**recorder.callbacks())
    assert len(service.streamers) == 2
    await eventually(lambda: all(streamer.socket.closed for streamer in service.streamers))
    assert all("client_disconnecting" in streamer.kinds() for streamer in service.streamers)


# Failures


async def test_defect_13_a_connect_that_timed_out_can_be_repeated(service, make_client, recorder):
    service.takes_answer = False
    client = make_client(connect_timeout_s=5, max_retries=0)
    with pytest.raises(OdysseyConnectionError, match=r"No connection within 5 s"):
        await client.connect(**recorder.callbacks())
    assert client.current_status is ConnectionStatus.FAILED
    service.takes_answer = True
    await client.connect()
    assert client.is_connected


async def test_defect_06_a_socket_that_closes_while_connecting_fails_the_attempt_at_once(
    service, make_client, eventually
):
    service.offers = False
    client = make_client(max_retries=0)
    connecting = asyncio.create_task(client.connect())
    await (await service.streamer()).socket.close(code=1011, message=b"no")
    with pytest.raises(OdysseyConnectionError, match=r"Signaling disconnected \(1011\): no"):
        await asyncio.wait_for(connecting, 60)


async def test_defect_14_an_invalid_offer_fails_the_attempt_at_once(service, make_client):
    service.edit_offer = lambda sdp: "v=0\r\nthis is not a session description\r\n"
    client = make_client(max_retries=0)
    with pytest.raises(OdysseyConnectionError, match="offer cannot be used"):
        await asyncio.wait_for(client.connect(), 60)


async def test_defect_22_a_refused_handshake_with_a_fresh_token_is_final(service, client, recorder):
    service.handshake_statuses = [401, 101]
    with pytest.raises(OdysseyAuthError):
        await client.connect(**recorder.callbacks())
    assert service.handshake_statuses == [101]
    assert recorder.statuses()[-1] == "failed"
    assert [fatal for _error, fatal in recorder.named("on_error")] == [True]


@pytest.mark.parametrize("status", [404, 429, 500, 503])
async def test_a_handshake_with_a_transient_refusal_is_retried(service, client, status):
    service.handshake_statuses = [status]
    await client.connect()
    assert client.is_connected


async def test_a_wrong_key_is_final(service, make_client, recorder):
    client = make_client("ody_wrong")
    with pytest.raises(OdysseyAuthError, match="Invalid API key"):
        await client.connect(**recorder.callbacks())
    assert service.count("POST /auth/token") == 1
    assert recorder.statuses() == ["authenticating", "failed"]
    assert len(recorder.named("on_error")) == 1


async def test_a_missing_key_is_refused_before_anything_is_sent(service, monkeypatch):
    monkeypatch.delenv("ODYSSEY_API_KEY", raising=False)
    client = Odyssey(api_url=service.url)
    with pytest.raises(OdysseyAuthError, match="No API key"):
        await client.connect()
    assert service.requests == []


async def test_a_suspended_account_is_never_retried(service, client):
    body = {
        "error": "ACCOUNT_SUSPENDED",
        "message": "Suspended",
        "action": "Write to us",
        "details": {"reason": "x"},
    }
    service.script("POST /sessions/request", 429, {"detail": body})
    with pytest.raises(AccountSuspendedError) as caught:
        await client.connect()
    assert caught.value.details == {"reason": "x"}
    assert service.count("POST /sessions/request") == 1


@pytest.mark.parametrize("endpoint", ["POST /sessions/request", "POST /sessions/token"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, OdysseyArgumentError),
        (401, OdysseyAuthError),
        (403, OdysseyAuthError),
        (422, OdysseyArgumentError),
        (429, RateLimitError),
        (500, OdysseyConnectionError),
        (503, OdysseyConnectionError),
    ],
)
async def test_each_refusal_of_a_session_is_typed_and_fails_the_attempt(
    service, make_client, recorder, endpoint, status, kind
):
    service.script(endpoint, status, {"detail": "the reason"}, always=True)
    with pytest.raises(kind) as caught:
        await make_client(max_retries=0, queue_timeout_s=0).connect(**recorder.callbacks())
    assert caught.value.status_code == status
    assert recorder.named("on_error") == [(caught.value, True)]
    assert recorder.named("on_disconnected") == []


async def test_the_client_waits_as_long_as_a_limit_asks(service, client, recorder):
    body = {
        "error": "RATE_LIMITED",
        "message": "Slow down",
        "action": "Wait",
        "details": {"retry_after_seconds": 0.5},
    }
    service.script("POST /sessions/request", 429, body)
    await client.connect(**recorder.callbacks())
    texts = [message for _status, message in recorder.named("on_status_change")]
    (text,) = [one for one in texts if one is not None and one.startswith("Slow down; trying again in ")]
    assert 0.5 <= float(text.split()[-2]) <= 1.5  # with a random share
    error, fatal = recorder.named("on_error")[0]
    assert isinstance(error, RateLimitError)
    assert fatal is False


async def test_an_unreachable_service_is_retried_as_configured(service, make_client, recorder):
    client = make_client(max_retries=2)
    service.script("POST /auth/token", 500, text="boom", always=True)
    with pytest.raises(OdysseyConnectionError, match="Authentication failed: 500"):
        await client.connect(**recorder.callbacks())
    assert service.count("POST /auth/token") == 3
    assert [fatal for _error, fatal in recorder.named("on_error")] == [False, False, True]


async def test_a_closed_port_is_a_connection_error():
    client = Odyssey("ody_x", api_url="http://127.0.0.1:9", advanced=AdvancedConfig(max_retries=0))
    with pytest.raises(OdysseyConnectionError, match=r"127\.0\.0\.1:9 cannot be reached"):
        await client.connect()


async def test_a_full_queue_ends_with_the_documented_message(service, make_client, recorder):
    service.script("POST /sessions/request", 503, {"detail": "busy"}, always=True)
    client = make_client(queue_timeout_s=2)
    with pytest.raises(NoStreamerError, match=r"Timed out waiting for a streamer \(2s\)"):
        await client.connect(**recorder.callbacks())
    texts = [message for _status, message in recorder.named("on_status_change")]
    assert texts.count("Waiting for a streamer") == 1  # reported once for all polls
    with pytest.raises(NoStreamerError, match="No streamers available"):
        await make_client(queue_timeout_s=0).connect()


async def test_the_client_waits_in_the_queue(service, client):
    for _ in range(3):
        service.script("POST /sessions/request", 503, {"detail": "busy"})
    await client.connect()
    assert service.count("POST /sessions/request") == 4


# Disconnecting in each state


@pytest.mark.parametrize("delay_s", [0.0, 0.005, 0.02, 0.05, 0.08, 0.11, 0.14, 0.2, 0.3])
async def test_disconnecting_while_connecting(service, client, recorder, delay_s):
    connecting = asyncio.create_task(client.connect(**recorder.callbacks()))
    await asyncio.sleep(delay_s)
    await client.disconnect()
    try:
        await connecting
    except OdysseyConnectionError as error:
        assert "Disconnected" in str(error)  # noqa: PT017
    assert client.current_status is ConnectionStatus.DISCONNECTED
    await client.connect()
    assert client.is_connected


@pytest.mark.parametrize("delay_s", [0.0, 0.01, 0.03, 0.06, 0.1, 0.15])
async def test_cancelling_connect_releases_everything(service, client, recorder, delay_s):
    connecting = asyncio.create_task(client.connect(**recorder.callbacks()))
    await asyncio.sleep(delay_s)
    connecting.cancel()
    try:
        await connecting
    except asyncio.CancelledError:
        assert client.current_status is ConnectionStatus.DISCONNECTED
        assert recorder.named("on_error") == []
    await client.disconnect()


async def test_disconnecting_while_waiting_for_a_retry(service, make_client, recorder, eventually):
    client = make_client(initial_retry_delay_ms=60_000, max_retry_delay_ms=60_000)
    service.script("POST /auth/token", 500)
    connecting = asyncio.create_task(client.connect(**recorder.callbacks()))
    await eventually(lambda: recorder.named("on_error"))
    await client.disconnect()
    with pytest.raises(OdysseyConnectionError, match="Disconnected while connecting"):
        await connecting


async def test_disconnecting_while_reconnecting(service, make_client, recorder, eventually):
    client = make_client(initial_retry_delay_ms=60_000, max_retry_delay_ms=60_000)
    await client.connect(**recorder.callbacks())
    service.script("POST /sessions/token", 500, always=True)
    await (await service.streamer()).socket.close(code=1011)
    await eventually(lambda: client.current_status is ConnectionStatus.RECONNECTING)
    await client.disconnect()
    assert recorder.statuses()[-1] == "disconnected"
    assert recorder.named("on_disconnected") == [()]


async def test_disconnecting_from_a_callback(service, client, recorder, eventually):
    tasks = []

    def disconnect() -> None:
        tasks.append(asyncio.ensure_future(client.disconnect()))

    callbacks = recorder.callbacks()
    callbacks["on_connected"] = disconnect
    await client.connect(**callbacks)
    await tasks[0]
    assert client.current_status is ConnectionStatus.DISCONNECTED


async def test_concurrent_disconnects(client):
    await client.connect()
    await asyncio.gather(*(client.disconnect() for _ in range(5)))
    await client.disconnect()


async def test_disconnecting_sends_client_disconnecting(service, client, eventually):
    await client.connect()
    streamer = await service.streamer()
    await client.disconnect()
    await eventually(lambda: streamer.socket.close_code is not None)
    assert streamer.received[-1] == {"type": "client_disconnecting"}
    assert streamer.socket.close_code == 1000


async def test_disconnecting_from_an_unresponsive_server_completes(service, client, eventually):
    await client.connect()
    streamer = await service.streamer()
    streamer.socket._reader._protocol.transport.pause_reading()
    await asyncio.wait_for(client.disconnect(), 60)


async def test_disconnecting_after_all_other_tasks_were_cancelled(service, client, recorder, eventually):
    left = []

    async def use() -> None:
        await client.connect(**recorder.callbacks(frames=True))
        await client.start_stream("a cat")
        await eventually(lambda: len(recorder.frames) > 1)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await client.disconnect()
        left.extend(task for task in asyncio.all_tasks() if task is not asyncio.current_task())

    # A separate loop, whose tasks all belong to the client.
    thread = threading.Thread(target=lambda: asyncio.run(use()))
    thread.start()
    await eventually(lambda: not thread.is_alive())
    assert client.current_status is ConnectionStatus.DISCONNECTED
    assert recorder.named("on_disconnected") == [()]
    assert left == []


def test_a_loop_that_ends_without_disconnecting_logs_no_errors(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            """
            import asyncio
            from odyssey_ros.client import Odyssey
            from odyssey_ros.emulator import Emulator, EmulatorConfig

            async def main():
                async with Emulator(EmulatorConfig()) as emulator:
                    client = Odyssey("ody_local", api_url=emulator.url)
                    await client.connect(on_video_frame=lambda frame: None)
                    await client.start_stream("a cat")
                    return

            asyncio.run(main())
            print("done")
            """
        )
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", str(program)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert result.stdout == "done\n", result.stderr
    assert "Traceback" not in result.stderr
    assert "never awaited" not in result.stderr


async def test_defect_36_connecting_again_from_on_error_starts_cleanly(
    service, make_client, recorder, eventually
):
    client = make_client(max_retries=0)
    tasks = []
    callbacks = recorder.callbacks()

    def connect_again(error: Exception, fatal: bool) -> None:
        if fatal and not tasks:
            tasks.append(asyncio.ensure_future(client.connect(**recorder.callbacks())))

    callbacks["on_error"] = connect_again
    await client.connect(**callbacks)
    await (await service.streamer()).socket.close(code=1011)
    await eventually(lambda: tasks and tasks[0].done())
    await tasks[0]
    assert client.is_connected
    assert len(service.streamers) == 2


async def test_defect_02_pending_calls_fail_when_the_connection_is_lost(
    service, client, recorder, eventually
):
    await client.connect(**recorder.callbacks())
    streamer = await service.streamer()
    await client.start_stream("a cat")
    service.reactions.clear()
    pending = [
        asyncio.create_task(client.start_stream("again")),
        asyncio.create_task(client.interact("a dog")),
        asyncio.create_task(client.end_stream()),
    ]
    await eventually(lambda: len(streamer.channel_messages) == 4)
    await streamer.socket.close(code=1011, message=b"gone")
    results = await asyncio.wait_for(asyncio.gather(*pending, return_exceptions=True), 60)
    assert all(isinstance(result, OdysseyError) for result in results)
    assert {str(result) for result in results} == {"Signaling disconnected (1011): gone"}


async def test_defect_02_pending_calls_fail_on_disconnect(service, client, eventually):
    await client.connect()
    streamer = await service.streamer()
    service.reactions.clear()
    starting = asyncio.create_task(client.start_stream("a cat"))
    await eventually(lambda: streamer.channel_messages)
    await client.disconnect()
    with pytest.raises(OdysseyConnectionError, match="Connection closed"):
        await starting


async def test_defect_07_channels_that_are_open_when_announced_are_used(service, client):
    # aiortc announces a channel of the other side as open, and emits no later event.
    await client.connect()
    assert client.is_connected


async def test_defect_21_one_session_token_is_requested(service, client):
    await client.connect()
    assert service.count("POST /sessions/token") == 1


async def test_defect_35_only_necessary_requests_are_sent_and_nothing_stays_open(service, client, eventually):
    await client.connect()
    await client.disconnect()
    assert {f"{method} {path}" for method, path, _body in service.requests} == {
        "POST /auth/token",
        "GET /regions",
        "POST /sessions/request",
        "POST /sessions/token",
        "GET /signal/config",
    }


async def test_defect_37_other_threads_reach_a_connection_through_its_loop(service, client, eventually):
    await client.connect()
    loop = asyncio.get_running_loop()
    results = []

    def from_another_thread() -> None:
        results.append(asyncio.run_coroutine_threadsafe(client.start_stream("a cat"), loop).result(60))
        try:
            asyncio.run(client.end_stream())
        except ValueError as error:
            results.append(str(error))

    thread = threading.Thread(target=from_another_thread)
    thread.start()
    await eventually(lambda: not thread.is_alive())
    assert results[0] == "stream-session-1-1"
    assert "another event loop" in results[1]


async def test_an_unexpected_error_of_one_attempt_fails_that_attempt(service, client, recorder, monkeypatch):
    """What an answer of the service triggers in one attempt must not end the connection for good."""
    connect, failed = Signaling.connect, []

    async def fail_twice(*arguments: object, **options: object) -> Signaling:
        signaling = await connect(*arguments, **options)
        if len(failed) < 2:
            failed.append(signaling)
            raise ZeroDivisionError("unexpected")
        return signaling

    monkeypatch.setattr(Signaling, "connect", fail_twice)
    await client.connect(**recorder.callbacks())
    assert client.is_connected
    errors = recorder.named("on_error")
    assert [(error.code, fatal) for error, fatal in errors] == [(ErrorCode.INTERNAL, False)] * 2
    assert str(errors[0][0]) == "internal error: ZeroDivisionError: unexpected"
    for signaling in failed:
        await signaling.close()


async def test_unexpected_errors_of_attempts_count_as_retries(service, make_client, recorder, monkeypatch):
    def fail(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError("unexpected")

    monkeypatch.setattr("odyssey_ros.client.connection_supervisor.ConnectionAttempt", fail)
    client = make_client(max_retries=2)
    with pytest.raises(OdysseyConnectionError, match="internal error: ZeroDivisionError") as caught:
        await client.connect(**recorder.callbacks())
    assert caught.value.code is ErrorCode.INTERNAL
    assert [fatal for _error, fatal in recorder.named("on_error")] == [False, False, True]
    assert client.current_status is ConnectionStatus.FAILED


async def test_an_unexpected_error_of_the_supervisor_is_reported_as_fatal(
    service, client, recorder, monkeypatch
):
    def fail(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError("unexpected")

    monkeypatch.setattr("odyssey_ros.client.connection_supervisor.backoff", fail)
    with pytest.raises(ZeroDivisionError):
        await client.connect(**recorder.callbacks())
    assert [fatal for _error, fatal in recorder.named("on_error")] == [True]
    assert client.current_status is ConnectionStatus.FAILED
