"""Sockets that listen on all addresses of a name."""

from __future__ import annotations

import errno
import socket

import pytest

from ipv6 import needs_ipv6
from odyssey_ros.web.listening_sockets import listening_sockets


@pytest.fixture
def listen():
    opened = []

    def start(host, port=0):
        opened.extend(found := listening_sockets(host, port))
        return found

    yield start
    for one in opened:
        one.close()


def test_one_address(listen):
    [one] = listen("127.0.0.1")
    host, port = one.getsockname()
    assert (host, port > 0) == ("127.0.0.1", True)
    with socket.create_connection((host, port)):
        pass


def test_all_addresses_of_a_name_have_one_port(listen):
    found = listen("localhost")
    assert len({one.getsockname()[1] for one in found}) == 1
    assert {one.getsockname()[0] for one in found} <= {"127.0.0.1", "::1"}


@needs_ipv6
def test_all_addresses_of_both_versions(listen):
    [one] = listen("::")
    with socket.create_connection(("127.0.0.1", one.getsockname()[1])):
        pass
    with socket.create_connection(("::1", one.getsockname()[1])):
        pass


def test_a_port_in_use(listen):
    [one] = listen("127.0.0.1")
    with pytest.raises(OSError, match="in use") as caught:
        listening_sockets("127.0.0.1", one.getsockname()[1])
    assert caught.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_an_address_of_another_machine(host):
    with pytest.raises(OSError, match=r"."):
        listening_sockets(host, 0)


@pytest.mark.parametrize("host", ["no such host", "name.invalid"])
def test_an_unknown_name(host):
    with pytest.raises(socket.gaierror):
        listening_sockets(host, 0)
