"""Attacks by the service, or by whoever answers in its place: each fails one call with one typed error."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import itertools
import json
import logging
import traceback
from urllib.parse import quote

import jwt
import pytest

from hostile_service import HostileService, json_response, response
from odyssey_ros.client import (
    AdvancedConfig,
    ClientCredentials,
    ClientObserver,
    ErrorCode,
    Odyssey,
    OdysseyArgumentError,
    OdysseyConnectionError,
    OdysseyError,
    RateLimitError,
    connect_to_stream,
)

KEY = "ody_attack_key_0123456789"
BEARER = "bearer-of-the-attack-0123456789"
SESSION_TOKEN = jwt.encode({"session_id": "s"}, "a secret of the service, long enough", "HS256")
CONFIG = AdvancedConfig(
    max_retries=0, request_timeout_s=60, region_timeout_s=None, queue_timeout_s=0, close_timeout_s=1
)
MEBIBYTE = 1 << 20
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
# A body that stays in the buffers of the sockets is also counted as sent.
BUFFERED = 16 * MEBIBYTE


def endless(part=b" " * 65536):
    return itertools.repeat(part)


def chunked(parts):
    for part in parts:
        yield b"%x\r\n%s\r\n" % (len(part), part)


@contextlib.contextmanager
def serving(**answers):
    """Run a service; `jobs` answers GET /simulation-jobs, and so on, each as bytes or as a function."""
    names = {
        "POST /auth/token": "token",
        "GET /simulation-jobs": "jobs",
        "GET /regions": "regions",
        "POST /sessions/request": "session",
        "POST /sessions/token": "session_token",
        "GET /config": "config",
    }
    defaults = {
        "token": json_response(200, {"access_token": BEARER, "expires_in": 3600}),
        "session_token": json_response(200, {"session_token": SESSION_TOKEN}),
        "config": json_response(200, {"iceServers": []}),
    }

    def answer(request):
        found = answers.get(names.get(request.endpoint, "other"), defaults.get(names.get(request.endpoint)))
        if found is None:
            found = json_response(404, {"detail": "nothing here"})
        parts = found(request) if callable(found) else found
        return [parts] if isinstance(parts, bytes) else parts

    with HostileService(answer).running() as service:
        yield service


async def failure_of(call):
    with pytest.raises(OdysseyError) as caught:
        await call
    return caught.value


def client_of(service, **options):
    return Odyssey(KEY, api_url=service.url, advanced=options.pop("advanced", CONFIG), **options)


# Sizes and times


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "br", "deflate", "x-gzip", "gzip, identity"])
async def test_a_compressed_answer_is_refused(encoding):
    bomb = gzip.compress(b"[" + b" " * (64 * MEBIBYTE) + b"]")
    with serving(jobs=response(200, bomb, f"Content-Encoding: {encoding}")) as service:
        error = await failure_of(client_of(service).list_simulations())
    assert (error.code, str(error)) == (
        ErrorCode.INVALID_RESPONSE,
        "Invalid API response: the answer is compressed",
    )
    assert {request.headers["accept-encoding"] for request in service.requests} == {"identity"}


@pytest.mark.parametrize("framing", ["chunked", "until the end"])
@pytest.mark.parametrize("name", ["token", "jobs"])
async def test_an_endless_answer_is_refused_while_it_is_read(name, framing):
    def answer(_request):
        if framing == "chunked":
            return itertools.chain([HEAD + b"Transfer-Encoding: chunked\r\n\r\n"], chunked(endless()))
        return itertools.chain([HEAD + b"\r\n"], endless())

    with serving(**{name: answer}) as service:
        error = await failure_of(client_of(service).list_simulations())
        assert error.code is ErrorCode.INVALID_RESPONSE
        assert str(error) == f"Invalid API response: the answer has more than {_limit(name)} bytes"
    assert service.sent < _limit(name) + BUFFERED


def _limit(name):
    return 8 * MEBIBYTE if name == "jobs" else MEBIBYTE


@pytest.mark.parametrize("length", [MEBIBYTE + 1, 10**30])
async def test_an_answer_that_announces_its_size_is_refused_at_once(length):
    with serving(token=HEAD + f"Content-Length: {length}\r\n\r\n".encode()) as service:
        error = await failure_of(client_of(service).list_simulations())
    assert error.code in {ErrorCode.INVALID_RESPONSE, ErrorCode.UNREACHABLE}


@pytest.mark.parametrize("kind", ["endless", "compressed"])
async def test_an_error_keeps_its_status_when_its_body_is_unusable(kind):
    head = b"HTTP/1.1 429 Too many\r\nConnection: close\r\nRetry-After: 7\r\n"

    def answer(_request):
        if kind == "compressed":
            return [head + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b" " * MEBIBYTE)]
        return itertools.chain([head + b"\r\n"], endless())

    with serving(jobs=answer) as service:
        error = await failure_of(client_of(service).list_simulations())
    assert isinstance(error, RateLimitError)
    assert error.retry_after_s == 7
    assert service.sent < BUFFERED


@pytest.mark.parametrize(
    "part", [b"X-Header: " + b"a" * 60_000 + b"\r\n", b"A: b\r\n", b"HTTP/1.1 100 Go\r\n\r\n"]
)
async def test_endless_headers_end_in_an_error(part):
    config = AdvancedConfig(max_retries=0, request_timeout_s=3)
    start = b"" if part.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\n"
    with serving(token=lambda _request: itertools.chain([start], endless(part * 16))) as service:
        error = await failure_of(client_of(service, advanced=config).list_simulations())
    assert error.code in {ErrorCode.UNREACHABLE, ErrorCode.TIMEOUT}


async def test_the_timeout_bounds_the_whole_answer_and_not_each_part(eventually):
    """A body that arrives byte by byte never lets a timeout between two parts expire."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def answer(_request):
        yield HEAD + b"Content-Length: 1000000\r\n\r\n"
        while not stop.is_set():
            yield b" "
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), loop).result()

    config = AdvancedConfig(max_retries=0, request_timeout_s=0.5)
    with serving(token=answer) as service:
        error = await failure_of(client_of(service, advanced=config).list_simulations())
        stop.set()
    assert error.code is ErrorCode.TIMEOUT


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"jobs":' * 100_000,
        b'{"total": ' + b"9" * 100_000 + b"}",
        b'{"total": -' + b"9" * 41 + b"}",
        b'{"total": 1e999}',
        b'{"total": NaN}',
        b'{"jobs": [' + b"[]," * 300_000 + b"[]]}",
        b"\xff\xfe\x00",
        b"",
    ],
    ids=range(9),
)
async def test_a_json_bomb_is_a_bad_answer(body):
    with serving(jobs=response(200, body)) as service:
        error = await failure_of(client_of(service).list_simulations())
    assert error.code is ErrorCode.INVALID_RESPONSE
    assert len(str(error)) < 100


