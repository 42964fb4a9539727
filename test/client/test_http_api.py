"""The HTTP API against a real server: endpoints, statuses, the token, and invalid responses."""

from __future__ import annotations

import asyncio
import json
import logging
import threading

import pytest

from odyssey_ros.client import (
    AccountSuspendedError,
    ClientCredentials,
    ConcurrentLimitReachedError,
    ErrorCode,
    MonthlyLimitReachedError,
    NoStreamerError,
    Odyssey,
    OdysseyArgumentError,
    OdysseyAuthError,
    OdysseyConnectionError,
    OdysseyError,
    OdysseyNotFoundError,
    OdysseyScriptError,
    OdysseyUsageError,
    RateLimitError,
    SimulationJobStatus,
    StreamDurationExceededError,
)

SCRIPT = [
    {"timestamp_ms": 0, "start": {"prompt": "a cat"}},
    {"timestamp_ms": 3000, "interact": {"prompt": "a dog"}},
    {"timestamp_ms": 6000, "end": {}},
]
JOB = {"job_id": "j", "status": "pending", "priority": "normal", "created_at": "2026-01-01T00:00:00Z"}

# The methods that send one request, with the endpoint of the request.
CALLS = {
    "get_recording": (lambda c: c.get_recording("s"), "GET /recordings/s"),
    "list_stream_recordings": (lambda c: c.list_stream_recordings(), "GET /stream-recordings"),
    "simulate": (lambda c: c.simulate(SCRIPT), "POST /simulation-jobs"),
    "get_simulate_status": (lambda c: c.get_simulate_status("j"), "GET /simulation-jobs/j"),
    "list_simulations": (lambda c: c.list_simulations(), "GET /simulation-jobs"),
    "cancel_simulation": (lambda c: c.cancel_simulation("j"), "DELETE /simulation-jobs/j"),
    "create_client_credentials": (lambda c: c.create_client_credentials(), "POST /sessions/request"),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, OdysseyArgumentError),
        (401, OdysseyAuthError),
        (402, OdysseyUsageError),
        (403, OdysseyAuthError),
        (404, OdysseyNotFoundError),
        (409, OdysseyArgumentError),
        (422, OdysseyArgumentError),
        (429, RateLimitError),
        (500, OdysseyConnectionError),
        (502, OdysseyConnectionError),
        (503, OdysseyConnectionError),
        (418, OdysseyConnectionError),
    ],
)
async def test_defect_26_every_method_raises_typed_errors_for_every_status(
    service, make_client, name, status, kind
):
    call, endpoint = CALLS[name]
    service.script(endpoint, status, {"detail": "the reason"}, always=True)
    with pytest.raises(kind) as caught:
        await call(make_client(queue_timeout_s=0))
    assert isinstance(caught.value, OdysseyError)
    assert caught.value.status_code == status


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "text", ["", "not JSON", "[]", "null", '"text"', "{}", '{"session_id": 5, "job_id": []}']
)
async def test_every_method_raises_a_typed_error_for_an_invalid_response(service, client, name, text):
    call, endpoint = CALLS[name]
    service.script(endpoint, 200, text=text)
    if name in {"list_stream_recordings", "list_simulations"} and text.startswith("{"):
        assert (await call(client)).total == 0
        return
    with pytest.raises(OdysseyConnectionError, match="Invalid API response"):
        await call(client)


@pytest.mark.parametrize("name", CALLS)
async def test_every_method_has_a_timeout(service, make_client, name):
    call, endpoint = CALLS[name]
    service.script(endpoint, 200, {}, delay_s=2.0)
    client = make_client(request_timeout_s=0.2)
    with pytest.raises(OdysseyConnectionError, match=r"no answer within 0\.2 s"):
        await call(client)


@pytest.mark.parametrize(
    "endpoint", ["POST /auth/token", "GET /regions", "POST /sessions/request", "POST /sessions/token"]
)
@pytest.mark.parametrize("status", [500, 503])
async def test_a_transient_failure_of_any_endpoint_does_not_prevent_connecting(
    service, client, endpoint, status
):
    service.script(endpoint, status, text="<html>boom</html>")
    await client.connect()
    assert client.is_connected


