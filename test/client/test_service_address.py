"""Addresses of the service: malformed ones are refused, and secrets are sent only over TLS."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.client import ErrorCode, OdysseyArgumentError, OdysseyConnectionError
from odyssey_ros.client.json_object import MalformedError
from odyssey_ros.client.service_address import (
    MAX_ADDRESS_LENGTH,
    parse_address,
    require_encryption,
    require_reachable,
)

SCHEMES = ("http", "https", "ws", "wss")


@pytest.mark.parametrize(
    ("text", "host", "netloc"),
    [
        ("https://api.odyssey.ml", "api.odyssey.ml", "api.odyssey.ml"),
        ("HTTPS://API.odyssey.ml:443/v1?x=1", "api.odyssey.ml", "API.odyssey.ml:443"),
        ("http://my_emulator:8765/", "my_emulator", "my_emulator:8765"),
        ("http://127.0.0.1:1", "127.0.0.1", "127.0.0.1:1"),
        ("wss://[2001:db8::1]:65535/a/b", "2001:db8::1", "[2001:db8::1]:65535"),
        ("https://xn--bcher-kva.example./", "xn--bcher-kva.example.", "xn--bcher-kva.example."),
    ],
)
def test_a_well_formed_address(text, host, netloc):
    address = parse_address(text, SCHEMES)
    assert (address.host, address.netloc) == (host, netloc)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.odyssey.ml",
        "https://",
        "https:///path",
        "https://:443",
        "ftp://example.org",
        "file:///etc/passwd",
        "http://[oops/",
        "http://[::1",
        "http://[::g]/",
        "http://example.org:0",
        "http://example.org:65536",
        "http://example.org:port",
        "http://example.org:-1",
        f"http://{'a' * 64}.example.org/",
        f"http://{'a.' * 150}org/",
        "http://a..b/",
        "http://.a/",
        "http://user@example.org/",
        "http://user:password@example.org/",
        "http://@example.org/",
        "http://example.org/#fragment",
        "http://example.org/a b",
        "http://example.org/\r\nHost: other",
        "http://example.org/\x00",
        "http://exa\tmple.org/",
        "http://bücher.example/",
        "http://example.org/\ud800",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://017700000001/",
        "http://127.0.0.1.5/",
        "http://ex%61mple.org/",
        "http://example.org\\@evil/",
        "https://example.org/" + "a" * MAX_ADDRESS_LENGTH,
    ],
)
def test_a_malformed_address_is_refused_without_repeating_it(text):
    with pytest.raises(MalformedError) as caught:
        parse_address(text, SCHEMES)
    assert str(caught.value) == "the address is malformed"


@given(st.text(st.characters(codec=None, categories=None)) | st.from_regex(r"https?://\[?[\w.:%\]@]*/?.*"))
def test_any_text_is_an_address_or_malformed(text):
    try:
        address = parse_address(text)
    except MalformedError:
        return
    address.host.encode("idna")
    assert address.scheme in {"http", "https"}


@pytest.mark.parametrize("text", ["http://api.example", "ws://192.0.2.1:80", "http://[2001:db8::1]"])
@pytest.mark.parametrize("error", [OdysseyConnectionError, OdysseyArgumentError])
def test_an_unencrypted_address_off_loopback_is_refused(text, error):
    with pytest.raises(error) as caught:
        require_encryption(parse_address(text, SCHEMES), "The API", allow_insecure=False, error=error)
    assert caught.value.code is ErrorCode.INSECURE_ADDRESS
    assert "use https or wss, or set allow_insecure" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["https://api.example", "wss://192.0.2.1", "http://127.0.0.1", "ws://[::1]:1", "http://localhost.:80"],
)
def test_an_encrypted_address_or_one_on_loopback_is_allowed_without_a_warning(text, caplog):
    for allow in (False, True):
        require_encryption(parse_address(text, SCHEMES), "The API", allow_insecure=allow)
    assert caplog.records == []


def test_an_allowed_insecure_address_is_logged_once_for_each_host(caplog):
    for _ in range(2):
        for host in ("once.example", "other.example"):
            address = parse_address(f"http://{host}/?token=secret")
            require_encryption(address, "The API", allow_insecure=True)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "INSECURE: The API (http://once.example) is not encrypted" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://0.0.0.0/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fe80::1]/",
        "https://224.0.0.1/",
    ],
)
def test_a_remote_service_must_not_name_this_machine_or_its_link(text):
    address = parse_address(text)
    with pytest.raises(MalformedError, match="ping_url must not be on this machine"):
        require_reachable(address, "ping_url", named_by_loopback=False)
    require_reachable(address, "ping_url", named_by_loopback=True)


@pytest.mark.parametrize("text", ["https://example.org", "https://192.0.2.1", "https://10.0.0.1"])
def test_a_remote_service_may_name_other_machines(text):
    require_reachable(parse_address(text), "ping_url", named_by_loopback=False)


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://Example.org/a?b=c", "https://example.org:443"),
        ("http://example.org:80", "http://example.org:80"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("https://[::1]:8443/", "https://[::1]:8443"),
        ("ws://[::1]", "ws://[::1]:80"),
    ],
)
def test_origins_have_one_form(address: str, origin: str) -> None:
    assert parse_address(address, ("http", "https", "ws")).origin == origin