async def test_bad_rows_are_left_out_and_counted(caplog):
    ids = ["\\ud800", "a\\nb", "a" * 513, BEARER, "good"]
    rows = ", ".join(f'{{"job_id": "{job_id}", "status": "pending"}}' for job_id in ids)
    with serving(jobs=response(200, f'{{"jobs": [{rows}, null, 5]}}'.encode())) as service:
        page = await client_of(service).list_simulations()
    assert [job.job_id for job in page.jobs] == ["good"]
    assert (page.ignored, page.total) == (6, 7)
    assert "6 simulation jobs of the service's list cannot be read" in caplog.text
    assert BEARER not in caplog.text


@pytest.mark.parametrize(
    "claims", [b"[" * 9000, b'{"session_id": "\\ud800"}', b'{"a": ' + b"9" * 9000 + b"}"]
)
async def test_a_session_token_with_hostile_claims_is_a_bad_answer(claims):
    parts = (b'{"alg": "HS256"}', claims, b"signature")
    token = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts).decode()
    session = json_response(200, {"session_id": "s", "signalling_url": "ws://127.0.0.1:9"})
    with serving(session=session, session_token=json_response(200, {"session_token": token})) as service:
        error = await failure_of(client_of(service).create_client_credentials())
    assert error.code is ErrorCode.INVALID_RESPONSE


# Addresses