@pytest.mark.parametrize(
    ("reason", "kind", "code"),
    [
        ("MONTHLY_LIMIT_REACHED", MonthlyLimitReachedError, ErrorCode.MONTHLY_LIMIT_REACHED),
        ("CONCURRENT_LIMIT_REACHED", ConcurrentLimitReachedError, ErrorCode.CONCURRENT_LIMIT_REACHED),
        ("CONCURRENT_LIMIT_EXCEEDED", ConcurrentLimitReachedError, ErrorCode.CONCURRENT_LIMIT_REACHED),
        ("STREAM_DURATION_EXCEEDED", StreamDurationExceededError, ErrorCode.STREAM_DURATION_EXCEEDED),
        ("ACCOUNT_SUSPENDED", AccountSuspendedError, ErrorCode.ACCOUNT_SUSPENDED),
        ("RATE_LIMITED", RateLimitError, ErrorCode.RATE_LIMITED),
        ("SOMETHING_NEW", OdysseyUsageError, ErrorCode.LIMIT_REACHED),
    ],
)
@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("key", ["error", "code"])
async def test_each_kind_of_429_is_typed(service, make_client, reason, kind, code, wrapped, key):
    body = {
        key: reason,
        "message": "The message",
        "action": "The action",
        "action_url": "https://example.org/upgrade",
        "details": {"limit": 5},
    }
    service.script("POST /sessions/request", 429, {"detail": body} if wrapped else body)
    with pytest.raises(kind) as caught:
        await make_client(max_retries=0).connect()
    error = caught.value
    assert type(error) is kind
    assert (error.code, error.reason) == (code, reason)
    assert (error.message, error.action) == ("The message", "The action")
    assert error.action_url == "https://example.org/upgrade"
    assert error.details == {"limit": 5}


async def test_a_usage_error_without_a_name_has_the_general_code(service, make_client):
    service.script("POST /sessions/request", 429, {"detail": {"message": "m", "action": "a"}})
    with pytest.raises(OdysseyUsageError) as caught:
        await make_client(max_retries=0).connect()
    assert (caught.value.code, caught.value.reason) == (ErrorCode.LIMIT_REACHED, "")


async def test_defect_24_auth_and_connection_errors_are_distinguished_by_status(service, make_client):
    service.script("POST /auth/token", 403, {"detail": "Account disabled"})
    with pytest.raises(OdysseyAuthError, match="Account disabled"):
        await make_client(max_retries=0).connect()
    service.script("POST /sessions/request", 200, {"text": "invalid 401 403"})
    with pytest.raises(OdysseyConnectionError, match="Invalid API response"):
        await make_client(max_retries=0).connect()


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (200, {}, OdysseyConnectionError, "Invalid auth response"),
        (200, {"access_token": "tök\n"}, OdysseyConnectionError, "Invalid auth response"),
        (401, {"detail": "x"}, OdysseyAuthError, "Invalid API key"),
        (403, {}, OdysseyAuthError, "API key access denied"),
        (403, None, OdysseyAuthError, "API key access denied"),
        (
            422,
            {"detail": [{"loc": ["body"], "msg": "bad", "input": "secret"}]},
            OdysseyAuthError,
            "Invalid API key format",
        ),
        (404, {}, OdysseyConnectionError, "No Odyssey API at"),
        (429, {}, RateLimitError, "Request limit exceeded"),
        (500, {}, OdysseyConnectionError, "Authentication failed: 500 Internal Server Error"),
        (599, {}, OdysseyConnectionError, "Authentication failed: 599 unknown status"),
    ],
)
async def test_a_failed_key_exchange_names_the_reason(service, make_client, status, body, kind, text):
    service.script("POST /auth/token", status, body, always=True)
    with pytest.raises(kind, match=text):
        await make_client(max_retries=0).connect()


async def test_defect_23_a_refused_token_is_refreshed_once_and_one_exchange_serves_all(service, client):
    service.script("GET /stream-recordings", 200, {}, always=True)
    await asyncio.gather(*(client.list_stream_recordings() for _ in range(5)))
    assert service.count("POST /auth/token") == 1
    service.valid_access_tokens.clear()
    service.unscript("GET /stream-recordings")
    service.script("GET /recordings/s", 401, {"detail": "Token expired"})
    service.script("GET /recordings/s", 200, {"stream_id": "s"})
    assert (await client.get_recording("s")).stream_id == "s"
    assert service.count("POST /auth/token") == 2
    service.script("GET /recordings/s", 401, {"detail": "Token expired"}, always=True)
    with pytest.raises(OdysseyAuthError, match="Token expired"):
        await client.get_recording("s")
    assert service.count("POST /auth/token") == 3


