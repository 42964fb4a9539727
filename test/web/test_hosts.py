"""The names under which a server answers; DNS rebinding needs another one."""

from __future__ import annotations

import socket

import pytest

from odyssey_ros.web.hosts import HostRule, host_of, is_loopback


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("localhost:8765", "localhost"),
        ("LOCALHOST.", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]:8765", "::1"),
        ("a.example:0", "a.example"),
        ("", None),
        ("a b", None),
        ("user@localhost", None),
        ("localhost/x", None),
        ("localhost:99999", None),
        ("localhost:80:80", None),
        ("::1", None),
    ],
)
def test_the_host_of_a_header(header, host):
    assert host_of(header) == host


@pytest.mark.parametrize(
    ("bound", "allowed", "accepted", "refused"),
    [
        (
            "127.0.0.1",
            (),
            ("localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"),
            ("page.example.org", "localhost.example.org", "192.0.2.1", "0.0.0.0", "127.0.0.1.example.org"),
        ),
        ("::1", ("odyssey.example.org",), ("::1", "odyssey.example.org"), ("example.org", "2001:db8::1")),
        ("0.0.0.0", (), ("192.0.2.1", "::1", socket.gethostname().lower()), ("page.example.org",)),
        ("odyssey.lan", (), ("odyssey.lan", "10.0.0.1"), ("page.example.org",)),
    ],
)
def test_the_hosts_of_a_service(bound, allowed, accepted, refused):
    rule = HostRule(bound, allowed)
    assert all(map(rule.accepts, accepted))
    assert not any(map(rule.accepts, refused))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:192.0.2.1", False),
        ("192.0.2.1", False),
        ("0.0.0.0", False),
        ("example.org", False),
        ("", False),
        (None, False),
    ],
)
def test_loopback_hosts_are_recognized(host, expected):
    assert is_loopback(host) is expected