MALFORMED = [
    "http://[oops/",
    f"ws://{'a' * 64}.example/",
    "ws://127.0.0.1:99999/",
    "ws://user:password@127.0.0.1/",
    "ws:///path",
    "ws://127.1/",
    "ws://bücher.example",
    "ws://127.0.0.1/\r\nHost: other",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("url", MALFORMED)
async def test_a_malformed_signaling_address_is_a_bad_answer(url):
    with serving(session=json_response(200, {"session_id": "s", "signalling_url": url})) as service:
        error = await failure_of(client_of(service).connect())
        assert error.code is ErrorCode.INVALID_RESPONSE
        # It is retried, since another answer may be right.
        config = AdvancedConfig(max_retries=2, initial_retry_delay_ms=1, region_timeout_s=None)
        await failure_of(client_of(service, advanced=config).connect())
    assert service.count("POST /sessions/request") == 1 + 3
    assert service.count("POST /sessions/token") == 0


@pytest.mark.parametrize("url", ["ws://192.0.2.1/", "http://signaling.example", "signaling.example:80"])
async def test_an_insecure_signaling_address_gets_no_token(url):
    with serving(session=json_response(200, {"session_id": "s", "signalling_url": url})) as service:
        for call in (client_of(service).connect, client_of(service).create_client_credentials):
            error = await failure_of(call())
            assert error.code is ErrorCode.INSECURE_ADDRESS
            assert isinstance(error, OdysseyConnectionError)
    assert service.count("POST /sessions/token") == 0


@pytest.mark.parametrize("url", ["http://192.0.2.1", "http://api.example/base"])
async def test_an_insecure_api_address_is_refused_before_anything_is_sent(url, monkeypatch, caplog):
    with pytest.raises(OdysseyArgumentError) as caught:
        Odyssey(KEY, api_url=url)
    assert caught.value.code is ErrorCode.INSECURE_ADDRESS
    monkeypatch.setenv("ODYSSEY_API_URL", url)
    with pytest.raises(OdysseyArgumentError, match="use https or wss, or set allow_insecure"):
        Odyssey(KEY)
    assert caplog.text == ""
    Odyssey(KEY, allow_insecure=True)
    assert "INSECURE: The API" in caplog.text


async def test_insecure_credentials_and_broadcasts_are_refused():
    credentials = ClientCredentials("ws://signaling.example", SESSION_TOKEN, 600)
    error = await failure_of(
        Odyssey(KEY, api_url="https://api.example").connect_with_credentials(credentials)
    )
    assert (error.code, isinstance(error, OdysseyArgumentError)) == (ErrorCode.INSECURE_ADDRESS, True)
    error = await failure_of(connect_to_stream("http://media.example:8889/live/x", "token-of-the-spectator"))
    assert (error.code, isinstance(error, OdysseyArgumentError)) == (ErrorCode.INSECURE_ADDRESS, True)
    assert "token-of-the-spectator" not in str(error)


async def test_regions_with_hostile_ping_addresses_are_left_out():
    latencies = []

    def session(request):
        latencies.append(json.loads(request.body))
        return json_response(503, {"detail": "busy"})

    def regions(_request):
        urls = [
            *MALFORMED,
            "http://192.0.2.1/",
            "gopher://x",
            f"{service.url}/endless",
            f"{service.url}/away",
        ]
        rows = [{"id": f"r{number}", "ping_url": url} for number, url in enumerate(urls)]
        return json_response(200, {"regions": rows + rows[-2:] * 100})

    def other(request):
        if request.path == "/endless":
            return itertools.chain([HEAD + b"\r\n"], endless())
        return response(302, b"", "Location: http://[oops/")

    config = AdvancedConfig(max_retries=0, request_timeout_s=60, region_timeout_s=60, queue_timeout_s=0)
    with serving(session=session, regions=regions, other=other) as service:
        error = await failure_of(client_of(service, advanced=config).connect())
    assert error.code is ErrorCode.NO_STREAMER
    assert latencies == [
        {"region_latencies": {f"r{len(MALFORMED) + 2}": 9999, f"r{len(MALFORMED) + 3}": 9999}}
    ]


@pytest.mark.parametrize("location", ["http://[oops/", "//", "ws://127.0.0.1:9/x"])
async def test_no_redirect_is_followed(location):
    redirect = response(307, b"", f"Location: {location}")
    with serving(token=redirect) as service:
        assert (await failure_of(client_of(service).list_simulations())).status_code == 307

    def session(_request):
        url = service.url.replace("http", "ws")
        return json_response(200, {"session_id": "s", "signalling_url": url})

    with serving(session=session, other=redirect) as service:
        error = await failure_of(client_of(service).connect())
    assert error.status_code == 307
    assert service.count("GET /client/s") == 1


@pytest.mark.parametrize(
    "location",
    [
        "http://[oops/",
        f"http://{'a' * 64}.example/x",
        "http://127.0.0.1:0/x",
        "http://127.0.0.1:99999/x",
        "//[/",
    ],
)
@pytest.mark.parametrize("status", [201, 307])
async def test_a_malformed_location_of_a_broadcast_is_a_bad_answer(status, location):
    answer = response(status, b"not a description", f"Location: {location}", "Content-Type: application/sdp")
    with serving(other=answer) as service:
        error = await failure_of(connect_to_stream(f"{service.url}/live/x", "token-of-the-spectator"))
    assert error.code is ErrorCode.INVALID_RESPONSE
    assert isinstance(error, OdysseyConnectionError)


@pytest.mark.parametrize(
    "url",
    [
        f"stun:{'a' * 64}.example",
        "stun:127.0.0.1:99999",
        "stun:127.0.0.1:0",
        "turn:a..b",
        "turn:127.1",
        "stun:a\nb",
        "stun:\ud800",
    ],
)
async def test_hostile_ice_servers_are_left_out(url):
    servers = {"iceServers": [{"urls": url, "username": "u", "credential": "c"}] * 100}
    answer = response(500, b"")
    with serving(config=json_response(200, servers), other=answer) as service:
        error = await failure_of(connect_to_stream(f"{service.url}/live/x", "token-of-the-spectator"))
    assert error.status_code == 500  # of the offer, which was made and sent


# Waits


async def test_a_wait_without_end_is_capped():
    with serving(jobs=response(503, b"", "Retry-After: 999999999")) as service:
        assert (await failure_of(client_of(service).list_simulations())).retry_after_s == 300


async def test_a_date_is_a_wait_too():
    headers = ("Date: Sat, 28 Nov 2026 08:00:00 GMT", "Retry-After: Sat, 28 Nov 2026 08:00:42 GMT")
    with serving(jobs=response(503, b"", *headers)) as service:
        assert (await failure_of(client_of(service).list_simulations())).retry_after_s == 42


async def test_a_wait_of_the_signaling_server_is_read_and_capped():
    def session(_request):
        url = service.url.replace("http", "ws")
        return json_response(200, {"session_id": "s", "signalling_url": url})

    refusal = response(503, b"", "Retry-After: 999999999", "Retry-After: 5", "Location: /", "Location: //[")
    with serving(session=session, other=refusal) as service:
        assert (await failure_of(client_of(service).connect())).retry_after_s == 300


# Secrets


def disguises(secret):
    return {
        "plain": secret,
        "upper case": secret.upper(),
        "a part": secret[: len(secret) // 2],
        "percent": "".join(f"%{ord(one):02x}" for one in secret),
        "quoted": quote(f"key={secret}&", safe=""),
        "escaped": "".join(f"\\u{ord(one):04x}" for one in secret),
        "html": "".join(f"&#{ord(one)};" for one in secret),
        "base64": base64.b64encode(f"user:{secret}".encode()).decode(),
        "folded": f"{secret[:9]}\r\n {secret[9:]}",
        "many": secret * 400,
        "a presigned query": f"https://bucket.example/video.mp4?X-Amz-Signature={'5ec2e7' * 5}",
    }


class Recorder(ClientObserver):
    def __init__(self):
        self.texts = []

    def status_changed(self, status, message, error):
        self.texts.append(f"{status} {message} {error!r}")

    def error(self, error, *, fatal):
        self.texts.append("".join(traceback.format_exception(error)))


@pytest.mark.parametrize("secret", [KEY, BEARER])
@pytest.mark.parametrize("disguise", disguises(KEY))
@pytest.mark.parametrize("status", [403, 422, 429, 500])
async def test_an_echoed_secret_is_in_no_text_that_leaves_the_client(secret, disguise, status, caplog):
    caplog.set_level(logging.DEBUG)
    echo = disguises(secret)[disguise]
    # The query of this page is for users; no signature belongs there.
    page = f"https://x.example/{'' if disguise == 'a presigned query' else echo}"
    body = {
        "detail": {"message": f"bad {echo}", "error": echo, "action": echo, "action_url": page,
                   "details": {echo: echo, "hint": f"see {echo}"}},
    }  # fmt: skip
    plain = {"detail": [{"loc": ["body", echo], "msg": f"invalid {echo}"}]}
    header = f"X-Echo: {quote(echo, safe='=/:&#;%')}"
    texts = []
    for answer in (body, plain):
        with serving(
            jobs=json_response(status, answer, header),
            session=json_response(status, answer, header, f"Location: https://x.example/?token={secret}"),
        ) as service:
            recorder = Recorder()
            client = client_of(service, debug=True)
            for call in (client.list_simulations(), client.connect(observer=recorder)):
                error = await failure_of(call)
                facts = (
                    error.message,
                    error.reason,
                    error.action,
                    error.action_url,
                    error.details,
                    error.args,
                )
                texts += [str(error), error.advice, repr(facts), "".join(traceback.format_exception(error))]
        texts += recorder.texts
    logged = [one for one in caplog.records if one.name.startswith(("odyssey_ros", "http"))]
    assert logged
    texts += [logging.Formatter().format(one) for one in logged]
    hidden = {secret, secret.upper(), secret[:12], secret[-12:], "X-Amz-Signature=", echo}
    for text in texts:
        for one in hidden:
            assert one not in text
    logging.getLogger("odyssey_ros.client").setLevel(logging.NOTSET)


async def test_a_traceback_in_a_log_is_redacted(caplog):
    Odyssey(KEY, api_url="http://127.0.0.1:9")
    with serving() as service:
        await failure_of(client_of(service).get_recording("x"))  # registers the key and the token
    try:
        raise ValueError(f"line 1 {KEY}") from KeyError(f"https://x.example/?token={BEARER}")
    except ValueError:
        logging.getLogger("odyssey_ros.client.peer").exception("failed with %s", KEY)
    text = logging.Formatter().format(caplog.records[-1])
    assert "failed with …" in text
    assert "ValueError: line 1 …" in text
    assert KEY not in text
    assert BEARER not in text