async def test_defect_29_ids_are_encoded(service, client):
    hostile = "../a b/c?d=e&f#g%"
    for name in ("get_recording", "get_simulate_status", "cancel_simulation"):
        with pytest.raises(OdysseyNotFoundError):
            await getattr(client, name)(hostile)
    paths = [path for _method, path, _body in service.requests if "recordings/" in path or "jobs/" in path]
    assert len(paths) == 3
    assert all("?" not in path and "#" not in path and "/a" not in path for path in paths)


async def test_recordings_are_requested_and_parsed(service, client):
    service.script(
        "GET /recordings/s",
        200,
        {"stream_id": "s", "video_url": "http://x/v?sig=1", "frame_count": 120, "duration_seconds": 6.5},
    )
    recording = await client.get_recording("s")
    assert (recording.video_url, recording.frame_count, recording.duration_seconds) == (
        "http://x/v?sig=1",
        120,
        6.5,
    )
    assert recording.preview_url is None
    assert "sig=1" not in repr(recording)
    service.script(
        "GET /stream-recordings",
        200,
        {
            "recordings": [{"stream_id": "s", "width": None, "height": 704, "started_at": "t"}],
            "total": 9,
            "limit": 1,
            "offset": 2,
        },
    )
    page = await client.list_stream_recordings(limit=1, offset=2)
    assert (page.total, page.limit, page.offset) == (9, 1, 2)
    assert page.recordings[0].width is None
    assert service.requests[-1][1] == "/stream-recordings?limit=1&offset=2"


async def test_simulations_are_submitted(service, client, grey_image):
    service.script("POST /simulation-jobs", 201, JOB, always=True)
    job = await client.simulate(
        [{"timestamp_ms": 0, "start": {"prompt": "a cat", "image": grey_image}}, *SCRIPT[1:]], portrait=False
    )
    assert job.status is SimulationJobStatus.PENDING
    sent = service.requests[-1][2]
    assert sent["portrait"] is False
    assert sent["output_video"] is True
    assert sent["script"][0]["start"]["image"].startswith("data:image/jpeg;base64,")
    assert sent["script"][1:] == SCRIPT[1:]
    assert "bypass_vlm_expansion" not in sent
    await client.simulate(scripts=[SCRIPT, SCRIPT], bypass_prompt_expansion=True)
    assert service.requests[-1][2]["scripts"] == [SCRIPT, SCRIPT]
    assert service.requests[-1][2]["bypass_vlm_expansion"] is True
    await client.simulate(script_url="https://example.org/script.json")
    assert service.requests[-1][2]["script_url"] == "https://example.org/script.json"
    sent_before = len(service.requests)
    with pytest.raises(OdysseyScriptError):
        await client.simulate(SCRIPT, scripts=[SCRIPT])
    with pytest.raises(OdysseyScriptError):
        await client.simulate([])
    assert len(service.requests) == sent_before


async def test_simulations_are_listed_and_cancelled(service, client):
    stream = {"stream_id": "s", "video_url": "u", "script_index": 1}
    service.script(
        "GET /simulation-jobs/j", 200, {**JOB, "status": "completed", "streams": [stream], "retry_count": 2}
    )
    job = await client.get_simulate_status("j")
    assert job.status is SimulationJobStatus.COMPLETED
    assert (job.streams[0].script_index, job.streams[0].video_url, job.retry_count) == (1, "u", 2)
    service.script("GET /simulation-jobs", 200, {"jobs": [JOB], "total": 1, "limit": 5, "offset": 0})
    page = await client.list_simulations(status=SimulationJobStatus.PENDING, active=False, limit=5)
    assert page.jobs[0].job_id == "j"
    assert service.requests[-1][1] == "/simulation-jobs?status=pending&active=false&limit=5&offset=0"
    service.script("DELETE /simulation-jobs/j", 200, {"job_id": "j", "status": "cancelled"})
    cancelled = await client.cancel_simulation("j")
    assert cancelled.status is SimulationJobStatus.CANCELLED
    assert cancelled.priority == "normal"
    for status, code in ((400, ErrorCode.NOT_CANCELLABLE), (422, ErrorCode.BAD_ARGUMENT)):
        service.script("DELETE /simulation-jobs/j", status, {"detail": "The job is processing"})
        with pytest.raises(OdysseyArgumentError, match="The job is processing") as refused:
            await client.cancel_simulation("j")
        assert refused.value.code is code


