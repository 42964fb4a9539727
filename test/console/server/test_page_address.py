"""The address that is printed can be opened."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

import pytest

from odyssey_ros.console.server.page_address import page_url


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8088"),
        ("::1", "http://[::1]:8088"),
        ("localhost", "http://localhost:8088"),
        ("robot.example", "http://robot.example:8088"),
    ],
)
def test_the_address_of_the_parameter(address, url):
    assert page_url("http", address, 8088) == url


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_all_addresses_show_one_that_others_can_open(address):
    parts = urlsplit(page_url("https", address, 9))
    assert (parts.scheme, parts.port) == ("https", 9)
    assert parts.hostname != address
    if parts.hostname != socket.gethostname().lower():
        assert not ipaddress.ip_address(parts.hostname or "").is_unspecified