async def test_defect_27_an_unknown_job_state_is_not_an_error(service, client):
    service.script("GET /simulation-jobs/j", 200, {**JOB, "status": "paused_for_tea"})
    assert (await client.get_simulate_status("j")).status is SimulationJobStatus.UNKNOWN


async def test_bad_arguments_are_refused_before_anything_is_sent(service, client):
    with pytest.raises(ValueError, match="limit"):
        await client.list_simulations(limit=101)
    with pytest.raises(ValueError, match="offset"):
        await client.list_stream_recordings(offset=-1)
    with pytest.raises(ValueError, match="stream_id is empty"):
        await client.get_recording("")
    with pytest.raises(ValueError, match="stream_id holds characters"):
        await client.get_recording("\ud800")
    for call in (client.get_recording, client.get_simulate_status, client.list_simulations):
        with pytest.raises(ValueError, match="has more than 256 characters"):
            await call("x" * 66_000_000)
    for call in (client.get_recording, client.get_simulate_status, client.cancel_simulation):
        for path in (".", ".."):
            with pytest.raises(ValueError, match="is not an identifier"):
                await call(path)
    assert service.requests == []


async def test_a_busy_service_raises_no_streamer_error(service, make_client):
    service.script("POST /sessions/request", 503, {}, headers={"Retry-After": "7"})
    with pytest.raises(NoStreamerError) as caught:
        await make_client(queue_timeout_s=0).create_client_credentials()
    assert caught.value.retry_after_s == 7
    assert isinstance(caught.value, ConnectionError)


async def test_defect_33_no_secret_reaches_a_log_a_repr_or_an_error(
    service, client, recorder, caplog, eventually
):
    caplog.set_level(logging.DEBUG)
    for name in ("websockets", "httpx", "httpcore", "aiortc", "aioice", "odyssey_ros"):
        caplog.set_level(logging.DEBUG, logger=name)
    service.ice_config = {
        "iceServers": [{"urls": "turns:127.0.0.1:9", "username": "turn-user", "credential": "turn-password"}]
    }
    await client.connect(**recorder.callbacks())
    streamer = await service.streamer()
    credentials = await client.create_client_credentials()
    await streamer.socket.close(code=1011)
    await service.streamer(2)
    await eventually(lambda: client.is_connected)
    service.handshake_statuses = [403]
    with pytest.raises(OdysseyAuthError) as caught:
        await Odyssey(api_url=service.url).connect_with_credentials(credentials)
    text = "\n".join(
        [
            record.getMessage()
            for record in caplog.records
            if not record.name.startswith(("aiohttp", "asyncio"))
        ]
        + [repr(client), repr(credentials), repr(caught.value), str(caught.value), repr(recorder.events)]
    )
    for secret in (
        "ody_test_key_123",
        "access-1",
        streamer.token,
        credentials.session_token,
        "turn-password",
    ):
        assert secret not in text


async def test_a_key_echoed_by_the_service_is_hidden(service, make_client):
    service.script("POST /auth/token", 403, {"detail": "key ody_test_key_123 is blocked"})
    with pytest.raises(OdysseyAuthError) as caught:
        await make_client(max_retries=0).connect()
    assert "ody_test_key_123" not in str(caught.value)
    assert "blocked" in str(caught.value)


async def test_credentials_connect_a_client_without_a_key(
    service, client, make_client, recorder, monkeypatch
):
    monkeypatch.delenv("ODYSSEY_API_KEY", raising=False)
    credentials = await client.create_client_credentials()
    received = ClientCredentials.from_dict(json.loads(json.dumps(credentials.to_dict())))
    sent_before = len(service.requests)
    keyless = Odyssey(api_url="http://127.0.0.1:9")
    await keyless.connect_with_credentials(received, **recorder.callbacks())
    assert keyless.is_connected
    assert keyless.current_session_id == credentials.session_id
    assert keyless.capabilities.image_to_video is True
    assert recorder.statuses() == ["connecting", "connected"]
    assert [path for _method, path, _body in service.requests[sent_before:]] == ["/signal/config"]
    await keyless.disconnect()


async def test_credentials_reconnect_while_the_server_accepts_them(service, client, recorder, eventually):
    credentials = await client.create_client_credentials()
    keyless = Odyssey(api_url=service.url, advanced=client._config.advanced)
    await keyless.connect_with_credentials(credentials, **recorder.callbacks())
    await (await service.streamer()).socket.close(code=1011)
    await service.streamer(2)
    await eventually(lambda: keyless.is_connected)
    service.handshake_statuses = [403]
    await (await service.streamer(2)).socket.close(code=1011)
    await eventually(lambda: keyless.current_status.value == "failed")
    assert isinstance(recorder.named("on_error")[-1][0], OdysseyAuthError)


async def test_credentials_reconnect_while_the_old_socket_is_closing(service, client, recorder, eventually):
    credentials = await client.create_client_credentials()
    keyless = Odyssey(api_url=service.url, advanced=client._config.advanced)
    await keyless.connect_with_credentials(credentials, **recorder.callbacks())
    service.handshake_statuses = [409, 409]  # while the old socket is closing
    await (await service.streamer()).socket.close(code=1011)
    await service.streamer(2)
    await eventually(lambda: keyless.is_connected)
    assert service.handshake_statuses == []
    await keyless.disconnect()


async def test_credentials_of_an_ended_session_are_not_retried(service, make_client, recorder, eventually):
    client = make_client(max_retries=None)
    credentials = await client.create_client_credentials()
    await client.connect_with_credentials(credentials, **recorder.callbacks())
    service.handshake_statuses = [404]
    await (await service.streamer()).socket.close(code=1011)
    await eventually(lambda: client.current_status.value == "failed")
    error, fatal = recorder.named("on_error")[-1]
    assert isinstance(error, OdysseyAuthError)
    assert (error.code, fatal) == (ErrorCode.SESSION_NOT_FOUND, True)


async def test_credentials_with_an_invalid_url_are_refused(service, client):
    credentials = await client.create_client_credentials()
    data = {**credentials.to_dict(), "signaling_url": "ftp://x"}
    with pytest.raises(OdysseyArgumentError, match="credentials are invalid"):
        await client.connect_with_credentials(ClientCredentials.from_dict(data))


@pytest.mark.parametrize("endpoint", ["POST /sessions/request", "POST /sessions/token"])
async def test_a_lone_surrogate_is_an_invalid_response(service, client, endpoint):
    fields = {"session_id": "\ud800", "signalling_url": "ws://h", "session_token": "a.b.\ud800"}
    service.script(endpoint, 200, fields)
    with pytest.raises(OdysseyConnectionError, match="Invalid API response"):
        await client.create_client_credentials()


async def test_a_token_that_is_not_a_jwt_is_an_invalid_response(service, client):
    service.script("POST /sessions/token", 200, {"session_token": "not a JWT"})
    with pytest.raises(OdysseyConnectionError, match="Invalid API response"):
        await client.create_client_credentials()


async def test_a_new_session_that_the_service_does_not_know_is_retried(service, client):
    service.script("POST /sessions/token", 404, {})
    await client.connect()
    assert client.is_connected


async def test_one_client_works_on_successive_loops(service, client):
    service.script("GET /stream-recordings", 200, {}, always=True)
    for _ in range(2):
        await asyncio.to_thread(lambda: asyncio.run(client.list_stream_recordings()))
    assert service.count("POST /auth/token") == 1


async def test_loops_that_share_a_client_do_not_close_each_others_connections(service, client, eventually):
    service.script("GET /stream-recordings", 200, {}, always=True)
    async with client:
        await asyncio.to_thread(lambda: asyncio.run(client.list_stream_recordings()))
        entered, release = threading.Event(), threading.Event()

        async def hold_lease() -> None:
            async with client._lease_api():
                entered.set()
                await asyncio.to_thread(release.wait)
                await client.list_stream_recordings()

        holding = asyncio.ensure_future(asyncio.to_thread(lambda: asyncio.run(hold_lease())))
        await eventually(entered.is_set)
        await client.list_stream_recordings()
    release.set()
    await holding


async def test_the_context_manager_keeps_http_connections_and_disconnects(service, make_client):
    service.script("GET /stream-recordings", 200, {}, always=True)
    async with make_client() as client:
        lease = client._lease
        await client.list_stream_recordings()
        await client.connect()
        assert client._lease is lease
    assert client._lease is None
    assert not client.is_connected
